"""The order of the steps about registries."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.registries import Registries
from evenkeel.specs.plan import Change
from evenkeel.specs.registries.difference import RegistryDifference
from evenkeel.specs.registries.memory import RegistriesMemory
from evenkeel.specs.registries.observed import RegistriesSeen
from evenkeel.specs.registries.registry import Registry

HOST = "registry.example:5000"


def new(name: str, place: str, *paths: str) -> RegistryDifference:
    changes = tuple(Change(name, path, "none", "there", "") for path in paths)
    return RegistryDifference(name, "create", "", changes, registry=Registry(name, place))


def steps(*differences: RegistryDifference) -> list[str]:
    """As they are carried out one by one."""
    planned = Registries().plan(differences, RegistriesSeen("docker"), RegistriesMemory())
    return [step.id for stage in planned.stages for step in stage.steps]


@pytest.mark.parametrize("path", ["tls", "insecure"])
def test_a_part_is_tried_when_the_trust_in_its_host_is_in_force(path: str) -> None:
    part, host = new("a-part", f"{HOST}/org", "credentials"), new("b-host", HOST, path)
    assert steps(part, host)[:4] == ["try:b-host", "admit:b-host", "try:a-part", "admit:a-part"]


def test_a_part_waits_for_nothing_else() -> None:
    part, host = new("a-part", f"{HOST}/org", "credentials"), new("b-host", HOST, "credentials", "mirrors")
    others = new("c-other", "other.example", "tls"), new("d-beside", f"{HOST}/organ", "tls")
    assert steps(part, host, *others)[:2] == ["try:a-part", "admit:a-part"]
