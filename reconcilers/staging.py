"""From steps and their needs to stages.

Phases are barriers: nothing is disturbed before all is fetched, no old instance is removed before all new ones are
proven. Within a stage only needs set an order, so that no subject waits for one that it does not depend on. Starting
and proving belong together, because a container starts only when those it depends on are proven. Proofs that nothing
depends on make a stage of their own, after a look: they then prove, too, that nothing which was started harms the
subject.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from heapq import heappop, heappush

from evenkeel.specs.plan import BARRIERS, Phase, Stage, Step


def stages(steps: Sequence[Step]) -> tuple[Stage, ...]:
    """All steps, each in the first stage in which it may run, in an order in which they could run one by one: the steps
    of a subject follow each other where that is possible. Needs that name no step of the same rank are met already.

    Raises graphlib.CycleError, which is a bug of the planner that made the steps.
    """
    found: list[Stage] = []
    for phases in BARRIERS:
        ranked = {step.id: step for step in steps if step.phase in phases}
        needs = {id_: [need for need in step.needs if need in ranked] for id_, step in ranked.items()}
        needed = {need for each in needs.values() for need in each}
        ordered = [ranked[id_] for id_ in _in_order(ranked, needs)]
        last = [step for step in ordered if step.phase == Phase.VERIFY and step.id not in needed]
        first = [step for step in ordered if step.phase != Phase.VERIFY or step.id in needed]
        found.extend(
            Stage(min((step.phase for step in part), key=phases.index), tuple(part)) for part in (first, last) if part
        )
    return tuple(found)


def _in_order(steps: Mapping[str, Step], needs: Mapping[str, Sequence[str]]) -> Iterator[str]:
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    ready: list[tuple[str, str]] = []
    while sorter.is_active():
        for id_ in sorter.get_ready():
            heappush(ready, (steps[id_].subject, id_))
        _, id_ = heappop(ready)
        yield id_
        sorter.done(id_)
