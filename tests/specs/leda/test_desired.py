"""What the Self Update Agent reads: desired states and commands."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.reconcilers.agents.leda_request import read_command, read_request
from evenkeel.reconcilers.agents.request import Request
from evenkeel.specs.kanto.updateagent import Command
from evenkeel.specs.leda.desired import Manner
from evenkeel.specs.slots.system import OperatingSystem

TOPIC = "selfupdate/desiredstate"
URL = "https://x/y.raucb"


def component(version: Any = "2", id_: str = "os-image", **config: Any) -> dict[str, Any]:
    entries = [{"key": key, "value": value} for key, value in {"image": URL, **config}.items()]
    return {"id": id_, "version": version, "config": entries}


def asked(*domains: dict[str, Any], manner: Manner = Manner(), **more: Any) -> Request:  # noqa: B008 - a value
    message = {"activityId": "a", "payload": {"domains": list(domains), **more}}
    return read_request(json.dumps(message).encode(), TOPIC, "self-update", manner)


def domain(*components: dict[str, Any], id_: str = "self-update") -> dict[str, Any]:
    return {"id": id_, "components": list(components)}


def system(request: Request) -> Any:
    assert request.reasons == ()
    (document,) = request.target.documents
    assert (document.kind, document.name) == ("OperatingSystem", "os-image")
    return document.wanted


def test_a_desired_state_is_an_operating_system() -> None:
    request = asked(domain(component()))
    assert system(request) == OperatingSystem("os-image", "2", URL, reboot="others")
    assert (request.components, request.baselines, request.notes) == ((("os-image", "2"),), (), "")


def test_only_the_first_of_the_right_name_counts() -> None:
    others = {"id": "containers", "components": [component("9")]}
    twice = component("2", image=URL)
    twice["config"].append({"key": "image", "value": "https://z"})
    found = asked(others, domain(component("8", "sua"), twice, component("3")), domain(component("4")), baselines=[1])
    assert system(found) == OperatingSystem("os-image", "2", URL, reboot="others")


def test_further_settings() -> None:
    found = asked(domain(component(sha256="0" * 64, color="red", size=3)))
    assert system(found).sha256 == "0" * 64
    assert found.notes == "these settings are passed over: color"


def test_who_reboots_is_a_setting() -> None:
    assert system(asked(domain(component()), manner=Manner(reboot="self"))).reboot == "self"


def test_other_content_is_another_content() -> None:
    one, same, other = (asked(domain(component(version))) for version in ("2", "2", "3"))
    assert one.content == same.content != other.content


@pytest.mark.parametrize(
    ("domains", "reason"),
    [
        ([], "mandatory domain with 'id'='self-update' is missing"),
        ([{"id": "self-update"}], "mandatory component with 'id'='os-image' is missing"),
        ([domain(component(None))], "mandatory bundle version is empty"),
        ([domain(component(5))], 'expected a text, write "5"'),
        ([domain(component(" 2"))], "expected 1 to 200 printable characters of ASCII"),
        ([domain({"id": "os-image", "version": "2"})], "mandatory config entry with bundle url is missing"),
        ([domain(component(image=None))], "mandatory bundle download url is empty"),
        ([domain(component(image="/y"))], "expected an address with https, http or file, write `file:///y`"),
        ([domain(component(image="https://"))], "expected an address with https, http or file"),
    ],
)
def test_what_cannot_be_followed_has_its_reason(domains: list[Any], reason: str) -> None:
    request = asked(*domains)
    assert request.activity_id == "a"
    assert request.reasons[0].startswith(reason)
    assert request.target.documents == ()


def test_an_address_that_is_not_allowed_is_no_secret_in_a_reason() -> None:
    (reason,) = asked(domain(component(image="http://x/y?token=hunter2"))).reasons
    assert "hunter2" not in reason


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(["self-update", "os-image", URL]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["payload", "domains", "components", "id", "version", "config", "key", "value", "activityId"]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_no_message_breaks_the_reader(value: Any) -> None:
    for content in (value, {"activityId": "a", "payload": value}, {"activityId": "a", "payload": {"domains": value}}):
        request = read_request(json.dumps(content).encode(), TOPIC, "self-update", Manner())
        assert bool(request.reasons) != bool(request.target.documents)
        read_command(json.dumps(content).encode(), "t")


def test_a_command_is_for_everything() -> None:
    message = {"activityId": "a", "payload": {"command": "DOWNLOAD", "baseline": "BASELINE NAME"}}
    assert read_command(json.dumps(message).encode(), "t") == Command("DOWNLOAD", "", "a")
    assert isinstance(read_command(b'{"activityId": "a", "payload": {"command": "REBOOT"}}', "t"), tuple)
