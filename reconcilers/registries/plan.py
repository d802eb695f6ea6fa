"""Differences → steps in stages.

New credentials are tried before they replace the former ones: a password that is wrong disturbs nothing. It is put in
force in DOWNLOAD, before whatever is fetched from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenkeel.reconcilers.staging import stages
from evenkeel.specs.plan import NOTHING_DONE, Phase, Plan, Step
from evenkeel.specs.registries.actions import Admit, Login, Try, Withdraw
from evenkeel.specs.registries.difference import RegistryDifference
from evenkeel.specs.registries.memory import RegistriesMemory

_OF_A_LOGIN = ("credentials", "tokenRealms", "tls", "insecure")
"""The keys whose change shows in a login."""


def plan(differences: Sequence[RegistryDifference], memory: RegistriesMemory) -> Plan:
    """All steps from the observed to the wanted registries."""
    steps = [step for each in differences if each.verb not in NOTHING_DONE for step in _steps(each, memory)]
    return Plan(RegistriesMemory.domain, tuple(differences), stages(steps))


def _steps(difference: RegistryDifference, memory: RegistriesMemory) -> Iterator[Step]:
    subject, registry, prints = difference.subject, difference.registry, difference.prints
    if registry is not None:
        needs: tuple[str, ...] = ()
        if any(each.path in _OF_A_LOGIN for each in difference.changes):
            yield Step(f"try:{subject}", subject, Phase.DOWNLOAD, Try(registry, prints))
            needs = (f"try:{subject}",)
        if difference.changes:
            yield Step(f"admit:{subject}", subject, Phase.DOWNLOAD, Admit(registry, prints), needs)
        is_known = memory.proven.get(subject) == prints and memory.admitted.get(registry.place) == subject
        if difference.changes or not is_known:
            yield Step(f"login:{subject}", subject, Phase.VERIFY, Login(registry, prints))
    for place in difference.withdraws:
        yield Step(f"withdraw:{place}", subject, Phase.CLEANUP, Withdraw(place))
