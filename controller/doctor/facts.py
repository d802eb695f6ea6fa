"""Everything that evenkeel itself remembers and is asked for: journal, lock, controller at work, and spec files.

It is read once, in one thread and before any check, because two threads must not decode at once (`specs.codec.prepare`).
A part that cannot be read is a sentence in its place, which the check about it tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.control.ask import ask_status
from evenkeel.controller.cycle.in_force import role_in_force
from evenkeel.controller.journal.journal import Journal, read_journal
from evenkeel.controller.journal.lock import Holder, holder
from evenkeel.controller.wiring import no_document, read_source
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.feedback import Condition, Standing
from evenkeel.specs.memory import Memory
from evenkeel.specs.problem import count_text, errors, problem_text

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import AnyDomain
    from evenkeel.specs.settings.settings import Settings

_ANSWER_S = 1.5


class Remembered(NamedTuple):
    """The content of the journal. `state` is in force, `None` where nothing was asked for yet. `newest`: when the newest entry
    was written, in seconds since the epoch, 0 without one. `trouble`: why it cannot be read, "" when it can."""

    state: DesiredState | None = None
    memories: Mapping[str, Memory] = {}
    conditions: tuple[Condition, ...] = ()
    newest: float = 0.0
    trouble: str = ""


class Specs(NamedTuple):
    """The spec files. `wrong`: all faults, `notes`: all warnings, each with its place. `missing`: places that are not there.
    `nothing`: why no document is there, "" where one is."""

    state: DesiredState | None = None
    wrong: Sequence[str] = ()
    notes: Sequence[str] = ()
    missing: Sequence[str] = ()
    nothing: str = ""


class Facts(NamedTuple):
    """`holder`: the controller at work, `standing`: its own words, `None` where it did not say. `hidden`: not "", the reason
    why this user cannot be told whether one is at work. `is_new`: there is no state directory yet."""

    holder: Holder | None
    standing: Standing | None
    journal: Remembered
    specs: Specs
    is_new: bool
    hidden: str = ""

    @property
    def state(self) -> DesiredState:
        """The state in force; of a device that no controller has worked on yet, that of the files."""
        return self.journal.state or self.specs.state or DesiredState()


def gather(settings: Settings, domains: Sequence[AnyDomain]) -> Facts:
    """All of it. Raises nothing that a damaged or absent file causes."""
    state = Path(settings.state)
    found, hidden = None, ""
    try:
        found, is_new = holder(state), not state.is_dir()
    except EvenkeelError as error:
        hidden, is_new = error.message, False
    standing = ask_status(state, _ANSWER_S) if found is not None else None
    return Facts(found, standing, _remembered(state, domains), _specs(settings), is_new, hidden)


def _remembered(state: Path, domains: Sequence[AnyDomain]) -> Remembered:
    try:
        with closing(read_journal(state)) as journal:
            return _content(journal, domains)
    except EvenkeelError as error:
        return Remembered(trouble=error.message)
    except OSError as error:
        return Remembered(trouble=f"it cannot be read: {(error.strerror or type(error).__name__).lower()}")


def _content(journal: Journal, domains: Sequence[AnyDomain]) -> Remembered:
    last = journal.entries(after=max(journal.last_seq() - 1, 0), limit=1)
    memories = {each.name: journal.memories.of(each.reconciler.memory) for each in domains}
    state = journal.readable_revision(role_in_force(journal))
    return Remembered(state, memories, journal.conditions(), last[0].at if last else 0.0)


def _specs(settings: Settings) -> Specs:
    try:
        reading = read_source(settings, readonly=True)
    except EvenkeelError as error:
        return Specs(wrong=(str(error),))
    wrong = errors(reading.problems)
    notes = [each for each in reading.problems if each not in wrong]
    told = (count_text(wrong), *map(problem_text, wrong)) if wrong else ()
    nothing = no_document(settings.specs) if reading.is_empty and not reading.desired.documents else ""
    state = None if wrong else reading.desired
    return Specs(state, told, tuple(map(problem_text, notes)), tuple(reading.missing), nothing)
