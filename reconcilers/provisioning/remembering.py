"""The memory of the provisioning domain after the begin or end of a step."""

from __future__ import annotations

from evenkeel.reconcilers.provisioning.state import pair_of
from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Done, Failed, Outcome, Step
from evenkeel.specs.provisioning.actions import Forget, Make, Prove, Provide, Register, Tidy, Try, Withdraw, Write
from evenkeel.specs.provisioning.memory import MOST_PAUSE_S, Postponement, ProvisioningMemory
from evenkeel.specs.renewing import Renew, with_renewals

_FIRST_S = 60.0
"""The pause after a renewal that could not be had. It is doubled each time, up to `MOST_PAUSE_S`."""


def memory_before(step: Step, memory: ProvisioningMemory) -> ProvisioningMemory:
    """The memory when a step is about to be performed: a loss of power may follow."""
    match step.action:
        case Write(path=path, keeps=keeps):
            keeping = tuple(dict.fromkeys((*memory.keeping, path))) if keeps else memory.keeping
            return changed(memory, placed={**memory.placed, path: step.subject}, keeping=keeping)
        case Provide():
            return changed(memory, provided=tuple(dict.fromkeys((*memory.provided, step.subject))))
        case _:
            return memory


def memory_after(step: Step, outcome: Outcome, memory: ProvisioningMemory) -> ProvisioningMemory:
    """The memory after a step has ended."""
    action, subject = step.action, step.subject
    if isinstance(action, Make | Register | Try) and action.renews_s:
        memory = _postponed(action, action.renews_s, subject, outcome, memory)
    if isinstance(outcome, Failed) and isinstance(action, Prove) and action.sha256:
        # One that was let in before is not to blame: the cloud has changed, and may change back.
        is_new = pair_of(memory.proven.get(subject, ())) != action.sha256
        return changed(memory, refused={**memory.refused, action.sha256: outcome.message}) if is_new else memory
    if not isinstance(outcome, Done):
        return memory
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
        case Write(path=path):
            return changed(memory, keeping=tuple(each for each in memory.keeping if each != path))
        case Withdraw(path=path):
            return changed(
                memory,
                placed={at: each for at, each in memory.placed.items() if at != path},
                keeping=tuple(each for each in memory.keeping if each != path),
            )
        case Forget(name=name):
            return changed(
                memory,
                provided=tuple(each for each in memory.provided if each != name),
                tried={each: value for each, value in memory.tried.items() if each != name},
                proven={each: value for each, value in memory.proven.items() if each != name},
                postponed={each: value for each, value in memory.postponed.items() if each != name},
            )
        case Tidy(pairs=pairs):
            return changed(memory, refused={each: why for each, why in memory.refused.items() if each not in pairs})
        case Renew(unit=unit):
            return changed(memory, renewals={name: each for name, each in memory.renewals.items() if name != unit.name})
        case _:
            return memory


def _postponed(
    action: Make | Register | Try, now_s: float, subject: str, outcome: Outcome, memory: ProvisioningMemory
) -> ProvisioningMemory:
    """A renewal that cannot be had now must not hold up what else is asked for."""
    others = {name: each for name, each in memory.postponed.items() if name != subject}
    if isinstance(outcome, Done):
        return changed(memory, postponed=others)
    successor = action.role if isinstance(action, Make) else action.sha256
    before = memory.postponed.get(subject)
    tries = before.tries + 1 if before is not None and before.successor == successor else 1
    pause_s = min(MOST_PAUSE_S, _FIRST_S * 2.0 ** min(tries - 1, 10))
    return changed(
        memory, postponed={**others, subject: Postponement(successor, now_s + pause_s, tries, outcome.message)}
    )
