"""`evenkeel watch` on a device without a broker: the controller at work, over all domains."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from tests.until import until

from evenkeel.controller.drivers.slots.choice import SIMULATED
from evenkeel.controller.drivers.slots.memory import memory_slots

from .command import Device, ended, spec

pytestmark = pytest.mark.e2e

OS = (
    "apiVersion: evenkeel/v1\nkind: OperatingSystem\nmetadata: {name: os-image}\n"
    "spec:\n  version: '2.0'\n  bundle: https://updates.example.com/os.raucb?token=hunter2\n  health: {stableFor: 100ms}\n"
)


@pytest.fixture(autouse=True)
def fast(device: Device) -> None:
    """Nobody waits for a simulated download."""
    device.state.mkdir()
    slots = memory_slots(device.state / SIMULATED)
    slots.world.pace = 0.01
    slots.save()


def watching(device: Device, *options: str) -> tuple[subprocess.Popen[str], str]:
    """A watcher from the moment at which it sees everything, and what it said then."""
    process = device.start("watch", *options)
    assert process.stderr is not None
    return process, process.stderr.readline()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    yield from process.stdout


def values(process: subprocess.Popen[str]) -> Iterator[Any]:
    yield from map(json.loads, lines(process))


def test_one_progress_and_one_verdict_over_all_domains(device: Device) -> None:
    """As `apply` does it."""
    process, said = watching(device, "-o", "json")
    assert said.startswith("watching for a controller; none is at work now")
    device.write(spec("web"), OS)
    device.run("apply", "--yes")
    seen = []
    for each in values(process):
        seen.append(each)
        if each["kind"] == "revision-good":
            break
    assert {each["domain"] for each in seen if each["kind"] == "step-done"} == {"containers", "slots"}
    assert "plan" in {each["kind"] for each in seen}
    assert "hunter2" not in json.dumps(seen)
    code, _, _ = ended(process, signal.SIGINT)
    assert code == 0


def test_a_step_at_work_is_shown_with_its_progress(device: Device) -> None:
    run = device.start("run")
    until(lambda: device.status()["controller"]["atWork"])
    process, said = watching(device, "-o", "json")
    assert said.startswith("watching the controller at work")
    device.write(spec("web"))
    found = next(each for each in values(process) if each["kind"] == "progress" and each["perCent"])
    assert (found["domain"], found["subject"], found["phase"]) == ("containers", "web", "DOWNLOAD")
    assert ended(process, signal.SIGTERM)[0] == 0
    ended(run, signal.SIGTERM)


def test_lines_are_those_of_events(device: Device) -> None:
    process, _ = watching(device)
    device.write(spec("web"))
    device.run("apply", "--yes")
    seen = []
    for line in lines(process):
        seen.append(line)
        if "settled" in line:
            break
    assert seen == device.run("events").stdout.splitlines(keepends=True)[: len(seen)]
    assert ended(process, signal.SIGINT)[0] == 0


def test_it_ends_when_its_time_is_over(device: Device) -> None:
    watched = device.run("watch", "--timeout", "0.5")
    assert watched.stdout == ""
    assert watched.stderr == f"watching for a controller; none is at work now (state directory {device.state})\n"


def test_what_is_about_agents_on_a_broker_is_refused_without_one(device: Device) -> None:
    assert "--domain is about agents on a broker" in device.run("watch", "--domain", "containers", ok=1).stderr


def test_a_broker_that_the_settings_name_is_asked_for(device: Device) -> None:
    device.settings(mqtt={"broker": "tcp://127.0.0.1:9", "connectTimeout": "1s"})
    assert "broker:tcp://127.0.0.1:9" in device.run("watch", "--timeout", "1", ok=1).stderr
