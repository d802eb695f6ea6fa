"""The memory of the registries domain after the begin or end of a step."""

from __future__ import annotations

from collections.abc import Mapping

from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Outcome, Step
from evenkeel.specs.registries.actions import Admit, Login, Withdraw
from evenkeel.specs.registries.memory import Proven, RegistriesMemory


def memory_before(step: Step, memory: RegistriesMemory) -> RegistriesMemory:
    """The memory when a step is about to be performed: a loss of power may follow."""
    match step.action:
        case Admit(registry=registry, good=good):
            kept = tuple(each for each in memory.proven.get(step.subject, ()) if each.registry == good)
            return changed(
                memory,
                admitted={**memory.admitted, registry.place: step.subject},
                proven=_with(memory.proven, step.subject, kept),
            )
        case _:
            return memory


def memory_after(step: Step, outcome: Outcome, memory: RegistriesMemory) -> RegistriesMemory:
    """The memory after a step has ended."""
    if not isinstance(outcome, Done):
        return memory
    match step.action:
        case Login(registry=registry, prints=prints, kept=kept):
            others = (each for each in memory.proven.get(step.subject, ()) if each.registry != registry)
            return changed(
                memory,
                admitted={**memory.admitted, registry.place: step.subject},
                proven=_with(memory.proven, step.subject, (*others, Proven(registry, prints, kept))),
            )
        case Withdraw(place=place):
            admitted = {at: subject for at, subject in memory.admitted.items() if at != place}
            proven = {name: each for name, each in memory.proven.items() if name in admitted.values()}
            return changed(memory, admitted=admitted, proven=proven)
        case _:
            return memory


def _with(
    proven: Mapping[str, tuple[Proven, ...]], subject: str, its: tuple[Proven, ...]
) -> dict[str, tuple[Proven, ...]]:
    others = {name: each for name, each in proven.items() if name != subject}
    return {**others, subject: its} if its else others
