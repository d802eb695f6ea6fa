"""The memory of steps that are begun or have ended, of adoptions, and of instances that are gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Connect, Create, End, Remove, Start, Update, Verify
from evenkeel.specs.containers.container import proof_name
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.plan import Done, Failed, Outcome, Step

_MOST_SWITCHES = 1000
"""The most subjects with a switch time; the one that was switched longest ago is forgotten."""
Value = TypeVar("Value")


def memory_before(step: Step, memory: ContainersMemory) -> ContainersMemory:
    """The memory when a step is about to be performed: a loss of power may follow."""
    match step.action:
        case End(instance=instance):
            return changed(_met(memory, instance), stopped=_with(memory.stopped, instance))
        case Start(instance=instance):
            known = changed(_met(memory, instance), proven=_without(memory.proven, [instance]))
            return changed(known, notified=_but(memory.notified, step.subject))  # a later word means another start
        case Connect(instance=instance) | Update(instance=instance, is_limited=True):
            return changed(_met(memory, instance), proven=_without(memory.proven, [instance]))
        case Verify(instance=instance, container=container):
            kept = memory.kept if container.image_volumes == "discard" else _with(memory.kept, instance)
            return changed(_met(memory, instance), watched=_with(memory.watched, instance), kept=kept)
        case _:
            return memory


def memory_after(
    step: Step, outcome: Outcome, memory: ContainersMemory, away_s: float | None = None
) -> ContainersMemory:
    """The memory after a step has ended. `away_s`: for how many seconds the subject was away, when the step has brought it
    back."""
    match step.action, outcome:
        case Create(), Done(instance=instance) if instance:
            return _met(memory, instance)
        case Start(instance=instance), Done():
            known = changed(_met(memory, instance), stopped=_but(memory.stopped, instance))
            known = changed(known, watched=_but(memory.watched, instance))
            return known if away_s is None else changed(known, switch_s=_switched(memory, step.subject, away_s))
        case Verify(instance=instance, container=container), Done():
            proven = {**memory.proven, instance: proof_name(container)}
            return changed(_met(memory, instance), proven=proven, watched=_but(memory.watched, instance))
        case Verify(instance=instance), Failed():
            return changed(_met(memory, instance), watched=_but(memory.watched, instance))
        case Remove(instance=instance), Done():
            return forgotten(memory, [instance])
        case _:
            return memory


def taken_over(memory: ContainersMemory, instance: str, subject: str) -> ContainersMemory:
    """The memory after evenkeel has taken over a foreign instance as `subject`. An instance that was taken over before
    keeps its subject."""
    return changed(memory, adopted={instance: subject, **memory.adopted})


def instances(memory: ContainersMemory) -> tuple[str, ...]:
    """Ids of all instances of which something is remembered."""
    return tuple(dict.fromkeys((*memory.made, *memory.adopted)))


def forgotten(memory: ContainersMemory, gone: Collection[str]) -> ContainersMemory:
    """The memory without these instances."""
    return changed(
        memory,
        made=_without(memory.made, gone),
        proven=_without(memory.proven, gone),
        stopped=tuple(each for each in memory.stopped if each not in gone),
        watched=tuple(each for each in memory.watched if each not in gone),
        kept=tuple(each for each in memory.kept if each not in gone),
        adopted=_without(memory.adopted, gone),
    )


def _met(memory: ContainersMemory, instance: str) -> ContainersMemory:
    if instance in memory.made:
        return memory
    return changed(memory, made={**memory.made, instance: max(memory.made.values(), default=0) + 1})


def _switched(memory: ContainersMemory, subject: str, away_s: float) -> dict[str, float]:
    switches = [*_without(memory.switch_s, [subject]).items(), (subject, round(away_s, 3))]
    return dict(switches[-_MOST_SWITCHES:])


def _with(instances: tuple[str, ...], instance: str) -> tuple[str, ...]:
    return instances if instance in instances else (*instances, instance)


def _but(instances: tuple[str, ...], instance: str) -> tuple[str, ...]:
    return tuple(each for each in instances if each != instance)


def _without(facts: Mapping[str, Value], keys: Collection[str]) -> dict[str, Value]:
    return {key: value for key, value in facts.items() if key not in keys}
