"""The order of the steps of one stage while they run: which of them may begin now.

A step begins when all those that it needs have ended well. It is left out when one of them has not. Steps take places,
of which there are few. A proof only watches, and takes none. Fetching from one source takes all places but one, so that
a slow source holds up no other. A step that is tried again comes after all that were not tried yet.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from heapq import heappop, heappush

from evenkeel.specs.plan import Proof, Stage, Step


class Schedule:
    """The steps of one stage, of which at most `places` run at once. Steps that come first in the stage begin first."""

    def __init__(self, stage: Stage, places: int) -> None:
        self._steps, self._free = stage.steps, places
        self._most_of_a_source = max(places - 1, 1)
        numbers = {step.id: number for number, step in enumerate(stage.steps)}
        self._left = {step.id: {need for need in step.needs if need in numbers} for step in stage.steps}
        """By step: the needs that have not ended yet."""
        self._dependants: dict[str, list[str]] = defaultdict(list)
        for step in stage.steps:
            for need in self._left[step.id]:
                self._dependants[need].append(step.id)
        self._numbers = numbers
        self._ready: list[tuple[int, int]] = []
        """A heap of the steps that may begin when there is a place: how often each was tried, and its number."""
        self._proofs: list[Step] = []
        """Proofs that may begin."""
        self._fetching = Counter[str]()
        """By source: how many steps fetch from it."""
        for step in stage.steps:
            if not self._left[step.id]:
                self._is_ready(step)

    def begin(self) -> list[Step]:
        """The steps that begin now."""
        begun, self._proofs, held = self._proofs, [], list[tuple[int, int]]()
        while self._ready and self._free:
            first = heappop(self._ready)
            step = self._steps[first[1]]
            source = step.action.traits.source
            if source and self._fetching[source] >= self._most_of_a_source:
                held.append(first)
                continue
            self._free -= 1
            self._fetching[source] += 1
            begun.append(step)
        for each in held:
            heappush(self._ready, each)
        return begun

    def ended(self, step: Step, *, well: bool) -> None:
        """A step that had begun has ended. Unless it ended `well`, nothing that needs it begins."""
        if not isinstance(step.action, Proof):
            self._free += 1
            self._fetching[step.action.traits.source] -= 1
        for dependant in self._dependants[step.id] if well else ():
            left = self._left[dependant]
            left.discard(step.id)
            if not left:
                self._is_ready(self._steps[self._numbers[dependant]])

    def again(self, step: Step, tries: int) -> None:
        """A step that has ended may begin once more, after so many `tries`."""
        heappush(self._ready, (tries, self._numbers[step.id]))

    def has_ready(self, *, below: int) -> bool:
        """Whether a step that was tried less often waits for a place."""
        return bool(self._ready) and self._ready[0][0] < below

    def _is_ready(self, step: Step) -> None:
        if isinstance(step.action, Proof):
            self._proofs.append(step)
        else:
            heappush(self._ready, (0, self._numbers[step.id]))
