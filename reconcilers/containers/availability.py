"""Groups of which only so many members may be away at the same time: their switches take turns.

The members of a group that have work stand in a row, in the order of their starts. Each one is stopped only after the one
that stands so many places before it is proven, and those before that which nobody stops. So as many switches go on at once
as may be away, and each goes on in its own time. Members that are not at work already, or not proven yet, stand at the
head of the row: they are away before anybody is stopped.

The row follows the dependencies, because starts do: what leads from the stop of one member to the proof of another leads
over its start. So no two wait for each other. A member whose host port another container takes over has no place in the
row: it has to be stopped for the other, whenever that starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.staging import stages
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import End, Start
from evenkeel.specs.containers.difference import ContainerDifference, Limit
from evenkeel.specs.plan import Step


class _Turn(NamedTuple):
    """The turn of one member. `stop`: the id of the step with which it goes away, "" when it is away already. `back`: that of
    the step with which it is back. `waits`: a switch of the row has to be over before it can be back. `place`: that of its
    start in the order of all steps."""

    stop: str
    back: str
    waits: bool
    place: int


def taking_turns(
    steps: Sequence[Step], differences: Iterable[ContainerDifference], away: Collection[str] = ()
) -> Sequence[Step]:
    """The steps, of which those that stop members of groups with a limit wait for their turn. `away`: containers that are not
    at work, even where an instance of them has to be stopped, as one that keeps ending."""
    limits = {each.subject: each.limit for each in differences if each.limit is not None}
    if not limits:
        return steps
    extra: dict[str, tuple[str, ...]] = {}
    for limit, row in _rows(steps, limits, away).items():
        row.sort(key=lambda turn: (bool(turn.stop) or turn.waits, turn.place))
        ahead = sum(not turn.stop and not turn.waits for turn in row)
        for index, turn in enumerate(row):
            if turn.stop:
                extra[turn.stop] = tuple(each.back for each in _before(row, index, limit.most_away, ahead))
    return [changed(step, needs=(*step.needs, *extra[step.id])) if extra.get(step.id) else step for step in steps]


def _before(row: Sequence[_Turn], index: int, most_away: int, ahead: int) -> Iterator[_Turn]:
    """The members that have to be back before the one at `index` goes away: of its lane, which is every member so many places
    before, those back to the last one that is switched. The first one that is switched waits for all at the head of the row
    (`ahead`) but those of other lanes."""
    for place in range(index - most_away, -1, -most_away):
        if place >= ahead:
            yield row[place]
        if row[place].stop:
            return
    yield from row[: max(0, min(index - most_away + 1, ahead))]


def _rows(steps: Sequence[Step], limits: dict[str, Limit], away: Collection[str]) -> dict[Limit, list[_Turn]]:
    places = {step.id: place for place, step in enumerate(step for stage in stages(steps) for step in stage.steps)}
    stops: dict[str, str] = {}
    for step in steps:
        if isinstance(step.action, End) and step.subject in limits and step.subject not in away:
            stops.setdefault(step.subject, step.id)
    freeing = _freeing(steps)
    after = _after(steps, places, {stop for subject, stop in stops.items() if subject not in freeing})
    rows: dict[Limit, list[_Turn]] = {}
    for subject, limit in limits.items():
        back = next((each for each in (f"verify:{subject}", f"start:{subject}") if each in places), "")
        if back and subject not in freeing:
            start = f"start:{subject}" if f"start:{subject}" in places else back
            turn = _Turn(stops.get(subject, ""), back, start in after, places[start])
            rows.setdefault(limit, []).append(turn)
    return rows


def _freeing(steps: Iterable[Step]) -> set[str]:
    """The subjects that are stopped because another one takes over their host port."""
    stopped = {step.id: step.subject for step in steps if isinstance(step.action, End)}
    starts = [step for step in steps if isinstance(step.action, Start)]
    return {stopped[need] for step in starts for need in step.needs if stopped.get(need, step.subject) != step.subject}


def _after(steps: Iterable[Step], places: dict[str, int], switches: set[str]) -> set[str]:
    """The steps that need one of these, also by others."""
    found = set(switches)
    for step in sorted(steps, key=lambda step: places[step.id]):
        if not found.isdisjoint(step.needs):
            found.add(step.id)
    return found
