"""From steps and their needs to stages.

Phases are barriers: nothing is disturbed before all is fetched, no old instance is removed before all new ones are
proven. Starting and proving belong together, because a container starts only when those it depends on are proven; so
ACTIVATE and VERIFY share one rank and are ordered by needs. Every step that may start does so before any proof, because
a proof takes its time; the same happens when only first stages run and the rest is planned anew each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

from evenkeel.specs.plan import BARRIERS, Stage, Step


def stages(steps: Sequence[Step]) -> tuple[Stage, ...]:
    """All steps, each in the first stage in which it may run. Needs that name no step of the same rank are met already.

    Raises graphlib.CycleError, which is a bug of the planner that made the steps.
    """
    found: list[Stage] = []
    for phases in BARRIERS:
        ranked = {step.id: step for step in steps if step.phase in phases}
        sorter = TopologicalSorter(
            {id_: [need for need in step.needs if need in ranked] for id_, step in ranked.items()}
        )
        sorter.prepare()
        ready: set[str] = set()
        while sorter.is_active():
            ready.update(sorter.get_ready())
            phase = min((ranked[id_].phase for id_ in ready), key=phases.index)
            at_once = tuple(ranked[id_] for id_ in sorted(ready) if ranked[id_].phase == phase)
            found.append(Stage(phase, at_once))
            sorter.done(*(step.id for step in at_once))
            ready.difference_update(step.id for step in at_once)
    return tuple(found)
