"""The containers domain as a participant: an engine, its cycles, and Kanto's inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.participants.containers.components import ContainerComponents
from evenkeel.controller.participants.containers.conduct import ContainerCycles, ContainersConduct, wanted
from evenkeel.controller.participants.containers.identification import ContainersIdentification
from evenkeel.controller.participants.driving import Driving
from evenkeel.controller.participants.participant import Identified, Tell, Waits
from evenkeel.controller.participants.phases import Phases
from evenkeel.reconcilers.agents.in_force import in_force
from evenkeel.reconcilers.containers.reported import as_in_force
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.ports import Driver, Reconciler
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersLook, ContainersSeen
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.kanto.inventory import inventory
from evenkeel.specs.kanto.updateagent import Inventory


class ContainersParticipant:
    """A `Participant`."""

    def __init__(
        self,
        conduct: ContainersConduct,
        journal: Journal,
        driver: Driver[ContainersSeen],
        reconciler: Reconciler[ContainersWanted, ContainersSeen, ContainersMemory],
        cycles: ContainerCycles,
        stopping: asyncio.Event,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """`stopping`: set when the end is for good. `alive` is called at each try."""
        self.domain = reconciler.domain
        self._conduct, self._journal, self._driver = conduct, journal, driver
        self._cut, self._stopping = asyncio.Event(), stopping
        driving = Driving(cycles, stopping, conduct.patience, alive)
        components = ContainerComponents(conduct, driver, cycles, driving)
        self._phases = Phases(components, self._cut, stopping, conduct.at_once)
        self._identification = ContainersIdentification(conduct, journal, reconciler, driving)

    def interrupt(self) -> None:
        self._cut.set()

    def resume(self) -> None:
        if not self._stopping.is_set():
            self._cut.clear()

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits
    ) -> Identified | str | None:
        return await self._identification.identify(target, components, waits, self._cut)

    async def carry_out(self, activity: Activity, tell: Tell) -> Activity | None:
        return await self._phases.carry_out(activity, tell)

    async def confirm(self, activity: Activity, tell: Tell) -> Activity | None:
        return await self._phases.confirm(activity, tell)

    async def close(self, activity: Activity, waits: Waits) -> Activity | None:
        return await self._phases.close(activity, waits)

    def kept(self, activity: Activity) -> DesiredState:
        return in_force(activity, wanted(self._conduct, activity.target).system)

    async def inventory(self) -> Inventory:
        adopted = self._journal.memories.of(ContainersMemory).adopted
        seen = await self._driver.observe(ContainersLook(adopted=adopted, checks={}))
        return self._told(as_in_force(seen, self._journal.readable_revision("desired")))

    def unknown(self, why: str) -> Inventory:
        return self._told(ContainersSeen(""), why)

    def _told(self, seen: ContainersSeen, unknown: str = "") -> Inventory:
        conduct = self._conduct
        system = {*conduct.system_containers, *conduct.protected}
        return inventory(
            conduct.domain,
            seen,
            verbose=conduct.verbose,
            system=system,
            unknown=unknown,
            values=conduct.reported_values,
        )
