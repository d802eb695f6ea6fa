"""The parts of provisioning, on this host or on a simulated one: what `controller.wiring` is for others, loaded late."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import AnyDomain, Domain
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
    from evenkeel.reconcilers.provisioning.select import ProvisioningWanted
    from evenkeel.specs.provisioning.connection_string import Means
    from evenkeel.specs.provisioning.memory import ProvisioningMemory
    from evenkeel.specs.provisioning.observed import ProvisioningSeen
    from evenkeel.specs.provisioning.provisioning import Provisioning
    from evenkeel.specs.settings.settings import Settings

USUAL_FOLDER = "/data/var/certificates"
CONNECTION_STRING, ID_SCOPE = "azure.connectionstring", "azure.idscope"
"""The files of Leda's sdv-provision in that folder (provisioning.md §1)."""


def provisioning_domain(
    settings: Settings, open_bus: Callable[[], SystemBus]
) -> Domain[ProvisioningWanted, ProvisioningSeen, ProvisioningMemory]:
    """The provisioning domain. Few devices are asked for an identity: its driver is loaded at the first look."""
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.drivers.late import LateDriver
    from evenkeel.reconcilers.provisioning import ProvisioningDecisions

    return Domain(ProvisioningDecisions(), LateDriver(lambda: open_provisioning(settings, open_bus)))


def open_provisioning(settings: Settings, open_bus: Callable[[], SystemBus]) -> ProvisioningEngine:
    """The driver that the settings name."""
    state = Path(settings.state)
    if settings.engine.kind == "memory":
        from evenkeel.controller.drivers.provisioning.memory import memory_provisioning

        return memory_provisioning(state)
    from evenkeel.controller.drivers.provisioning.azure.cloud import AzureCloud
    from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
    from evenkeel.controller.drivers.provisioning.host import Host
    from evenkeel.controller.drivers.provisioning.maker import MakerApart
    from evenkeel.controller.process.clock import system_now
    from evenkeel.controller.units import HostUnits

    shows = settings.mqtt.enabled and bool(settings.mqtt.tls.client_cert)
    units = HostUnits(open_bus)
    return ProvisioningEngine(Host(), state, MakerApart(), AzureCloud(system_now), units, at_broker=shows)


def simulated_identities(domains: Sequence[AnyDomain]) -> ProvisioningEngine:
    """The simulated host among these domains, for demonstrations."""
    from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine

    return next(
        found for each in domains if isinstance(found := getattr(each.driver, "driver", None), ProvisioningEngine)
    )


def document_without_one(settings: Settings) -> Provisioning:
    """The identity that nobody asks for, as it lies in the usual places: those of evenkeel and of Leda (provisioning.md
    §1). Its name is "". Writes nothing."""
    from evenkeel.specs.provisioning.provisioning import Azure, Certificate, Provisioning

    connection, scope = leda_files(settings, USUAL_FOLDER)
    azure = Azure(connection_string=connection, id_scope_file="" if connection else scope)
    certificate = Certificate("selfSigned")
    return Provisioning("", USUAL_FOLDER, certificate=certificate, azure=azure if connection or scope else None)


def host_path(settings: Settings, path: str) -> Path:
    """Where a path of a document lies: on this host, or on the simulated one."""
    if settings.engine.kind == "memory":
        from evenkeel.controller.drivers.provisioning.memory import ROOT

        return Path(settings.state) / ROOT / path.lstrip("/")
    return Path(path)


def leda_files(settings: Settings, folder: str) -> tuple[str, str]:
    """The files of a connection string and of an id scope that Leda's sdv-provision has left in a folder; "" for none."""
    paths = (f"{folder}/{CONNECTION_STRING}", f"{folder}/{ID_SCOPE}")
    connection, scope = (path if host_path(settings, path).is_file() else "" for path in paths)
    return connection, scope


def shown_by(settings: Settings, path: str) -> Means:
    """The means by which a device shows who it is, with the connection string of a file. EvenkeelError for a file that is not
    there or has none; no text has a part of it."""
    from evenkeel.controller.drivers.provisioning.host import Host
    from evenkeel.controller.drivers.provisioning.ports import Lack
    from evenkeel.controller.drivers.provisioning.sources import sources_of
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.provisioning.provisioning import Azure

    host = Host(host_path(settings, "/"), is_simulated=settings.engine.kind == "memory")
    try:
        found = sources_of(Azure(connection_string=path), host, "device").connection
    except Lack as lack:
        raise EvenkeelError(f"file:{path}", str(lack).removeprefix(f"{path}: ")) from None
    assert found is not None
    return found.means
