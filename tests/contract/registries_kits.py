"""Engines whose configuration of registries is held against the contract, each with the eyes of somebody else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any, Protocol

from tests.engines.dockerd import Dockerd
from tests.engines.podman import Podman
from tests.until import until

from evenkeel.controller.drivers.registries.docker import DockerConfiguration
from evenkeel.controller.drivers.registries.engine import RegistriesEngine
from evenkeel.controller.drivers.registries.memory import MemoryRegistries
from evenkeel.controller.drivers.registries.podman import PodmanConfiguration, PodmanPlaces
from evenkeel.controller.drivers.registries.ports import Configuration

Files = dict[str, tuple[int, bytes]]
"""By path: the mode, and the content; of a link, where it leads; of a folder, nothing."""


class RegistriesKit(Protocol):
    """What a test needs of an engine. Nothing here but `engine` goes through the driver under test. `state`: the folder of the
    copies; `files`: the files that others have, too, by kind."""

    engine: RegistriesEngine
    state: Path
    files: dict[str, Path]

    def goes_by(self, place: str) -> tuple[bool, tuple[str, ...]]:
        """Whether the engine takes a place for insecure, and the mirrors that it asks, without a slash at their ends."""
        ...

    def shown(self) -> Files:
        """All files that the driver may change."""
        ...

    def begin_anew(self) -> None:
        """The process of evenkeel ends and begins again."""
        ...

    def close(self) -> None: ...


class MemoryRegistriesKit:
    """The simulated one."""

    def __init__(self, folder: Path) -> None:
        self.state, self.files = folder, dict[str, Path]()
        self.begin_anew()

    def begin_anew(self) -> None:
        self._simulated = MemoryRegistries(self.state / "memory.json")
        self.engine = RegistriesEngine(self._simulated, self._simulated, self.state / "key")

    def goes_by(self, place: str) -> tuple[bool, tuple[str, ...]]:
        held = self._simulated.world.held.get(place, {})
        return "insecure" in held, ()

    def shown(self) -> Files:
        return {place: (0, json.dumps(held).encode()) for place, held in self._simulated.world.held.items()}

    def close(self) -> None: ...


class DockerRegistriesKit:
    """dockerd with its `daemon.json`; certificates in a folder of the test's own."""

    def __init__(self, folder: Path, dockerd: Dockerd, certificates: Path | None = None) -> None:
        self.dockerd, self.state = dockerd, folder / "registries"
        self.files = {"daemon.json": dockerd.folder / "daemon.json", "certificates": certificates or folder / "certs.d"}
        self.begin_anew()

    def begin_anew(self) -> None:
        self.engine = _engine(
            DockerConfiguration(self.state, self.dockerd.address, self.files["certificates"]), self.state
        )

    def shown(self) -> Files:
        return _below(self.state, *self.files.values())

    def goes_by(self, place: str) -> tuple[bool, tuple[str, ...]]:
        found: dict[str, Any] = self.dockerd.api("GET", "/info")[1]["RegistryConfig"]
        insecure = found["IndexConfigs"].get(place, {}).get("Secure") is False
        return insecure, tuple(each.rstrip("/") for each in found["Mirrors"]) if place == "docker.io" else ()

    def close(self) -> None:
        """As the engine was."""
        file = self.files["daemon.json"]
        if file.is_symlink() or file.is_dir():
            file.rename(file.with_suffix(".gone"))
        file.write_text('{"insecure-registries": [], "registry-mirrors": []}')
        os.kill(self.dockerd.pid, signal.SIGHUP)

        def is_clean() -> bool:
            found = self.dockerd.api("GET", "/info")[1]["RegistryConfig"]
            return not found["Mirrors"] and all(each["Secure"] for each in found["IndexConfigs"].values())

        until(is_clean, what="dockerd goes by its own configuration")
        file.write_text("{}")


class PodmanRegistriesKit:
    """Podman with its own `/etc/containers`."""

    def __init__(self, folder: Path, podman: Podman) -> None:
        self.podman, self.state = podman, folder / "registries"
        place = podman.containers_folder
        self.files = {
            "auth.json": podman.auth_file,
            "drop-ins": place / "registries.conf.d",
            "certificates": place / "certs.d",
        }
        self.begin_anew()

    def begin_anew(self) -> None:
        its = self.files
        places = PodmanPlaces(its["certificates"], its["auth.json"], its["drop-ins"])
        self.engine = _engine(PodmanConfiguration(self.state, self.podman.address, places), self.state)

    def shown(self) -> Files:
        return _below(self.state, *self.files.values())

    def goes_by(self, place: str) -> tuple[bool, tuple[str, ...]]:
        found = self.podman.api("GET", "/v4.0.0/libpod/info")[1]["registries"].get(place, {})
        mirrors = found.get("Mirrors") or ()
        addresses = (f"{'http' if each['Insecure'] else 'https'}://{each['Location']}" for each in mirrors)
        return found.get("Insecure", False), tuple(addresses)

    def close(self) -> None:
        self.podman.forget_registries()


_THEIRS: dict[str, dict[str, str]] = {
    "daemon.json": {
        "daemon.json": '{\n\t"log-level":   "warn",\n\t"insecure-registries": ["10.0.0.0/8",\n\t\t"theirs.example"],\n'
        '\t"registry-mirrors":["https://theirs.example"] }\n'
    },
    "auth.json": {
        "auth.json": '{\n\t"auths": {\n\t\t"theirs.example": {\n\t\t\t"auth": "dGhlaXJzOnNlY3JldA=="\n\t\t}\n\t},\n\n'
        '\t"credHelpers": {"theirs.example:1": "pass"}\n}'
    },
    "drop-ins": {"90-theirs.conf": '[[registry]]\nlocation="theirs.example"\ninsecure=true\n'},
    "certificates": {"{host}/theirs.crt": "theirs", "{host}/theirs.key": "theirs", "theirs.example/ca.crt": "theirs"},
}


def put_theirs(kit: RegistriesKit, host: str) -> Files:
    """Files and entries of somebody else, also in the folder of a host's certificates; the files."""
    for kind, top in kit.files.items():
        for name, text in _THEIRS[kind].items():
            path = top if top.name == name else top / name.format(host=host)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o604)
            os.chown(path, 12, 34)
    return {path: each for path, each in kit.shown().items() if not Path(path).is_relative_to(kit.state)}


def half(kit: RegistriesKit, old: Files, new: Files) -> list[str]:
    """The files that are neither as they were nor as they are to be, and certificates without their keys; without the records
    of evenkeel's, and those that were about to take the place of others."""
    told = {
        path: each
        for path, each in kit.shown().items()
        if not Path(path).is_relative_to(kit.state) or Path(path).name == "auth.json"
    }
    found = [
        path
        for path, each in told.items()
        if each not in (old.get(path), new.get(path)) and not Path(path).name.startswith(".")
    ]
    return found + [path for path in told if path.endswith(".cert") and f"{path.removesuffix('cert')}key" not in told]


def _engine(configuration: Configuration, state: Path) -> RegistriesEngine:
    """The driver, at registries that let everybody in: what is asked of them another test shows."""
    return RegistriesEngine(configuration, MemoryRegistries(), state / "key")


def _below(*tops: Path) -> Files:
    found = Files()
    for top in tops:
        for path in (top, *sorted(top.rglob("*"))) if top.is_dir() else (top,):
            with contextlib.suppress(FileNotFoundError):
                found[str(path)] = _shown(path)
    return found


def _shown(path: Path) -> tuple[int, bytes]:
    found = path.lstat()
    if path.is_symlink():
        return 0o777, str(path.readlink()).encode()
    return found.st_mode & 0o7777, b"" if path.is_dir() else path.read_bytes()
