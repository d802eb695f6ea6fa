"""The order of the steps about registries."""

from __future__ import annotations

import pytest

from evenkeel.reconcilers.ports import Former
from evenkeel.reconcilers.registries import Registries
from evenkeel.reconcilers.registries.plan import plan
from evenkeel.reconcilers.registries.select import RegistriesWanted
from evenkeel.specs.desired import Document
from evenkeel.specs.plan import Change
from evenkeel.specs.registries.difference import RegistryDifference
from evenkeel.specs.registries.memory import Proven, RegistriesMemory
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


@pytest.mark.parametrize(("password", "is_tried"), [("as proven", False), ("another", True)])
def test_the_way_back_asks_nobody_while_the_file_has_what_was_proven(password: str, is_tried: bool) -> None:
    """A password file that was changed in place has nothing for the former user any more (ADR 0030)."""
    good, failed = (
        Registry("a", HOST, user="former", password_file="/p"),
        Registry("a", HOST, user="new", password_file="/p"),
    )
    proven = {"a": (Proven(good, (("credentials", "as proven"),)), Proven(failed, (("credentials", "new"),)))}
    memory = RegistriesMemory(admitted={HOST: "a"}, proven=proven)
    back = RegistryDifference(
        "a",
        "update",
        "",
        (Change("a", "credentials", "new", "former", ""),),
        registry=good,
        prints=(("credentials", password),),
    )
    former = Former(RegistriesWanted(((good, Document("Registry", "a", good)),)))
    found = plan([back], memory, former)
    ids = [step.id for stage in found.stages for step in stage.steps]
    assert ("try:a" in ids) is is_tried
    assert "admit:a" in ids
