"""Groups of which something cannot be had, in what commands tell."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .command import Device, spec
from .test_files import PATH, described, file, group, lines_of, put_file

pytestmark = pytest.mark.e2e

NEW = "docker.io/library/web:2"
WHY = f"app.conf: {PATH} has another content, and evenkeel did not make it; `overwrite: true` replaces it"
GROUPS = (group("drive", "web", "app.conf"), group("cabin", "lamp"))


def planned(device: Device, code: int) -> dict[str, Any]:
    return dict(json.loads(device.run("plan", "-o", "json", ok=code).stdout))


def block(device: Device, *more: str) -> None:
    """`web` shall have a new image, and its group a file that is somebody else's."""
    device.write(spec("web"), spec("lamp"), *GROUPS)
    device.run("apply", "--yes")
    put_file(device, PATH)
    device.write(spec("web", NEW), file(), *(more or (spec("lamp"),)), *GROUPS)


def test_a_plan_does_nothing_for_a_group_that_cannot_be_had(device: Device) -> None:
    block(device)
    found = planned(device, 1)
    assert (found["changes"], found["stages"]) == (False, [])
    told = {each["name"]: (each["verb"], each["why"]) for each in found["subjects"] if each["verb"] != "keep"}
    assert told == {
        "app.conf": ("blocked", WHY.partition(": ")[2]),
        "web": ("blocked", f"group drive cannot be had: {WHY}"),
    }
    lines = device.run("plan", ok=1, COLUMNS="300").stdout
    assert "pull" not in lines
    assert lines.splitlines()[-1] == "Plan: 2 blocked."
    before = device.engine().running()
    device.run("apply", "--yes", ok=1)
    assert device.engine().running() == before


def test_a_plan_goes_on_without_a_group_that_cannot_be_had(device: Device) -> None:
    block(device, spec("lamp", "docker.io/library/lamp:2"))
    found = planned(device, 2)
    assert {step["subject"] for stage in found["stages"] for step in stage["steps"]} == {"lamp"}
    device.run("apply", "--yes", ok=1)
    assert planned(device, 1)["stages"] == []


def test_a_plan_repairs_what_a_group_that_cannot_be_had_had_before(device: Device) -> None:
    block(device)
    device.engine().kill("web")
    found = planned(device, 2)
    told = {each["name"]: each["verb"] for each in found["subjects"] if each["verb"] != "keep"}
    assert told == {"app.conf": "blocked", "web": "start"}


def test_a_first_plan_shows_a_group_that_cannot_be_had(device: Device) -> None:
    put_file(device, PATH)
    device.write(spec("web"), file(), group("drive", "web", "app.conf"))
    found = planned(device, 1)
    assert {each["name"]: each["verb"] for each in found["subjects"]} == {"app.conf": "blocked", "web": "blocked"}


def test_a_member_of_a_group_that_cannot_be_had_is_described_so(device: Device) -> None:
    """It was said that it is not tried again, and that `evenkeel retry` helps."""
    block(device)
    device.run("apply", "--yes", ok=1)
    found = described(device, "web", "container")
    assert (found["blocked"], found["givenUp"], found["inForce"]) == (WHY, False, "last-good")
    assert found["notDone"]
    text = "\n".join(lines_of(device, "web", "container"))
    assert f"its group cannot be had, and is as it was: {WHY}" in text
    assert "retry" not in text
    assert described(device, "lamp", "container")["blocked"] is None


def test_a_plan_says_that_a_group_that_cannot_be_had_is_repaired(device: Device) -> None:
    block(device)
    device.engine().kill("web")
    text = device.run("plan", ok=2, COLUMNS="300").stdout
    assert f"Note: group drive cannot be had: {WHY}; it is repaired" in text


def test_a_plan_says_that_a_file_moves(device: Device) -> None:
    device.write(file())
    device.run("apply", "--yes")
    device.write(file(path="/etc/new.conf"))
    (found,) = planned(device, 2)["subjects"]
    assert [(each["path"], each["old"], each["new"]) for each in found["changes"]] == [("path", PATH, "/etc/new.conf")]
    (line,) = [line for line in device.run("plan", ok=2, COLUMNS="200").stdout.splitlines() if "app.conf " in line]
    assert f"{PATH} → /etc/new.conf" in line
