"""The trial of a revision, or of content that was pushed again, in one domain.

It is good there when all its subjects are at work and proven, and no subject that was well before it is unwell: every
check has passed since the last disturbance. The verdict on a revision is made over all domains
(`controller.transaction`); the verdict on content is the domain's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic

from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying
from evenkeel.controller.cycle.record import Record
from evenkeel.controller.cycle.remembering import Remembering
from evenkeel.controller.journal.journal import AS_FOUND, Journal, Role, at_once
from evenkeel.controller.transaction.transaction import NOBODY, Transaction
from evenkeel.reconcilers.capabilities import inheriting, tagged, watched
from evenkeel.reconcilers.counted import counted
from evenkeel.reconcilers.fold import GiveUp, TryAgain, one_more
from evenkeel.reconcilers.ports import Reconciler, Remembered, Seen, Want
from evenkeel.specs.desired import DesiredState, desired_state
from evenkeel.specs.plan import Difference, Failed, Outcome, Phase, Retry, Stage

RECOVERY_S = 60.0
"""The time for which a subject that a revision did not change may be unwell before the revision fails for it, and for
which a check is waited for."""
AGAIN_S = 1.0
"""The pause between two looks while something is waited for."""
_ROLES: tuple[Role, Role] = ("last-good", "desired")
Renewed = Mapping[str, tuple[str, ...]]
"""Subjects whose content is replaced although the desired state did not change, and the names of the new content
(`Tagged.renewed`)."""


class Trial(Generic[Want, Seen, Remembered]):
    """The trials of one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        record: Record,
        memory: Remembering[Want, Seen, Remembered],
        transaction: Transaction,
    ) -> None:
        self._reconciler, self._journal, self._record, self._memory = reconciler, journal, record, memory
        self._watched, self._tagged, self._inheriting = watched(reconciler), tagged(reconciler), inheriting(reconciler)
        self._transaction = transaction
        self._domain = reconciler.domain
        self._about: str | None = None
        """The digest of the revision that was on trial at the last look; "" when none was."""
        self._disturbances = 0
        """The number of disturbances of all domains at the last look."""
        self._unwell_since: float | None = None
        """The time since which a subject that was well before the trial is unwell, by the clock of the event loop."""
        self._sick_before: frozenset[str] = frozenset()
        """Subjects that were not well at the last look before any domain disturbed anything for what is on trial."""
        self._last_checks: Mapping[str, str] | None = None
        """The results of checks at the first look after the last disturbance; `None` until there is one."""
        self._unchecked_since: float | None = None
        """The time since which only checks are waited for."""

    def wait_for_first_checks(self, undecided: str) -> Ending:
        """Wait for the first results of checks. Before them nothing is said about all subjects, and no revision
        begins."""
        return self._record.waits(undecided, AGAIN_S)

    def _is_on_trial(self, state: DesiredState, renewed: Renewed) -> bool:
        """Whether something is on trial: the revision, or content that was pushed again under a tag of last-good."""
        return bool(renewed) or self._journal.digest("last-good") != state.digest

    def is_new(self, state: DesiredState, renewed: Renewed) -> bool:
        """Whether the trial has not disturbed anything yet."""
        journal = self._journal
        has_way_back = journal.digest("last-good") != ""
        is_begun = journal.attempts.sick_before(state.digest, self._domain) is not None
        return has_way_back and self._is_on_trial(state, renewed) and not is_begun

    @at_once
    def begin(self, state: DesiredState, sick: Collection[str], seen: Seen, renewed: Renewed) -> None:
        """Begin a trial, right before its first disturbance: record the subjects that are not well, do not run, or have just
        failed a check. The trial is not to blame for them, unless it changes them. Where another domain has begun before,
        what this one saw last before that counts."""
        if self._is_on_trial(state, renewed) and self._journal.attempts.sick_before(state.digest, self._domain) is None:
            is_first = not self._transaction.has_begun(state)
            before = self._sick(seen, sick) if is_first else self._sick_before
            self._journal.attempts.record_sick(
                state.digest, self._domain, sorted(before.difference(self.changes(state) or (), renewed))
            )

    def _sick(self, seen: Seen, sick: Collection[str]) -> frozenset[str]:
        doubtful = (subject for subject, each in self._watched.unchecked(seen, {}).items() if each.refutes)
        return frozenset(sick).union(doubtful)

    def changes(self, state: DesiredState) -> tuple[str, ...] | None:
        """The subjects that differ from last-good; `None` when last-good cannot be read."""
        return self._transaction.changes(self._domain, state)

    def on_disturbance(self) -> None:
        """Drop earlier results of checks, because the world was disturbed."""
        self._last_checks = self._unchecked_since = None
        self._disturbances = self._transaction.disturbances

    def blind(self) -> None:
        """The engine could not be asked: the health of subjects may have changed meanwhile."""
        self._unwell_since = self._unchecked_since = None

    def looked(self, state: DesiredState, seen: Seen, renewed: Renewed, sick: Callable[[], Collection[str]]) -> None:
        """A cycle for this revision has looked. `sick`: the subjects that are not well, or do not run, by this look. They are
        kept also when another revision comes, or groups are left out of it: another domain may begin that one before this
        domain looks for it."""
        if self._disturbances != self._transaction.disturbances:  # by another domain
            self.on_disturbance()
        about = state.digest if self._is_on_trial(state, renewed) else ""
        if about != self._about:
            self._about, self._unwell_since, self._unchecked_since = about, None, None
        if not self._transaction.has_begun(state):
            self._sick_before = self._sick(seen, sick())
            if about:
                self._journal.attempts.forget_sick(but=(about, self._journal.digest("last-good")))
        if not self._journal.digest("last-good"):
            self._transaction.standing.set_as_found(
                self._domain, self._inheriting.as_found(seen, self._memory.memory(), well=True)
            )
        if self._last_checks is None:
            self._last_checks = self._watched.last_checks(seen)

    def proved(self, subjects: Collection[str]) -> None:
        """These subjects were just proven, by their checks where they have one."""
        known = self._last_checks or {}
        self._last_checks = {subject: last for subject, last in known.items() if subject not in subjects}

    @at_once
    def make_good(
        self, state: DesiredState, unwell: Mapping[str, str], seen: Seen, text: str, renewed: Renewed
    ) -> Ending | None:
        """Make the revision, and the content that was pushed again, good from now on, before the instances that it
        replaced are removed. All its subjects are at work and proven. `text`: the details.

        An ending when it is not good: a subject became unwell since the trial began and may recover, or its health is
        not known yet. A subject that stays unwell counts only where there is a state to go back to.
        """
        journal = self._journal
        good, begun = journal.digest("last-good"), journal.attempts.sick_before(state.digest, self._domain) is not None
        if good == state.digest and not begun:
            self._transaction.reach(self._domain, state, text, self._record)
            return None
        self.begin(state, unwell, seen, renewed)  # unless that was done already
        excused = journal.attempts.sick_before(state.digest, self._domain) or frozenset()
        sick = {subject: why for subject, why in unwell.items() if subject not in excused}
        if sick:
            return self._wait_for_recovery(state, counted(sick), renewed, sick)
        self._unwell_since = None
        waiting = self._wait_for_checks(state, seen, excused) if begun and good else None
        if waiting is not None:
            return waiting
        missing = self._transaction.reach(self._domain, state, text, self._record)
        if missing is not None:
            return self._record.waits(missing) if missing else Progressed()  # the desired state has changed
        for names in renewed.values():
            journal.attempts.forgive(names[0], self._domain)
        journal.attempts.forget_sick()
        return None

    def _wait_for_checks(self, state: DesiredState, seen: Seen, excused: Collection[str]) -> Ending | None:
        """Wait until every check has passed once. A failing check is waited for until it has decided, a check without a
        result for a minute, because some are made once an hour. Called when there is a state to go back to."""
        names = self._reconciler.select(state).subjects.keys() - set(excused)
        found = self._watched.unchecked(seen, self._last_checks or {})
        unchecked = {name: each for name, each in sorted(found.items()) if name in names}
        now = asyncio.get_running_loop().time()
        self._unchecked_since = now if self._unchecked_since is None else self._unchecked_since
        decides = any(each.refutes for each in unchecked.values())
        if not decides and (not unchecked or now - self._unchecked_since >= RECOVERY_S):
            self._unchecked_since = None
            return None
        states = counted({name: each.why for name, each in unchecked.items()})
        return self._record.waits(f"it is not known yet whether what is new harms others: {states}", AGAIN_S)

    def _wait_for_recovery(
        self, state: DesiredState, why: str, renewed: Renewed, subjects: Mapping[str, str]
    ) -> Ending | None:
        now = asyncio.get_running_loop().time()
        self._unwell_since = now if self._unwell_since is None else self._unwell_since
        if now - self._unwell_since >= RECOVERY_S:
            if not self._journal.digest("last-good"):
                return None
            self._unwell_since = None
            for subject, names in renewed.items():
                self._set_aside(subject, names, f"{why}, since it is there")
            if self._journal.digest("last-good") == state.digest:
                self._journal.attempts.forget_sick()
                return Progressed()
            return self.give_up(state, f"{why}, since this revision", subjects)
        return self._record.waits(why, AGAIN_S)

    @at_once
    def remember_found(self, differences: Sequence[Difference], seen: Seen) -> bool:
        """Extend last-good before a disturbance; True when it has changed. Without a last-good state, it becomes the
        subjects that were at work without evenkeel's doing, as far as evenkeel knows; subjects that this revision has
        started are left out. With one, adopted subjects that are to be replaced, or removed on the way back, become
        part of it."""
        journal = self._journal
        if not journal.digest("last-good"):
            self._transaction.standing.set_as_found(
                self._domain, self._inheriting.as_found(seen, self._memory.memory(), well=True)
            )
            found = self._transaction.standing.as_found()
            return found is not None and journal.put("last-good", found, AS_FOUND)
        replaced = self._inheriting.superseded(differences, seen, self._memory.memory())
        good, desired = (journal.readable_revision(role) if replaced else None for role in _ROLES)
        if good is None or desired is None:
            return False
        wanted = self._reconciler.select(desired).subjects
        old = [document for document in replaced if document.name in wanted]
        documents = {(document.kind, document.name): document for document in (*good.documents, *old)}
        extended = desired_state(list(documents.values())) if old else good
        return extended.digest != good.digest and journal.put("last-good", extended, AS_FOUND)

    @at_once
    def reject(self, stage: Stage, outcomes: Mapping[str, Outcome], renewed: Renewed, tries: int) -> bool:
        """Put failed content that was pushed again into quarantine after `tries`, as a revision; True when there was
        some. Without a new revision, no revision is to blame. Where both contents of a tag fail, going back and forth
        between them is no way out; the reconciler names none then."""
        if stage.phase == Phase.DOWNLOAD:
            return False
        failed = {step.subject: o for step in stage.steps if isinstance(o := outcomes.get(step.id), Failed | Retry)}
        rejected = False
        for subject, names in renewed.items():
            if subject not in failed:
                continue
            outcome, attempt = failed[subject], self._journal.attempts.of(names[0], self._domain)
            failures = attempt.failures if attempt else 0
            is_final = isinstance(outcome, Failed)
            match GiveUp(outcome.message) if is_final else one_more(outcome.message, failures, tries):
                case GiveUp(why=why):
                    self._set_aside(subject, names, why)
                    rejected = True
                case TryAgain():
                    self._journal.attempts.count(names[0], outcome.message, domain=self._domain)
        return rejected

    def _set_aside(self, subject: str, names: Sequence[str], why: str) -> None:
        for each in names:
            self._journal.attempts.count(each, why, failed=True, domain=self._domain)
        self._record.say("rolling-back", f"going back from {names[0]}: {why}", subject=subject)

    def accept(self, want: Want, seen: Seen) -> Remembered:
        """The memory, in which content that was set aside and has proven itself since is no longer set aside."""
        memory = self._memory.memory()
        accepted = self._tagged.vindicated(want, seen, memory)
        if not accepted:
            return memory
        with self._journal.at_once():
            for each in [each for names in accepted.values() for each in names]:
                self._journal.attempts.forgive(each, self._domain)
        return self._memory.memory()

    @at_once
    def count_defect(self, state: DesiredState, why: str, tries: int) -> Ending:
        """Count a defect in deciding about a revision that was begun as one of its tries: going back helps, because deciding
        about last-good works."""
        attempt = self._journal.attempts.of(state.digest)
        match one_more(why, attempt.failures if attempt else 0, tries):
            case GiveUp(why=final):
                return self.give_up(state, final)
            case TryAgain():
                self._journal.attempts.count(state.digest, why)
                return Retrying(why, 0.0, None)

    def give_up(self, state: DesiredState, why: str, subjects: Mapping[str, str] = NOBODY) -> Ending:
        """Give up the revision: it has failed by these subjects in this domain, and why, and so in all domains."""
        self._transaction.give_up(state, why, self._record, self._domain, subjects)
        return Progressed()
