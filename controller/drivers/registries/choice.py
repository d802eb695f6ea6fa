"""The choice of the configuration that registries are put in force in, and its places, by engine and user. The parts
are loaded when they are chosen."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.specs.settings.registries import RegistriesSettings
from evenkeel.specs.settings.settings import EngineKind

if TYPE_CHECKING:
    from evenkeel.controller.drivers.registries.access import Around, HttpAccess
    from evenkeel.controller.drivers.registries.ports import Configuration


def open_configuration(kind: EngineKind, address: str, settings: RegistriesSettings, folder: Path) -> Configuration:
    """The configuration of the engine at an address. `folder`: for the copies in force."""
    if kind == "docker":
        from evenkeel.controller.drivers.registries.docker import DockerConfiguration

        certificates = certificates_folder(kind, settings)
        daemon_file = Path(settings.daemon_file) if settings.daemon_file else None
        return DockerConfiguration(folder, address, certificates, daemon_file)
    from evenkeel.controller.drivers.registries.podman import PodmanConfiguration, PodmanPlaces

    base = _configured("containers")
    places = PodmanPlaces(
        certificates_folder(kind, settings),
        Path(settings.auth_file or _running("containers") / "auth.json"),
        Path(settings.drop_ins or base / "registries.conf.d"),
    )
    return PodmanConfiguration(folder, address, places)


def around(kind: EngineKind, settings: RegistriesSettings, folder: Path) -> Around:
    """The state in force around a part of a host. `folder`: of the copies in force."""
    from evenkeel.controller.drivers.registries.access import Around
    from evenkeel.controller.drivers.registries.store import AUTH

    return Around((certificates_folder(kind, settings),), folder / AUTH)


def open_access(kind: EngineKind, settings: RegistriesSettings, folder: Path) -> HttpAccess:
    """Logins over HTTP, with the same around a part of a host."""
    from evenkeel.controller.drivers.registries.access import HttpAccess

    return HttpAccess(around(kind, settings, folder))


def certificates_folder(kind: EngineKind, settings: RegistriesSettings) -> Path:
    """The folder in which the engine looks for certificates, by host."""
    return Path(settings.certificates or _configured("docker" if kind == "docker" else "containers") / "certs.d")


def _configured(name: str) -> Path:
    """The folder of a user's configuration of a program."""
    if os.geteuid() == 0:
        return Path("/etc") / name
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if home.startswith("/") else Path.home() / ".config") / name


def _running(name: str) -> Path:
    """The folder of what a program keeps for a user until the next boot."""
    if os.geteuid() == 0:
        return Path("/run") / name / "0"
    home = os.environ.get("XDG_RUNTIME_DIR", "")
    return (Path(home) if home.startswith("/") else Path("/run/user") / str(os.geteuid())) / name
