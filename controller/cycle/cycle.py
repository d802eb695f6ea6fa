"""One cycle of one domain: observe, diff, plan, gate, run the first stage, fold.

Level-based: a cycle reads anew the whole of what it needs and does at most one stage; whatever happened before, also to
another process, shows in what it sees. Rollback is no second path: when the desired revision is in quarantine, last-good is
desired instead, and everything below this line is the same.

A cycle ends as exactly one of `Settled`, `Progressed`, `Waiting`, `Retrying`, `Stalled`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from typing import Generic

from evenkeel.controller.cycle.absences import Absences
from evenkeel.controller.cycle.ailments import Ailments
from evenkeel.controller.cycle.announcements import Announcements
from evenkeel.controller.cycle.as_found import AsFound
from evenkeel.controller.cycle.beside import Beside
from evenkeel.controller.cycle.endings import STOPPED, Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.leftovers import Leftovers
from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.proven import kept_text, proven_in, remember_proven
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.revisions import Renewed, Revisions
from evenkeel.controller.cycle.stage import Limits, StepProgress
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.cycle.stored import Stored
from evenkeel.controller.cycle.towards import Towards
from evenkeel.controller.cycle.wellbeing import Wellbeing
from evenkeel.controller.journal.journal import Journal, Role, at_once
from evenkeel.controller.journal.unreadable import set_aside_unreadable
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.agents.in_force import hands_off
from evenkeel.reconcilers.fold import GiveUp, GoOn, TryAgain, at_most_cleans, blocked, failures, fold, set_aside
from evenkeel.reconcilers.gate import Go, gate
from evenkeel.reconcilers.ports import Driver, Reconciler, Remembered, Seen, Want
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, differing
from evenkeel.specs.errors import EvenkeelError, JournalError, Refused, TimedOut, Unavailable
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.plan import NOTHING_DONE, Done, Phase, Plan, Retry, Stage

log = logging.getLogger(__name__)

_Whys = Mapping[str, str]
_Names = Collection[str] | None


class Cycles(Generic[Want, Seen, Remembered]):
    """The cycles of one domain. Not reentrant: a domain is strictly serial."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        driver: Driver[Seen],
        journal: Journal,
        say: Callable[[Feedback], None],
        limits: Limits | None = None,
        tries: int = 5,
        now: Now = system_now,
        progress: StepProgress = lambda step, message, done, total: None,
    ) -> None:
        """`tries`: how often a disturbing phase of a revision may fail before it is given up."""
        self._reconciler, self._driver, self._journal, self._say = reconciler, driver, journal, say
        self._record = Record(reconciler.domain, journal, say)
        self._tries, self._now, self._progress = tries, now, progress
        self.asks_afresh = False
        """Set by whoever wants registries asked again at the next look, whatever is known of them."""
        self._stored = Stored(journal, say)
        self._looks, self._absences = Looks(driver, self._record), Absences()
        self._leftovers, self._ailments = Leftovers(), Ailments(driver, journal)
        self._announced = Announcements(journal, self._record)
        self._memory = Remembering(reconciler, journal, self._record)
        self.steps = Steps(driver, limits or Limits(), self._memory)
        self._revisions = Revisions(reconciler, journal, self._record, self._memory)
        self._wellbeing = Wellbeing(reconciler, self._record)
        self._beside = Beside(self._looks, self._memory, self._wellbeing)
        self._as_found = AsFound(reconciler, self._looks, journal, self._record)
        self.towards = Towards(
            reconciler, journal, self._memory, self._record, self._beside, self.steps, progress, tries
        )
        """One subject's way towards what an activity asks for."""
        self._look: Look | None = None
        """What had to be found out last."""
        self._asked = ""
        """The digest of what was desired when the cycle began."""

    async def run(self, stopping: asyncio.Event) -> Ending:
        """One cycle. Raises JournalError, and nothing for what engines do."""
        self._record.begin()
        goes_on = False
        try:
            ending = await self._run(stopping)
            goes_on = isinstance(ending, Progressed)
        finally:
            if not goes_on:
                self._wellbeing.hold_up()
        return ending

    async def _run(self, stopping: asyncio.Event) -> Ending:
        journal = self._journal
        set_aside_unreadable(journal, self._say, self._now())
        try:
            desired = self._stored.revision("desired")
        except JournalError as error:
            self._asked = journal.digest("desired")
            return await self._without_plan(self._asked, error.message, stopping)
        if desired is None:
            self._record.condition("Settled", False, "NothingDesired", "nothing has been asked for yet")
            return Stalled("nothing has been asked for yet")
        self._asked = desired.digest
        self._wellbeing.in_force(desired, journal.readable_revision("last-good"))
        attempt = journal.attempts.of(desired.digest)
        if attempt is None or not attempt.failed:
            try:
                ending = await self._pass("desired", desired, stopping)
            except Exception as error:
                if isinstance(error, EvenkeelError):
                    raise
                return await self._without_plan(desired.digest, self.steps.broke(error), stopping, desired)
            if isinstance(ending, Retrying) and not ending.counts:
                return await self._go_on_without(desired, ending, stopping)
            if isinstance(ending, Retrying) and ending.failed:
                kept_up = self._last_good() or desired  # without a way back, what can run does
                is_same = kept_up.digest == desired.digest
                if is_same or ending.phase == Phase.DOWNLOAD:
                    await self._keep_up(desired, kept_up, ending.failed if is_same else {}, ending.why, stopping)
            return ending
        self._announced.over("desired")  # a retry begins it anew
        good = self._last_good()
        if good is None and journal.digest("last-good"):
            good = await self._as_found.instead(stopping)
        if good is None or good.digest == desired.digest:
            return await self._stand(desired, attempt.why, stopping)
        self._wellbeing.in_force(good, good)
        self._revisions.on_the_way_back(good)
        ending = await self._pass("last-good", good, stopping)
        match ending:
            case Settled():
                return self._revisions.go_back(good, attempt.why, ending)
            case Stalled(why=why):
                return self._revisions.block(f"{why}; on the way back to last-good, because {attempt.why}")
            case Retrying(why=why, failed=failed) if failed:
                await self._keep_up(good, good, failed, why, stopping)
        return ending

    async def observe(self, look: Look) -> Seen:
        """One look at the engine. Whether the engine answers is recorded. Raises Unavailable, TimedOut or Refused when it
        cannot be asked."""
        return await self._looks.observe(look)

    async def look_beside(self) -> None:
        """The engine says that something has happened: while steps take long, tell how those are whom they are not about."""
        await self._beside.look(self._look_here())

    def late(self) -> str:
        """Who has not answered a look, and for how long; "" while none is late."""
        return self._looks.late()

    def look(self, want: Want | None) -> Look:
        """What has to be found out for a want; `None` when only what is there matters."""
        return self._reconciler.look(want, self.memory())

    def _look_here(self) -> Look:
        """The last look once more, at the engine alone."""
        return changed(self._look if self._look is not None else self.look(None), fresh=False, here_only=True)

    def memory(self) -> Remembered:
        """What is remembered of the domain, and planning needs."""
        return self._memory.memory()

    async def hold(self, stopping: asyncio.Event) -> None:
        """Nobody knows what is in force: what runs now is, as it is found."""
        await self._as_found.hold(stopping)

    def about(self, revision: str) -> None:
        """What is done from now on is done for this revision."""
        self._record.revision = revision

    async def _without_plan(
        self, digest: str, why: str, stopping: asyncio.Event, desired: DesiredState | None = None
    ) -> Ending:
        """What is desired cannot be read, or deciding about it broke. Nothing is done for it; last-good is kept up. Once
        something of `desired` was begun, what the two ask for differently is left as it is, so that nothing is torn down and
        built up at each try; and where deciding about last-good does not break, this was one of the tries of `desired`."""
        self._wellbeing.hold_up()
        good = self._last_good()
        found = await self._as_found.look(stopping) if good is None and desired is None else None
        good = good or found  # nothing else tells what is in force
        if good is None or (good.digest == digest and found is None):
            self._record.condition("Settled", False, "Retrying", why)
            await self._look_after_health(stopping)
            return Retrying(why, 0.0, None)
        if desired is None:
            self._wellbeing.in_force(good, good)
        begun = desired is not None and self._journal.attempts.sick_before(digest, self._reconciler.domain) is not None
        stuck = dict.fromkeys(differing(desired, good), why) if begun and desired is not None else {}
        kept_up = await self._keep_up(desired or good, good, stuck, why, stopping)
        if desired is None and kept_up is not None:  # no try reads more of it
            return kept_up if isinstance(kept_up, Retrying) else Stalled(why)
        if not begun or desired is None or kept_up is None:
            return Retrying(why, 0.0, None)
        return self._revisions.broke(desired, why, self._tries)

    async def _go_on_without(self, desired: DesiredState, broke: Retrying, stopping: asyncio.Event) -> Ending:
        """evenkeel itself broke at subjects that the revision does not change: all else of it goes on and is judged."""
        ending: Ending = Progressed()
        while isinstance(ending, Progressed) and not stopping.is_set():
            attempt = self._journal.attempts.of(desired.digest)
            if self._journal.digest("desired") != self._asked or (attempt is not None and attempt.failed):
                return ending
            ending = await self._pass("desired", desired, stopping, broke.failed)
        if isinstance(ending, Retrying):
            return ending
        self._record.condition("Settled", False, "Retrying", broke.why)
        return broke

    def _last_good(self) -> DesiredState | None:
        """The state to go back to; `None` when it cannot be read, which is told."""
        try:
            return self._stored.revision("last-good")
        except JournalError:
            return None

    async def _look_after_health(self, stopping: asyncio.Event) -> Seen | None:
        """Nothing is done, but how those are that are there is told all the same: what was seen, `None` when nobody could."""
        try:
            seen = await unless(stopping, self.observe(self._look_here()))
        except (Unavailable, TimedOut, Refused):
            return None
        if seen is not None:
            ailing, _ = self._wellbeing.tell(seen, self.memory())
            await self._ailments.listen(ailing, self._asked, self.steps.broke)
        return seen

    async def _keep_up(
        self,
        aim: DesiredState,
        good: DesiredState,
        stuck: _Whys,
        why: str,
        stopping: asyncio.Event,
        kept: _Names = None,
    ) -> Ending | None:
        """While something fails on the way to `aim`, everything else of last-good is kept repaired, as far as it needs
        nothing of what is `stuck`: one container that cannot be had must not keep another one down. `None` when nobody could
        look, or something newer came first."""
        ending: Ending | None = None
        before = self._journal.digest("last-good")
        while not stopping.is_set() and self._journal.digest("desired") == self._asked:
            if self._journal.digest("last-good") != before:  # what was adopted is part of it now
                before, good = self._journal.digest("last-good"), self._last_good() or good
            ending = await self._pass("last-good", good, stopping, stuck, kept)
            if isinstance(ending, Retrying) and not stuck.keys() >= ending.failed.keys():
                stuck = {**ending.failed, **stuck}
            elif not isinstance(ending, Progressed):
                break
        self._record.revision = aim.digest
        self._record.condition("Settled", False, "Retrying", why)
        return None if isinstance(ending, Retrying) and ending.phase is None else ending

    async def _repair(
        self, aim: DesiredState, state: DesiredState, kept: Collection[str], stopping: asyncio.Event
    ) -> Ending:
        """While nothing else is done for `aim`: only those of `state` that are `kept` are repaired."""
        ending = await self._pass("last-good", state, stopping, {}, kept)
        if isinstance(ending, Retrying) and ending.failed:
            await self._keep_up(aim, state, ending.failed, ending.why, stopping, kept)
        self._record.revision = aim.digest
        return ending

    async def _stand(self, failed: DesiredState, why: str, stopping: asyncio.Event) -> Ending:
        """There is nothing to go back to from what has failed: what was proven in it is kept up, and nothing else is tried."""
        proven = proven_in(self._journal, failed.digest)
        self._look = self.look(self._reconciler.select(failed))
        self._wellbeing.in_force(failed, proven)
        ending: Ending = Stalled(why)
        if proven is not None and proven.documents:
            ending = await self._repair(failed, failed, proven.containers(), stopping)
        elif (seen := await self._look_after_health(stopping)) is not None and proven is None:
            remember_proven(self._journal, self._reconciler, failed, seen)
            return Progressed()
        if not isinstance(ending, Progressed):
            text = f"{why}; there is no last-good state to go back to; {kept_text(proven)}"
            self._record.condition("Settled", False, "RevisionFailed", text)
        return ending if isinstance(ending, Progressed | Retrying) else Stalled(why)

    async def _wait_for_first_checks(
        self, state: DesiredState, undecided: str, down: Collection[str], stopping: asyncio.Event
    ) -> Ending:
        """The revision waits, but no repair does. What it changes is left as it is, unless it is `down`."""
        waiting, good = self._revisions.wait_for_first_checks(undecided), self._last_good()
        if good is None:
            return waiting
        kept = good.containers().keys() - set(differing(state, good)).difference(down)
        ending = await self._repair(state, good, kept, stopping)
        if isinstance(ending, Retrying):
            return Retrying(ending.why, ending.after_s, None)
        if isinstance(ending, Progressed):
            return ending
        return self._revisions.wait_for_first_checks(undecided)

    async def _pass(
        self, role: Role, state: DesiredState, stopping: asyncio.Event, stuck: _Whys | None = None, kept: _Names = None
    ) -> Ending:
        """Towards one state by one stage; nothing is done about the subjects that are `stuck`. With `kept` these alone are
        repaired, by what the engine has: no registry is asked, and nothing is removed."""
        journal, reconciler = self._journal, self._reconciler
        self._record.revision = state.digest
        want = reconciler.select(state)
        is_repair = kept is not None
        look = self._look = self._look_here() if is_repair else changed(self.look(want), fresh=self.asks_afresh)
        try:
            seen = await unless(stopping, self.observe(look))
        except (Unavailable, TimedOut, Refused) as error:
            self._revisions.blind()
            return Retrying(str(error), 0.0, None)
        if seen is None:
            self._revisions.blind()
            return STOPPED
        self.asks_afresh = self.asks_afresh and is_repair
        if journal.digest("desired") != self._asked:  # what was seen proves nothing about what was asked for meanwhile
            return Progressed()
        now_s = asyncio.get_running_loop().time()
        before = self.memory()
        gone = self._absences.gone(reconciler.known(before), reconciler.present(seen), now_s)
        self._memory.keep(before, reconciler.forgotten(before, gone) if gone else before)
        memory = self._revisions.accept(want, seen)
        activity = journal.mail.activity()
        left_alone = hands_off(activity, state) if activity is not None else frozenset()
        ailing, undecided = self._wellbeing.tell(seen, memory, left_alone)
        await self._ailments.listen(ailing, state.digest, self.steps.broke)
        if journal.digest("desired") != self._asked:
            return Progressed()
        differences = reconciler.diff(want, seen, memory)
        if kept is not None:
            stuck = {each.subject: each.why for each in differences if each.subject not in kept} | dict(stuck or {})
        mine = [
            set_aside(difference, stuck or {}) for difference in differences if difference.subject not in left_alone
        ]
        plan = reconciler.plan(mine, seen, memory, self._memory.former(mine))
        if stuck is None:
            self._record.content(reconciler.set_aside(want, seen, memory, self._record.set_aside()))
            self._leftovers.keep(step for stage in plan.stages for step in stage.steps)
        found = gate(plan, self._leftovers.is_due if not is_repair else lambda step: step.phase != Phase.CLEANUP)
        left = [each.subject for each in differences if each.subject in left_alone and each.verb != "keep"]
        if left and not is_repair and not isinstance(found, Go):
            why = f"an open activity is about {', '.join(left)}"
            self._record.condition("Settled", False, "Waiting", why)
            return Waiting(why)
        names = state.containers().keys()
        unwell = {name: each.why for name, each in sorted(ailing.items()) if name in names and each.refutes}
        ours = {name: why for name, why in unwell.items() if name not in left_alone}
        passing = {name: each.why for name, each in ailing.items() if name in names and each.is_passing}
        ended = tuple(name for name in reconciler.ended(seen) if name in names)
        settled = Settled(self._leftovers.why, self._leftovers.due_in_s(), unwell | passing, ended)
        if role == "desired" or stuck is None:
            self._revisions.looked(state, seen, reconciler.renewed(differences, seen, memory))
        is_last_good = journal.digest("last-good") == state.digest
        renewed = reconciler.renewed(plan.differences, seen, memory)
        is_reached = role == "desired" and not left and not stuck and not blocked(plan)
        if not is_repair and (is_reached or is_last_good) and at_most_cleans(plan):
            unproven = self._revisions.make_good(state, ours, seen, settled.how, renewed)
            if unproven is not None:
                return unproven
        if isinstance(found, Go):
            disturbs = found.stage.phase != Phase.DOWNLOAD
            tried = renewed if found.stage.phase != Phase.CLEANUP else {}
            if role == "desired" and disturbs and undecided and self._revisions.is_new(state, tried):
                down = reconciler.down(seen, memory, state.containers())
                return await self._wait_for_first_checks(state, undecided, down, stopping)
            if disturbs and not is_repair and self._revisions.remember_found(plan.differences, seen):
                return Progressed()
            self._announced.announce(role, state, plan, is_repair=is_repair)
            if disturbs and not is_repair and (role == "desired" or is_last_good):
                self._revisions.begin(state, ailing, seen, tried)
            changing = {each.subject for each in plan.differences if each.verb not in NOTHING_DONE}
            with self._beside.at_work(changing.union(left_alone)):
                ending = await self._run_stage(role, state, found.stage, renewed, stopping)
            if isinstance(ending, Retrying):
                self._wellbeing.tell(seen, memory, left_alone, ending.failed)
                self._wellbeing.hold_up()
            return ending
        if undecided and role == "desired" and not stuck and not blocked(plan):
            return self._revisions.wait_for_first_checks(undecided)
        return self._settle("last-good" if stuck else role, plan, settled)

    @at_once
    def _settle(self, role: Role, plan: Plan, settled: Settled) -> Ending:
        self._announced.over(role)
        self._memory.forget_switches()
        self._record.left_over(self._leftovers.why)
        why = blocked(plan)
        if role == "last-good":
            return Stalled(why) if why else settled
        if self._journal.digest("desired") != self._asked:  # by another process, since the look
            return Progressed()
        if why:
            return self._revisions.block(why)
        if self._journal.attempts.of(self._record.revision) is not None:
            self._journal.attempts.forgive(self._record.revision)
        self._record.settled(settled.how)
        return settled

    async def _run_stage(
        self, role: Role, state: DesiredState, stage: Stage, renewed: Renewed, stopping: asyncio.Event
    ) -> Ending:
        outcomes = await self.steps.perform(stage, stopping, self._progress)
        if stage.phase in (Phase.UPDATE, Phase.ACTIVATE):
            self._revisions.disturbed()
        if stage.phase == Phase.VERIFY:
            self._revisions.proved([step.subject for step in stage.steps if isinstance(outcomes.get(step.id), Done)])
        if stage.phase == Phase.CLEANUP:
            self._leftovers.note(stage.steps, outcomes)
            return Progressed()
        attempt, good = self._journal.attempts.of(state.digest), self._journal.digest("last-good")
        is_last_good = role == "last-good" or good == state.digest
        decision = fold(
            stage,
            outcomes,
            failures=attempt.failures if attempt else 0,
            tries=self._tries,
            is_last_good=is_last_good,
            has_way_back=bool(good),
            changes=self._revisions.changes(state)
            if any(isinstance(o, Retry) and o.defect for o in outcomes.values())
            else None,
        )
        match decision:
            case GoOn():
                return Progressed()
            case TryAgain(why=why, after_s=after_s, counts=counts):
                if is_last_good and self._revisions.reject(stage, outcomes, renewed, self._tries):
                    return Progressed()
                if stage.phase != Phase.DOWNLOAD and not is_last_good and counts:  # the others are tried for ever
                    self._journal.attempts.count(state.digest, why)
                self._record.condition("Settled", False, "Retrying", why)
                return Retrying(why, after_s, stage.phase, failures(stage, outcomes), counts)
            case GiveUp(why=why):
                return self._revisions.give_up(state, why)
