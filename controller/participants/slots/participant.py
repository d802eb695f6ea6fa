"""The slots domain as a participant: an updater, its cycles, and the inventory of Leda's Self Update Agent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.participants.components import Oversight
from evenkeel.controller.participants.driving import Driving
from evenkeel.controller.participants.local import LocalParticipant
from evenkeel.controller.participants.participant import Identified, Waits
from evenkeel.controller.participants.slots.components import SlotsComponents
from evenkeel.controller.participants.slots.conduct import SlotsConduct, SlotsCycles, SlotsDriving
from evenkeel.reconcilers.agents.commands import IDENTIFIED_TEXT
from evenkeel.reconcilers.agents.in_force import in_force
from evenkeel.reconcilers.counted import joined
from evenkeel.reconcilers.ports import Driver, Reconciler
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.reconcilers.slots.standing import commanded, is_outstanding
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.kanto.activity import Activity, ActivityAction
from evenkeel.specs.leda.messages import Inventory, inventory, unknown_inventory
from evenkeel.specs.slots.difference import of_slots
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsLook, SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

SlotsReconciler = Reconciler[SlotsWanted, SlotsSeen, SlotsMemory]


def slots_participant(
    conduct: SlotsConduct,
    journal: Journal,
    driver: Driver[SlotsSeen],
    reconciler: SlotsReconciler,
    cycles: SlotsCycles,
    stopping: asyncio.Event,
    alive: Callable[[], None] = lambda: None,
) -> LocalParticipant[SlotsWanted]:
    """The `Participant`. `stopping`: set when the end is for good. `alive` is called at each try."""
    driving = Driving(cycles, stopping, conduct.patience, alive)
    part = _Slots(conduct, journal, driver, reconciler, driving)
    return LocalParticipant(reconciler.domain, part, SlotsComponents(cycles, driving), stopping)


class _Slots:
    """A `Part`."""

    def __init__(
        self,
        conduct: SlotsConduct,
        journal: Journal,
        driver: Driver[SlotsSeen],
        reconciler: SlotsReconciler,
        driving: SlotsDriving,
    ) -> None:
        self._conduct, self._journal, self._driver = conduct, journal, driver
        self._reconciler, self._driving = reconciler, driving

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits, cut: asyncio.Event
    ) -> Identified | str | None:
        """See `Participant.identify`. A version that has failed before is tried again, because it is asked for again."""
        want = self._reconciler.select(target)
        for system, _ in want.documents:
            self._journal.attempts.forgive(system.content, self._reconciler.domain)
        try:
            seen = await self._driving.observe(self._reconciler.look(want, self._memory()), Oversight(waits, cut))
        except (Unavailable, TimedOut, Refused) as error:
            return error.message
        if seen is None:
            return None
        memory = commanded(self._memory())
        found = of_slots(self._reconciler.diff(want, seen, memory))
        blocked = [each.why for each in found if each.verb == "blocked"]
        if blocked:
            return joined(blocked)
        due = {each.subject for each in found if is_outstanding(each, memory)}
        actions = tuple(
            ActivityAction(name, version, "install", "IDENTIFIED", IDENTIFIED_TEXT["install"])
            for name, version in components
            if name in due
        )
        return Identified(actions, self._before(want, seen))

    def _before(self, want: SlotsWanted, seen: SlotsSeen) -> DesiredState:
        """The system that runs, under the name of the one that is asked for. Where it was asked for itself, its conditions
        stay."""
        version = _runs(seen)
        desired = self._journal.readable_revision("desired") or DesiredState()
        known = (each for each, _ in self._reconciler.select(desired).documents if each.version == version)
        before = next(known, OperatingSystem("", version))
        return desired_state(
            [
                Document("OperatingSystem", name, changed(before, name=name, reboot=self._conduct.reboot))
                for name in want.subjects
            ]
        )

    def _memory(self) -> SlotsMemory:
        return self._journal.memories.of(self._reconciler.memory)

    def state_to_keep(self, activity: Activity) -> DesiredState:
        return in_force(activity, ())

    async def inventory(self) -> Inventory:
        seen = await self._driver.observe(SlotsLook())
        if not seen.booted:
            return self.unknown("the running system is in no slot")
        return inventory(self._conduct.agent_version, _runs(seen), self._conduct.domain)

    def unknown(self, why: str) -> Inventory:
        return unknown_inventory(self._conduct.agent_version, why)


def _runs(seen: SlotsSeen) -> str:
    booted = seen.slot(seen.booted)
    return booted.version if booted is not None else ""
