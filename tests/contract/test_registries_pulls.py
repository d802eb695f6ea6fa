"""Real engines at real registries: what is in force decides whether a pull succeeds, from one pull to the next, and nothing is
restarted for it."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.machine import alone
from tests.engines.podman import Podman
from tests.engines.registry import Registry as RealRegistry

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.registries.access import HttpAccess
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
    engine = RegistriesEngine(kit.engine.configuration, HttpAccess(), kit.state / "key")
    containers = DockerEngine(real.address, admitted=kit.state / "auth.json")
    yield Device(real, engine, containers)
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
