"""The memory of the provisioning domain after the begin or end of a step."""

from __future__ import annotations

from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Failed, Outcome, Step
from evenkeel.specs.provisioning.actions import Forget, Prove, Provide, Tidy, Try, Withdraw, Write
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.renewing import Renew, with_renewals


def memory_before(step: Step, memory: ProvisioningMemory) -> ProvisioningMemory:
    """The memory when a step is about to be performed: a loss of power may follow."""
    match step.action:
        case Write(path=path):
            return changed(memory, placed={**memory.placed, path: step.subject})
        case Provide():
            return changed(memory, provided=tuple(dict.fromkeys((*memory.provided, step.subject))))
        case _:
            return memory


def memory_after(step: Step, outcome: Outcome, memory: ProvisioningMemory) -> ProvisioningMemory:
    """The memory after a step has ended."""
    if isinstance(outcome, Failed) and isinstance(step.action, Prove) and step.action.sha256:
        return changed(memory, refused={**memory.refused, step.action.sha256: outcome.message})
    if not isinstance(outcome, Done):
        return memory
    subject = step.subject
    match step.action:
        case Try(target=target):
            return changed(memory, tried={**memory.tried, subject: target})
        case Prove(state=state, sha256=sha256, units=units):
            return changed(
                memory,
                proven={**memory.proven, subject: state},
                tried={name: each for name, each in memory.tried.items() if name != subject},
                refused={each: why for each, why in memory.refused.items() if each != sha256},
                renewals=with_renewals(memory.renewals, subject, units),
            )
        case Withdraw(path=path):
            return changed(memory, placed={at: each for at, each in memory.placed.items() if at != path})
        case Forget(name=name):
            return changed(
                memory,
                provided=tuple(each for each in memory.provided if each != name),
                tried={each: value for each, value in memory.tried.items() if each != name},
                proven={each: value for each, value in memory.proven.items() if each != name},
            )
        case Tidy(pairs=pairs):
            return changed(memory, refused={each: why for each, why in memory.refused.items() if each not in pairs})
        case Renew(unit=unit):
            return changed(memory, renewals={name: each for name, each in memory.renewals.items() if name != unit.name})
        case _:
            return memory
