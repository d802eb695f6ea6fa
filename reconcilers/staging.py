"""Steps and what they need → stages.

Phases are barriers: nothing is disturbed before all is fetched, nothing old is removed before all that is new is proven.
Starting and proving belong together, because a container starts only when those it depends on are proven; so ACTIVATE and
VERIFY share one rank and are ordered by needs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from graphlib import TopologicalSorter

from evenkeel.specs.plan import Phase, Stage, Step

_RANKS = ((Phase.DOWNLOAD,), (Phase.UPDATE,), (Phase.ACTIVATE, Phase.VERIFY), (Phase.CLEANUP,))


def stages(steps: Sequence[Step]) -> tuple[Stage, ...]:
    """All steps, each in the first stage in which it may run. Needs that name no step of the same rank are met already.

    Raises graphlib.CycleError, which is a bug of the planner that made the steps.
    """
    found: list[Stage] = []
    for phases in _RANKS:
        ranked = {step.id: step for step in steps if step.phase in phases}
        sorter = TopologicalSorter(
            {id_: [need for need in step.needs if need in ranked] for id_, step in ranked.items()}
        )
        sorter.prepare()
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            for phase in phases:
                at_once = tuple(ranked[id_] for id_ in ready if ranked[id_].phase == phase)
                if at_once:
                    found.append(Stage(phase, at_once))
            sorter.done(*ready)
    return tuple(found)
