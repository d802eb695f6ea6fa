"""Carry out the commands of an activity on a local domain (`controller.participants.forward` those that lead forward).

Level-based like everything else: a phase that was interrupted, by a crash or by a newer desired state, is begun again
and does only the work that is left. The domain's `Components` drive and judge each component.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Generic

from evenkeel.controller.participants.components import MOST_PROOFS, Components, Interrupted, Oversight, Want
from evenkeel.controller.participants.forward import Forward
from evenkeel.controller.participants.participant import Tell, Waits
from evenkeel.controller.participants.progress import Progress
from evenkeel.reconcilers.agents import activity as activities
from evenkeel.reconcilers.agents import closing
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Status


class Phases(Generic[Want]):
    """The commands of one domain, carried out. `cut` ends work that can be cut short, `stopping` is for good."""

    def __init__(
        self, components: Components[Want], cut: asyncio.Event, stopping: asyncio.Event, at_once: int = 3
    ) -> None:
        """`at_once`: the components at work side by side."""
        self._components, self._cut, self._stopping = components, cut, stopping
        self._forward = Forward(components, cut, at_once)

    async def carry_out(self, activity: Activity, tell: Tell) -> Activity | None:
        """See `Participant.carry_out`."""
        self._components.begin((activity.before if activity.command == "ROLLBACK" else activity.target).digest)
        try:
            match activity.command:
                case "ROLLBACK":
                    return await self._roll_back(activity, tell)
                case "CLEANUP":
                    return await self._clean_up(activity, tell, self._cut)
                case _:
                    return await self._forward.carry_out(activity, tell)
        except Interrupted:
            return None

    async def close(self, activity: Activity, waits: Waits) -> Activity | None:
        """See `Participant.close`. Only the stop of the controller cuts it short, or the activity would be left half done
        and forgotten. `waits`: called with the trouble that is waited out, for the commander of the successor."""
        cleaning = changed(activity, command="CLEANUP", addressed="")
        self._components.begin(activity.target.digest)

        def tell(now: Activity, status: Status) -> None:
            for action in now.actions if status == "CLEANUP" else ():
                if action.waits_for:
                    waits(f"{action.subject}: {action.waits_for}")

        try:
            return await self._clean_up(cleaning, tell, self._stopping)
        except Interrupted:
            return None

    async def confirm(self, activity: Activity, tell: Tell) -> Activity | None:
        """See `Participant.confirm`. Baselines may have been cleaned up long ago."""
        good = closing.confirmed_actions(activity)
        try:
            stands = await self._all_at_last(activity, good, tell)
        except Interrupted:
            if self._stopping.is_set():
                return None
            why = "something else was asked for before it could be looked at again"
            stands = dict.fromkeys((action.subject for action in good), Standing("unknown", why))
        if any(each.how == "pending" for each in stands.values()):
            return None
        for subject, each in stands.items():
            activity = activities.wait(activity, subject, "")
            if each.how == "unknown":
                activity = closing.leave_unconfirmed(activity, subject, each.why)
            elif not each.is_well:
                activity = closing.revoke(activity, subject, each.why)
        return activity

    async def _all_at_last(
        self, activity: Activity, good: Sequence[ActivityAction], tell: Tell
    ) -> Mapping[str, Standing]:
        """The standing of all good components by one look, after those that were taken down from outside were put up
        again. Components that are pending are told to wait for a reboot; after it they prove themselves."""
        want = self._components.wanted(activity)
        stands: Mapping[str, Standing] = {}
        for _ in range(MOST_PROOFS if good else 0):
            oversight = Oversight(Progress(good[0], tell, "CLEANUP", activity).waits, self._cut)
            stands = await self._components.standings(good, want, oversight)
            away = [action for action in good if stands[action.subject].how in ("away", "pending")]
            if not away:
                break
            for action in away:
                oversight = Oversight(Progress(action, tell, "CLEANUP", activity).waits, self._cut)
                stand = await self._forward.put_up(action, want, "CLEANUP", oversight)
                if stand.how == "pending":
                    if stand.why != action.waits_for:
                        oversight.waits(stand.why)
                    return {**stands, action.subject: stand}
        return stands

    async def _roll_back(self, activity: Activity, tell: Tell) -> Activity:
        """Restore the state before, component by component; one failure does not stop the others. Components that were
        not begun are compared with the state before, too, but reported only when that fails."""
        before = self._components.wanted_before(activity)
        subjects = {subject for baseline in activities.at_work(activity) for subject in baseline.subjects}
        actions = [action for action in activity.actions if action.subject in subjects]
        left = activities.to_roll_back(activity)
        told = [action for action in left if activities.is_rollback_told(activity, action)]
        if told:
            activity = activities.mark(activity, told[0].subject, "UPDATING")
            tell(activity, "ROLLBACK")
        await self._give_way(activity, left, before, tell, self._cut)
        well = True
        for action in left:
            if action in told[1:]:
                activity = activities.mark(activity, action.subject, "UPDATING")
                tell(activity, "ROLLBACK")
            oversight = Oversight(Progress(action, tell, "ROLLBACK", activity).waits, self._cut)
            why = await self._components.restore(action, before, oversight)
            well = well and not why
            if why:
                activity = activities.mark(activity, action.subject, "UPDATE_FAILURE", why)
            elif action in told:
                activity = activities.end_well(activity, action)
            if (why or action in told) and action.subject != actions[-1].subject:
                tell(activity, "ROLLBACK")
        activity = activities.finish(activity, well=well)
        tell(activity, "ROLLBACK_SUCCESS" if well else "ROLLBACK_FAILURE")
        return activity

    async def _clean_up(self, activity: Activity, tell: Tell, cut: asyncio.Event) -> Activity:
        """Remove replaced instances of components that were activated and are well, and unfinished instances of the
        others. An instance that replaced one that cannot be removed stays; cycles try the removal again."""
        want, before = self._components.wanted(activity), self._components.wanted_before(activity)
        activity, all_known = await self._judge_again(activity, want, tell, cut)
        undone = closing.unactivated_actions(activity)
        taken_back = {action.subject for action in undone}
        activity, well = await self._take_back(activity, undone, before, tell, cut)
        well = well and all_known
        for action in activities.to_do(activity):
            if action.subject in taken_back:
                continue
            oversight = Oversight(Progress(action, tell, "CLEANUP", activity).waits, cut)
            why = await self._components.drive(action, want, "CLEANUP", oversight)
            if not why:
                activity = activities.end_well(activity, action)
                continue
            well = False
            if action.kind == "destroy":
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", why)
            elif (stands := await self._components.standing(action, want, oversight)).is_well:
                activity = closing.keep_leftover(activity, action.subject, why)
            elif stands.how == "unknown":
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", stands.why)
            else:
                activity = closing.disprove(activity, action.subject, stands.why)
                activity, _ = await self._take_back(activity, [action], before, tell, cut)
        activity = activities.finish(activity, well=well)
        tell(activity, "CLEANUP_SUCCESS" if well else "CLEANUP_FAILURE")
        return activity

    async def _judge_again(
        self, activity: Activity, want: Want, tell: Tell, cut: asyncio.Event
    ) -> tuple[Activity, bool]:
        """Judge activated components again, because hours may have passed. A component that is unwell by its own fault,
        or cannot be put up again, counts as not activated: this is the last moment at which the replaced instance is
        still there. False when not all could be looked at."""
        all_known, activated = True, closing.activated_actions(activity)
        if not activated:
            return activity, all_known
        oversight = Oversight(Progress(activated[0], tell, "CLEANUP", activity).waits, cut)
        at_first = await self._components.standings(activated, want, oversight)
        for action in activated:
            stands = at_first[action.subject]
            if stands.is_well:
                continue
            oversight = Oversight(Progress(action, tell, "CLEANUP", activity).waits, cut)
            stands = await self._components.standing(action, want, oversight)
            if stands.how == "away":
                stands = await self._forward.put_up(action, want, "ACTIVATE", oversight)
            if stands.how == "unknown":
                all_known = False
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", stands.why)
            elif not stands.is_well:
                activity = closing.disprove(activity, action.subject, stands.why)
        return activity, all_known

    async def _take_back(
        self,
        activity: Activity,
        undone: Sequence[ActivityAction],
        before: Want,
        tell: Tell,
        cut: asyncio.Event,
    ) -> tuple[Activity, bool]:
        """Restore the state before these actions. False when one of them could not be taken back."""
        well, failed = True, closing.first_failure(activity)
        await self._give_way(activity, undone, before, tell, cut)
        for action in undone:
            oversight = Oversight(Progress(action, tell, "CLEANUP", activity).waits, cut)
            why = await self._components.restore(action, before, oversight)
            if why:
                well = False
                activity = activities.mark(activity, action.subject, "REMOVAL_FAILURE", why)
            else:
                activity = closing.take_back(activity, action.subject, failed)
        return activity, well

    async def _give_way(
        self,
        activity: Activity,
        actions: Sequence[ActivityAction],
        before: Want,
        tell: Tell,
        cut: asyncio.Event,
    ) -> None:
        """The first half of a way back, for all at once: two components may have exchanged an exclusive resource, such
        as a port. A failure here is repeated in the second half, and reported there."""
        status: Status = "ROLLBACK" if activity.command == "ROLLBACK" else "CLEANUP"
        for action in actions if len(actions) > 1 else ():
            oversight = Oversight(Progress(action, tell, status, activity).waits, cut)
            await self._components.restore(action, before, oversight, gives_way=True)
