"""Engines to hold against the contract, each with the hands of somebody else.

A kit is an engine with nothing of evenkeel's on it and the images `sleeper:1`, `sleeper:2`, `web:1`, `sick:1`, `crasher:1` and
`hello-world:latest` in it, as tests/engines/images.py describes them; `far` puts one of them where it has to be pulled from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.engines.dockerd import Dockerd
from tests.engines.images import build
from tests.engines.machine import free_port
from tests.engines.podman import Podman
from tests.engines.registry import Registry

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine, foreign_id
from evenkeel.controller.drivers.containers.memory.volumes import Volume, without_names
from evenkeel.controller.drivers.registry import look_up
from evenkeel.controller.settings.provided import Provided
from evenkeel.reconcilers.capabilities import Logged
from evenkeel.specs.containers.container import Container, Restart
from evenkeel.specs.containers.image import normal_image
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen

LOCAL = ("sleeper:1", "sleeper:2", "web:1", "sick:1", "crasher:1", "hello-world:latest")
PLACE = "/data"
MISSING = "missing"
_NO_CURL = (
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "curl": executable file not found'
)
UNREACHABLE = "unreachable"
_NOBODY = Provided(Path("/nonexistent"))
_LASTS = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait $!"]


class Kit(Protocol):
    """What a test needs of an engine. Nothing here goes through the driver under test."""

    driver: Logged[ContainersSeen]
    detaches: bool
    """Whether the network of mode bridge can be removed only when no container is on it, not even one that never ran."""
    provided: Provided
    """The values that are handed out to containers."""
    remembers: bool
    """Whether its engine tells afterwards that a container has ended by itself."""

    def far(self, name: str) -> str:
        """Put an image into a registry and take it from the engine; the reference under which it can be pulled. `MISSING`
        gives one that the registry does not have, `UNREACHABLE` one of a registry that does not answer."""
        ...

    def push_again(self, reference: str) -> None:
        """Push other content under a reference that `far` gave."""
        ...

    def port(self) -> int:
        """A free port of the host."""
        ...

    async def somebody_runs(
        self, name: str, image: str = "sleeper:1", *, vanishes: bool = False, volume_at: str = ""
    ) -> str:
        """Somebody runs a container; its id. `vanishes`: with `--rm`; `volume_at`: with `-v` for a place."""
        ...

    def variables(self, name: str) -> dict[str, str]:
        """The variables of a container, by its name in the engine."""
        ...

    def declare(self) -> None:
        """Put images there that declare a volume at `PLACE`: `db:1`, `db:2`, and `bad:1`, which ends at once with 1."""
        ...

    def volumes(self, name: str) -> dict[str, str]:
        """Places and volumes of a container, by its name in the engine; none of one that is not there."""
        ...

    def contents(self) -> dict[str, str]:
        """All volumes, and what somebody wrote into each."""
        ...

    def write(self, volume: str, text: str) -> None:
        """Write into a volume; one that is not there is made."""
        ...

    async def somebody_removes_volume(self, volume: str) -> None:
        """Somebody removes a volume that no container has."""
        ...

    async def somebody_commits(self, name: str, repository: str) -> None:
        """Somebody makes the image `repository:1` of a container, by its name in the engine."""
        ...

    async def somebody(self, does: str, name: str) -> None:
        """Somebody does `kill`, `pause`, `remove`, `rename` or `disconnect` to a container, by its name in the engine; `rename`
        appends `.renamed`, `disconnect` takes it from the network of mode bridge."""
        ...

    async def remove_network(self) -> None:
        """Somebody removes the network of mode bridge; what runs is taken from it before, as the engine demands."""
        ...

    async def close(self) -> None: ...


class MemoryKit:
    """The memory engine."""

    detaches = False
    remembers = True

    def __init__(self, provided: Provided = _NOBODY) -> None:
        behaviours: Mapping[str, Image] = {
            "sick:1": Image(healthy=False),
            "crasher:1": Image(exits_with=1, exits_after_s=0.01, output="crashed\n"),
            "sleeper:1": Image(),
            "sleeper:2": Image(healthy=False, check_output=_NO_CURL, check_exit=-1),
            "hello-world:latest": Image(exits_with=0, exits_after_s=0.01),
        }
        self.provided = provided
        catalogue = {normal_image(name): image for name, image in behaviours.items()}
        self.engine = MemoryEngine(catalogue, provided=provided)
        self.engine.script.pull_rate = 1e9
        for name in LOCAL:
            self.engine.world.images[normal_image(name)] = 1
        self.driver: Logged[ContainersSeen] = self.engine
        self._ports = iter(range(20000, 21000))
        self._runs = 0

    def far(self, name: str) -> str:
        reference = f"registry.test/{name}" if ":" in name else f"registry.test/{name}:1"
        if name == MISSING:
            self.engine.catalogue[reference] = Image(pull="missing")
        elif name == UNREACHABLE:
            self.engine.catalogue[reference] = Image(pull="unreachable")
        else:
            self.engine.catalogue[reference] = self.engine.catalogue.get(normal_image(name), Image())
        return reference

    def push_again(self, reference: str) -> None:
        self.engine.catalogue[reference] = replace(self.engine.catalogue[reference], version=2)

    def port(self) -> int:
        return next(self._ports)

    async def somebody_runs(
        self, name: str, image: str = "sleeper:1", *, vanishes: bool = False, volume_at: str = ""
    ) -> str:
        self.engine.put_foreign(normal(Container(name, image, restart=Restart("no"))), vanishes=vanishes)
        self._runs += 1
        id_ = foreign_id(f"{name}.{self._runs}")  # an engine gives no id twice
        more = without_names(self.engine.world.volumes, [volume_at] if volume_at else [], id_)
        runs = replace(self.engine.world.containers.pop(foreign_id(name)), id=id_, other_volumes=more)
        self.engine.world.containers[id_] = runs
        return id_

    def variables(self, name: str) -> dict[str, str]:
        kept = self.engine.simulation.find(name)
        plain = kept.container.env if kept.container is not None else ()
        return {variable: value or "" for variable, value in (*plain, *kept.handed)}

    def declare(self) -> None:
        for name in ("db:1", "db:2", "bad:1"):
            ends = Image(exits_with=1, exits_after_s=0.01) if name == "bad:1" else Image()
            self.engine.catalogue[normal_image(name)] = replace(ends, volumes=(PLACE,))
            self.engine.world.images[normal_image(name)] = 1

    def volumes(self, name: str) -> dict[str, str]:
        return {
            place: volume
            for kept in self.engine.world.containers.values()
            if kept.engine_name == name
            for place, volume in (*kept.volumes, *kept.other_volumes)
        }

    def contents(self) -> dict[str, str]:
        return {name: volume.content for name, volume in self.engine.world.volumes.items()}

    def write(self, volume: str, text: str) -> None:
        self.engine.world.volumes.setdefault(volume, Volume()).content = text

    async def somebody_removes_volume(self, volume: str) -> None:
        del self.engine.world.volumes[volume]

    async def somebody_commits(self, name: str, repository: str) -> None:
        """Containers of this engine do not tell by labels whose they are."""
        tag = normal_image(f"{repository}:1")
        self.engine.world.images[tag] = self.engine.world.images.get(tag, 0) + 1

    async def somebody(self, does: str, name: str) -> None:
        does_it: Mapping[str, Callable[[str], None]] = {
            "kill": self.engine.kill,
            "pause": self.engine.pause,
            "remove": self.engine.remove,
            "rename": lambda name: self.engine.rename(name, f"{name}.renamed"),
            "disconnect": self.engine.disconnect,
        }
        does_it[does](name)

    async def remove_network(self) -> None:
        self.engine.remove_network()

    async def close(self) -> None:
        await self.engine.close()


class DockerKit:
    """A dockerd, or a Podman, with a registry of its own."""

    def __init__(self, dockerd: Dockerd | Podman, registry: Registry, provided: Provided) -> None:
        self._dockerd, self._registry, self.provided = dockerd, registry, provided
        config = str(registry.docker_config)
        self.driver: Logged[ContainersSeen] = DockerEngine(
            dockerd.address,
            access=PullAccess(config),
            ask_registries=lambda images, why: look_up(images, PullAccess(config), why),
            provided=provided,
        )
        self.detaches = isinstance(dockerd, Podman)
        self.remembers = not isinstance(dockerd, Podman)
        self._committed = set[str]()

    def far(self, name: str) -> str:
        if name == UNREACHABLE:
            return f"127.0.0.1:{free_port()}/far:1"
        if name == MISSING:
            return self._registry.reference("never-pushed", "1")
        repository, _, tag = name.partition(":")
        self._registry.push(repository, tag)
        reference = self._registry.reference(repository, tag)
        self._dockerd.api("DELETE", f"/images/{reference}", force=True)
        return reference

    def push_again(self, reference: str) -> None:
        repository, _, tag = reference.removeprefix(self._registry.reference("")).partition(":")
        self._registry.push(repository, tag, _other(f"{repository}:{tag}"))

    def port(self) -> int:
        return free_port()

    async def somebody_runs(
        self, name: str, image: str = "sleeper:1", *, vanishes: bool = False, volume_at: str = ""
    ) -> str:
        more = {"Volumes": {volume_at: {}}} if volume_at else {}
        return await asyncio.to_thread(self._dockerd.run, name, image, host={"AutoRemove": vanishes}, **more)

    def variables(self, name: str) -> dict[str, str]:
        pairs = (text.partition("=") for text in self._dockerd.inspect(name)["Config"]["Env"])
        return {variable: value for variable, _, value in pairs}

    def declare(self) -> None:
        for name, command in (("db:1", _LASTS), ("db:2", _LASTS), ("bad:1", ["/bin/false"])):
            if not {name, normal_image(name)} & self._dockerd.images():
                self._dockerd.load(build(name, command, env={"NAME": name}, Volumes={PLACE: {}}))

    def volumes(self, name: str) -> dict[str, str]:
        if name not in self._dockerd.containers():
            return {}
        mounts = self._dockerd.inspect(name)["Mounts"]
        return {mount["Destination"]: mount["Name"] for mount in mounts if mount["Type"] == "volume"}

    def contents(self) -> dict[str, str]:
        listed = self._dockerd.api("GET", "/volumes")[1]["Volumes"] or ()
        files = {each["Name"]: Path(each["Mountpoint"], "text") for each in listed}
        return {name: file.read_text() if file.exists() else "" for name, file in files.items()}

    def write(self, volume: str, text: str) -> None:
        _, made = self._dockerd.api("POST", "/volumes/create", {"Name": volume})
        Path(made["Mountpoint"], "text").write_text(text)

    async def somebody_removes_volume(self, volume: str) -> None:
        status, answer = self._dockerd.api("DELETE", f"/volumes/{volume}")
        assert status == 204, answer

    async def somebody_commits(self, name: str, repository: str) -> None:
        await asyncio.to_thread(commit, self._dockerd, name, repository)
        self._committed.add(f"{repository}:1")

    async def somebody(self, does: str, name: str) -> None:
        if does == "disconnect":
            (network,) = self._dockerd.inspect(name)["NetworkSettings"]["Networks"]
            body = {"Container": name, "Force": True}
            status, answer = self._dockerd.api("POST", f"/networks/{network}/disconnect", body)
            assert status < 300, answer
            return
        method, path, query = {
            "kill": ("POST", f"/containers/{name}/kill", {}),
            "pause": ("POST", f"/containers/{name}/pause", {}),
            "remove": ("DELETE", f"/containers/{name}", {"force": True}),
            "rename": ("POST", f"/containers/{name}/rename", {"name": f"{name}.renamed"}),
        }[does]
        status, answer = await asyncio.to_thread(_ask, self._dockerd, method, path, query)
        if "can not pause containers on rootless containers with cgroup V1" in str(answer):
            pytest.skip("without root nobody pauses a container here: there are no control groups of a user's")
        assert status < 300, answer

    async def remove_network(self) -> None:
        _, found = self._dockerd.api("GET", "/networks/evenkeel")
        for id_ in found["Containers"]:
            self._dockerd.api("POST", "/networks/evenkeel/disconnect", {"Container": id_, "Force": True})
        status, answer = self._dockerd.api("DELETE", "/networks/evenkeel")
        assert status < 300, answer

    async def close(self) -> None:
        await self.driver.close()
        if self._committed:
            self._dockerd.clear()
        for image in self._committed:
            self._dockerd.api("DELETE", f"/images/{image}")


def commit(dockerd: Dockerd | Podman, name: str, repository: str) -> None:
    """Somebody makes the image `repository:1` of a container; the engine copies the container's labels into it."""
    status, answer = dockerd.api("POST", "/commit", {}, container=name, repo=repository, tag="1")
    assert status == 201, answer


def _ask(dockerd: Dockerd | Podman, method: str, path: str, query: dict[str, Any]) -> tuple[int, Any]:
    return dockerd.api(method, path, **query)


def _other(name: str) -> Any:
    from tests.engines.images import sleeper

    return sleeper("2", name)
