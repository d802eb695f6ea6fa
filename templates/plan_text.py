"""A plan as text for people.

One line for each subject, in columns: what happens, to what, why or from what to what, and where it was asked. Below it what
else matters to somebody who has to say yes: whether it is away for a moment, and what is to be pulled. Pure text and
widths; no template engine, because this is printed by a command that has to feel instant.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from evenkeel.specs.observed import ContainersSeen
from evenkeel.specs.plan import Change, Difference, History, Plan, Pull, Verb
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.quantity import rough_size_text
from evenkeel.templates.fitting import cut, fitting_image, fitting_pair, one_line
from evenkeel.templates.style import PLAIN, Role, Style, paint

LEAST_WIDTH = 60
USUAL_SWITCH_S = 1.0
"""Assumed time without a container that was never switched before."""

_MARKS: dict[Verb, tuple[str, Role | None]] = {
    "create": ("+", "add"),
    "recreate": ("~", "change"),
    "update": ("~", "change"),
    "start": ("~", "change"),
    "finish": ("~", "change"),
    "remove": ("-", "remove"),
    "keep": ("·", "faint"),
    "blocked": ("!", "bad"),
}
_SUMMARY: dict[Verb, str] = {
    "create": "to create",
    "recreate": "to recreate",
    "update": "to update in place",
    "start": "to start",
    "finish": "to finish",
    "remove": "to remove",
    "blocked": "blocked",
}
_VERB_WIDTH = 11
_AWAKE = ("running", "restarting", "paused")


def plan_lines(
    plan: Plan, seen: ContainersSeen, history: History, width: int = 80, style: Style = PLAIN
) -> tuple[str, ...]:
    """The whole text; the last line is the summary. `width`: columns of the terminal."""
    width = max(width, LEAST_WIDTH)
    lines: list[str] = []
    if plan.differences:
        lines.append(paint(plan.domain, "strong", style))
        name_width = min(max(len(difference.subject) for difference in plan.differences), 30)
        place_width = max(len(_place(difference.asked)) for difference in plan.differences)
        for difference in plan.differences:
            found = _Block(difference, width, 2 + 2 + name_width + 3, place_width, style)
            lines.extend(found.lines(_details(difference, plan, seen, history)))
    lines.append(summary(plan, seen))
    return tuple(lines)


def summary(plan: Plan, seen: ContainersSeen) -> str:
    """`Plan: 1 to create, 2 to remove. 43 MB to pull.`, or that there is nothing to do."""
    counts = Counter(difference.verb for difference in plan.differences)
    parts = [f"{counts[verb]} {words}" for verb, words in _SUMMARY.items() if counts[verb]]
    if not parts:
        return "Nothing to do."
    known, unknown = pull_sizes(plan, seen)
    pulls = [f"{rough_size_text(known)}"] if known else []
    if unknown:
        pulls.append(f"{unknown} image{'s' if unknown > 1 else ''} of unknown size")
    return f"Plan: {', '.join(parts)}." + (f" {' and '.join(pulls)} to pull." if pulls else "")


def pulls(plan: Plan) -> tuple[str, ...]:
    """References that will be pulled, each once."""
    actions = [step.action for stage in plan.stages for step in stage.steps]
    return tuple(dict.fromkeys(action.image for action in actions if isinstance(action, Pull)))


def pull_sizes(plan: Plan, seen: ContainersSeen) -> tuple[int, int]:
    """Bytes to pull as far as they are known, and how many images of unknown size."""
    sizes = [pull_size(image, seen) for image in pulls(plan)]
    return sum(sizes), sizes.count(0)


def pull_size(image: str, seen: ContainersSeen) -> int:
    """Compressed bytes, 0 when nobody knows."""
    return seen.remote[image].size if image in seen.remote else 0


def away_s(difference: Difference, seen: ContainersSeen, history: History) -> float | None:
    """For how many seconds the subject will be away; `None` when nothing that is at work is replaced."""
    at_work = {instance.id for instance in seen.containers if instance.state in _AWAKE}
    if difference.verb != "recreate" or not at_work.intersection(difference.others):
        return None
    return history.switch_s.get(difference.subject, USUAL_SWITCH_S)


def _details(difference: Difference, plan: Plan, seen: ContainersSeen, history: History) -> str:
    parts = []
    seconds = away_s(difference, seen, history)
    if seconds is not None:
        parts.append(f"new beside old, about {max(round(seconds, 1), 0.1):g} s without it")
    container = difference.container
    if container is not None and not difference.candidate and container.image in pulls(plan):
        size = pull_size(container.image, seen)
        parts.append(f"pull {rough_size_text(size)}" if size else "pull of unknown size")
    return "; ".join(parts)


def _place(place: Place) -> str:
    return place_text(place, short=True)


class _Block:
    """The lines of one subject; all columns are counted in bare text and painted last."""

    def __init__(self, difference: Difference, width: int, lead: int, place_width: int, style: Style) -> None:
        self._difference, self._width, self._lead, self._style = difference, width, lead, style
        self._place_column = width - place_width if place_width else width
        self._body_column = lead if difference.verb == "keep" else lead + _VERB_WIDTH

    def lines(self, details: str) -> Iterator[str]:
        """The subject's line, its further changes, and the details below."""
        place = _place(self._difference.asked)
        rows = list(self._rows())
        for number, (text, asked) in enumerate(rows):
            shown = place if number == 0 else "" if asked == place else asked
            yield self._line(text, shown, first=number == 0)
        for text in self._wrapped(details) if details else ():
            yield self._line(text, "", first=False, role="faint")

    def _line(self, text: str, place: str, *, first: bool, role: Role | None = None) -> str:
        mark, colour = _MARKS[self._difference.verb]
        if first:
            name = cut(one_line(self._difference.subject), self._lead - 5)
            head = f"  {mark} {name}".ljust(self._lead)
            if self._difference.verb != "keep":
                head += self._difference.verb.ljust(_VERB_WIDTH)
        else:
            head = " " * self._body_column
        bare = f"{head}{text}"
        line = paint(head.rstrip(), colour, self._style) + " " * (len(head) - len(head.rstrip()))
        line += paint(text, role if self._difference.verb != "keep" else "faint", self._style)
        if place:
            line += " " * max(self._place_column - len(bare), 2) + paint(place, "faint", self._style)
        return line.rstrip()

    def _rows(self) -> Iterator[tuple[str, str]]:
        """Texts of the body column, each with its place."""
        difference = self._difference
        room = self._place_column - 2 - self._body_column
        asked = _place(difference.asked)
        if difference.verb == "create" and difference.container is not None:
            yield fitting_image(difference.container.image, max(room, 12)), asked
            return
        changes = [change for change in difference.changes if change.path and not _follows(change, difference)]
        if not changes or difference.verb in ("start", "finish"):
            yield from ((text, asked) for text in self._wrapped(self._why(), room))
            return
        path_width = max(len(change.path) for change in changes)
        for change in changes:
            for number, text in enumerate(self._change(change, path_width, room)):
                yield text, _place(change.asked) if number == 0 else asked

    def _change(self, change: Change, path_width: int, room: int) -> Iterable[str]:
        """`path   old → new` on one line, or, where that does not fit, the values below the path."""
        path = one_line(change.path)
        values = _values(change, room - path_width - 3)
        if path_width + 3 + len(values) <= room:
            return (f"{path:<{path_width}}   {values}",)
        below = self._width - self._body_column - 2
        return cut(path, max(room, 12)), "  " + cut(_values(change, below), below)

    def _why(self) -> str:
        odd = [change.why for change in self._difference.changes if not change.path]
        return odd[0] if odd and self._difference.verb == "recreate" else self._difference.why

    def _wrapped(self, text: str, room: int = 0) -> list[str]:
        room = max(room or self._width - self._body_column, 20)
        return textwrap.wrap(one_line(text), room, break_on_hyphens=False) or [""]


def _follows(change: Change, difference: Difference) -> bool:
    """Whether a change follows from another one: swap that nobody asked for is twice the memory."""
    if change.path != "resources.memorySwap" or difference.container is None:
        return False
    resources = difference.container.resources
    derived = resources.memory is not None and resources.memory_swap == 2 * resources.memory
    return derived and any(other.path == "resources.memory" for other in difference.changes)


def _values(change: Change, room: int) -> str:
    """Both values, or one with a word where the other is not there."""
    old, new = one_line(change.old), one_line(change.new)
    if change.path == "image" and old and new:
        return fitting_pair(old, new, room)
    if not old:
        return f"+ {new}" if new else ""
    if not new:
        return f"- {old}"
    return f"{old} → {new}"
