"""Entries of feedback for reading later: with number, local time and place."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.cli.output import echo
from evenkeel.specs.feedback import OF_ONE_DOMAIN, is_about, is_surely_about
from evenkeel.specs.visible import one_line
from evenkeel.templates.style import PLAIN, Role, Style, paint

if TYPE_CHECKING:
    from evenkeel.controller.cli.standing import ControllerState
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.specs.feedback import Feedback
    from evenkeel.specs.repeats import Repeated

_POLL_S = 0.3

_ROLES: dict[str, Role] = {
    "revision-good": "good",
    "settled": "good",
    "source-broken": "bad",
    "source-empty": "bad",
    "revision-failed": "bad",
    "step-failed": "bad",
    "stalled": "bad",
    "engine-lost": "bad",
    "rolling-back": "change",
    "rolled-back": "change",
    "drift": "change",
    "step-retrying": "change",
}


def dated_line(entry: Feedback, style: Style = PLAIN, name: str = "", repeated: Repeated | None = None) -> str:
    """One line, whatever the entry holds. `name`: the container whose entries are shown; an entry that counts many and
    does not name it says so. `repeated`: how often it was said, and since when."""
    at = _local(entry.at)
    kind = paint(f"{entry.kind:<17}", _ROLES.get(entry.kind), style)
    subject = f"{one_line(entry.subject)}: " if entry.subject else ""
    place = f"  {paint(one_line(entry.place), 'faint', style)}" if entry.place else ""
    took = f" ({entry.seconds:.1f} s)" if entry.seconds >= 0.1 else ""
    unsure = f"  ({one_line(name)} may be one of them)" if name and not is_surely_about(entry, name) else ""
    times = f"  ({repeated.times} times since {_local(repeated.since)})" if repeated and repeated.times > 1 else ""
    return f"{entry.seq:>6}  {at}  {kind} {subject}{one_line(entry.message)}{took}{times}{unsure}{place}"


def _local(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


class Wanted(NamedTuple):
    """The wanted entries. `subject` and `kinds`: only of these; all where empty. `at`: not before, in epoch seconds. `domain`:
    no entry about a subject of another domain, which may have the same name; "" is any."""

    subject: str
    kinds: Collection[str] = ()
    at: float = 0.0
    domain: str = ""

    def has(self, entry: Feedback) -> bool:
        """Whether an entry is wanted."""
        if self.kinds and entry.kind not in self.kinds:
            return False
        is_of_its_domain = bool(entry.subject) or entry.kind in OF_ONE_DOMAIN
        if self.domain and is_of_its_domain and entry.domain not in ("", self.domain):
            return False
        return entry.at >= self.at and (not self.subject or is_about(entry, self.subject))


def entries(journal: Journal, after: int, wanted: Wanted) -> tuple[list[Feedback], int]:
    """The wanted entries after this number, and the number of the newest."""
    found: list[Feedback] = []
    while page := journal.entries(after):
        found += [entry for entry in page if wanted.has(entry)]
        after = page[-1].seq
    return found, after


def entries_after(
    state: Path, after: int, wanted: Wanted, *, newest_is_last: bool = False
) -> tuple[list[Feedback], int]:
    """The wanted entries in a state directory after this number, and the number of the newest. Each look opens the journal
    anew, because a reader of a resting journal does not see a writer that comes. `newest_is_last`: there was an entry of
    this number, so that a journal without one was begun anew, and all of it is new."""
    from evenkeel.controller.journal.journal import read_journal

    with closing(read_journal(state)) as journal:
        if newest_is_last and 0 < journal.last_seq() < after:
            after = 0
        return entries(journal, after, wanted)


def followed(state: Path, after: int, wanted: Wanted) -> Iterator[list[Feedback]]:
    """Without end: the wanted entries after this number as they come; of each look, also of one that found none. Standard error
    says that no controller is at work any more, also of one that ends between this call and the first look."""
    from evenkeel.controller.cli.standing import standing

    return _followed(state, after, wanted, standing(state))


def _followed(state: Path, after: int, wanted: Wanted, stood: ControllerState) -> Iterator[list[Feedback]]:
    from evenkeel.controller.cli.standing import silence_text, standing

    while True:
        found, after = entries_after(state, after, wanted, newest_is_last=True)
        yield found
        if not found:
            now = standing(state)
            if text := silence_text(stood, now, state):
                echo(text, err=True)
            stood = now
            time.sleep(_POLL_S)
