"""The one component of the slots domain: the operating system, driven and judged.

A verdict comes from a look (`reconcilers.slots.standing`), never from the steps that were performed. After ACTIVATE the
system is pending: the new slot boots next. The reboot comes after the clean-up, because that is when an update manager
does it. Until the new system has proven itself the activity has no end.
"""

from __future__ import annotations

from collections.abc import Sequence

from evenkeel.controller.participants.components import Oversight
from evenkeel.controller.participants.driving import View
from evenkeel.controller.participants.slots.conduct import SlotsCycles, SlotsDriving
from evenkeel.reconcilers.gate import IsOpen
from evenkeel.reconcilers.slots.commanded import at_the_end, leads_back, opens
from evenkeel.reconcilers.slots.select import SlotsWanted, as_commanded, select
from evenkeel.reconcilers.slots.standing import commanded, standing
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import BUNDLES

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
        return as_commanded(select(activity.before))

    async def drive(self, action: ActivityAction, want: SlotsWanted, command: Command, oversight: Oversight) -> str:
        return await self._drive(action.subject, want, opens(command), oversight)

    async def fetch(self, action: ActivityAction, want: SlotsWanted, oversight: Oversight) -> tuple[str, str]:
        return "", await self._drive(action.subject, want, opens("DOWNLOAD"), oversight)

    async def put_up(
        self, action: ActivityAction, want: SlotsWanted, command: Command, oversight: Oversight
    ) -> tuple[str, Standing]:
        """See `Components.put_up`. After the clean-up that is the reboot, and the proof of the new system."""
        is_open = at_the_end if command == "CLEANUP" else opens(command)
        why = await self._drive(action.subject, want, is_open, oversight)
        return why, await self.standing(action, want, oversight)

    async def restore(
        self, action: ActivityAction, before: SlotsWanted, oversight: Oversight, *, gives_way: bool = False
    ) -> str:
        """See `Components.restore`. The bundle goes, too: one that was refused would be taken for the next try."""
        why = await self._drive(action.subject, before, leads_back, oversight)
        return why or await self._drive(BUNDLES, before, leads_back, oversight)

    async def _drive(self, subject: str, want: SlotsWanted, is_open: IsOpen, oversight: Oversight) -> str:
        driving = self._driving
        seen = await driving.drive(subject, want, is_open, _AS_COMMANDED, driving.patience_s, oversight)
        return seen if isinstance(seen, str) else ""

    async def standing(self, action: ActivityAction, want: SlotsWanted, oversight: Oversight) -> Standing:
        seen = await self._driving.look_at(self._cycles.look(want), oversight)
        if isinstance(seen, str):
            return Standing("unknown", seen)
        return standing(action.subject, want, seen, commanded(self._cycles.memory()))

    async def standings(
        self, actions: Sequence[ActivityAction], want: SlotsWanted, oversight: Oversight
    ) -> dict[str, Standing]:
        return {action.subject: await self.standing(action, want, oversight) for action in actions}
