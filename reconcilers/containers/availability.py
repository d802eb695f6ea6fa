"""Groups of which only so many members may be away at the same time: their switches take turns.

The members of a group that have work stand in a row. Each one is stopped only after the one that stands so many places
before it is proven. So as many switches go on at once as may be away, and each goes on in its own time. Members that are
not at work already, or not proven yet, stand at the head of the row: they are away before anybody is stopped.

One that is away and depends on members that are switched cannot stand there. Those are switched before all others, and it
stands right behind the last of them: a member behind it is stopped only after it is proven.

All rows are one line, and the dependencies of a member stand before it in that line. Each way from the stop of one member to
the proof of another leads over its start, so that no two wait for each other. A member whose host port another container
takes over has no place in the line: it has to be stopped for the other, whenever that starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import End, Start
from evenkeel.specs.containers.difference import ContainerDifference, Limit
from evenkeel.specs.plan import Step


class _Turn(NamedTuple):
    """The turn of one member. `stop`: the id of the step with which it goes away, "" when it is away already. `back`: that of
    the step with which it is back. `switches`: the stops of members without which it cannot be back. `place`: that of its
    start in the order of all steps."""

    stop: str
    back: str
    switches: frozenset[str]
    place: int
    limit: Limit

    @property
    def is_head(self) -> bool:
        return not self.stop and not self.switches


def taking_turns(
    steps: Sequence[Step], differences: Iterable[ContainerDifference], away: Collection[str] = ()
) -> Sequence[Step]:
    """The steps, of which those that stop members of groups with a limit wait for their turn. `away`: containers that are not
    at work, even where an instance of them has to be stopped, as one that keeps ending."""
    limits = {each.subject: each.limit for each in differences if each.limit is not None}
    if not limits:
        return steps
    extra: dict[str, tuple[str, ...]] = {}
    line = _line(_turns(steps, limits, away))
    for limit in dict.fromkeys(turn.limit for turn in line):
        extra |= _waits([turn for turn in line if turn.limit == limit], limit.most_away)
    return [changed(step, needs=(*step.needs, *extra[step.id])) if extra.get(step.id) else step for step in steps]


def _line(turns: Sequence[_Turn]) -> list[_Turn]:
    """The members of all groups in the order of their turns."""
    in_order = sorted(turns, key=lambda turn: turn.place)
    waiting = [turn for turn in in_order if not turn.stop and turn.switches]
    urgent = frozenset().union(*(turn.switches for turn in waiting))
    line, placed = [turn for turn in in_order if turn.is_head], set[str]()
    for turn in sorted((turn for turn in in_order if turn.stop), key=lambda turn: turn.stop not in urgent):
        line.append(turn)
        placed.add(turn.stop)
        line += [each for each in waiting if each.switches <= placed]
        waiting = [each for each in waiting if not each.switches <= placed]
    return [*line, *waiting]


def _waits(row: Sequence[_Turn], most_away: int) -> dict[str, tuple[str, ...]]:
    """By the id of a stop: the steps with which others of its group have to be back before."""
    found: dict[str, tuple[str, ...]] = {}
    ahead = sum(turn.is_head for turn in row)
    lanes: list[_Turn] = []
    late: list[_Turn] = []
    for turn in row:
        if not turn.stop and turn.switches:
            late.append(turn)
            continue
        before = len(lanes) - most_away
        if turn.stop:
            others = lanes[before : before + 1] if before >= ahead else lanes[: max(0, before + 1)]
            found[turn.stop] = tuple(each.back for each in (*others, *late))
        lanes.append(turn)
    return found


def _turns(steps: Sequence[Step], limits: Mapping[str, Limit], away: Collection[str]) -> list[_Turn]:
    ordered = [step for stage in stages(steps) for step in stage.steps]
    places = {step.id: place for place, step in enumerate(ordered)}
    stops: dict[str, str] = {}
    for step in steps:
        if isinstance(step.action, End) and step.subject in limits and step.subject not in away:
            stops.setdefault(step.subject, step.id)
    freeing = _freeing(steps)
    after = _after(ordered, {stop for subject, stop in stops.items() if subject not in freeing})
    turns: list[_Turn] = []
    for subject, limit in limits.items():
        back = next((each for each in (f"verify:{subject}", f"start:{subject}") if each in places), "")
        if back and subject not in freeing:
            start = f"start:{subject}" if f"start:{subject}" in places else back
            turns.append(_Turn(stops.get(subject, ""), back, after[start], places[start], limit))
    return turns


def _freeing(steps: Iterable[Step]) -> set[str]:
    """The subjects that are stopped because another one takes over their host port."""
    stopped = {step.id: step.subject for step in steps if isinstance(step.action, End)}
    starts = [step for step in steps if isinstance(step.action, Start)]
    return {stopped[need] for step in starts for need in step.needs if stopped.get(need, step.subject) != step.subject}


def _after(ordered: Iterable[Step], switches: set[str]) -> dict[str, frozenset[str]]:
    """By step: those of the `switches` that it needs, also by others."""
    found: dict[str, frozenset[str]] = {}
    for step in ordered:
        needed = (found.get(need, frozenset[str]()) for need in step.needs)
        found[step.id] = frozenset(switches.intersection(step.needs)).union(*needed)
    return found
