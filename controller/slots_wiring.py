"""The slots of the operating system among the parts of evenkeel: what `controller.wiring` is for the others.

Few devices are asked for an operating system. So its driver is built, and loaded, at the first look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import AnyDomain, Domain, Groundwork
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots
    from evenkeel.controller.drivers.slots.system import SystemMachine
    from evenkeel.controller.process.machine import Machine
    from evenkeel.reconcilers.ports import AnyReconciler, Driver
    from evenkeel.reconcilers.slots.select import SlotsWanted
    from evenkeel.specs.plan import Plan
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.specs.slots.finding import Finding
    from evenkeel.specs.slots.memory import SlotsMemory
    from evenkeel.specs.slots.observed import SlotsSeen
    from evenkeel.specs.slots.system import OperatingSystem


def slots_domain(
    settings: Settings,
    open_bus: Callable[[], SystemBus],
    decisions: AnyReconciler,
    engine: Driver[Any],
    *,
    readonly: bool,
) -> Domain[SlotsWanted, SlotsSeen, SlotsMemory]:
    """The operating systems of the device, or of a simulated one. `decisions` and `engine`: of the containers, whose health a
    system may depend on."""
    from evenkeel.controller.cycle.domain import Domain, Foreseen
    from evenkeel.controller.drivers.late import LateDriver
    from evenkeel.reconcilers.slots import Slots

    def build() -> Driver[SlotsSeen]:
        from evenkeel.controller.drivers.slots.choice import Choice, open_slots
        from evenkeel.controller.drivers.slots.witness import DomainWitness
        from evenkeel.specs.settings.slots import chosen

        slots = chosen(settings.slots, settings.engine.kind, settings.state)
        choice = Choice(slots.engine, Path(slots.store), Path(settings.state), open_bus, readonly)
        return open_slots(choice, DomainWitness(decisions, engine))

    driver = LateDriver(build)

    async def size(system: OperatingSystem) -> int:
        from evenkeel.controller.drivers.slots.choice import bundle_size

        return await bundle_size(driver.driver, system)

    async def foresee(plan: Plan, seen: SlotsSeen, groundwork: Groundwork) -> Foreseen[SlotsSeen]:
        from evenkeel.controller.drivers.slots.foresight import look_ahead

        return Foreseen(*await look_ahead(size, plan, seen))

    return Domain(Slots(marks_any=settings.slots.mark_good == "always"), driver, foresee)


class _Machine:
    """The device of the settings, for a part that seldom needs it. The modules that speak to logind are loaded then."""

    def __init__(self, bus: str) -> None:
        self._bus = bus

    def boot(self) -> str:
        from evenkeel.controller.process.boot import boot_id

        return boot_id()

    async def inhibitors(self) -> Sequence[str]:
        return await self._device().inhibitors()

    async def reboot(self) -> None:
        await self._device().reboot()

    def _device(self) -> SystemMachine:
        from evenkeel.controller.dbus.bus import SystemBus
        from evenkeel.controller.drivers.slots.system import SystemMachine

        return SystemMachine(SystemBus(self._bus))


def machine(settings: Settings, domains: Sequence[AnyDomain]) -> Machine:
    """The device, as far as its reboots are concerned: its own, or the simulated one of its slots. An update manager without a
    domain of its own (`evenkeel update-manager`) is on a real one."""
    from evenkeel.specs.settings.slots import chosen

    if not domains or chosen(settings.slots, settings.engine.kind, settings.state).engine != "memory":
        return _Machine(settings.slots.bus)
    simulated, _ = simulated_slots(domains)
    return simulated.machine


def check_slots(settings: Settings, now: float) -> tuple[Finding, ...]:
    """The faults of the updater's configuration, beside those that a look tells."""
    from evenkeel.controller.drivers.slots.choice import check
    from evenkeel.specs.settings.slots import chosen

    return check(chosen(settings.slots, settings.engine.kind, settings.state), now)


def simulated_slots(domains: Sequence[AnyDomain]) -> tuple[MemorySlots, type[Bundle]]:
    """The simulated slots among these domains, for demonstrations, and the class that describes a bundle."""
    from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots

    return next(
        found for each in domains if isinstance(found := getattr(each.driver, "driver", None), MemorySlots)
    ), Bundle
