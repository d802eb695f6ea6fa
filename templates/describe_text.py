"""The text of `evenkeel describe`, from values alone: the request, the present state, the differences and their
reasons.

The lines that subjects of all domains have are here; a domain's own lines are in `Own`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from evenkeel.specs.feedback import StepAtWork
from evenkeel.specs.plan import Difference
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.repeats import Repeated
from evenkeel.specs.visible import one_line
from evenkeel.templates.fitting import hidden_change
from evenkeel.templates.moment import iso_value
from evenkeel.templates.style import PLAIN, Style, paint
from evenkeel.templates.work_text import step_text, step_value


class Own(Protocol):
    """The lines that only one domain has about a subject."""

    @property
    def kind(self) -> str:
        """The kind of the description, for programs."""
        ...

    @property
    def whose(self) -> Mapping[str, str]:
        """The owner of the subject in words, by `Described.by`."""
        ...

    @property
    def is_there(self) -> bool:
        """Whether anything of the subject is there."""
        ...

    def origin(self, asked: str) -> tuple[str, str]:
        """Where the subject comes from, as a field. `asked`: where it is asked for, in words."""
        ...

    def lines(self, now: float, style: Style) -> Iterator[str]:
        """The present state of the subject. `now`: seconds since the epoch."""
        ...

    def value(self) -> Mapping[str, Any]:
        """The same for programs."""
        ...


class Described(NamedTuple):
    """All facts about one subject.

    `word`: the word for its kind. `by`: its owner, "nobody" for a subject that is gone and has only entries left.
    `asked`: the place that asks for it; `None` when nobody does. `spec`: its spec beyond the defaults, as path and
    text. `roles`: the revisions that it is part of. `group`: its group, "" for the group of all subjects without one;
    `None` when nobody asks for groups. `ailment`: why it is not well. `difference`: between its spec and the present
    state, `None` when there is none. `failure`: why the desired revision failed, if it failed by this subject or is
    `given_up`: not tried again by itself, and last-good is in force. `blocked`: why its group cannot be had, and is as it was;
    "" when it can. `entries`: its newest entries. `in_force`: the
    revision that all this refers to. `not_done`: the differing part of the desired revision if another one is in force,
    as path, old and new text. `away`: why the engine could not be asked, "" when it was. `steps`: the steps that are
    performed for it now.
    """

    word: str
    name: str
    by: str
    own: Own
    asked: Place | None = None
    spec: tuple[tuple[str, str], ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    group: str | None = None
    ailment: str = ""
    difference: Difference | None = None
    failure: str = ""
    given_up: bool = False
    blocked: str = ""
    not_done: tuple[tuple[str, str, str], ...] = ()
    in_force: str = "desired"
    entries: tuple[Repeated, ...] = ()
    away: str = ""
    steps: tuple[StepAtWork, ...] = ()


def describe_lines(described: Described, now: float, style: Style = PLAIN) -> Iterator[str]:
    """All but the entries, which are dated in local time. `now`: seconds since the epoch."""
    asked = place_text(described.asked) if described.asked is not None else "nothing that is in force asks for it"
    own = described.own
    yield field(described.word, f"{paint(one_line(described.name), 'strong', style)} ({own.whose[described.by]})")
    yield field(*own.origin(one_line(asked)))
    for role, digest in described.roles:
        is_told = role == described.in_force == "last-good"
        yield field(role.replace("-", " "), f"{digest} (in force)" if is_told else digest)
    if described.group is not None:
        yield field("group", one_line(described.group) or "none: it goes with all that is in no group")
    yield field("verdict", _verdict(described, style))
    for step in described.steps:
        yield field("doing", step_text(step))
    if described.blocked:
        yield field(
            "", paint(f"its group cannot be had, and is as it was: {one_line(described.blocked)}", "bad", style)
        )
    if described.failure:
        yield field("", paint(f"the desired revision failed: {one_line(described.failure)}", "bad", style))
    if described.not_done:
        again = "it is not done by itself; evenkeel retry" if described.given_up else "it is done once it can be"
        yield field("", f"what is asked for otherwise is not done; {again}")
        yield from _changes(described.word, described.not_done)
    if described.difference is not None:
        differing = ((each.path, each.old, each.new) for each in described.difference.changes)
        yield from _changes(described.word, differing)
    yield from own.lines(now, style)
    if described.spec:
        yield ""
        yield paint("what is asked for", "strong", style)
        width = max(len(one_line(path)) for path, _ in described.spec)
        for path, text in described.spec:
            yield f"  {one_line(path):<{width}}  {'' if path.endswith('.' + text) else one_line(text)}".rstrip()


def describe_value(described: Described) -> dict[str, Any]:
    """The same as plain values, with the entries; times are ISO 8601. Keys are only ever added
    (docs/reference/json.md)."""
    difference = described.difference
    return {
        "apiVersion": "evenkeel/v1",
        "kind": described.own.kind,
        "name": described.name,
        "by": described.by,
        "asked": place_text(described.asked) if described.asked is not None else None,
        "desired": dict(described.roles).get("desired"),
        "lastGood": dict(described.roles).get("last-good"),
        "group": described.group or None,
        "spec": dict(described.spec),
        "ailment": described.ailment or None,
        "failure": described.failure or None,
        "engineError": described.away or None,
        "doing": [step_value(step) for step in described.steps],
        "inForce": described.in_force,
        "givenUp": described.given_up,
        "blocked": described.blocked or None,
        "notDone": [{"path": path, "old": old, "new": new} for path, old, new in described.not_done],
        "difference": None
        if difference is None
        else {
            "verb": difference.verb,
            "why": difference.why,
            "changes": [{"path": each.path, "old": each.old, "new": each.new} for each in difference.changes],
        },
        **described.own.value(),
        "events": [
            {
                "seq": each.entry.seq,
                "at": iso_value(each.entry.at),
                "kind": each.entry.kind,
                "message": each.entry.message,
                "times": each.times,
                "since": iso_value(each.since),
            }
            for each in described.entries
        ],
    }


_HEAD = 12


def field(name: str, value: str) -> str:
    """A line with a name and its value."""
    return f"{name:<{_HEAD}}{value}"


def _changes(word: str, changes: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for path, old, new in changes:
        text = hidden_change(old, new) or " → ".join(one_line(each) or "(nothing)" for each in (old, new))
        yield field("", f"{one_line(path) or word}: {text}")


def _verdict(described: Described, style: Style) -> str:
    if described.away:
        return paint(f"not known: {one_line(described.away)}", "bad", style)
    difference, is_last_good = described.difference, described.in_force == "last-good"
    if difference is not None and difference.verb != "keep":
        if described.given_up and not is_last_good:
            what = f"{difference.verb}, which is not done: the desired revision failed and is not tried again by itself"
            return paint(f"{what}; evenkeel retry", "bad", style)
        if described.blocked and not is_last_good:
            return paint(f"{difference.verb}, which is not done until all of its group can be had", "bad", style)
        return paint(f"{difference.verb}: {one_line(difference.why)}", "change", style)
    if described.ailment:
        return paint(f"not well: it {one_line(described.ailment)}", "bad", style)
    if described.by == "nobody":
        return "it is not there; what happened to it, and what it left, is below"
    if described.by != "evenkeel":
        return "evenkeel does nothing about it"
    if not described.own.is_there:
        return "not there, and not to be there: last-good is in force"
    return paint("as last-good asks, and proven" if is_last_good else "as asked, and proven", "good", style)
