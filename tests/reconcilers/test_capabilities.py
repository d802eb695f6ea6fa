"""What a domain offers is asked for: each of its methods is one of the ports', and a capability that it names is whole."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

from evenkeel.reconcilers import capabilities
from evenkeel.reconcilers.capabilities import (
    Guarded,
    Inheriting,
    Instanced,
    Opening,
    Revealing,
    Tagged,
    Watched,
    guarded,
    inheriting,
    instanced,
    opening,
    revealing,
    tagged,
    watched,
)
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.files import Files
from evenkeel.reconcilers.ports import Reconciler
from evenkeel.reconcilers.registries import Registries
from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FilesSeen

DOMAINS = (Containers, Files, Registries, Slots)
CAPABILITIES = (Watched, Tagged, Inheriting, Instanced, Guarded, Opening, Revealing)
ASKED = (watched, tagged, inheriting, instanced, guarded, opening, revealing)


def methods(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_no_method_that_nobody_asks_for(domain: type) -> None:
    """A name that is written wrongly is one: the capability would be missing without a word."""
    named = [each for each in domain.__mro__ if each in CAPABILITIES]
    assert methods(domain) == set().union(methods(Reconciler), *map(methods, named))


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_domain_has_the_capabilities_that_it_names(domain: Any) -> None:
    reconciler = domain()
    has = [ask(reconciler) is reconciler for ask in ASKED]
    assert has == [each in domain.__mro__ for each in CAPABILITIES]


def test_the_controller_asks_for_every_capability() -> None:
    protocols = {
        each
        for each in vars(capabilities).values()
        if isinstance(each, type) and Protocol in each.__bases__ and each.__module__ == capabilities.__name__
    }
    assert protocols == {*CAPABILITIES, capabilities.Logged}


def test_a_domain_without_a_capability_answers_that_there_is_nothing() -> None:
    files, seen, memory = Files(), FilesSeen("a disk"), FilesMemory()
    assert not watched(files).ailing(seen, memory)
    assert not watched(files).unchecked(seen, {})
    assert not tagged(files).renewed((), seen, memory)
    assert instanced(files).forgotten(memory, ("x",)) is memory
    assert not guarded(files).is_exposed(files.select(DesiredState()), memory)
    assert not guarded(files).safeguards(files.select(DesiredState()), seen, memory)
    of_containers = ContainersSeen("an engine")
    assert inheriting(Containers()).as_found(of_containers, ContainersMemory()) is None
