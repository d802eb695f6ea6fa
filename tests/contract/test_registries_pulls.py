"""Real engines at real registries: what is in force decides whether a pull succeeds, from one pull to the next, and nothing is
restarted for it."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.images import MANIFEST, Image, sleeper
from tests.engines.machine import alone
from tests.engines.podman import Podman
from tests.engines.registry import Registry as RealRegistry
from tests.engines.web import Asked, Reply, Web

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.registries.access import Around, HttpAccess
from evenkeel.controller.drivers.registries.engine import RegistriesEngine
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Pull
from evenkeel.specs.plan import Done, Failed, Outcome
from evenkeel.specs.registries.actions import Admit, RegistryAction, Try, Withdraw
from evenkeel.specs.registries.observed import RegistriesLook
from evenkeel.specs.registries.registry import Registry

from .registries_kits import DockerRegistriesKit, PodmanRegistriesKit


class Device(NamedTuple):
    """An engine, with both drivers of evenkeel's."""

    real: Dockerd | Podman
    engine: RegistriesEngine
    containers: DockerEngine
    certificates: Path

    async def pull(self, image: str, digest: str = "") -> Outcome:
        self.real.api("DELETE", f"/images/{image}", force=1)
        return await self.containers.perform(Pull(image, "Always", digest), lambda *given: None)

    async def do(self, kind: type[Try | Admit], registry: Registry) -> Outcome:
        (seen,) = (await self.engine.observe(RegistriesLook(registries=(registry,)))).registries
        assert not [each.why for each in seen.facets.values() if each.why]
        return await self.act(kind(registry, seen.asked))

    async def act(self, action: RegistryAction) -> Outcome:
        with alone("certs.d"):
            return await self.engine.perform(action, lambda *given: None)

    async def admit(self, registry: Registry) -> None:
        """Log in, and put it in force."""
        for kind in (Try, Admit):
            outcome = await self.do(kind, registry)
            assert isinstance(outcome, Done), outcome

    def address(self) -> str:
        """Where a registry has to listen. dockerd takes all of the loopback for insecure."""
        return f"{self.real.net}.128.1" if isinstance(self.real, Dockerd) else "127.0.0.1"

    @contextmanager
    def reaching(self, registry: RealRegistry) -> Iterator[None]:
        try:
            registry.start()
            if isinstance(self.real, Podman):
                self.real.ground.reach(registry.port)
            yield
        finally:
            registry.close()

    @asynccontextmanager
    async def undisturbed(self) -> AsyncIterator[None]:
        """A container runs, and the engine, and both are the same at the end."""
        self.real.run("bystander", "sleeper:1")
        before = self.real.pid, self.real.inspect("bystander")["State"]
        yield
        assert (self.real.pid, self.real.inspect("bystander")["State"]) == before
        assert before[1]["Running"]


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.engine) for name in ("docker", "podman")])
async def device(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Device]:
    real: Dockerd | Podman = request.getfixturevalue(f"clean_{'dockerd' if request.param == 'docker' else 'podman'}")
    kit: DockerRegistriesKit | PodmanRegistriesKit
    if isinstance(real, Dockerd):
        kit = DockerRegistriesKit(tmp_path, real, Path("/etc/docker/certs.d"))
    else:
        kit = PodmanRegistriesKit(tmp_path, real)
    folders, admitted = [kit.files["certificates"]], kit.state / "auth.json"
    logins = HttpAccess(Around(tuple(folders), admitted))
    engine = RegistriesEngine(kit.engine.configuration, logins, kit.state / "key")
    containers = DockerEngine(real.address, access=PullAccess(admitted=admitted, certificates=folders))
    yield Device(real, engine, containers, kit.files["certificates"])
    await containers.close()
    kit.close()


def rotate(real: RealRegistry, password: str) -> None:
    real.password = password
    subprocess.run(["htpasswd", "-Bb", real.folder / "htpasswd", real.user, password], check=True, capture_output=True)


async def test_a_password_an_authority_and_a_certificate(device: Device, tmp_path: Path) -> None:
    """Wrong ones are told by a login; right ones count from the next pull on, also new ones, until they are withdrawn."""
    real = RealRegistry(Path(tempfile.mkdtemp(prefix="ek-registry-")), device.address(), asks_back=True)
    with device.reaching(real):
        real.push("sleeper", "1")
        image, password = real.reference("sleeper", "1"), tmp_path / "password"
        asked = Registry(
            "private",
            real.host,
            user=real.user,
            password_file=str(password),
            ca=str(real.ca),
            certificate=str(real.folder / "client.crt"),
            key=str(real.folder / "client.key"),
        )
        async with device.undisturbed():
            assert not isinstance(await device.pull(image), Done)
            password.write_text("wrong")
            refused = await device.do(Try, asked)
            assert isinstance(refused, Failed)
            assert "authentication required" in refused.message
            assert not isinstance(await device.pull(image), Done)
            password.write_text(real.password)
            for kind in (Try, Admit):
                assert isinstance(await device.do(kind, asked), Done)
            assert isinstance(await device.pull(image), Done)
            rotate(real, "rotated")
            assert not isinstance(await device.pull(image), Done)
            password.write_text("rotated")
            for kind in (Try, Admit):
                assert isinstance(await device.do(kind, asked), Done)
            assert isinstance(await device.pull(image), Done)
            assert isinstance(await device.act(Withdraw(asked.place)), Done)
            assert not isinstance(await device.pull(image), Done)


async def test_an_insecure_registry(device: Device, tmp_path: Path) -> None:
    real = RealRegistry(Path(tempfile.mkdtemp(prefix="ek-registry-")), device.address())
    with device.reaching(real):
        real.push("sleeper", "1")
        (tmp_path / "password").write_text(real.password)
        asked = Registry("lab", real.host, user=real.user, password_file=str(tmp_path / "password"))
        async with device.undisturbed():
            await device.do(Admit, asked)
            assert "certificate" in (await device.pull(real.reference("sleeper", "1"))).message
            assert isinstance(await device.do(Admit, changed(asked, insecure=True)), Done)
            assert isinstance(await device.pull(real.reference("sleeper", "1")), Done)
            assert isinstance(await device.do(Admit, asked), Done)
            assert not isinstance(await device.pull(real.reference("sleeper", "1")), Done)
            await device.act(Withdraw(real.host))


class Mirror(RealRegistry):
    """Without encryption and passwords."""

    def __init__(self, folder: Path, address: str) -> None:
        super().__init__(folder, address)
        file = folder / "registry.yml"
        settings = json.loads(file.read_text())
        del settings["http"]["tls"], settings["auth"]
        file.write_text(json.dumps(settings))

    def request(
        self, method: str, path: str, body: bytes | None = None, media_type: str = "application/octet-stream"
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=30)
        try:
            path = path.removeprefix(f"http://{self.address}:{self.port}")
            connection.request(method, path, body, {"Content-Type": media_type})
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read()
        finally:
            connection.close()

    def lie(self, digest: str, content: bytes) -> None:
        """From now on it has this content under a digest."""
        hexes = digest.partition(":")[2]
        (self.folder / f"data/docker/registry/v2/blobs/sha256/{hexes[:2]}/{hexes}/data").write_bytes(content)


async def test_a_mirror_of_docker_hub(device: Device) -> None:
    """One that lies is not believed where a digest is known. It lies from the beginning: an engine that has had the right
    content keeps it for a while."""
    real = Mirror(Path(tempfile.mkdtemp(prefix="ek-registry-")), device.address())
    with device.reaching(real):
        right, wrong = (real.push(f"library/{name}", "1", sleeper(name)) for name in ("mirrored", "lying"))
        real.lie(wrong, sleeper("mirrored").manifest())
        asked = Registry("hub", "docker.io", mirrors=(f"http://{real.host}",))
        async with device.undisturbed():
            assert not isinstance(await device.pull("docker.io/library/mirrored:1", right), Done)
            assert isinstance(await device.do(Admit, asked), Done)
            assert isinstance(await device.pull("docker.io/library/mirrored:1", right), Done)
            assert not isinstance(await device.pull("docker.io/library/lying:1", wrong), Done)
            assert not isinstance(await device.pull(f"docker.io/library/lying@{wrong}"), Done)
            assert isinstance(await device.act(Withdraw("docker.io")), Done)
            assert not isinstance(await device.pull("docker.io/library/mirrored:1", right), Done)


async def test_credentials_of_a_part_of_a_host_with_an_authority_of_its_own(device: Device, tmp_path: Path) -> None:
    """The document about the host has the trust, the one about the part the credentials, and both count for a pull."""
    real = RealRegistry(Path(tempfile.mkdtemp(prefix="ek-registry-")), device.address())
    with device.reaching(real):
        real.push("org/sleeper", "1", sleeper("part"))
        password = tmp_path / "password"
        password.write_text(real.password)
        host = Registry("host", real.host, ca=str(real.ca))
        part = Registry("part", f"{real.host}/org", user=real.user, password_file=str(password))
        refused = await device.do(Try, part)
        assert f"of a document for {real.host}" in refused.message
        await device.admit(host)
        await device.admit(part)
        assert isinstance(await device.pull(real.reference("org/sleeper", "1")), Done)
        for place in (part.place, host.place):
            assert isinstance(await device.act(Withdraw(place)), Done)


# ── hosts beside the registry ─────────────────────────────────────────────────────────────────────────────────────────

USER, PASSWORD = "ci", "sesame: open/1"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
TOKEN = "Bearer from-the-token-server"
BY_ITSELF = 'Basic realm="itself"'


class Doubles:
    """Servers of the test's own that an engine reaches, as parts of a registry. All of them keep what they are asked.
    `image` is in the registry; its content is `elsewhere`, at another host. `tokens` gives some for the right password."""

    def __init__(self, device: Device, certificates: Path, image: Image) -> None:
        self._device, self._all, self._image, self.challenge = device, list[Web](), image, BY_ITSELF
        self.certificates = certificates
        self.packed, self.denial = False, ""
        self.password, self.repository = BASIC, f"library/{image.name.partition(':')[0]}"
        self.registry, self.tokens = self._web(certificates, "localhost"), self._web(certificates, "127.0.0.1")
        self.mirror, self.plain = self._web(None, "localhost"), self._web(None, "localhost")
        self.elsewhere = self._web(None, "127.0.0.1")
        self.registry.reply = self.mirror.reply = self._registry
        self.tokens.reply = self.plain.reply = self._token
        self.elsewhere.reply = lambda asked: self._blob(asked) or Reply(404)

    def _web(self, certificates: Path | None, name: str) -> Web:
        web = Web(certificates, name)
        self._all.append(web)
        if isinstance(self._device.real, Podman):
            self._device.real.ground.reach(int(web.host.rpartition(":")[2]))
        return web

    def name(self, host: str) -> str:
        return f"{host}/{self.repository}:1"

    def names(self, realm: Web) -> None:
        """From now on the registry wants tokens of this server."""
        self.challenge = f'Bearer realm="{realm.url}/token",service="s"'

    def forget(self) -> None:
        for web in self._all:
            web.asked.clear()

    def close(self) -> None:
        for web in self._all:
            web.close()

    def _registry(self, asked: Asked) -> Reply:
        takes = [text for kind, text in (("Basic ", self.password), ("Bearer ", TOKEN)) if kind in self.challenge]
        if asked.authorization not in takes:
            body = b'{"errors": [{"code": "UNAUTHORIZED", "message": "not you"}]}'
            packed = {"Content-Encoding": "gzip"} if self.packed else {}
            return Reply(401, {"WWW-Authenticate": self.challenge, **packed}, body)
        if self.denial and asked.path != "/v2/":
            return Reply(403, {}, json.dumps({"errors": [{"code": "DENIED", "message": self.denial}]}).encode())
        if "/manifests/" in asked.path:
            headers = {"Content-Type": MANIFEST, "Docker-Content-Digest": self._image.digest}
            return Reply(200, headers, self._image.manifest())
        blob = asked.path.rpartition("/")[2]
        return Reply(307, {"Location": f"{self.elsewhere.url}/{blob}"}) if "/blobs/" in asked.path else Reply()

    def _blob(self, asked: Asked) -> Reply | None:
        content = self._image.blobs().get(asked.path.rpartition("/")[2])
        return None if content is None else Reply(body=content)

    def _token(self, asked: Asked) -> Reply:
        if asked.authorization != self.password:
            return Reply(401, {}, b'{"details": "incorrect username or password"}')
        return Reply(body=json.dumps({"token": TOKEN.removeprefix("Bearer ")}).encode())


@pytest.fixture
def doubles(device: Device, registry: RealRegistry) -> Iterator[Callable[[str], Doubles]]:
    made = list[Doubles]()

    def make(name: str) -> Doubles:
        made.append(Doubles(device, registry.folder, sleeper(name, f"{name}:1")))
        return made[-1]

    yield make
    for each in made:
        each.close()


def shown(web: Web) -> set[str]:
    """Everything that a server was shown to be let in."""
    return {each.authorization for each in web.asked} - {""}


async def test_credentials_go_to_the_registry_and_to_hosts_that_may_have_them(
    device: Device, doubles: Callable[[str], Doubles], registry: RealRegistry, tmp_path: Path
) -> None:
    """An engine sends them wherever the registry says, so it is not given any while that is somewhere else."""
    its, password = doubles("tokened"), tmp_path / "password"
    image, place = its.name(its.registry.host), its.registry.host
    password.write_text(PASSWORD)
    asked = Registry("tokened", place, user=USER, password_file=str(password), ca=str(registry.ca))

    # a login that is refused for its realm puts nothing in force
    its.names(its.tokens)
    refused = await device.do(Try, asked)
    assert isinstance(refused, Failed)
    assert "add 127.0.0.1 to `tokenRealms`" in refused.message
    assert not isinstance(await device.pull(image), Done)
    assert shown(its.tokens) == shown(its.registry) == set()

    # the registry's own login; the content is elsewhere, and no credentials follow
    its.challenge = BY_ITSELF
    await device.admit(asked)
    its.forget()
    assert isinstance(await device.pull(image), Done)
    assert (shown(its.registry), shown(its.elsewhere)) == ({BASIC}, set())
    assert its.elsewhere.asked

    # words of the registry that repeat what it was shown
    for its.denial in (f"ci with {PASSWORD} may not", f"{BASIC} may not"):
        refused = await device.pull(image)
        assert isinstance(refused, Failed)
        told = "the engine's words are not shown, for they have a secret in them"
        assert refused.message == f"{image} cannot be pulled: {told}"
    its.denial = ""

    # it was let in, and now the registry names others
    its.forget()
    for realm, why in ((its.tokens, "add 127.0.0.1 to `tokenRealms`"), (its.plain, "a place without encryption")):
        its.names(realm)
        refused = await device.pull(image)
        assert isinstance(refused, Failed)
        assert why in refused.message
        assert realm.asked == []

    # nor where the registry's answer, or a file of somebody for it, is not as it should be
    strange, its.packed = device.certificates / place / "zz.crt", True
    refused = await device.pull(image)
    its.packed = False
    strange.write_text("-----BEGIN CERTIFICATE-----\njunk\n-----END CERTIFICATE-----\n")
    try:
        for outcome in (refused, await device.pull(image)):
            assert isinstance(outcome, Failed)
            assert "a place without encryption" in outcome.message
        assert its.plain.asked == []
        its.challenge = BY_ITSELF
        assert isinstance(await device.pull(image), Done)
        strange.rename(strange.with_suffix(".cert"))
        assert str(strange.with_suffix(".cert")) in (await device.pull(image)).message
    finally:
        for each in (strange, strange.with_suffix(".cert")):
            each.unlink(missing_ok=True)

    # one that the document names
    its.names(its.tokens)
    named = changed(asked, realms=("127.0.0.1",))
    await device.admit(named)
    its.forget()
    assert isinstance(await device.pull(image), Done)
    assert (shown(its.tokens), shown(its.registry), shown(its.elsewhere)) == ({BASIC}, {TOKEN}, set())
    assert its.elsewhere.asked
    its.password = "Basic another"
    assert "incorrect username or password" in (await device.pull(image)).message
    refused = await device.do(Try, named)
    assert isinstance(refused, Failed)
    assert "127.0.0.1" in refused.message

    # it takes a password as well as a token, and offers both in whatever way
    its.password = BASIC
    of_tokens = its.challenge
    for both in (f"{of_tokens}\n{BY_ITSELF}", f"{BY_ITSELF}\n{of_tokens}", f"{BY_ITSELF}, {of_tokens}"):
        its.challenge = both
        assert isinstance(await device.do(Try, named), Done)
        its.forget()
        assert isinstance(await device.pull(image), Done)
        assert {*shown(its.tokens), *shown(its.registry)} <= {BASIC, TOKEN}
    its.names(its.plain)
    for both in (f"{of_tokens}\n{its.challenge}", f"{its.challenge}\n{of_tokens}", f"{of_tokens}, {its.challenge}"):
        its.challenge = both
        assert "a place without encryption" in (await device.pull(image)).message
        assert its.plain.asked == []
    its.names(its.tokens)

    # and does not name any more
    assert isinstance(await device.do(Admit, asked), Done)
    its.forget()
    assert "`tokenRealms`" in (await device.pull(image)).message
    assert its.tokens.asked == []
    await device.act(Withdraw(place))


async def test_a_mirror_that_wants_credentials(
    device: Device, doubles: Callable[[str], Doubles], tmp_path: Path
) -> None:
    """Docker would send it, and the host that it names, those of Docker Hub: it is given none. Podman sends it none."""
    its, password = doubles("mirrored-in"), tmp_path / "password"
    image = its.name("docker.io")
    password.write_text(PASSWORD)
    hub = Registry("hub", "docker.io", user=USER, password_file=str(password))
    await device.admit(Registry("mirror", its.registry.host, ca=str(its.certificates / "ca.crt")))
    is_docker = isinstance(device.real, Dockerd)
    for mirror, realm, why in (
        (its.mirror, None, "it wants credentials sent to a place without encryption"),
        (its.mirror, its.plain, "it wants credentials sent to a place without encryption"),
        (its.registry, its.tokens, "it wants its credentials sent to 127.0.0.1, and they were not"),
        (its.registry, None, "it wants its credentials sent to localhost, and they were not"),
    ):
        its.forget()
        its.challenge = BY_ITSELF
        if realm is not None:
            its.names(realm)
        assert isinstance(await device.do(Admit, changed(hub, mirrors=(mirror.url,))), Done)
        outcome = await device.pull(image)
        assert mirror.asked
        assert {BASIC, TOKEN}.isdisjoint({*shown(mirror), *shown(its.plain), *shown(its.tokens)})
        if is_docker:
            said = f"the mirror {mirror.url} of docker.io is in the way: {why}"
            assert (type(outcome), outcome.message[: len(said)]) == (Failed, said)
        else:
            assert not isinstance(outcome, Done)
    if is_docker:
        listed = changed(hub, mirrors=(its.registry.url,), realms=("localhost",))
        assert isinstance(await device.do(Admit, listed), Done)
        assert isinstance(await device.pull(image), Done)
        assert shown(its.registry) == {BASIC}
    await device.act(Withdraw("docker.io"))
    await device.act(Withdraw(its.registry.host))


async def test_a_file_of_others_says_nothing_about_other_hosts(
    device: Device, doubles: Callable[[str], Doubles], tmp_path: Path
) -> None:
    """What `engine.dockerConfig` names goes where `engine.tokenRealms` lets it."""
    its, config = doubles("of-others"), tmp_path / "config.json"
    its.names(its.tokens)
    config.write_text(json.dumps({"auths": {its.registry.host: {"auth": BASIC.removeprefix("Basic ")}}}))
    await device.admit(Registry("its", its.registry.host, ca=str(its.certificates / "ca.crt")))
    for realms in ((), ("127.0.0.1",)):
        engine = DockerEngine(device.real.address, access=PullAccess(str(config), realms=realms))
        outcome = await device._replace(containers=engine).pull(its.name(its.registry.host))
        await engine.close()
        if realms:
            assert isinstance(outcome, Done)
        else:
            assert "if that is right, add 127.0.0.1 to `engine.tokenRealms`" in outcome.message
            assert (shown(its.registry), its.tokens.asked) == (set(), [])
    await device.act(Withdraw(its.registry.host))


async def test_a_challenge_beside_a_good_answer(
    device: Device, doubles: Callable[[str], Doubles], tmp_path: Path
) -> None:
    """Podman follows it, also where it leads to a place without encryption: the engine is given no credentials."""
    its, password = doubles("good-and-asking"), tmp_path / "password"
    password.write_text(PASSWORD)
    host, ca = its.registry.host, str(its.certificates / "ca.crt")
    await device.admit(Registry("its", host, user=USER, password_file=str(password), ca=ca))
    asks = its.registry.reply
    its.registry.reply = lambda asked: asks(asked)._replace(status=200) if asked.path == "/v2/" else asks(asked)
    for realm in (its.plain, its.tokens):
        its.names(realm)
        its.forget()
        assert not isinstance(await device.pull(its.name(host)), Done)
        assert (shown(its.registry), realm.asked) == (set(), [])
    await device.act(Withdraw(host))
