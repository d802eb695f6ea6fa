"""The parts of provisioning, on this host or on a simulated one. Loaded late, because few devices are asked for an identity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
    from evenkeel.specs.provisioning.provisioning import Provisioning
    from evenkeel.specs.settings.settings import Settings

USUAL_FOLDER = "/data/var/certificates"
CONNECTION_STRING, ID_SCOPE = "azure.connectionstring", "azure.idscope"
"""The files of Leda's sdv-provision in that folder (provisioning.md §1)."""


def open_provisioning(settings: Settings, open_bus: Callable[[], SystemBus]) -> ProvisioningEngine:
    """The driver that the settings name."""
    state = Path(settings.state)
    if settings.engine.kind == "memory":
        from evenkeel.controller.drivers.provisioning.memory import memory_provisioning

        return memory_provisioning(state)
    from evenkeel.controller.dbus.units import HostUnits
    from evenkeel.controller.drivers.provisioning.azure.cloud import AzureCloud
    from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
    from evenkeel.controller.drivers.provisioning.host import Host
    from evenkeel.controller.drivers.provisioning.maker import MakerApart
    from evenkeel.controller.process.clock import system_now

    return ProvisioningEngine(Host(), state, MakerApart(), AzureCloud(system_now), HostUnits(open_bus))


def document_without_one(settings: Settings) -> Provisioning:
    """The identity that nobody asks for, as it lies in the usual places: those of evenkeel and of Leda (provisioning.md §1). Its
    name is "". Writes nothing."""
    from evenkeel.specs.provisioning.provisioning import Azure, Certificate, Provisioning

    folder = USUAL_FOLDER
    azure = None
    if (path := f"{folder}/{CONNECTION_STRING}") and host_path(settings, path).is_file():
        azure = Azure(connection_string=path)
    elif (path := f"{folder}/{ID_SCOPE}") and host_path(settings, path).is_file():
        azure = Azure(id_scope_file=path)
    return Provisioning("", folder, certificate=Certificate("selfSigned"), azure=azure)


def host_path(settings: Settings, path: str) -> Path:
    """Where a path of a document lies: on this host, or on the simulated one."""
    if settings.engine.kind == "memory":
        from evenkeel.controller.drivers.provisioning.memory import ROOT

        return Path(settings.state) / ROOT / path.lstrip("/")
    return Path(path)
