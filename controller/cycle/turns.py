"""One turn of one domain: a look, a judgement, and at most one stage.

A turn gets its state from `controller.cycle.cycle`, which chooses it. From the look follow the progress of the domain,
the proof of new content, and the stage that may run now.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Generic

from evenkeel.controller.cycle.absences import Absences
from evenkeel.controller.cycle.ailments import Ailments
from evenkeel.controller.cycle.announcements import Announcements
from evenkeel.controller.cycle.beside import Beside
from evenkeel.controller.cycle.endings import STOPPED, Ending, Progressed, Retrying, Settled, Stalled
from evenkeel.controller.cycle.fetching import Fetching
from evenkeel.controller.cycle.leftovers import Leftovers
from evenkeel.controller.cycle.looks import Looks
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.cycle.sight import Aim, Hold, Run, Sight, is_overtaken
from evenkeel.controller.cycle.stage import StageLimits, StepProgress
from evenkeel.controller.cycle.stages import Stages
from evenkeel.controller.cycle.steps import Steps
from evenkeel.controller.cycle.trial import AGAIN_S, Renewed, Trial
from evenkeel.controller.cycle.wellbeing import Wellbeing
from evenkeel.controller.journal.journal import Journal, Role, at_once
from evenkeel.controller.process.stopping import unless
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.reconcilers.agents.in_force import reserved_subjects
from evenkeel.reconcilers.capabilities import instanced, tagged, watched
from evenkeel.reconcilers.counted import listed
from evenkeel.reconcilers.fold import at_most_cleans, blocked, blocked_subjects, set_aside
from evenkeel.reconcilers.gate import Go, gate, last_steps
from evenkeel.reconcilers.ports import Driver, Reconciler, Remembered, Seen, Want
from evenkeel.reconcilers.transaction.barrier import pending
from evenkeel.reconcilers.transaction.groups import has_groups
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.plan import NOTHING_DONE, OUTSTANDING, Difference, Phase, Plan, Stage


class Turns(Generic[Want, Seen, Remembered]):
    """The turns of one domain. Not reentrant: a domain is strictly serial."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        driver: Driver[Seen],
        journal: Journal,
        say: Callable[[Feedback], None],
        limits: StageLimits,
        tries: int,
        progress: StepProgress,
        transaction: Transaction,
    ) -> None:
        self._reconciler, self._journal, self._transaction = reconciler, journal, transaction
        self._watched, self._tagged, self._instanced = watched(reconciler), tagged(reconciler), instanced(reconciler)
        self.asks_afresh = False
        """Set to ask registries again at the next look, also where their answers are cached."""
        self.record = Record(reconciler.domain, reconciler.words, journal, say, transaction.verdict)
        self.memory = Remembering(reconciler, journal, self.record, transaction)
        self.looks, self._absences = Looks(driver, self.record), Absences()
        self.steps = Steps(driver, limits, self.memory)
        self.trial = Trial(reconciler, journal, self.record, self.memory, transaction)
        self.wellbeing = Wellbeing(reconciler, self.record)
        self.announced = Announcements(journal, self.record, partial(transaction.differing, reconciler.domain))
        self._leftovers, self._ailments = Leftovers(), Ailments(reconciler, driver, journal, self.steps)
        self.fetching = Fetching(reconciler.domain, journal, self.steps, transaction.groups, progress)
        done_by = self.record, self.steps, self.trial, self._leftovers, transaction, self.fetching
        self.stages = Stages(reconciler, journal, *done_by, tries, progress)
        told_by = self.record, self.memory, self.looks, self.wellbeing, self._ailments, self.announced
        self.beside = Beside(reconciler, journal, *told_by, self.stages)
        self._look: Look | None = None
        """The last look."""

    def look(self, want: Want | None) -> Look:
        """The look for a want; `None` for a look at everything that is there."""
        return self._reconciler.look(want, self.memory.memory())

    def look_here(self) -> Look:
        """The last look once more, at the engine alone."""
        return changed(self._look if self._look is not None else self.look(None), fresh=False, here_only=True)

    async def look_after_health(
        self,
        want: Want | None,
        asked: str,
        stopping: asyncio.Event,
        reserved: Collection[str] = (),
        failed: Collection[str] = (),
    ) -> Seen | None:
        """Report the health of all subjects without doing anything; the observation, `None` when the engine could not
        be asked. `want`: the subjects to look for; `None` for those of the last look. `asked`: the digest of the
        desired state. `reserved` and `failed`: as for `Wellbeing.tell`."""
        self._look = self.look(want) if want is not None else self._look
        seen = await self.looks.try_observe(self.look_here(), stopping)
        if seen is not None:
            ailing, _ = self.wellbeing.tell(seen, self.memory.memory(), reserved, failed)
            await self._ailments.listen(ailing, asked)
        return seen

    async def turn(self, aim: Aim, stopping: asyncio.Event) -> Ending | Hold:
        """One look, one judgement, one stage."""
        sight = await self._see(aim, stopping)
        if not isinstance(sight, Sight):
            return sight
        if aim.role == "desired" and aim.judges_all and self._hold_blocked(aim, sight.plan):
            return Progressed()
        renewed = self._tagged.renewed(sight.plan.differences, sight.seen, sight.memory)
        found = self._judge(sight, renewed)
        changing = _differing(found.plan if isinstance(found, Run) else sight.plan)
        waiting = changing if isinstance(found, Run) and found.stage.phase == Phase.DOWNLOAD else set[str]()
        self.beside.heads_for(aim.state, _differing(sight) - changing, waiting)
        if not isinstance(found, Run):
            return found
        last = last_steps(found.plan, found.stage)
        async with self.beside.at_work((changing - waiting).union(sight.reserved), last) as work:
            ending = await self.stages.of_a_turn(aim.role, aim.state, found, renewed, stopping, work.ended)
        if isinstance(ending, Retrying) and ending.phase != Phase.DOWNLOAD:  # nothing was disturbed, and a look follows
            await self.look_after_health(None, aim.asked, stopping, sight.reserved, ending.failed)
            self.wellbeing.hold_up()
        return ending

    async def _see(self, aim: Aim, stopping: asyncio.Event) -> Sight[Want, Seen, Remembered] | Ending:
        """Look, and state the health of all subjects. An ending where the engine could not be asked, or something newer
        came first."""
        journal, reconciler = self._journal, self._reconciler
        self.record.revision = aim.state.digest
        want = reconciler.select(aim.state)
        look = self._look = self.look_here() if aim.is_repair else changed(self.look(want), fresh=self.asks_afresh)
        self.asks_afresh = self.asks_afresh and aim.is_repair  # set meanwhile, it asks for another look
        try:
            seen = await unless(stopping, self.looks.observe(look))
        except (Unavailable, TimedOut, Refused) as error:
            self.asks_afresh |= look.fresh
            self.trial.blind()
            self._transaction.report_unseen(reconciler.domain, aim.state, error.message)
            if self._knows_something(aim.state):
                return Retrying(str(error), 0.0, None)
            self._transaction.stand_by(reconciler.domain, aim.state)
            return Settled()
        if seen is None:
            self.asks_afresh |= look.fresh
            self.trial.blind()
            return STOPPED
        if is_overtaken(aim, journal):  # the observation proves nothing about a newer aim
            return Progressed()
        if self._transaction.groups.see(reconciler.domain):
            return Progressed()
        self._forget_gone(seen)
        memory = self.trial.accept(want, seen)
        activity = journal.mailbox(reconciler.domain).activity()
        reserved = reserved_subjects(activity, aim.state) if activity is not None else frozenset()
        ailing, undecided = self.wellbeing.tell(seen, memory, reserved)
        await self._ailments.listen(ailing, aim.state.digest)
        if is_overtaken(aim, journal):
            return Progressed()
        differences = reconciler.diff(want, seen, memory)
        stuck = dict(aim.stuck or {})
        if aim.kept is not None:
            others = [each for each in differences if each.subject not in aim.kept]
            proofs = self._proofs([each for each in others if aim.proves], seen, memory)
            stuck = {each.subject: each.why for each in others if each.subject not in proofs} | stuck
        plan = self._plan(differences, seen, memory, reserved, stuck)
        if aim.judges_all:
            self.record.content(self._tagged.set_aside(want, seen, memory, self.record.set_aside()))
            steps = [step for stage in plan.stages for step in stage.steps]
            self._leftovers.keep(steps)
            await self.fetching.want(steps, aim.asked, is_part=aim.is_part)
        return Sight(aim, want, seen, memory, tuple(differences), plan, reserved, ailing, undecided)

    def _hold_blocked(self, aim: Aim, plan: Plan) -> bool:
        """Hold the groups in which something cannot be had, before anything is done for them; False when there is none that
        is not held yet. Work begun is not undone for a subject that only waits for one that is stuck."""
        goes_on = bool(aim.stuck) and self._transaction.has_begun(aim.state)
        blocked = blocked_subjects(plan) if has_groups(aim.state) and not goes_on else {}
        desired = self._journal.readable_revision("desired") if blocked else None
        return desired is not None and self._transaction.groups.hold(
            desired, self._reconciler.domain, blocked, "blocked"
        )

    async def blocked(
        self, state: DesiredState, stuck: Mapping[str, str], stopping: asyncio.Event
    ) -> Mapping[str, str] | None:
        """The subjects of a state that cannot be had now, while some are `stuck`, and why; `None` when the engine could not be
        asked."""
        want, memory = self._reconciler.select(state), self.memory.memory()
        seen = await self.looks.try_observe(changed(self.look(want), fresh=False), stopping)
        if seen is None:
            return None
        return blocked_subjects(self._plan(self._reconciler.diff(want, seen, memory), seen, memory, (), stuck))

    def _forget_gone(self, seen: Seen) -> None:
        before, now_s = self.memory.memory(), asyncio.get_running_loop().time()
        gone = self._absences.after_look(self._instanced.instances(before), self._instanced.present(seen), now_s)
        self.memory.keep(before, self._instanced.forgotten(before, gone) if gone else before)

    def _plan(
        self,
        differences: Sequence[Difference],
        seen: Seen,
        memory: Remembered,
        reserved: Collection[str],
        stuck: Mapping[str, str],
    ) -> Plan:
        mine = [set_aside(each, stuck) for each in differences if each.subject not in reserved]
        return self._reconciler.plan(mine, seen, memory, self.memory.former(mine))

    def _proofs(self, differences: Sequence[Difference], seen: Seen, memory: Remembered) -> set[str]:
        """The subjects of which nothing but a proof is outstanding."""
        outstanding = [each for each in differences if each.verb == OUTSTANDING]
        steps = [step for stage in self._plan(outstanding, seen, memory, (), {}).stages for step in stage.steps]
        more = {step.subject for step in steps if step.phase != Phase.VERIFY}
        return {step.subject for step in steps} - more

    def _judge(self, sight: Sight[Want, Seen, Remembered], renewed: Renewed) -> Run | Ending | Hold:
        """The judgement on a look: a stage that may run now, or the ending of the turn without one."""
        aim, seen, plan, undecided = sight.aim, sight.seen, sight.plan, sight.undecided
        state, is_repair, is_desired = aim.state, aim.is_repair, aim.role == "desired"
        found = gate(plan, (lambda step: step.phase != Phase.CLEANUP) if is_repair else self._leftovers.is_due)
        if sight.reserved_differing and not is_repair and not isinstance(found, Go):
            return self.record.waits(f"an open activity is about {', '.join(sight.reserved_differing)}")
        settled, ours = self._settled(sight)
        if is_desired or aim.judges_all:
            renewed_now = self._tagged.renewed(sight.differences, seen, sight.memory)
            self.trial.looked(state, seen, renewed_now, partial(self._sick, sight))
        if aim.judges_all:
            self._transaction.openings.report(self._reconciler.domain, state, plan)
            self._transaction.report_progress(self._reconciler.domain, state, pending(plan))
        is_last_good = self._journal.digest("last-good") == state.digest
        is_stuck = (bool(aim.stuck) and not aim.excuses) or is_repair
        is_blocked = bool(self._blocked(state, plan).difference(aim.stuck or ()))
        is_reached = is_desired and not sight.reserved_differing and not is_stuck and not is_blocked
        if not is_repair and (is_reached or is_last_good) and at_most_cleans(plan):
            text = self._how(sight, settled)
            unproven = self.trial.make_good(state, ours, seen, text, renewed)
            if unproven is not None:
                return unproven
        if isinstance(found, Go):
            return self._begin(sight, found.stage, renewed)
        if undecided and is_desired and not is_stuck and not is_blocked:
            return self.trial.wait_for_first_checks(undecided)
        is_other = bool(aim.stuck) or is_repair or aim.is_part
        return self._settle("last-good" if is_other else aim.role, aim, plan, settled)

    def _knows_something(self, state: DesiredState) -> bool:
        """Whether something is asked of the domain, or may be there: a revision that is desired no more has left instances."""
        is_unasked = self._transaction.is_unasked(self._reconciler.domain, state)
        return not is_unasked or bool(self._instanced.instances(self.memory.memory()))

    def _blocked(self, state: DesiredState, plan: Plan) -> set[str]:
        """The subjects that cannot be had, and that a state changes: it cannot be reached without them. Another one that cannot
        be had does not keep it from being good."""
        blocked, changes = set(blocked_subjects(plan)), self.trial.changes(state)
        return blocked if changes is None else blocked.intersection(changes)

    def _settled(self, sight: Sight[Want, Seen, Remembered]) -> tuple[Settled, dict[str, str]]:
        """The ending if the turn settles, and the subjects that are not well, with the reasons, without those that are
        left alone."""
        names = sight.want.subjects.keys()
        ailing = {name: each for name, each in sorted(sight.ailing.items()) if name in names}
        unwell = {name: each.why for name, each in ailing.items() if each.refutes}
        passing = {name: each.why for name, each in ailing.items() if each.is_passing}
        ended = tuple(name for name in self._watched.ended(sight.seen) if name in names)
        settled = Settled(self._leftovers.why, self._leftovers.due_in_s(), unwell | passing, ended)
        return settled, {name: why for name, why in unwell.items() if name not in sight.reserved}

    def _how(self, sight: Sight[Want, Seen, Remembered], settled: Settled) -> str:
        """How all is when a state is good, in words: not all of it need be there (`Cycles._go_on_without`)."""
        missing = sorted({*blocked_subjects(sight.plan), *(sight.aim.stuck or ())})
        return (
            f"what it changes is there and proven; as before, not as asked for: {listed(missing)}"
            if missing
            else settled.how
        )

    def _begin(self, sight: Sight[Want, Seen, Remembered], stage: Stage, renewed: Renewed) -> Run | Ending | Hold:
        """Begin a stage that the plan of the domain allows, if the revision and the other domains allow it, too."""
        aim, state, is_desired = sight.aim, sight.aim.state, sight.aim.role == "desired"
        disturbs = stage.phase != Phase.DOWNLOAD
        tried = renewed if stage.phase != Phase.CLEANUP else {}
        if is_desired and disturbs and sight.undecided and self.trial.is_new(state, tried):
            return Hold(sight.undecided, self._down(sight), AGAIN_S)
        why = self._transaction.reason_to_wait(self._reconciler.domain, state, stage.phase) if aim.judges_all else ""
        if not why and aim.judges_all and not disturbs:
            opened = self._transaction.openings.open_steps(self._reconciler.domain, state, stage)
            stage, why = (stage, opened) if isinstance(opened, str) else (opened, "")
        if why:
            return Hold(why, self._down(sight)) if is_desired else self._meanwhile(sight, why)
        if is_desired and disturbs:
            self._transaction.groups.begin(state)
        if disturbs and not aim.is_repair and self.trial.remember_found(sight.plan.differences, sight.seen):
            return Progressed()
        self.announced.announce(aim.role, state, sight.plan, is_repair=aim.is_repair)
        if disturbs and not aim.is_repair and (is_desired or self._journal.digest("last-good") == state.digest):
            self.trial.begin(state, self._sick(sight), sight.seen, tried)
        return Run(sight.plan, stage)

    def _sick(self, sight: Sight[Want, Seen, Remembered]) -> Collection[str]:
        """The subjects that are not well, or, where there is a state to go back to, do not run."""
        return {*sight.ailing, *(self._down(sight) if self._journal.digest("last-good") else ())}

    def _down(self, sight: Sight[Want, Seen, Remembered]) -> Collection[str]:
        return self._reconciler.down(sight.seen, sight.memory, sight.want.subjects)

    def _meanwhile(self, sight: Sight[Want, Seen, Remembered], why: str) -> Run | Ending:
        """Repair on the way back, while it waits for other domains: subjects that the way back does not change."""
        state = sight.aim.state
        changes = self._transaction.on_the_way(self._reconciler.domain, state)
        stuck = dict.fromkeys(changes, why)
        plan = self._plan(sight.differences, sight.seen, sight.memory, sight.reserved, stuck)
        found = gate(plan, self._leftovers.is_due)
        if isinstance(found, Go):
            self.announced.announce(sight.aim.role, state, plan, is_repair=True)
            return Run(plan, found.stage)
        return self.record.waits(why)

    @at_once
    def _settle(self, role: Role, aim: Aim, plan: Plan, settled: Settled) -> Ending:
        self.announced.over(role)
        self.memory.forget_switches()
        self.record.left_over(self._leftovers.why)
        why = blocked(plan)
        if role == "last-good":
            return Stalled(why, blocked_subjects(plan)) if why else settled
        if self._journal.digest("desired") != aim.asked:  # by another process, since the look
            return Progressed()
        if why:
            subjects = blocked_subjects(plan)
            groups = self._transaction.groups.of(self._reconciler.domain, subjects)
            return self.record.blocked(why, groups)._replace(blocked=subjects)
        if self._journal.attempts.of(aim.state.digest) is not None:
            self._journal.attempts.forgive(aim.state.digest)
        self.record.settled(settled.how)
        return settled


def _differing(work: Plan | Sight[Want, Seen, Remembered]) -> set[str]:
    """The subjects about which something is to be done."""
    return {each.subject for each in work.differences if each.verb not in NOTHING_DONE}
