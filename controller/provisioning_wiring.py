"""The parts of provisioning, on this host or on a simulated one: what `controller.wiring` is for others, loaded late."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import Domain
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
    from evenkeel.reconcilers.provisioning.select import ProvisioningWanted
    from evenkeel.specs.provisioning.memory import ProvisioningMemory
    from evenkeel.specs.provisioning.observed import ProvisioningSeen
    from evenkeel.specs.settings.settings import Settings


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

    return ProvisioningEngine(Host(), state, MakerApart(), AzureCloud(system_now), HostUnits(open_bus))
