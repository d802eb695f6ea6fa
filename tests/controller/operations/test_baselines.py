"""Two baselines over containers, operating system and another control unit, with evenkeel's own agents (update-manager.md
§8.6)."""

from __future__ import annotations

import json
from itertools import groupby

import pytest
from tests.controller.operations.conftest import Play
from tests.controller.operations.device import DECISIONS, Device
from tests.reconcilers.operations.agents import Agent

FORWARD = ["DOWNLOAD_SUCCESS", "UPDATE_SUCCESS", "ACTIVATION_SUCCESS", "CLEANUP_SUCCESS"]


def stacks(activity: str, version: str) -> str:
    """`stack-7` has `web` and the operating system, `infra` has `mqtt` and the application of another control unit."""
    domains: list[dict[str, object]] = [
        {"id": "containers", "components": [_container("web", version), _container("mqtt", version)]},
        {
            "id": "self-update",
            "components": [_component("os-image", version, f"https://updates.example/v{version}.raucb")],
        },
    ]
    if version != "1":
        domains.append({"id": "safety-ecu", "components": [{"id": "app", "version": version}]})
    baselines = [
        {"title": "stack-7", "components": ["containers:web", "self-update:os-image"]},
        {"title": "infra", "components": ["containers:mqtt", "safety-ecu:app"]},
    ]
    payload = {"baselines": baselines, "domains": domains}
    return json.dumps({"activityId": activity, "timestamp": 1, "payload": payload})


def _container(name: str, version: str) -> dict[str, object]:
    return _component(name, version, f"reg.example/{name}:{version}")


def _component(name: str, version: str, image: str) -> dict[str, object]:
    return {"id": name, "version": version, "config": [{"key": "image", "value": image}]}


async def begun(device: Device) -> None:
    """Version 1 of everything runs."""
    device.asks(stacks("a", "1"))
    await device.plays(100)
    assert (device.end(), device.web) == (("COMPLETED", ""), "mqtt:1, web:1")


def ends_of(device: Device, baseline: str) -> list[str]:
    """The statuses with which the agent for containers ended commands for a baseline of the second update."""
    told = [each.content for each in device.said("containersupdate/desiredstatefeedback")]
    payloads = [each["payload"] for each in told if each["activityId"] == "b"]
    statuses = [each["status"] for each in payloads if each.get("baseline", "") == baseline]
    return [status for status, _ in groupby(statuses) if status.endswith(("_SUCCESS", "_FAILURE"))]


def there(device: Device) -> tuple[str, str, str]:
    return device.os, device.web, device.others["safety-ecu"].runs


def test_each_is_commanded_by_its_title_and_both_are_good(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.asks(stacks("b", "2"))
        await device.plays(300)
        assert (device.end(), there(device)) == (("COMPLETED", ""), ("2", "mqtt:2, web:2", "2"))
        assert ends_of(device, "stack-7") == ends_of(device, "infra") == FORWARD
        assert ends_of(device, "containers:remove-components") == ["CLEANUP_SUCCESS"]
        assert device.journal.activities() == {}, "no agent has an activity open"

    play(story, Agent("safety-ecu"))


def test_one_that_is_not_well_goes_back_with_its_system_and_the_other_stays(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.breaks("2")
        device.asks(stacks("b", "2"))
        await device.plays(600)
        status, why = device.end()
        assert (status, there(device)) == ("INCOMPLETE", ("1", "mqtt:2, web:1", "2"))
        assert why.startswith("`stack-7`: containers: containers:web: ")
        assert "infra" not in why
        assert "could not be taken back" not in why
        assert ends_of(device, "infra") == FORWARD
        assert ends_of(device, "stack-7")[2:] == ["ACTIVATION_FAILURE", "ROLLBACK_SUCCESS", "CLEANUP_SUCCESS"]
        assert device.journal.activities() == {}

    play(story, Agent("safety-ecu"))


def test_the_other_way_round(play: Play) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.others["safety-ecu"].fail("ACTIVATE")
        device.asks(stacks("b", "2"))
        await device.plays(600)
        assert device.end() == ("INCOMPLETE", "`infra`: safety-ecu: ACTIVATE went wrong")
        assert there(device) == ("2", "mqtt:1, web:2", "1")
        assert device.reboots == 1

    play(story, Agent("safety-ecu"))


@pytest.mark.parametrize("fails", ["UPDATE", "ACTIVATE"])
def test_domains_fail_alone_where_failures_are_independent(play: Play, fails: str) -> None:
    async def story(device: Device) -> None:
        await begun(device)
        device.others["safety-ecu"].fail(fails)
        device.asks(stacks("b", "2"))
        await device.plays(600)
        assert device.end() == ("INCOMPLETE", f"`infra`: safety-ecu: {fails} went wrong")
        assert there(device) == ("2", "mqtt:2, web:2", "1")

    play(story, Agent("safety-ecu"), decisions=DECISIONS._replace(failures="independent"))
