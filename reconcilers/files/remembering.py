"""The memory of the files domain after the begin or end of a step, and after a file is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from evenkeel.specs.codec import changed
from evenkeel.specs.files.actions import Adjust, Discard, Drop, Fetch, Keep, Remove, Switch, Verify, Write
from evenkeel.specs.files.file import Form, form_name
from evenkeel.specs.files.memory import FilesMemory, Placed
from evenkeel.specs.plan import Done, Outcome, Step
from evenkeel.specs.renewing import Renew, with_renewals
from evenkeel.specs.unit import Unit

Value = TypeVar("Value")


def memory_before(step: Step, memory: FilesMemory) -> FilesMemory:
    """The memory when a step is about to be performed: a loss of power may follow."""
    match step.action:
        case Fetch(digest=digest) | Keep(form=Form(digest=digest)) if digest:
            return changed(memory, stored=tuple(dict.fromkeys((*memory.stored, digest))))
        case Write(path=path):
            return changed(memory, prepared={**memory.prepared, path: step.subject})
        case Switch(path=path, form=form) | Adjust(path=path, form=form):
            return changed(memory, begun={**memory.begun, path: form_name(form)})
        case _:
            return memory


def memory_after(step: Step, outcome: Outcome, memory: FilesMemory) -> FilesMemory:
    """The memory after a step has ended."""
    if not isinstance(outcome, Done):
        return memory
    match step.action:
        case Keep(path=path, form=form):
            return changed(memory, originals={**memory.originals, path: form})
        case Switch(path=path) | Adjust(path=path):
            before = memory.placed.get(path)
            heard = (before.notify, before.units) if before is not None else ((), ())
            placed = Placed(step.subject, "", heard[0], units=heard[1])
            return changed(memory, placed={**memory.placed, path: placed})
        case Verify(path=path, restores=True, units=units, told_units=told):
            return forgotten(_to_renew(memory, step.subject, (*told, *units)), [path])
        case Verify(path=path, form=form, notify=notify, secret=secret, units=units, told_units=told):
            placed = Placed(step.subject, form_name(form), notify, is_open=not secret, units=units)
            return changed(
                _to_renew(memory, step.subject, (*told, *units)),
                placed={**memory.placed, path: placed},
                begun=_without(memory.begun, [path]),
                prepared=_without(memory.prepared, [path]),
            )
        case Remove(path=path, told_units=told) | Discard(path=path, forgets=True, told_units=told):
            return forgotten(_to_renew(memory, step.subject, told), [path])
        case Renew(unit=unit):
            return changed(memory, renewals=_without(memory.renewals, [unit.name]))
        case Drop(names=names):
            return changed(memory, stored=tuple(each for each in memory.stored if each not in names))
        case _:
            return memory


def _to_renew(memory: FilesMemory, subject: str, units: Collection[Unit]) -> FilesMemory:
    return changed(memory, renewals=with_renewals(memory.renewals, subject, units))


def forgotten(memory: FilesMemory, gone: Collection[str]) -> FilesMemory:
    """The memory without these paths."""
    return changed(
        memory,
        placed=_without(memory.placed, gone),
        begun=_without(memory.begun, gone),
        prepared=_without(memory.prepared, gone),
        originals=_without(memory.originals, gone),
    )


def _without(facts: Mapping[str, Value], keys: Collection[str]) -> dict[str, Value]:
    return {key: value for key, value in facts.items() if key not in keys}
