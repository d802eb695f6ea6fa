"""Variables with a value of an identity: written, refused with a place, and never with the value."""

from __future__ import annotations

from typing import get_args

import pytest

from evenkeel.specs.codec import changed, plain
from evenkeel.specs.containers.container import Container, ValueFrom
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.containers.output import last_lines
from evenkeel.specs.containers.redaction import marked, redacted
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.documents.needs import needs_in_a_circle, unmet_needs
from evenkeel.specs.kanto.inventory import Values, inventory
from evenkeel.specs.kanto.translate import kanto_payload
from evenkeel.specs.problem import Flaw, problem_text
from evenkeel.specs.values import VALUES, ValueName

IDENTITY = "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec:\n"
IDENTITY += "  certificate: {mode: selfSigned}\n  azure: {connectionString: /data/connection}\n"
BARE = "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: azure}\nspec: {}\n"
HEAD = "apiVersion: evenkeel/v1\nkind: Container\nmetadata: {name: web}\nspec:\n  image: nginx\n  env:\n"
CS = "CS: {valueFrom: {provisioning: azure, value: connectionString}}"
SOURCES = (ValueFrom("CS", "azure", "connectionString"), ValueFrom("ID", "azure", "deviceId"))
WEB = normal(Container("web", "nginx", values_from=SOURCES))


def read(*variables: str, identity: str = IDENTITY) -> tuple[DesiredState, list[str]]:
    text = HEAD + "".join(f"    {each}\n" for each in variables)
    files = [decode_file(content.encode(), name) for name, content in (("x.yaml", text), ("id.yaml", identity))]
    state, problems = desired_from(files)
    return state, [problem_text(each) for each in problems]


def test_the_reference_is_kept_and_order_does_not_matter() -> None:
    identifier = "ID: {valueFrom: {provisioning: azure, value: deviceId}, secret: true}"
    for variables in ((identifier, CS, "X: y"), (CS, "X: y", identifier)):
        state, problems = read(*variables)
        assert problems == []
        web = state.containers()["web"]
        assert (web.env, web.values_from, web.secrets) == ((("X", "y"),), SOURCES, ("ID",))
    assert "values_from" not in plain(normal(Container("web", "nginx")))


@pytest.mark.parametrize(
    ("variable", "complaint"),
    [
        (
            "CS: {valueFrom: {provisioning: azur, value: hub}}",
            "no provisioning `azur` is asked for; did you mean `azure`?",
        ),
        ("CS: {valueFrom: {provisioning: azure, value: conectionString}}", "did you mean `connectionString`?"),
        ("CS: {valueFrom: {provisioning: web, value: hub}}", "no provisioning `web` is asked for"),
        ("CS: {secret: true}", "spec.env.CS: expected exactly one of `value`, `valueFrom`"),
        (
            "CS: {value: x, valueFrom: {provisioning: azure, value: hub}}",
            "expected exactly one of `value`, `valueFrom`",
        ),
        ("1CS: {valueFrom: {provisioning: azure, value: hub}}", "`1CS` is no name of a variable"),
        ("CS: {valueFrom: {provisioning: azure}}", "spec.env.CS.valueFrom: the key `value` is missing"),
    ],
)
def test_what_cannot_be_had_is_told_with_its_place(variable: str, complaint: str) -> None:
    _, (problem,) = read(variable)
    assert problem.startswith("x.yaml:7:")
    assert complaint in problem


def test_an_identity_that_nobody_asks_for_is_missed_unless_its_document_cannot_be_read() -> None:
    other = "apiVersion: evenkeel/v1\nkind: Provisioning\nmetadata: {name: other}\nspec: {}\n"
    assert "no provisioning `azure` is asked for" in read(CS, identity=other)[1][0]
    _, problems = read(CS, identity=IDENTITY.replace("spec: {}", "spec: {folderr: /x}"))
    assert [each for each in problems if each.startswith("x.yaml")] == []


def test_a_container_needs_its_identity_and_no_container_of_that_name() -> None:
    state, _ = read(CS)
    web, identity = sorted(state.documents, key=lambda each: each.kind)
    assert [need.subject for need in unmet_needs([web])] == [("provisioning", "azure")]
    assert list(unmet_needs([web, identity])) == []
    same_name = Document("Container", "azure", normal(Container("azure", "nginx", depends_on=("web",))))
    assert [need.subject for need in unmet_needs([web, same_name])] == [("provisioning", "azure")]
    assert list(needs_in_a_circle([web, same_name])) == [], "the container of that name hands nothing out"


@pytest.mark.parametrize("values", get_args(Values))
def test_a_report_has_the_variable_and_not_its_value(values: Values) -> None:
    seen = ContainerSeen("1", "web", "web", image_id="", state="running", container=WEB)
    (_, node) = inventory(
        "containers", ContainersSeen("e", containers=(seen,)), verbose=False, values=values
    ).software_nodes
    env = [each.value for each in node.parameters if each.key == "env"]
    assert env == ["CS=(hidden)", "ID=(hidden)"]


def test_kantos_form_has_no_words_for_it() -> None:
    flaws: list[Flaw] = []
    payload = kanto_payload(desired_state([Document("Container", "web", WEB)]), flaws)
    assert [(flaw.path, flaw.message) for flaw in flaws if "stop" not in flaw.path] == [
        (("web", "env"), "Kanto's desired state has no words for it")
    ]
    assert "(hidden)" not in str(payload)


def test_secret_parts_of_a_value_are_in_no_output_and_no_message() -> None:
    value = "HostName=h.net;DeviceId=lamp;SharedAccessKey=bm90aGluZyB0byBzZWU="
    env = (("CS", value), ("ID", "lamp-0815"))
    text = f"using {value}, that is bm90aGluZyB0byBzZWU= at h.net for lamp-0815"
    assert marked(WEB) == ("CS",)
    assert marked(changed(WEB, secrets=("ID",))) == ("ID", "CS")
    assert last_lines(text, env, marked(WEB)) == ("using (env.CS), that is (env.CS) at h.net for lamp-0815",)
    assert redacted(text, WEB, env) == "using (env.CS), that is (env.CS) at h.net for (env.ID)"


def test_the_names_are_those_of_the_values() -> None:
    assert get_args(ValueName) == tuple(VALUES)


@pytest.mark.parametrize(
    ("value", "lacking"),
    [("connectionString", "azure"), ("thumbprint", "certificate"), ("secondKeyFile", "certificate.second")],
)
def test_a_value_that_an_identity_never_has_is_told_with_its_place(value: str, lacking: str) -> None:
    _, (problem,) = read(f"CS: {{valueFrom: {{provisioning: azure, value: {value}}}}}", identity=BARE)
    assert problem == (
        f"x.yaml:7:43: spec.env.CS.valueFrom.value: `azure` never has a `{value}`, because it has no `{lacking}`; "
        f"take another value, or add `{lacking}` at id.yaml:1:1"
    )


def test_what_an_identity_may_have_depends_on_its_way_to_the_cloud() -> None:
    by_scope = IDENTITY.replace("connectionString: /data/connection", "dps: {idScope: 0ne00AB12CD}")
    for value, identity, lacking in (
        ("sharedAccessKey", IDENTITY, ""),  # its file may have one
        ("idScope", IDENTITY, "azure.dps"),
        ("idScope", by_scope, ""),
        ("sharedAccessKey", by_scope, "azure.dps.sharedKey"),
    ):
        _, problems = read(f"CS: {{valueFrom: {{provisioning: azure, value: {value}}}}}", identity=identity)
        assert [f"has no `{lacking}`" in each for each in problems] == [True] * bool(lacking)
