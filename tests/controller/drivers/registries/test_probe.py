"""A registry looked at step by step: a real one, and each place at which it can stop."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.machine import free_port
from tests.engines.registry import Registry as RealRegistry
from tests.engines.web import Reply, Web

from evenkeel.controller.distribution.failures import Failure
from evenkeel.controller.drivers.registries import handshake
from evenkeel.controller.drivers.registries import probe as under_test
from evenkeel.controller.drivers.registries.probe import OTHERWISE, Step, probe
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.registries.registry import Registry

SECRETS = ("correct horse: battery/staple", "wrong one", "the token")
ALL = ["credentials", "name", "TCP", "TLS", "realm", "login", "manifest"]


async def steps_of(registry: Registry, image: str = "") -> dict[str, Step]:
    """All steps by name. Only the last one may not be good, and no secret is in any."""
    steps = [step async for step in probe(registry, image)]
    assert [step.step for step in steps] == ALL[: len(steps)]
    assert all(step.is_good for step in steps[:-1])
    assert not any(secret in f"{step.text}{step.remedy}" for step in steps for secret in SECRETS)
    return {step.step: step for step in steps}


async def stop_of(registry: Registry, image: str = "") -> Step:
    """The last step, at which it stops; there is always something to do about it."""
    found = list((await steps_of(registry, image)).values())[-1]
    assert not found.is_good
    assert found.remedy, found
    return found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshake, "_ALERT_S", 0.05)


@pytest.fixture
def mine(registry: RealRegistry, tmp_path: Path) -> Registry:
    (tmp_path / "password").write_text(f"{registry.password}\n")
    return Registry(
        "reg", registry.host, user=registry.user, password_file=str(tmp_path / "password"), ca=str(registry.ca)
    )


async def test_all_steps_of_a_registry_that_lets_this_device_in(registry: RealRegistry, mine: Registry) -> None:
    digest = registry.push("web", "1")
    steps = await steps_of(mine, registry.reference("web", "1"))
    assert {name: step.text for name, step in steps.items() if name not in ("name", "TLS")} == {
        "credentials": "user driver, and a password",
        "TCP": f"port {registry.port} is open",
        "realm": f"{registry.host} itself, by Basic",
        "login": "let in as driver",
        "manifest": digest,
    }
    assert "127.0.0.1" in steps["name"].text
    assert steps["TLS"].text.startswith("trusted; localhost, signed by evenkeel tests, until ")
    assert set(await steps_of(mine)) == set(ALL[:-1]), "no image was named"


async def test_where_it_stops_and_what_to_do(registry: RealRegistry, mine: Registry, tmp_path: Path) -> None:
    registry.push("web", "1")
    stop = await stop_of(mine, registry.reference("nosuch", "1"))
    assert stop.step == "manifest"
    assert "manifest unknown" in stop.text
    assert stop.remedy == "look at the image's name and tag"
    assert (await stop_of(mine, "ghcr.io/org/web:1")).text == f"ghcr.io/org/web is not from {registry.host}"
    (tmp_path / "password").write_text("wrong one\n")
    stop = await stop_of(mine)
    assert (stop.step, stop.text) == ("login", "refused: unauthorized: authentication required (401)")
    (tmp_path / "password").unlink()
    stop = await stop_of(mine)
    assert stop == Step(
        "credentials",
        False,
        f"there is no file {tmp_path}/password, which is to have the password",
        "correct that file, or name another source: `evenkeel registry add HOST` with --user, --helper or --config-json",
    )
    stop = await stop_of(Registry("reg", registry.host, ca="/nosuch.pem"))
    assert (stop.step, stop.remedy.endswith(" with --ca, or --cert and --key")) == ("credentials", True)
    stop = await stop_of(Registry("reg", registry.host, helper="nosuch"))
    assert (stop.step, stop.remedy) == ("credentials", OTHERWISE["credentials"])
    assert "docker-credential-nosuch" in stop.text


@pytest.mark.parametrize("port", [0, 65536, 99999])
async def test_a_port_that_is_none(port: int) -> None:
    """It was an internal error, and 0 was taken for 443."""
    stop = await stop_of(Registry("reg", f"localhost:{port}"))
    told = Step("name", False, "its port is none from 1 to 65535", "correct the host in its document")
    assert stop == told


@pytest.mark.parametrize("error", [Failure("it is odd"), TimeoutError(), Unavailable("x", "it is away")], ids=repr)
async def test_each_step_has_a_remedy_wherever_it_stops(
    monkeypatch: pytest.MonkeyPatch, registry: RealRegistry, mine: Registry, error: Exception
) -> None:
    async def fails(run: object) -> str:
        raise error

    registry.push("web", "1")
    for name in ALL:
        with monkeypatch.context() as patch:
            patch.setattr(under_test._Run, name.lower(), fails)
            stop = await stop_of(mine, registry.reference("web", "1"))
        assert (stop.step, stop.remedy) == (name, OTHERWISE[name])


@pytest.fixture
def expired(registry: RealRegistry, tmp_path: Path) -> Iterator[Web]:
    """A server with the registry's authority, and a certificate that is valid no more."""
    folder = Path(shutil.copytree(registry.folder, tmp_path / "expired", ignore=shutil.ignore_patterns("*.sock")))
    signer = ("-CA", "ca.crt", "-CAkey", "ca.key", "-extfile", "server.ext", "-days", "-1", "-out", "server.crt")
    command = ("openssl", "x509", "-req", "-in", "server.csr", *signer)
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    server = Web(folder)
    yield server
    server.close()


async def test_a_certificate_out_of_its_time(expired: Web, mine: Registry) -> None:
    stop = await stop_of(Registry("reg", expired.host, ca=mine.ca))
    assert (stop.step, stop.text.partition(";")[0]) == (
        "TLS",
        "its certificate is not trusted: certificate has expired",
    )
    assert stop.remedy.startswith("look at the clock of this device (`date`)")


async def test_an_untrusted_registry_is_shown_with_its_chain(registry: RealRegistry) -> None:
    stop = await stop_of(Registry("reg", registry.host))
    assert stop.step == "TLS"
    assert stop.text.startswith("its certificate is not trusted: ")
    assert "; localhost, signed by evenkeel tests, until " in stop.text
    assert stop.remedy == "give the authority that vouches for it in `tls.ca`"
    steps = await steps_of(Registry("reg", registry.host, insecure=True))
    assert steps["TLS"].text.startswith("not looked at, as `insecure` allows; localhost, ")
    assert steps["login"].text == "not tried without credentials"


async def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    stop = await stop_of(Registry("reg", f"localhost:{port}"))
    assert (stop.step, stop.text) == ("TCP", f"port {port}: connection refused")
    assert (await stop_of(Registry("reg", "nosuch.invalid"))).step == "name"
    monkeypatch.setattr(under_test, "STEP_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        stop = await stop_of(Registry("reg", f"localhost:{silent.getsockname()[1]}"))
    assert (stop.step, stop.text) == ("TLS", "it did not answer in time")


@pytest.fixture
def web(registry: RealRegistry) -> Iterator[Callable[[bool], Web]]:
    servers: list[Web] = []

    def make(tls: bool) -> Web:
        servers.append(Web(registry.folder if tls else None))
        return servers[-1]

    yield make
    for each in servers:
        each.close()


async def test_without_encryption(web: Callable[[bool], Web]) -> None:
    server = web(False)
    stop = await stop_of(Registry("reg", server.host))
    assert (stop.step, stop.text) == ("TLS", "it does not speak TLS as it should")
    assert "`insecure: true`" in stop.remedy
    steps = await steps_of(Registry("reg", server.host, insecure=True))
    assert steps["TLS"].text.startswith("none, as `insecure` allows")
    assert steps["login"].text == "let in; it asks for no credentials"


async def test_the_realm_and_the_right_to_pull(web: Callable[[bool], Web], mine: Registry, tmp_path: Path) -> None:
    server = web(True)
    place = Registry("reg", server.host, user="ci", password_file=mine.password_file, ca=mine.ca)
    server.reply = lambda asked: Reply(401, {"WWW-Authenticate": 'Bearer realm="https://tokens.example/x"'})
    stop = await stop_of(place)
    assert (stop.step, stop.text) == (
        "realm",
        "it wants its credentials sent to tokens.example, and they were not",
    )
    assert stop.remedy == "if that is right, add tokens.example to `tokenRealms`"
    denied = json.dumps({"errors": [{"code": "DENIED", "message": "no right to org/x"}]}).encode()

    def reply(asked: object) -> Reply:
        request = server.asked[-1]
        if request.path.startswith("/token"):
            return Reply(body=b'{"token": "the token"}')
        if not request.authorization:
            return Reply(401, {"WWW-Authenticate": f'Bearer realm="{server.url}/token",service="x"'})
        return Reply(403, body=denied) if "manifests" in request.path else Reply()

    server.reply = reply
    steps = await steps_of(place, f"{server.host}/org/x:1")
    assert steps["realm"].text == f"{server.host} gives tokens, and may have the credentials"
    assert steps["login"].text == "let in as ci"
    assert steps["manifest"] == Step(
        "manifest", False, "refused: denied: no right to org/x (403)", "ask for the right to pull it"
    )
