"""Differences → steps in stages.

New credentials are tried before they replace the former ones: a password that is wrong disturbs nothing. It is put in
force in DOWNLOAD, before whatever is fetched from there. The way back to last-good asks nobody: what was proven for it comes
back whatever the registry says meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenkeel.reconcilers.ports import Former
from evenkeel.reconcilers.registries.select import RegistriesWanted
from evenkeel.reconcilers.staging import stages
from evenkeel.specs.plan import NOTHING_DONE, Phase, Plan, Step
from evenkeel.specs.registries.actions import Admit, Login, Restore, Try, Withdraw
from evenkeel.specs.registries.difference import RegistryDifference
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.registry import Registry

_OF_A_LOGIN = ("credentials", "tls", "insecure", "tokenRealms")
"""The keys whose change shows in a login."""


def plan(differences: Sequence[RegistryDifference], memory: RegistriesMemory, former: Former[RegistriesWanted]) -> Plan:
    """All steps from the observed to the wanted registries."""
    good = former.good.subjects if former.good is not None else {}
    steps = [
        step
        for each in differences
        if each.verb not in NOTHING_DONE
        for step in _steps(each, memory, good.get(each.subject))
    ]
    return Plan(RegistriesMemory.domain, tuple(differences), stages(steps))


def _steps(difference: RegistryDifference, memory: RegistriesMemory, good: Registry | None) -> Iterator[Step]:
    subject, registry, prints = difference.subject, difference.registry, difference.prints
    if registry is not None:
        needs: tuple[str, ...] = ()
        if difference.restores:
            restore = Restore(registry, difference.restores)
            yield Step(f"restore:{subject}", subject, Phase.DOWNLOAD, restore)
            needs = (f"restore:{subject}",)
        is_good = registry == good and memory.was_let_in(registry, prints)
        if not is_good and any(each.path in _OF_A_LOGIN for each in difference.changes):
            yield Step(f"try:{subject}", subject, Phase.DOWNLOAD, Try(registry, prints))
            needs = (*needs, f"try:{subject}")
        if difference.changes:
            yield Step(f"admit:{subject}", subject, Phase.DOWNLOAD, Admit(registry, prints, good), needs)
        is_proven = memory.is_proven(registry, prints, difference.kept)
        is_known = is_proven and memory.admitted.get(registry.place) == subject
        if not is_good if difference.changes else not is_known:
            yield Step(f"login:{subject}", subject, Phase.VERIFY, Login(registry, prints, difference.kept))
    for place in difference.withdraws:
        yield Step(f"withdraw:{place}", subject, Phase.CLEANUP, Withdraw(place))
