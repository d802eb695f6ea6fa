"""The memory of the registries domain after the begin or end of a step."""

from __future__ import annotations

from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Outcome, Step
from evenkeel.specs.registries.actions import Admit, Login, Withdraw
from evenkeel.specs.registries.memory import RegistriesMemory


def memory_before(step: Step, memory: RegistriesMemory) -> RegistriesMemory:
    """The memory when a step is about to be performed: a loss of power may follow."""
    match step.action:
        case Admit(registry=registry):
            proven = {subject: prints for subject, prints in memory.proven.items() if subject != step.subject}
            return changed(memory, admitted={**memory.admitted, registry.place: step.subject}, proven=proven)
        case _:
            return memory


def memory_after(step: Step, outcome: Outcome, memory: RegistriesMemory) -> RegistriesMemory:
    """The memory after a step has ended."""
    if not isinstance(outcome, Done):
        return memory
    match step.action:
        case Login(registry=registry, prints=prints):
            return changed(
                memory,
                admitted={**memory.admitted, registry.place: step.subject},
                proven={**memory.proven, step.subject: prints},
            )
        case Withdraw(place=place):
            admitted = {at: subject for at, subject in memory.admitted.items() if at != place}
            proven = {name: each for name, each in memory.proven.items() if name in admitted.values()}
            return changed(memory, admitted=admitted, proven=proven)
        case _:
            return memory
