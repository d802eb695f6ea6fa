"""The one component of the slots domain: the operating system, driven and judged.

A verdict comes from a look (`reconcilers.slots.standing`), never from the steps that were performed. After ACTIVATE the
system is pending: the new slot boots next. The reboot comes after the clean-up, because that is when an update manager
does it. Until the new system has proven itself the activity has no end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evenkeel.controller.participants.components import StageBegins, StepProgress, silent, unheeded
from evenkeel.controller.participants.driving import View
from evenkeel.controller.participants.participant import Waits
from evenkeel.controller.participants.slots.conduct import SlotsCycles, SlotsDriving
from evenkeel.reconcilers.gate import IsOpen
from evenkeel.reconcilers.slots.commanded import at_the_end, leads_back, opens
from evenkeel.reconcilers.slots.select import SlotsWanted, select
from evenkeel.reconcilers.slots.standing import commanded, standing
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen

_AS_COMMANDED: View[SlotsSeen, SlotsMemory] = View(lambda look: look, lambda seen: seen, commanded)


class SlotsComponents:
    """The `Components` of one updater."""

    def __init__(self, cycles: SlotsCycles, driving: SlotsDriving) -> None:
        self._cycles, self._driving = cycles, driving

    def begin(self, revision: str) -> None:
        self._driving.begin(revision)

    def wanted(self, activity: Activity) -> SlotsWanted:
        return select(activity.target)

    def wanted_before(self, activity: Activity) -> SlotsWanted:
        return select(activity.before)

    def needs(self, action: ActivityAction, want: SlotsWanted) -> Sequence[str]:
        return ()

    async def drive(
        self,
        action: ActivityAction,
        want: SlotsWanted,
        command: Command,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress = silent,
        begins: StageBegins = unheeded,
    ) -> str:
        return await self._drive(action, want, opens(command), waits, cut, progress, begins)

    async def fetch(
        self,
        action: ActivityAction,
        want: SlotsWanted,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress = silent,
        begins: StageBegins = unheeded,
    ) -> tuple[str, str]:
        return "", await self._drive(action, want, opens("DOWNLOAD"), waits, cut, progress, begins)

    async def put_up(
        self,
        action: ActivityAction,
        want: SlotsWanted,
        command: Command,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress = silent,
        begins: StageBegins = unheeded,
    ) -> tuple[str, Standing]:
        """See `Components.put_up`. After the clean-up that is the reboot, and the proof of the new system."""
        is_open = at_the_end if command == "CLEANUP" else opens(command)
        why = await self._drive(action, want, is_open, waits, cut, progress, begins)
        return why, await self.stands(action, want, waits, cut)

    async def restore(
        self, action: ActivityAction, before: SlotsWanted, waits: Waits, cut: asyncio.Event, *, gives_way: bool = False
    ) -> str:
        return await self._drive(action, before, leads_back, waits, cut, silent, unheeded)

    async def _drive(
        self,
        action: ActivityAction,
        want: SlotsWanted,
        is_open: IsOpen,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress,
        begins: StageBegins,
    ) -> str:
        driving = self._driving
        seen = await driving.drive(
            action.subject, want, is_open, waits, cut, _AS_COMMANDED, driving.patience_s, progress, begins
        )
        return seen if isinstance(seen, str) else ""

    async def stands(self, action: ActivityAction, want: SlotsWanted, waits: Waits, cut: asyncio.Event) -> Standing:
        seen = await self._driving.look_at(self._cycles.look(want), waits, cut)
        if isinstance(seen, str):
            return Standing("unknown", seen)
        return standing(action.subject, want, seen, commanded(self._cycles.memory()))

    async def all_stand(
        self, actions: Sequence[ActivityAction], want: SlotsWanted, waits: Waits, cut: asyncio.Event
    ) -> dict[str, Standing]:
        return {action.subject: await self.stands(action, want, waits, cut) for action in actions}
