"""Groups of what the files ask for that wait for the preconditions of their `Baseline`.

Such a group is held, as one that cannot be fetched: nothing is done for it, all its subjects stay as they were good, and the
others go on. Nothing of that is stored: values are judged anew by each process. Preconditions fail closed.

They decide whether a switch may begin. One that has begun is ended whatever the values become, because half of it is worse; so
no group goes back because of its preconditions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing

from evenkeel.controller.journal.journal import Journal, Role
from evenkeel.reconcilers.transaction.groups import Groups, groups
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.preconditions.observed import Observed

Present = Callable[[], Mapping[str, Observed]]
"""The present values, by their names. Called only where there is something to judge."""
Changes = Callable[[], AsyncGenerator[None, None]]
"""Something whenever a value may count otherwise than before; without end."""
_UNMET = "its preconditions do not hold: "
_AIMS: Sequence[Role] = ("desired", "part")
"""The states in which groups are on their way to what is asked for."""


def no_values() -> Mapping[str, Observed]:
    """No value has a source."""
    return {}


class Preconditions:
    """The preconditions of the groups of one device."""

    def __init__(self, journal: Journal, present: Present, wake: Callable[[], None]) -> None:
        """`wake`: called when other groups wait than before."""
        self._journal, self._present, self._wake = journal, present, wake
        self._unmet: Mapping[str, str] = {}
        """The groups that wait, and why, while the state of this digest is desired."""
        self._unmet_for = ""
        self._begun: set[str] = set()
        """The parts of groups whose switch has begun, by their keys."""
        self._waits = asyncio.Event()
        """Set while a group waits, or may have to."""

    def unmet(self, desired: str) -> Mapping[str, str]:
        """The groups that wait while the state of this digest is desired, and why."""
        return self._unmet if self._unmet_for == desired else {}

    def judge(self, desired: DesiredState) -> None:
        """Judge the groups of what is desired by the present values."""
        unmet: Mapping[str, str] = {}
        written: Mapping[str, str] = {}
        if has_preconditions(desired):
            found = groups(desired, self._journal.readable_revision("last-good"))
            keys = found.changed()
            self._begun.intersection_update(keys.values())
            written = written_for(found, keys)
            self._begun.update(keys[group] for group in have_begun(self._journal, found, written))
            written = {group: text for group, text in written.items() if keys[group] not in self._begun}
            unmet = unmet_groups(written, self._present()) if written else {}
        if written:
            self._waits.set()
        else:
            self._waits.clear()
        before = self.unmet(desired.digest).keys()
        self._unmet, self._unmet_for = unmet, desired.digest
        if before != unmet.keys():
            self._wake()

    def begin(self, parts: Collection[str]) -> None:
        """The switch of these parts begins."""
        self._begun.update(parts)

    def end(self, parts: Collection[str]) -> None:
        """These parts have failed: when they are tried again, their preconditions count again."""
        self._begun.difference_update(parts)

    async def follow(self, changes: Changes) -> None:
        """Judge whenever a value may count otherwise; without end. Nothing is watched while no group can wait."""
        while True:
            await self._waits.wait()
            async with aclosing(changes()) as news:
                change = asyncio.ensure_future(anext(news))
                try:
                    await asyncio.sleep(0)  # the changes count from before the first look
                    while self._judge_again():
                        await change
                        change = asyncio.ensure_future(anext(news))
                finally:
                    change.cancel()
                    await asyncio.gather(change, return_exceptions=True)

    def _judge_again(self) -> bool:
        """Judge once more; whether a group still can wait."""
        desired = self._journal.readable_revision("desired")
        if desired is None:
            self._waits.clear()
        else:
            self.judge(desired)
        return self._waits.is_set()


def has_preconditions(desired: DesiredState) -> bool:
    """Whether a baseline of a state has preconditions."""
    return any(isinstance(each.wanted, Baseline) and each.wanted.conditions for each in desired.documents)


def written_for(found: Groups, among: Collection[str]) -> dict[str, str]:
    """The preconditions of those of the groups that have some, as they are written now: those of a baseline that is gone do not
    count any more."""
    asked = {each.name: each.wanted for each in found.asked.documents if isinstance(each.wanted, Baseline)}
    own = {found.of[subject]: asked[name] for subject, name in found.rules.items() if name in asked}
    return {group: rule.conditions for group, rule in sorted(own.items()) if rule.conditions and group in among}


def have_begun(journal: Journal, found: Groups, among: Collection[str]) -> frozenset[str]:
    """Those of the groups whose switch has begun, also by an earlier process: a state that has their parts as they are asked
    for has disturbed the world."""
    has_begun = frozenset[str]()
    for role in _AIMS:
        digest = journal.digest(role)
        state = journal.readable_revision(role) if digest and journal.attempts.has_begun(digest) else None
        if state is not None:
            has_begun |= {group for group in among if found.has_part(group, state)}
    return has_begun


def waiting_groups(journal: Journal, found: Groups, present: Present) -> dict[str, str]:
    """The groups that would wait now, and why, for a reader of the journal."""
    written = written_for(found, found.changed())
    has_begun = have_begun(journal, found, written)
    open_ones = {group: text for group, text in written.items() if group not in has_begun}
    return unmet_groups(open_ones, present()) if open_ones else {}


def unmet_groups(written: Mapping[str, str], present: Mapping[str, Observed]) -> dict[str, str]:
    """The groups whose preconditions do not hold, and why."""
    from evenkeel.reconcilers.preconditions.judging import unmet

    reasons = {text: unmet(text, present) for text in set(written.values())}
    return {group: f"{_UNMET}{reasons[text]}" for group, text in written.items() if reasons[text]}
