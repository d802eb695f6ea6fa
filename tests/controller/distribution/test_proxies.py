"""The proxy of the environment: whom it is for, by Go's rules, and logins by a real one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.engines.certificates import make_certificates, signed
from tests.engines.connect_proxy import ConnectProxy
from tests.engines.machine import free_port
from tests.engines.web import Asked, Reply, Web

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.distribution.failures import Failure
from evenkeel.controller.distribution.proxies import Proxy, proxy_for
from evenkeel.controller.distribution.visit import check_realm
from evenkeel.controller.drivers.registries import handshake
from evenkeel.controller.drivers.registries.access import HttpAccess
from evenkeel.controller.drivers.registries.probe import probe
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.settings.credentials import Credentials
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.registries.registry import Registry

NAMES = ("registry.test", "tokens.registry.test")
VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "ALL_PROXY")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(handshake, "_ALERT_S", 0.05)


@pytest.mark.parametrize(
    ("without", "direct", "by_proxy"),
    [
        ("", "localhost 127.0.0.1 127.9.9.9 ::1", "a.example 10.0.0.1 localhost.example"),
        ("*", "a.example 10.0.0.1", ""),
        ("example, .other", "example a.example b.other", "myexample other"),
        ("*.example", "a.example", "example"),
        ("10.0.0.0/8,fd00::/8", "10.1.2.3 fd00::1", "11.0.0.1 ten.example"),
        ("10.0.0.1,fd00::1", "10.0.0.1 fd00::1", "10.0.0.2"),
        ("a.example:5000,10.0.0.1:443,[fd00::1]:443", "10.0.0.1 fd00::1", "a.example"),
        ("A.Example:443", "a.example A.EXAMPLE", "b.example"),
        ("10.0.0.0/99, /,:443,,.", "", "a.example 10.0.0.1"),
    ],
)
def test_whom_a_proxy_is_for(monkeypatch: pytest.MonkeyPatch, without: str, direct: str, by_proxy: str) -> None:
    """As golang.org/x/net/http/httpproxy has it; its tests have most of these cases."""
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", without)
    assert {host: proxy_for("https", host, 443) for host in direct.split()} == dict.fromkeys(direct.split())
    found = {host: str(proxy_for("https", host, 443)) for host in by_proxy.split()}
    assert found == dict.fromkeys(by_proxy.split(), "proxy.example:3128")
    assert proxy_for("http", "a.example", 80) is None


def test_the_text_of_a_proxy_has_no_password() -> None:
    assert f"{Proxy('https://user:secret@proxy.example')!r}" == "proxy.example:443"


@pytest.mark.parametrize("address", ["http://", "http://[", "http://p:99999", "socks5://p:1", "ftp://p"])
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(Failure, match="the proxy that the environment names is"):
        proxy_for("https", "a.example", 443)


class Behind(NamedTuple):
    """A registry and its token server, under names that nobody but the proxy knows."""

    registry: Registry
    values: Values
    proxy: ConnectProxy
    servers: tuple[Web, Web]

    @property
    def places(self) -> list[str]:
        return [f"{name}:{web.host.rpartition(':')[2]}" for name, web in zip(NAMES, self.servers, strict=True)]


@pytest.fixture(scope="module")
def certificates() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ek-certificates-") as folder:
        make_certificates(Path(folder))
        names = ",".join(f"DNS:{name}" for name in NAMES)
        signed(Path(folder), "server", NAMES[0], f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        yield Path(folder)


@pytest.fixture
def behind(certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Behind]:
    (tmp_path / "password").write_text("sesame")
    proxy, servers = ConnectProxy(), (Web(certificates), Web(certificates))
    (place, tokens), ca = (
        [f"{name}:{web.host.rpartition(':')[2]}" for name, web in zip(NAMES, servers, strict=True)],
        (certificates / "ca.crt"),
    )

    def let_in(asked: Asked) -> Reply:
        challenge = f'Bearer realm="https://{tokens}/token",service="s"'
        return Reply() if asked.authorization == "Bearer good" else Reply(401, {"WWW-Authenticate": challenge})

    servers[0].reply = let_in
    servers[1].reply = lambda asked: Reply(body=b'{"token": "good"}')
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    registry = Registry("far", place, user="ci", password_file=str(tmp_path / "password"), ca=str(ca))
    yield Behind(registry, Values("ci", "sesame", ca=ca.read_bytes()), proxy, servers)
    proxy.close()
    for web in servers:
        web.close()


async def test_a_login_and_all_steps_of_a_test_by_a_proxy(behind: Behind) -> None:
    assert await HttpAccess().login(behind.registry, behind.values) == "let in as ci"
    assert set(behind.proxy.asked) == set(behind.places)
    steps = {step.step: step async for step in probe(behind.registry)}
    assert all(step.is_good for step in steps.values()), steps
    assert steps["name"].text == f"127.0.0.1, of the proxy 127.0.0.1:{behind.proxy.port}"
    assert steps["TCP"].text == f"the proxy 127.0.0.1:{behind.proxy.port} is there"
    assert steps["TLS"].text.startswith("trusted; ")
    assert steps["login"].text == "let in as ci"


async def test_a_proxy_that_does_not_connect(behind: Behind, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as the proxy's, and nothing of its password."""
    shown = f"127.0.0.1:{behind.proxy.port}"

    async def said() -> tuple[str, str]:
        with pytest.raises(Unavailable) as caught:
            await HttpAccess().login(behind.registry, behind.values)
        last = [step async for step in probe(behind.registry)][-1]
        assert not last.is_good
        assert last.text in caught.value.message
        return caught.value.message, last.step

    behind.proxy.refuses = "503"
    why = f"the registry {behind.registry.host} cannot be asked: the proxy {shown} does not connect to it: it answered 503"
    assert await said() == (why, "TLS")
    monkeypatch.setenv("HTTPS_PROXY", behind.proxy.address.replace("driver", "nobody"))
    message, step = await said()
    assert message.endswith("answered 407; give the proxy's user and password in its address")
    assert (step, "through" in message) == ("TLS", False)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret@127.0.0.1:{(port := free_port())}")
    message, step = await said()
    assert message.endswith(f"its proxy 127.0.0.1:{port} is not reached: connection refused")
    assert (step, behind.servers[0].asked) == ("TCP", [])


async def test_a_proxy_that_finds_no_registry_forbids_a_pull_nothing(
    behind: Behind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """An engine has its own way, or a mirror. A proxy that lets nobody through says nothing about the registry."""
    monkeypatch.setenv("HTTP_PROXY", behind.proxy.address)
    credentials = Credentials(behind.registry.host, "ci", "sesame", realms=())
    behind.proxy.refuses = "502"
    await check_realm(behind.registry.host, credentials, PullAccess(certificates=(tmp_path,)))
    behind.proxy.refuses = "403"
    with pytest.raises(Failure, match="does not connect to it: it answered 403"):
        await check_realm(behind.registry.host, credentials, PullAccess(certificates=(tmp_path,)))
