"""Kanto's desired state around its components: conformance groups 27–29 and 51, and §1.7 (container-management.md)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.places import DATA
from tests.specs.kanto.components import PRIVILEGED, complaints, component, config, container, message

from evenkeel.specs.codec import plain
from evenkeel.specs.containers.container import Restart
from evenkeel.specs.desired import Decoded, SystemContainers, asked_at
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.kanto import desired as kanto
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.problem import Flaw, Place, errors, path_text, problem_text


@pytest.mark.parametrize(
    ("value", "unknown"),
    [
        ({"domains": [{"id": "containers", "weight": 1, "components": []}]}, "payload.domains[0].weight"),
        (
            {"domains": [{"id": "containers", "config": [{"key": "color", "value": "red"}]}]},
            "payload.domains[0].config[0].key",
        ),
        (
            {"domains": [{"id": "containers", "components": [{"id": "web", "version": "1", "weight": 1}]}]},
            "payload.domains[0].components[0].weight",
        ),
        (
            {
                "domains": [
                    {
                        "id": "containers",
                        "components": [{"id": "web", "version": "1", "config": [{"key": "memmory", "value": "64M"}]}],
                    }
                ]
            },
            "payload.domains[0].components[0].config[0].key",
        ),
    ],
)
def test_an_unknown_key_is_refused_in_files_and_passed_over_on_the_wire(value: dict[str, Any], unknown: str) -> None:
    """A cloud that adds a key must not stop the updates of every older device (recording `system-containers-emptied`)."""
    flaws: list[Flaw] = []
    kanto.desired_state_drafts({"payload": value}, flaws)
    assert [(path_text(flaw.path), flaw.warning) for flaw in flaws] == [(unknown, False)]
    flaws = []
    drafts = kanto.desired_state_drafts({"payload": value}, flaws, manner=Manner(takes_unknown_keys=True))
    assert [(path_text(flaw.path), flaw.warning) for flaw in flaws] == [(unknown, True)]
    assert "is passed over" in flaws[0].message
    assert len(drafts) == len(value["domains"][0].get("components", ()))


def test_a_mistake_that_loses_what_is_asked_for_is_refused_on_the_wire_too() -> None:
    parameters = {"id": "web", "version": "1", "parameters": [{"key": "privileged", "value": "true"}]}
    flaws: list[Flaw] = []
    value = {"payload": {"domains": [{"id": "containers", "components": [parameters]}]}}
    kanto.desired_state_drafts(value, flaws, manner=Manner(takes_unknown_keys=True))
    assert [flaw.warning for flaw in flaws] == [False]


def test_the_last_list_of_system_containers_counts_and_the_other_is_told() -> None:
    value = message()
    value["payload"]["domains"][0]["config"] = config("systemContainers=a", "systemContainers=b, c")
    flaws: list[Flaw] = []
    (draft,) = kanto.desired_state_drafts(value, flaws)
    assert draft.wanted == SystemContainers(("b", "c"))
    (complaint,) = complaints(value)
    assert complaint == (
        "config[0].value: `systemContainers` is given again further down, and only the last one counts; "
        "leave one of them; the last is at payload.domains[0].config[1].value (warning)"
    )


IN_COMPONENT = (
    "cannot convert desired state components to container configurations: invalid configuration for container {}: "
)


IN_BASELINE = "cannot process desired state baselines with containers: problem with baseline {}: "


DOMAIN = {"id": "containers", "components": []}


OLDER = "unknown key `specification`; this is an older form; write `payload`, and below it `domains` and `baselines`"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"payload": None},
            ["domains: one domain expected in desired state specification, but got 0; expected the domain"],
        ),
        (
            {"payload": {}},
            ["domains: one domain expected in desired state specification, but got 0; expected the domain"],
        ),
        ({"activityId": "a"}, ["domains: one domain expected in desired state specification, but got 0"]),
        (
            {"domains": []},
            [
                "domains: one domain expected in desired state specification, but got 0; expected the domain `containers`"
            ],
        ),
        (
            {"domains": [DOMAIN, {"id": "self-update"}]},
            ["domains: one domain expected in desired state specification, but got 2; leave only `containers`; other"],
        ),
        (
            {"domains": [{"id": "container"}]},
            ["id: domain id mismatch - expecting containers, received container; did you mean `containers`?"],
        ),
        ({"domains": [{}]}, ["id: domain id mismatch - expecting containers, received "]),
        (
            {"domains": [DOMAIN], "softwareNodes": []},
            ["softwareNodes: unknown key `softwareNodes`; this is a report of the current state; a desired state has"],
        ),
        (
            {"domains": [DOMAIN], "activityId": "a"},
            ["activityId: unknown key `activityId`; it stands beside `payload`"],
        ),
        (
            {"payload": {"domains": [DOMAIN]}, "activityID": ""},
            ["activityID: unknown key `activityID`, which is passed over; did you mean `activityId`? (warning)"],
        ),
        (
            {"name": "a", "specification": {"domains": [DOMAIN]}},
            ["name: unknown key `name`", f"specification: {OLDER}", "domains: one domain expected"],
        ),
        (
            {"activityId": "a", "payload": {"specification": {"domains": [DOMAIN]}}},
            [f"specification: {OLDER}", "domains: one domain expected"],
        ),
        (
            {"domains": [{**DOMAIN, "component": []}]},
            ["component: unknown key `component`; did you mean `components`?"],
        ),
        ({"domains": "x"}, ["domains: expected a list, got a text", "domains: one domain expected"]),
        (
            {"domains": [DOMAIN, 5]},
            ["domains[1]: expected a mapping with `id`, `config`, `components`, got a number"],
        ),
        ([], ["expected a mapping with `domains`, `baselines`, got a list", "domains: one domain expected"]),
        (
            message({"id": "a", "version": "1", "parameters": []}),
            ["parameters: unknown key `parameters`; did you mean `config`?"],
        ),
        (message({"id": "a", "version": 1.5}), ["version: expected a text, got a number; put it into quotes"]),
        (
            message({"id": "a", "version": "1", "config": [{"key": "env", "value": 1}]}),
            ["config[0].value: expected a text, got a number; put it into quotes"],
        ),
        (message({"id": "a", "version": "1", "config": [{"value": "1"}]}), ["config[0]: the key `key` is missing"]),
        (
            message({"version": "1"}),
            ["components[0]: the key `id` is missing; the id of a component is the name of its"],
        ),
        (
            message({"id": "", "version": "1"}),
            ["components[0]: the key `id` is missing; the id of a component is the name"],
        ),
        (
            message({"id": "a"}),
            ["components[0]: the containers image configuration is invalid; give a key `image`, or a"],
        ),
        (
            message({"id": "containers:a", "version": "1"}),
            ["id: invalid container name format : containers:a; leave out `containers:`, the id is the name of the"],
        ),
        (
            message({"id": ".invalid_name", "version": "1"}),
            ["id: invalid container name format : .invalid_name; expected"],
        ),
        (message({"id": "a\n", "version": "1"}), ["id: invalid container name format : a\n; expected letters"]),
        (
            message(component(name="a"), component(name="b"), component(name="a")),
            ["components[2].id: the component `a` stands here again; first at payload.domains[0].components[0]"],
        ),
    ],
)
def test_group_27_what_is_wrong_around_components(value: object, expected: list[str]) -> None:
    found = complaints(value)
    assert len(found) == len(expected), found
    for complaint, start in zip(found, expected, strict=True):
        assert complaint.startswith(start)


def test_an_envelope_is_not_needed_and_null_is_nothing() -> None:
    flaws: list[Flaw] = []
    payload = {"domains": [{"id": "containers", "config": None, "components": None}], "baselines": None}
    assert kanto.desired_state_drafts(payload, flaws) == []
    (draft,) = kanto.desired_state_drafts(message(component())["payload"], flaws)
    assert flaws == []
    assert draft.root == ("domains", 0, "components", 0)
    assert draft.paths["image"] == ("domains", 0, "components", 0, "version")


@pytest.mark.parametrize("beside", [{}, {"blueprintMetadata": {"name": "Broker", "description": ""}}, {"sender": "a"}])
def test_what_stands_beside_the_payload_asks_for_nothing(beside: dict[str, Any]) -> None:
    """Blueprints of Leda were refused as files, and taken over MQTT (B3)."""
    decoded = decode_file(json.dumps({**beside, **message(component())}).encode(), "a.json")
    assert [document.wanted for document in decoded.documents] == [container()]
    told = ["unknown key `sender`, which is passed over"] if "sender" in beside else []
    assert [(problem.message, problem.severity) for problem in decoded.problems] == [(each, "warning") for each in told]


def test_what_has_only_the_name_of_a_blueprint_right_is_read_as_one() -> None:
    """Else it would be told to write `apiVersion`."""
    decoded = decode_file(json.dumps({"blueprintMetadata": {}, "paylod": message()}).encode(), "a.json")
    (told,) = [problem for problem in decoded.problems if problem.path == "paylod"]
    assert (told.message, told.hint) == ("unknown key `paylod`", "did you mean `payload`?")
    assert not any("apiVersion" in problem.message for problem in decoded.problems)


def test_a_desired_state_without_components_is_a_document_that_asks_for_nothing() -> None:
    decoded = decode_file(json.dumps(message()).encode(), "a.json")
    assert decoded == Decoded(nothing=(Place("a.json", 1, 1),))
    assert decode_file(b"# nothing\n", "a.yaml") == Decoded()


def test_the_domain_is_configurable() -> None:
    flaws: list[Flaw] = []
    value = {
        "domains": [{"id": "apps", "components": [component()]}],
        "baselines": [{"title": "t", "components": ["apps:web"]}],
    }
    (draft,) = kanto.desired_state_drafts(value, flaws, "apps")
    assert (draft.name, flaws) == ("web", [])
    assert kanto.baselines(value, "apps") == (("t", ("web",)),)
    assert kanto.baselines(value) == (("t", ()),)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["systemContainers=sys-container-1, corelib"], [("corelib", "sys-container-1")]),
        (["systemContainers="], [()]),
        ([], []),
    ],
)
def test_group_28_a_domain_may_name_system_containers(settings: list[str], expected: list[tuple[str, ...]]) -> None:
    flaws: list[Flaw] = []
    value = {"domains": [{"id": "containers", "config": config(*settings), "components": []}]}
    drafts = kanto.desired_state_drafts(value, flaws)
    assert flaws == []
    assert [draft.wanted for draft in drafts] == [SystemContainers(names) for names in expected]
    assert [(draft.kind, draft.name) for draft in drafts] == [("SystemContainers", "containers")] * len(expected)


def test_a_domain_has_no_other_settings() -> None:
    value = {"domains": [{"id": "containers", "config": config("systemContainer=a", "systemContainers=a b")}]}
    assert complaints(value) == [
        "config[0].key: unknown key `systemContainer`; did you mean `systemContainers`?",
        "config[1].value: invalid container name format : a b; expected names between commas",
    ]


def test_baselines_group_components_of_the_own_domain() -> None:
    value = message(
        component(name="fog"),
        component(name="mist"),
        baselines=[{"title": "front", "components": ["containers:fog", "other:x"]}],
    )
    assert complaints(value) == []
    assert kanto.baselines(value) == (("front", ("fog",)),)
    assert kanto.baselines({}) == kanto.baselines(None) == ()


def test_baselines_refer_to_components_that_are_there_once() -> None:
    value = message(
        component(name="fog"),
        baselines=[
            {
                "title": "a",
                "components": ["containers:fogg", "containers:fog", "fog"],
                "description": "",
                "preconditions": "",
            },
            {"title": "b", "components": ["containers:fog"]},
            {"title": "b"},
            {"component": []},
        ],
    )
    assert complaints(value) == [
        "baselines[3].component: unknown key `component`; did you mean `components`?",
        "baselines[3]: the key `title` is missing",
        "baselines[0].components[0]: cannot find container component containers:fogg; did you mean `fog`?",
        "baselines[0].components[2]: `fog` names no domain; write `containers:fog` (warning)",
        "baselines[1].components[0]: cannot find container component containers:fog; the baseline `a` has it already",
        "baselines[2].title: the baseline `b` stands here again; commands name baselines by title",
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            message(component("privileged=true", "device=/dev/a:/dev/a", name="x")),
            IN_COMPONENT.format("x") + PRIVILEGED.format("specified devices"),
        ),
        (
            message(component(name="a"), baselines=[{"title": "t", "components": ["containers:b"]}]),
            IN_BASELINE.format("t") + "cannot find container component containers:b",
        ),
        (
            message(component(name="a"))["payload"] | {"domains": []},
            "one domain expected in desired state specification, but got 0",
        ),
        ({"domains": [{"id": "other"}]}, "domain id mismatch - expecting containers, received other"),
    ],
)
def test_a_rejection_is_kantos_whole_sentence(value: dict[str, Any], expected: str) -> None:
    flaws: list[Flaw] = []
    kanto.desired_state_drafts(value, flaws)
    assert kanto.rejection(value, flaws[0]) == expected


def test_a_difference_can_point_to_the_line_that_asked() -> None:
    text = json.dumps(message(component("image=x:1", "env=A=1", "env=B=1", "memory=64M", "port=1:1")), indent=1)
    (document,) = decode_file(text.encode(), "ds.json").documents
    lines = text.splitlines()

    def line(path: str) -> str:
        return lines[asked_at(document, path).line - 1].strip()

    assert line("image") == '"value": "x:1"'
    assert line("env.B") == '"value": "B=1"'
    assert line("env") == line("env.C") == '"value": "A=1"'
    assert line("resources.memory") == line("resources") == '"value": "64M"'
    assert line("ports") == '"value": "1:1"'
    assert line("hostName") == "{"


def test_an_inventory_node_can_be_pasted_into_a_desired_state() -> None:
    """§2.8: its keys are read, including the duration text and `localhost`."""
    assert container(
        *("image=reg.example/lamp:1.4", "restartPolicy=on-failure", "restartMaxRetries=3", "restartTimeout=20s"),
        *("port=localhost:8080:80/tcp", "memory=64M", "memorySwap=128M", "env=LEVEL=1", "status=Running"),
        *("created=2026-01-02T03:04:05.678901234Z", "domainName=d", "hostName=h"),
    ).restart == Restart("on-failure", 3, timedelta(seconds=20))


def test_the_published_desired_state_of_leda(snapshot: SnapshotAssertion) -> None:
    result = decode_file((DATA / "leda-desired-state.json").read_bytes(), "leda-desired-state.json")
    assert errors(result.problems) == ()
    assert [problem_text(problem) for problem in result.problems] == snapshot(name="warnings")
    assert {document.name: plain(document.wanted) for document in result.documents} == snapshot(name="containers")
