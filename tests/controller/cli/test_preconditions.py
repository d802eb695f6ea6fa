"""Preconditions of baselines in files, in what commands tell and do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evenkeel.controller.journal.journal import keep_journal
from evenkeel.specs.operations.operation import BaselinePart, DomainPart, Group, Operation, Share

from .command import Device, spec

pytestmark = pytest.mark.e2e

WRITTEN = "vehicle.parked && battery.level >= 50"


def guarded(written: str = WRITTEN) -> str:
    document = {"apiVersion": "evenkeel/v1", "kind": "Baseline", "metadata": {"name": "drive"}}
    return f"{json.dumps({**document, 'spec': {'members': ['web'], 'preconditions': written}})}\n"


@pytest.fixture
def vehicle(device: Device) -> Device:
    """A device whose values are files, and a topic that nobody hears."""
    values = {
        "vehicle.parked": {"file": str(device.config.with_name("parked"))},
        "battery.level": {"file": str(device.config.with_name("battery")), "path": "$.level", "maxAge": "1h"},
        "vehicle.speed": {"topic": "vehicle/speed"},
    }
    device.settings(updateManager={"values": values}, mqtt={"enabled": True, "broker": "tcp://127.0.0.1:1"})
    says(device, True, 80)
    device.write(spec("web"), spec("lamp"), guarded())
    device.run("apply", "--yes")
    return device


def says(device: Device, parked: bool, level: int) -> None:
    device.config.with_name("parked").write_text(json.dumps(parked))
    device.config.with_name("battery").write_text(json.dumps({"level": level}))


def images(device: Device) -> dict[str, str]:
    return {name: image.removeprefix("docker.io/library/") for name, image in device.engine().running().items()}


def planned(device: Device, code: int) -> dict[str, Any]:
    return dict(json.loads(device.run("plan", "-o", "json", ok=code).stdout))


def test_a_group_waits_in_plan_apply_and_status(vehicle: Device) -> None:
    says(vehicle, False, 30)
    vehicle.write(spec("web", "docker.io/library/web:2"), spec("lamp", "docker.io/library/lamp:2"), guarded())
    why = "vehicle.parked is false; `battery.level >= 50` does not hold: battery.level is 30"
    waits = f"group drive waits: its preconditions do not hold: {why}"
    lines = vehicle.run("plan", ok=2, COLUMNS="300").stdout.splitlines()
    shown = lines.index(f"preconditions of `drive`: do not hold now: {why}")
    assert lines[shown + 1] == f"    {WRITTEN}"
    assert lines[shown + 2].startswith("    vehicle.parked  false, ")
    assert lines[shown + 3].startswith("    battery.level   30, ")
    assert lines[-1] == f"Note: {waits}"
    found = planned(vehicle, 2)
    assert {step["subject"] for stage in found["stages"] for step in stage["steps"]} == {"lamp"}
    web = next(each for each in found["subjects"] if each["name"] == "web")
    assert (web["verb"], web["why"]) == ("blocked", waits)
    done = vehicle.run("apply", "--yes", ok=1)
    assert why in done.stdout + done.stderr
    assert images(vehicle) == {"web": "nginx:1", "lamp": "lamp:2"}
    assert f"group drive waits: its preconditions do not hold: {why}" in vehicle.run("status", COLUMNS="300").stdout
    (group,) = vehicle.status()["groups"]
    assert (group["name"], group["waits"]) == ("drive", f"its preconditions do not hold: {why}")
    says(vehicle, True, 50)
    assert "preconditions of `drive`: hold now" in vehicle.run("plan", ok=2).stdout
    vehicle.run("apply", "--yes")
    assert images(vehicle) == {"web": "web:2", "lamp": "lamp:2"}


def test_a_plan_for_programs_has_them_with_each_value(vehicle: Device) -> None:
    says(vehicle, True, 80)
    vehicle.write(spec("web", "docker.io/library/web:2"), guarded("AND(vehicle.parked=true,vehicle.speed<5)"))
    (told,) = planned(vehicle, 2)["preconditions"]
    age_s = told["values"]["vehicle.parked"].pop("ageSeconds")
    assert 0 <= age_s < 60
    assert told == {
        "baseline": "drive",
        "operation": None,
        "text": "AND(vehicle.parked=true,vehicle.speed<5)",
        "form": "Kanto",
        "cel": "vehicle.parked == true && vehicle.speed < 5",
        "holds": False,
        "reason": "vehicle.speed is unknown: not connected to the broker",
        "values": {
            "vehicle.parked": {"value": True, "doesNotCount": None},
            "vehicle.speed": {
                "value": None,
                "ageSeconds": None,
                "doesNotCount": "unknown: not connected to the broker",
            },
        },
    }


def test_a_plan_shows_those_for_which_an_operation_waits(vehicle: Device) -> None:
    group = Group("stack-7", (Share("containers"),), preconditions="battery.level > 90", unmet="not evaluated yet")
    baselines = (BaselinePart("stack-7", ("containers:web",), "battery.level > 90"),)
    operation = Operation("act-7", "c", baselines, (DomainPart("containers", b"{}"),))
    for groups in ((), (group,)):
        journal = keep_journal(vehicle.state)
        opened = Operation(operation.id, "c", baselines, operation.parts, groups)
        journal.operations.keep("vehicle", opened, "boot")
        journal.close()
        told = planned(vehicle, 0)["preconditions"]
        assert [(each["operation"], each["baseline"], each["holds"]) for each in told] == [
            (None, "drive", True),
            ("act-7", "stack-7", False),
        ]
        lines = vehicle.run("plan", COLUMNS="300").stdout
        why = "`battery.level > 90` does not hold: battery.level is 80"
        assert f"preconditions of `stack-7` of operation act-7: do not hold now: {why}" in lines
    journal = keep_journal(vehicle.state)
    journal.operations.keep(
        "vehicle", Operation("act-7", "c", baselines, operation.parts, (Group("stack-7", (), "CLEANUP"),)), "b"
    )
    journal.close()
    assert [each["operation"] for each in planned(vehicle, 0)["preconditions"]] == [None]


def test_a_controller_at_work_follows_the_files(vehicle: Device) -> None:
    from tests.until import until

    says(vehicle, False, 80)
    vehicle.write(spec("web", "docker.io/library/web:2"), spec("lamp"), guarded())
    vehicle.start("run")
    until(lambda: any(each["waits"] for each in vehicle.status()["groups"]))
    assert images(vehicle)["web"] == "nginx:1"
    says(vehicle, True, 80)
    until(lambda: images(vehicle).get("web") == "web:2")
