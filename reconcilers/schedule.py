"""The order of the steps of one stage while they run: which of them may begin now.

A step begins when all those that it needs have ended well. It is left out when one of them has not. Steps take places,
of which there are few. A proof only watches, and takes none. One source takes all places but one, and each has a place of
its own beside them, so that no source waits for another one, however slow that is: from as many sources as there are
something is fetched at any time. A step that is tried again comes after all of its source that were not tried yet.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import heappop, heappush

from evenkeel.specs.plan import Proof, Stage, Step


class Schedule:
    """The steps of one stage, of which at most `places` run at once. Steps that come first in the stage begin first."""

    def __init__(self, stage: Stage, places: int) -> None:
        self._steps, self._places, self._at_work = stage.steps, places, 0
        """`_at_work`: the steps at work but for proofs."""
        self._most_of_a_source = max(places - 1, 1)
        numbers = {step.id: number for number, step in enumerate(stage.steps)}
        self._left = {step.id: {need for need in step.needs if need in numbers} for step in stage.steps}
        """By step: the needs that have not ended yet."""
        self._dependants: dict[str, list[str]] = defaultdict(list)
        for step in stage.steps:
            for need in self._left[step.id]:
                self._dependants[need].append(step.id)
        self._numbers = numbers
        self._ready: dict[str, list[tuple[int, int]]] = defaultdict(list)
        """By source ("" of steps that fetch nothing) a heap of the steps that may begin when there is a place: how often each
        was tried, and its number."""
        self._proofs: list[Step] = []
        """Proofs that may begin."""
        self._fetching = Counter[str]()
        """By source: how many steps fetch from it."""
        for step in stage.steps:
            if not self._left[step.id]:
                self._is_ready(step)

    def begin(self) -> list[Step]:
        """The steps that begin now."""
        begun, self._proofs = self._proofs, []
        while (source := self._next_source()) is not None:
            _, number = heappop(self._ready[source])
            self._at_work += 1
            self._fetching[source] += bool(source)
            begun.append(self._steps[number])
        return begun

    def _next_source(self) -> str | None:
        """The source of the step that begins next: the one from which the fewest are at work; `None` when none begins."""
        found = [
            (self._fetching[source], ready[0], source)
            for source, ready in self._ready.items()
            if ready and self._has_place(source)
        ]
        return min(found)[-1] if found else None

    def _has_place(self, source: str) -> bool:
        if source and not self._fetching[source]:
            return True
        return self._at_work < self._places and self._fetching[source] < self._most_of_a_source

    def ended(self, step: Step, *, well: bool) -> None:
        """A step that had begun has ended. Unless it ended `well`, nothing that needs it begins."""
        if not isinstance(step.action, Proof):
            self._at_work -= 1
            self._fetching[step.action.traits.source] -= bool(step.action.traits.source)
        for dependant in self._dependants[step.id] if well else ():
            left = self._left[dependant]
            left.discard(step.id)
            if not left:
                self._is_ready(self._steps[self._numbers[dependant]])

    def again(self, step: Step, tries: int) -> None:
        """A step that has ended may begin once more, after so many `tries`."""
        heappush(self._ready[step.action.traits.source], (tries, self._numbers[step.id]))

    def has_ready(self, *, below: int) -> bool:
        """Whether a step that was tried less often waits for a place."""
        return any(ready[0][0] < below for ready in self._ready.values() if ready)

    def _is_ready(self, step: Step) -> None:
        if isinstance(step.action, Proof):
            self._proofs.append(step)
        else:
            heappush(self._ready[step.action.traits.source], (0, self._numbers[step.id]))
