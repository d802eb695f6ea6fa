"""The containers domain as a participant: an engine, its cycles, and Kanto's inventory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.participants.containers.components import ContainerComponents
from evenkeel.controller.participants.containers.conduct import ContainerCycles, ContainersConduct, wanted
from evenkeel.controller.participants.containers.identification import ContainersIdentification
from evenkeel.controller.participants.driving import Driving
from evenkeel.controller.participants.local import LocalParticipant
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


def containers_participant(
    conduct: ContainersConduct,
    journal: Journal,
    driver: Driver[ContainersSeen],
    reconciler: Reconciler[ContainersWanted, ContainersSeen, ContainersMemory],
    cycles: ContainerCycles,
    stopping: asyncio.Event,
    alive: Callable[[], None] = lambda: None,
) -> LocalParticipant[ContainersWanted]:
    """The `Participant`. `stopping`: set when the end is for good. `alive` is called at each try."""
    driving = Driving(cycles, stopping, conduct.patience, alive)
    part = _Containers(conduct, journal, driver, ContainersIdentification(conduct, journal, reconciler, driving))
    components = ContainerComponents(conduct, driver, cycles, driving)
    return LocalParticipant(reconciler.domain, part, components, stopping, conduct.at_once)


class _Containers:
    """A `Part`."""

    def __init__(
        self,
        conduct: ContainersConduct,
        journal: Journal,
        driver: Driver[ContainersSeen],
        identification: ContainersIdentification,
    ) -> None:
        self._conduct, self._journal, self._driver = conduct, journal, driver
        self.identify = identification.identify

    def state_to_keep(self, activity: Activity) -> DesiredState:
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
