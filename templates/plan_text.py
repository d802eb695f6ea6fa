"""Plans as text for people, one block for each domain.

One line for each subject, in columns: the verb, the subject, the reason or the change, and its place. Below it the
details that an operator needs before consenting: whether the subject is away for a moment, and the content to be
pulled. Pure text and widths; no template engine, because this is printed by a command that has to feel instant.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from evenkeel.specs.plan import Change, Difference
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.visible import one_line
from evenkeel.templates.fitting import cut, fitting_change, fitting_pair, fitting_place, hidden_change
from evenkeel.templates.parts import Part
from evenkeel.templates.planned import NO_GROUPS, GroupsOf, Planned
from evenkeel.templates.style import PLAIN, Role, Style, paint

LEAST_WIDTH = 72

_MARKS: dict[str, tuple[str, Role | None]] = {
    "create": ("+", "add"),
    "recreate": ("~", "change"),
    "update": ("~", "change"),
    "install": ("~", "change"),
    "boot": ("~", "change"),
    "mark good": ("~", "change"),
    "mark bad": ("~", "change"),
    "mark active": ("~", "change"),
    "start": ("~", "change"),
    "restart": ("~", "change"),
    "connect": ("~", "change"),
    "finish": ("~", "change"),
    "remove": ("-", "remove"),
    "keep": ("·", "faint"),
    "blocked": ("!", "bad"),
}
_SUMMARY: dict[str, str] = {
    "create": "to create",
    "recreate": "to recreate",
    "update": "to update in place",
    "install": "to install",
    "boot": "to boot",
    "mark good": "to mark good",
    "mark bad": "to mark bad",
    "mark active": "to boot next",
    "start": "to start",
    "restart": "to restart",
    "connect": "to connect",
    "finish": "to finish",
    "remove": "to remove",
    "blocked": "blocked",
}
_ORDER = {verb: number for number, verb in enumerate(_SUMMARY)}
_WITHOUT_CHANGES = ("connect", "start", "restart", "finish")
"""Verbs of subjects without a change of settings."""
_NOT_AGAIN = ("create", "recreate", "start", "restart", "remove", "blocked")
"""Verbs of subjects that begin anew anyway, are removed, or cannot be had."""
_NAME = 4
_LEAST_VERB = 11
_WHOLE = 1 << 20
"""A width in which any value fits."""


def plan_lines(
    plans: Sequence[Planned],
    width: int = 80,
    style: Style = PLAIN,
    groups: GroupsOf = NO_GROUPS,
    asked: Collection[tuple[str, str]] = (),
) -> tuple[str, ...]:
    """The whole text, in the order of the domains; the summary stands last. `width`: columns of the terminal. `groups`: the
    group of each subject by its domain and name. `asked`: the subjects that are asked for; no other one is ever restarted."""
    width = max(width, LEAST_WIDTH)
    lines: list[str] = []
    differences = [difference for each in plans for difference in each.plan.differences]
    if differences:
        names = [
            len(name) for each in plans for difference in each.plan.differences for name in _names(difference, each)
        ]
        places = [len(place) for difference in differences for place in _places(difference)]
        verb = max(_LEAST_VERB, *(len(each.verb) + 1 for each in differences))
        columns = _Columns(width, min(max(names), max(18, width // 5)), min(max(places), max(17, width // 6)), verb)
        for each in plans:
            if each.plan.differences:
                lines.append(paint(each.heading, "strong", style))
            for difference in each.plan.differences:
                group = groups.get((each.plan.domain, difference.subject), "")
                more = (_begins_anew(difference, each, plans, asked), f"group {one_line(group)}" if group else "")
                lines.extend(_Block(difference, each, columns, style).lines(more))
    lines.extend(textwrap.wrap(summary(plans), width, subsequent_indent="      "))
    return tuple(lines)


def _begins_anew(
    difference: Difference, planned: Planned, plans: Sequence[Planned], asked: Collection[tuple[str, str]]
) -> str:
    """The subjects of other domains that are started again because of this difference, without those that are anyway, and
    without those that cannot be; "" when there are none."""
    not_again = {
        (each.plan.domain, other.subject)
        for each in plans
        for other in each.plan.differences
        if other.verb in _NOT_AGAIN
    }
    steps = [step for stage in planned.plan.stages for step in stage.steps if step.subject == difference.subject]
    notified = dict.fromkeys(each for step in steps for each in step.action.traits.notifies)
    names = [one_line(each[1]) for each in notified if each in asked and each not in not_again]
    foretold = [one_line(step.action.traits.foretold) for step in steps if step.action.traits.foretold]
    if names:
        foretold.insert(0, f"then {', '.join(names)} {'is' if len(names) == 1 else 'are'} restarted")
    return "; ".join(foretold)


def summary(plans: Sequence[Planned]) -> str:
    """`Plan: 1 to create, 2 to remove. 43 MB to pull.`, or that there is nothing to do."""
    counts = Counter(
        (verb, each.counts.get(verb, _SUMMARY[verb]))
        for each in plans
        for verb in (difference.verb for difference in each.plan.differences)
        if verb in _SUMMARY
    )
    parts = [f"{counts[each]} {each[1]}" for each in sorted(counts, key=lambda each: (_ORDER[each[0]], each[1]))]
    if not parts:
        return "Nothing to do."
    fetches = "; ".join(filter(None, (each.fetches() for each in plans)))
    return f"Plan: {', '.join(parts)}." + (f" {fetches}." if fetches else "")


def _names(difference: Difference, planned: Planned) -> Iterable[str]:
    """The names in the column of names."""
    return [each.name for each in planned.parts(difference)] or [difference.subject]


def _places(difference: Difference) -> Iterator[str]:
    """All places of a difference that are shown."""
    yield _place(difference.asked)
    for change in difference.changes:
        yield _place(change.asked)


def _place(place: Place) -> str:
    return place_text(place, short=True)


class _Columns(NamedTuple):
    """The positions of columns, counted in bare text: ` + name verb body place`."""

    width: int
    name_width: int
    place_width: int
    verb_width: int

    @property
    def verb(self) -> int:
        return _NAME + self.name_width + 3

    @property
    def body(self) -> int:
        return self.verb + self.verb_width

    @property
    def place(self) -> int:
        return self.width - self.place_width


class _Block:
    """The lines of one subject."""

    def __init__(self, difference: Difference, planned: Planned, columns: _Columns, style: Style) -> None:
        self._difference, self._planned = difference, planned
        self._columns, self._style = columns, style
        self._body = columns.verb if difference.verb == "keep" else columns.body
        self._room = max(columns.place - 2 - self._body, 12)
        self._full_room = columns.width - self._body

    def lines(self, more: Sequence[str]) -> Iterator[str]:
        """The subject's line, its further changes, and the details below, the last of which are `more`."""
        parts = self._planned.parts(self._difference)
        for number, part in enumerate(parts):
            yield from self._of_part(part, "" if number else _place(self._difference.asked))
        if not parts:
            yield from self._of_subject()
        details = "; ".join(filter(None, (self._planned.details(self._difference), *more)))
        for text in textwrap.wrap(details, self._full_room):
            yield self._line("", text, "", None, "faint")
        for sentence, is_loss in self._planned.remarks(self._difference):
            for text in textwrap.wrap(sentence, self._full_room, break_on_hyphens=False):
                yield self._line("", text, "", None, "bad" if is_loss else "faint")
        if self._difference.lost:
            lost = f"{self._planned.loses}: {one_line(', '.join(self._difference.lost))}"
            for text in textwrap.wrap(lost, self._full_room):
                yield self._line("", text, "", None, "bad")

    def _of_subject(self) -> Iterator[str]:
        place = _place(self._difference.asked)
        mark, colour = _MARKS[self._difference.verb]
        verb = "" if self._difference.verb == "keep" else self._difference.verb
        name = one_line(self._difference.subject)
        head = f"  {mark} {name}"
        if len(name) > self._columns.name_width:
            yield paint(cut(head, self._columns.width), colour, self._style)
            head = ""
        head = f"{head:<{self._columns.verb}}{verb}"
        for number, (text, asked) in enumerate(self._rows()):
            shown = place if number == 0 else "" if asked == place else asked
            yield self._line(head if number == 0 else "", text, shown, colour)

    def _of_part(self, part: Part, place: str) -> Iterator[str]:
        """The line of a part, as it wraps, and its remarks. A part without a verb begins further to the left."""
        begin = self._columns.body if part.verb else self._columns.verb
        name = cut(one_line(part.name), self._columns.name_width)
        head = f"{f'  {part.mark} {name}':<{self._columns.verb}}{part.verb}"
        room = max((self._columns.place - 2 if place else self._columns.width) - begin, 12)
        for text in textwrap.wrap(one_line(part.text), room, break_on_hyphens=False):
            yield self._line(head, text, place, part.role, begin=begin)
            head = place = ""
        for remark in part.remarks:
            for text in textwrap.wrap(one_line(remark), self._full_room, break_on_hyphens=False):
                yield self._line("", text, "", None, "faint")

    def _line(
        self, head: str, text: str, place: str, colour: Role | None, role: Role | None = None, begin: int = 0
    ) -> str:
        """`begin`: the column of the text, if it is another one than for the whole block."""
        begin = begin or self._body
        if self._difference.verb == "keep":
            role = "faint"
        bare = f"{head:<{begin}}{text}"
        line = paint(head, colour, self._style) + " " * (begin - len(head)) + paint(text, role, self._style)
        if place:
            place = fitting_place(place, self._columns.place_width)
            line += " " * max(self._columns.place - len(bare), 2) + paint(place, "faint", self._style)
        return line.rstrip()

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Texts of the body column, each with its place; a text without a place may be as long as the line."""
        difference = self._difference
        asked = _place(difference.asked)
        brings = self._planned.brings(difference, self._room) if difference.verb == "create" else ""
        if brings:
            yield brings, asked
            return
        implied = self._planned.is_implied
        changes = [change for change in difference.changes if change.path and not implied(change, difference)]
        if not changes or difference.verb in _WITHOUT_CHANGES:
            yield from ((text, asked) for text in self._wrapped(self._why(), self._room if asked else self._full_room))
            return
        path_width = min(max(len(change.path) for change in changes), self._room)
        for change in changes:
            for number, text in enumerate(self._change(change, path_width)):
                yield text, _place(change.asked) if number == 0 else asked

    def _change(self, change: Change, path_width: int) -> Iterable[str]:
        """`path   old → new` on one line, or, where that does not fit, the values below the path."""
        path = one_line(change.path)
        room = self._room - path_width - 3
        values = _values(change, room if change.path == "image" else _WHOLE)
        if len(values) <= room:
            return (f"{path:<{path_width}}   {values}",)
        below = self._full_room - 2
        return cut(path, self._room), "  " + cut(_values(change, below), below)

    def _why(self) -> str:
        odd = [change.why for change in self._difference.changes if not change.path]
        return odd[0] if odd and self._difference.verb == "recreate" else self._difference.why

    def _wrapped(self, text: str, room: int) -> Iterator[str]:
        """The first line in `room`, further ones in the rest of the terminal's width."""
        text = one_line(text)
        first = textwrap.wrap(text, room, break_on_hyphens=False, break_long_words=len(text.split(" ")[0]) > room)
        if not first:
            yield ""
            return
        head = first[0] if len(first[0]) <= room else ""
        yield head
        yield from textwrap.wrap(text[len(head) :].strip(), self._full_room, break_on_hyphens=False)


def _values(change: Change, room: int) -> str:
    """Both values, or one with a word where the other is missing."""
    old, new = one_line(change.old), one_line(change.new)
    if hidden := hidden_change(old, new):
        return hidden
    if change.path == "image" and old and new:
        return fitting_pair(old, new, room)
    if not old:
        return "added" if new and change.path.endswith(new) else cut(f"added: {new}", room)
    if not new:
        return "removed" if change.path.endswith(old) else cut(f"removed: {old}", room)
    return fitting_change(old, new, room)
