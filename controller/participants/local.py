"""A domain of this device as a participant: what is alike for all domains."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Generic, Protocol

from evenkeel.controller.participants.components import Components, Want
from evenkeel.controller.participants.participant import Identified, Reported, Waits
from evenkeel.controller.participants.phases import Phases
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.activity import Activity


class Part(Protocol):
    """The functions of a domain beside its `Components`. Each method is as in `Participant`."""

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits, cut: asyncio.Event
    ) -> Identified | str | None:
        """`cut` cuts it short."""
        ...

    def state_to_keep(self, activity: Activity) -> DesiredState: ...

    async def inventory(self) -> Reported: ...

    def unknown(self, why: str) -> Reported: ...


class LocalParticipant(Generic[Want]):
    """A `Participant`: the commands of one domain, carried out by its cycles."""

    def __init__(
        self, domain: str, part: Part, components: Components[Want], stopping: asyncio.Event, at_once: int = 3
    ) -> None:
        """`stopping`: set when the end is for good. `at_once`: the components at work side by side."""
        self.domain, self._part = domain, part
        self._cut, self._stopping = asyncio.Event(), stopping
        self._phases = Phases(components, self._cut, stopping, at_once)
        self.carry_out, self.confirm, self.close = self._phases.carry_out, self._phases.confirm, self._phases.close
        self.state_to_keep, self.inventory, self.unknown = part.state_to_keep, part.inventory, part.unknown

    def interrupt(self) -> None:
        self._cut.set()

    def resume(self) -> None:
        if not self._stopping.is_set():
            self._cut.clear()

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits
    ) -> Identified | str | None:
        return await self._part.identify(target, components, waits, self._cut)
