"""One cycle of one domain: the choice of its state, a turn towards it (`controller.cycle.turns`), and further repair.

Level-based: a cycle reads all of its input anew. Its look shows all that happened before, also to another process.
Rollback is no second path: when the desired revision is in quarantine, last-good is desired instead, and everything
else is the same.

A cycle ends as exactly one of `Settled`, `Progressed`, `Waiting`, `Retrying`, `Stalled`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Generic

from evenkeel.controller.cycle.as_found import AsFound
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.idle import is_idle
from evenkeel.controller.cycle.safeguards import Safeguards
from evenkeel.controller.cycle.sight import Aim
from evenkeel.controller.cycle.stage import StageLimits, StepProgress
from evenkeel.controller.cycle.stored import Stored
from evenkeel.controller.cycle.towards import Towards
from evenkeel.controller.cycle.turns import Turns
from evenkeel.controller.cycle.upkeep import Upkeep
from evenkeel.controller.journal.journal import Journal, Role, at_once
from evenkeel.controller.journal.unreadable import set_aside_unreadable
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.transaction.groups import Aimed
from evenkeel.controller.transaction.member import Member
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.reconcilers.capabilities import opening
from evenkeel.reconcilers.counted import listed
from evenkeel.reconcilers.ports import Driver, Reconciler, Remembered, Seen, Want
from evenkeel.reconcilers.transaction.groups import group_text, has_groups
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import EvenkeelError, JournalError
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Phase


class Cycles(Generic[Want, Seen, Remembered]):
    """The cycles of one domain. Not reentrant: a domain is strictly serial."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        driver: Driver[Seen],
        journal: Journal,
        say: Callable[[Feedback], None],
        limits: StageLimits | None = None,
        tries: int = 5,
        now: Now = system_now,
        progress: StepProgress = lambda step, message, done, total: None,
        transaction: Transaction | None = None,
        rank: int = 0,
        wake: Callable[[], object] = lambda: None,
        interrupt: Callable[[], object] = lambda: None,
    ) -> None:
        """`tries`: how often a disturbing phase of a revision may fail before the revision is given up. `transaction`:
        the transaction of the device, where other domains take part in it; `rank`: the place of this domain in it;
        `wake` and `interrupt`: as in `Member`."""
        self._reconciler, self._journal, self._say = reconciler, journal, say
        self._transaction = transaction or Transaction(journal)
        self._turns = turns = Turns(
            reconciler, driver, journal, say, limits or StageLimits(), tries, progress, self._transaction
        )
        self._transaction.join(
            Member(
                reconciler.domain,
                rank,
                reconciler.select,
                wake,
                interrupt,
                lambda: turns.stages.only_watches,
                lambda state: opening(reconciler).opened(reconciler.select(state)),
            )
        )
        self._record, self._trial, self._wellbeing = turns.record, turns.trial, turns.wellbeing
        self.steps, self._now = turns.steps, now
        self._stored = Stored(journal, say)
        self._as_found = AsFound(reconciler, turns.looks, journal, turns.record, self._transaction)
        self._upkeep = Upkeep(reconciler, journal, turns, self._stored, self._as_found, self._transaction, tries)
        self._safeguards = Safeguards(
            reconciler, journal, turns.memory, turns.looks, turns.record, turns.steps, progress
        )
        self.towards = Towards(
            reconciler, journal, turns.memory, turns.record, turns.beside, turns.steps, turns.fetching, progress
        )
        """The way of single subjects towards the state that an activity asks for."""

    async def run(self, stopping: asyncio.Event) -> Ending:
        """One cycle. Raises JournalError; errors of engines are endings."""
        self._record.begin()
        goes_on = waits = False
        try:
            ending = await self._run(stopping)
            goes_on, waits = isinstance(ending, Progressed), isinstance(ending, Waiting)
        except Exception:
            self._transaction.report_defect(self._reconciler.domain)
            raise
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            if not goes_on:
                self._wellbeing.hold_up(waits=waits)
        return ending

    async def close(self) -> None:
        """End what is fetched beside cycles."""
        await self._turns.fetching.close()

    @property
    def fetched_beside(self) -> frozenset[str]:
        """The ids of the steps that fetch, or wait for a place, while no cycle waits for them."""
        return self._turns.fetching.beside

    async def _run(self, stopping: asyncio.Event) -> Ending:
        journal = self._journal
        set_aside_unreadable(journal, self._reconciler.domain, self._say, self._now())
        try:
            desired = self._stored.revision("desired")
        except JournalError as error:
            self._upkeep.asked = journal.digest("desired")
            if (guarding := await self._safeguards.keep(None, stopping)) is not None:
                return guarding
            return await self._upkeep.without_plan(self._upkeep.asked, error.message, stopping)
        if desired is None:
            await self._turns.fetching.want((), "", is_part=False)
            self._record.settled_is(False, "NothingDesired", "nothing has been asked for yet")
        if (guarding := await self._safeguards.keep(desired, stopping)) is not None:
            return guarding
        if desired is None:
            return Stalled("nothing has been asked for yet")
        self._upkeep.asked = desired.digest
        if is_idle(self._reconciler, journal, desired, self._upkeep.last_good):
            await self._turns.fetching.want((), desired.digest, is_part=False)
            self._transaction.idle(self._reconciler.domain, desired)
            self._record.idle()
            return Settled()
        self._transaction.busy(self._reconciler.domain)
        self._wellbeing.in_force(desired, journal.readable_revision("last-good"))
        attempt = journal.attempts.of(desired.digest)
        if attempt is None or not attempt.failed:
            self._transaction.groups.preconditions.judge(desired)
            aimed = self._transaction.groups.aim(desired)
            if aimed.failed or aimed.held:
                return await self._in_part(desired, aimed, stopping)
            if self._journal.digest("part"):
                self._journal.drop("part")
            try:
                ending = await self._pass("desired", desired, stopping)
            except Exception as error:
                if isinstance(error, EvenkeelError):
                    raise
                return await self._upkeep.without_plan(desired.digest, self.steps.broke(error), stopping, desired)
            return await self._further(desired, Aim("desired", desired, self._upkeep.asked), ending, stopping)
        self._turns.announced.over("desired")  # a retry announces it anew
        good = self._upkeep.last_good()
        if good is None and journal.digest("last-good"):
            good = await self._as_found.instead(stopping)
        if good is None or good.digest == desired.digest:
            return await self._upkeep.stand(desired, attempt.why, stopping)
        self._wellbeing.in_force(good, good)
        if self._record.is_back():
            self._transaction.know_back(good)
        ending = await self._pass("last-good", good, stopping)
        match ending:
            case Settled():
                missing = self._transaction.go_back(self._reconciler.domain, good, attempt.why, self._record)
                return Waiting(missing) if missing else Stalled(attempt.why)
            case Stalled(why=why):
                return self._record.blocked(f"{why}; on the way back to last-good, because {attempt.why}")
            case Retrying(why=why, failed=failed) if failed:
                await self._upkeep.keep_up(good, good, failed, why, stopping)
        return ending

    async def _further(self, desired: DesiredState, aim: Aim, ending: Ending, stopping: asyncio.Event) -> Ending:
        """The ending after a turn towards the desired state, or all of it but for some groups: others go on without what
        cannot be had now, or last-good is kept up while nothing was disturbed."""
        if isinstance(ending, Retrying) and not ending.counts:
            return await self._go_on_without(desired, aim, ending, stopping)
        if self._goes_on(desired, ending):
            return Progressed()
        if isinstance(ending, Retrying) and ending.failed:
            good = self._upkeep.last_good()
            if good is None and has_groups(aim.state):
                return ending  # a group is there as a whole, or not at all
            kept_up = good or aim.state  # without a way back, every subject that can run does
            is_same, begun = kept_up.digest == aim.state.digest, self._sick_before(aim.state) is not None
            if is_same or (ending.phase == Phase.DOWNLOAD and not begun):
                stuck = ending.failed if is_same else {}
                await self._upkeep.keep_up(aim.state, kept_up, stuck, ending.why, stopping)
        return ending

    def _goes_on(self, desired: DesiredState, ending: Ending) -> bool:
        """Whether there are groups that need not wait for those that could not be fetched, or cannot be had."""
        domain = self._reconciler.domain
        match ending:
            case Retrying(phase=Phase.DOWNLOAD, failed=failed):
                return self._transaction.groups.hold(desired, domain, failed, "unfetched")
            case Stalled(blocked=blocked) if blocked:
                return self._transaction.groups.hold(desired, domain, blocked, "blocked")
            case _:
                return False

    async def _in_part(self, desired: DesiredState, aimed: Aimed, stopping: asyncio.Event) -> Ending:
        """Some groups of the desired state have failed, or are held: keep up their good state; converge on the others."""
        state, good, domain = aimed.state, self._journal.digest("last-good"), self._reconciler.domain
        self._aim_at_part(desired, aimed)
        self._wellbeing.in_force(state, self._journal.readable_revision("last-good"))
        if self._record.is_back():
            self._transaction.know_back(state)
        role: Role = "last-good" if state.digest == good else "desired"
        aim = Aim(role, state, self._upkeep.asked, is_part=True)
        ending = await self._further(desired, aim, await self._upkeep.turn(aim, stopping), stopping)
        match ending:
            case Settled() if aimed.held:
                if self._transaction.groups.let_go():
                    self._record.settled_is(False, "Retrying", aimed.why)
                    return Retrying(aimed.why, 0.0, Phase.DOWNLOAD)
                if await self._frees(desired, {}, stopping):
                    return Progressed()
                if self._transaction.groups.is_waiting(desired.digest):
                    return self._record.waits(aimed.why)
                return self._record.blocked(aimed.why)
            case Settled():
                missing = self._transaction.go_back(domain, state, aimed.why, self._record, aimed.groups)
                return Waiting(missing) if missing else Stalled(aimed.why)
            case Stalled(why=why, blocked=blocked):
                groups = self._transaction.groups.of(domain, blocked)
                return self._record.blocked(f"{why}; beside that, {aimed.why}", groups)
            case Retrying(why=why, failed=stuck):
                beside = "" if self._transaction.groups.waits_for(domain) else f"; beside that, {aimed.why}"
                self._record.settled_is(False, "Retrying", f"{why}{beside}")
                if role == "last-good" and not self._transaction.groups.let_go():  # what is held need not wait for that
                    await self._frees(desired, stuck, stopping)
                return ending
            case Progressed() | Waiting():
                return ending

    async def _frees(self, desired: DesiredState, stuck: Mapping[str, str], stopping: asyncio.Event) -> bool:
        """Whether groups could not be had in this domain and can be now, while subjects are `stuck`: they are held no more."""
        groups, domain = self._transaction.groups, self._reconciler.domain
        blocked = await self._turns.blocked(desired, stuck, stopping) if groups.blocks(domain) else None
        return blocked is not None and groups.free(desired, domain, blocked)

    @at_once
    def _aim_at_part(self, desired: DesiredState, aimed: Aimed) -> None:
        """All domains are on their way to this part of what is desired. Work begun for groups that are held goes back; the
        first domain that knows tells it."""
        origin = self._journal.origin("part")
        is_known = origin is not None and origin.source == desired.digest
        before = (self._journal.readable_revision("part") if is_known else None) or desired
        has_begun = before.digest != aimed.state.digest and self._transaction.has_begun(before)
        undone = self._transaction.groups.undone(desired, before, aimed) if has_begun else {}
        for group, names in undone.items():
            why = {**aimed.along, **aimed.held}[group]
            text = f"{group_text(group)} is held, and what was begun of it goes back: {listed(names)}; {why}"
            self._record.say("rolling-back", text)
        self._journal.put("part", aimed.state, desired.digest)

    async def observe(self, look: Look) -> Seen:
        """One look at the engine. Records whether the engine answers. Raises Unavailable, TimedOut or Refused when it
        cannot be asked."""
        return await self._turns.looks.observe(look)

    async def look_beside(self) -> float | None:
        """A nudge of the engine: while steps take long, report the health of the subjects that they do not change, and repair
        those that drifted. The seconds after which a repair that has failed is tried again; `None` when there is none."""
        return await self._turns.beside.look(self._turns.look_here)

    def late(self) -> str:
        """The part of the world that has not answered a look, and for how long; "" while none is late."""
        return self._turns.looks.late()

    def look(self, want: Want | None) -> Look:
        """The look for a want; `None` for a look at everything that is there."""
        return self._turns.look(want)

    def ask_afresh(self) -> None:
        """Ask registries again at the next look, also where their answers are cached."""
        self._turns.asks_afresh = True

    def memory(self) -> Remembered:
        """The memory of the domain, as planning needs it."""
        return self._turns.memory.memory()

    async def hold(self, stopping: asyncio.Event) -> None:
        """Put the running subjects in force, where no stored state can tell what is in force."""
        await self._as_found.hold(stopping)

    def set_revision(self, revision: str) -> None:
        """Label further feedback with this revision."""
        self._record.revision = revision

    async def _go_on_without(self, desired: DesiredState, aim: Aim, left: Retrying, stopping: asyncio.Event) -> Ending:
        """Subjects have failed for which the revision is not to blame (`fold`): all its other subjects go on and are
        judged. Where these were not well before, the revision may be good without them."""
        ending: Ending = Progressed()
        stuck = dict(left.failed)
        while isinstance(ending, Progressed) and not stopping.is_set():
            if not self._is_aim(desired, aim.state):
                return ending
            sick = self._sick_before(aim.state)
            excuses = sick is None or stuck.keys() <= sick
            ending = await self._upkeep.turn(aim._replace(stuck=stuck, excuses=excuses), stopping)
            if isinstance(ending, Retrying) and not ending.counts and ending.failed.keys() - stuck.keys():
                stuck, ending = {**ending.failed, **stuck}, Progressed()
        if isinstance(ending, Retrying):
            return ending
        self._record.settled_is(False, "Retrying", left.why)
        return left

    def _is_aim(self, desired: DesiredState, state: DesiredState) -> bool:
        """Whether a state is still what all domains are on their way to."""
        if self._journal.digest("desired") != self._upkeep.asked:
            return False
        attempt = self._journal.attempts.of(desired.digest)
        is_failed = attempt is not None and attempt.failed
        return not is_failed and self._transaction.groups.aim(desired).state.digest == state.digest

    def _sick_before(self, state: DesiredState) -> frozenset[str] | None:
        return self._journal.attempts.sick_before(state.digest, self._reconciler.domain)

    async def _pass(
        self, role: Role, state: DesiredState, stopping: asyncio.Event, stuck: Mapping[str, str] | None = None
    ) -> Ending:
        """One stage towards one state. Subjects that are `stuck` are left alone."""
        return await self._upkeep.turn(Aim(role, state, self._upkeep.asked, stuck), stopping)
