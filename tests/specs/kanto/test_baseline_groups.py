"""Baselines of a Kanto desired state in a file are groups; on the wire they are those of the activity alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.specs.kanto.components import component, message

from evenkeel.reconcilers.agents.request import read_request
from evenkeel.specs.desired import Decoded, Document, desired_state
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.kanto.desired import baselines
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.kanto.translate import kanto_payload
from evenkeel.specs.problem import Flaw


def asking(*groups: tuple[str, list[str]]) -> dict[str, Any]:
    components = [{**component(), "id": name} for name in ("web", "db", "lamp")]
    value = message(*components)
    value["payload"]["baselines"] = [{"title": title, "components": names} for title, names in groups]
    return value


def read(value: dict[str, Any]) -> Decoded:
    return decode_file(json.dumps(value, indent=1).encode(), "state.json")


DRIVE = asking(("drive", ["containers:web", "containers:db", "safety-app:x"]))


def test_each_baseline_is_a_group_and_what_is_in_none_is_one_of_its_own() -> None:
    decoded = read(DRIVE)
    assert not decoded.problems
    found = {each.name: each.wanted for each in decoded.documents if each.kind == "Baseline"}
    assert found == {"drive": Baseline(("db", "web")), "lamp": Baseline(("lamp",))}
    lines = json.dumps(DRIVE, indent=1).splitlines()
    places = {each.name: each.place for each in decoded.documents if each.kind == "Baseline"}
    assert '"drive"' in lines[places["drive"].line]
    assert '"lamp"' in "".join(lines[places["lamp"].line : places["lamp"].line + 4])
    assert not desired_from([decoded])[1]


def test_without_baselines_there_are_no_groups() -> None:
    assert {each.kind for each in read(asking()).documents} == {"Container"}


def test_with_an_error_nothing_of_it_is_asked_for() -> None:
    decoded = read(asking(("drive", ["containers:wbe"])))
    assert decoded.problems
    assert not decoded.documents


def test_a_baseline_of_other_agents_is_no_group() -> None:
    found = {each.name for each in read(asking(("os", ["self-update:os"]))).documents if each.kind == "Baseline"}
    assert "os" not in found


def test_over_mqtt_they_belong_to_the_activity() -> None:
    asked = read_request(json.dumps(DRIVE).encode(), "containersupdate/desiredstate", "containers", Manner())
    assert ("drive", ("web", "db")) in tuple((title, tuple(names)) for title, names in asked.baselines)
    assert {each.kind for each in asked.target.documents} == {"Container"}


def test_a_group_is_published_as_a_baseline() -> None:
    state, _ = desired_from([read(DRIVE)])
    flaws: list[Flaw] = []
    payload = kanto_payload(state, flaws)
    assert not flaws
    assert baselines(payload) == (("drive", ("db", "web")), ("lamp", ("lamp",)))


@pytest.mark.parametrize("lines", ["maxUnavailable: 1", "maxUnavailable: 50%\n  allOrNothing: false"])
def test_that_not_all_are_to_be_away_at_once_cannot_be_published(lines: str) -> None:
    container = "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: web}\nspec: {image: web:1}\n---\n"
    group = f"apiVersion: evenkeel/v1\nkind: Baseline\nmetadata: {{name: pool}}\nspec:\n  members: [web]\n  {lines}\n"
    state, _ = desired_from([decode_file(f"{container}{group}".encode(), "x.yaml")])
    flaws: list[Flaw] = []
    kanto_payload(state, flaws)
    assert [flaw.path for flaw in flaws] == [("pool", "maxUnavailable")]


def test_preconditions_of_a_baseline_come_along_and_go_back_to_kanto() -> None:
    value = asking(("drive", ["containers:web", "containers:db"]))
    value["payload"]["baselines"][0]["preconditions"] = "speed=0"
    state, problems = desired_from([read(value)])
    assert not problems
    found = {each.name: each.wanted.conditions for each in state.documents if isinstance(each.wanted, Baseline)}
    assert found == {"drive": "speed=0", "lamp": ""}
    flaws: list[Flaw] = []
    told = {each["title"]: each.get("preconditions") for each in kanto_payload(state, flaws)["baselines"]}
    assert (told, flaws) == ({"drive": "speed=0", "lamp": None}, [])


def test_each_member_that_is_a_group_of_its_own_has_the_preconditions_in_kantos_words() -> None:
    state, _ = desired_from([read(asking())])
    rule = Document("Baseline", "drive", Baseline(("db", "web"), (), False, preconditions="parked"))
    flaws: list[Flaw] = []
    payload = kanto_payload(desired_state([*state.documents, rule]), flaws)
    assert not flaws
    assert payload["baselines"] == [
        {"title": f"containers:{name}", "preconditions": "parked", "components": [f"containers:{name}"]}
        for name in ("db", "web")
    ]
