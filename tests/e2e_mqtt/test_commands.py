"""`evenkeel publish` and `evenkeel watch`, with a real agent on a real broker."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engines.broker import Broker

from .commanding import Manager, asking, component
from .rig import Device

Mosquitto = Callable[..., Broker]
Devices = Callable[..., Device]
Managers = Callable[..., Manager]
HVAC = "docker.io/library/hvac:1"

NATIVE = """
apiVersion: evenkeel/v1
kind: Container
metadata: {name: hvac}
spec:
  image: docker.io/library/hvac:1
  env: {LEVEL: "2"}
  ports: ["8080:80"]
  capabilities: [NET_ADMIN]
  resources: {memory: 64M}
---
apiVersion: evenkeel/v1
kind: SystemContainers
metadata: {name: mine}
spec: {names: [sua]}
"""


@pytest.fixture
def served(mosquitto: Mosquitto, device: Devices, manager: Managers) -> tuple[Device, Manager]:
    """A device at work, and who hears it."""
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    return it, boss


def _file(folder: Path, content: Any, name: str = "state.json") -> str:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return str(folder / name)


def test_publish_drives_to_the_end(served: tuple[Device, Manager], tmp_path: Path) -> None:
    it, boss = served
    seen: list[Any] = []
    with it.watching("-o", "json") as shown:
        done = it.run("publish", _file(tmp_path, asking(component("hvac", HVAC))), "--drive", "--timeout", "90")
        lines = done.stdout.splitlines()
        activity = lines[0].removeprefix("activity ")
        assert len(activity) == 36
        assert boss.hear(activity, "COMPLETED")
        assert [line.split()[0] for line in lines[1:]] == [said.status for said in boss.said(activity)]
        assert "DOWNLOADING  hvac DOWNLOADING" in lines
        assert it.running() == {"hvac": HVAC}
        assert it.status()["message"]["activityId"] == activity
        while not seen or seen[-1]["payload"].get("status") != "COMPLETED":
            seen.append(json.loads(shown.readline()))
    commands = [each["payload"]["command"] for each in seen if each["topic"].endswith("/command")]
    assert commands == ["DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP"]
    told = [each["payload"]["status"] for each in seen if each["topic"].endswith("feedback")]
    assert told == [said.status for said in boss.said(activity)]


def test_publish_says_our_own_documents_in_kantos_words(served: tuple[Device, Manager], tmp_path: Path) -> None:
    it, boss = served
    it.run("publish", _file(tmp_path, NATIVE, "native.yaml"), "--drive", "--activity", "mine", "--timeout", "90")
    boss.ask_state("q")
    state = boss.until(lambda: [each for each in boss.states() if each["activityId"] == "q"], "the answer")[0]
    node = state["payload"]["softwareNodes"][1]
    found = {entry["key"]: entry["value"] for entry in node["parameters"]}
    assert (found["env"], found["port"], found["memory"]) == ("LEVEL=(hidden)", "8080:80/tcp", "64M")
    lost = NATIVE.replace("  env:", "  stableFor: 1m\n  stop: {signal: SIGINT}\n  env:")
    refused = it.run("publish", _file(tmp_path, lost, "lost.yaml"), "--drive", ok=1)
    assert "lost.yaml:7:3: hvac.stableFor: Kanto's desired state has no words for it" in refused.stderr
    assert "lost.yaml:8:3: hvac.stop" in refused.stderr


def test_publish_sends_nothing_that_is_wrong(served: tuple[Device, Manager], tmp_path: Path) -> None:
    it, boss = served
    wrong = asking({"id": "containers:hvac", "version": "1", "config": [{"key": "imagee", "value": "x"}]})
    refused = it.run("publish", _file(tmp_path, {"activityId": "a", "payload": wrong}), "--drive", ok=1)
    assert "leave out `containers:`" in refused.stderr
    assert "did you mean `image`?" in refused.stderr
    assert boss.said("a") == []


def test_publish_follows_an_agent_that_goes_on_alone(
    mosquitto: Mosquitto, device: Devices, manager: Managers, tmp_path: Path
) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    file = _file(tmp_path, {"activityId": "alone", "payload": asking(component("hvac", HVAC))})
    it.start()
    boss.wait_for_agent()
    late = it.run("publish", file, "--activity", "late", "--timeout", "5", ok=1)
    assert "no end after 5 s; it stands at IDENTIFIED" in late.stderr
    it.stop()
    it.settings(updateAgent={"enable": True, "autonomous": {"after": "1s"}})
    it.start()
    assert it.run("publish", file, "--timeout", "90").stdout.splitlines()[-1].startswith("COMPLETED")
    boss.until(lambda: boss.said("late")[-1].status in ("SUPERSEDED", "COMPLETED"), "the end of the former")
    assert it.running() == {"hvac": HVAC}


def test_publish_says_when_there_is_no_broker(device: Devices, tmp_path: Path) -> None:
    it = device(1)
    refused = it.run("publish", _file(tmp_path, asking(component("hvac", HVAC))), "--timeout", "3", ok=1)
    assert "no connection within 3 s: connection refused" in refused.stderr
    assert refused.stderr.startswith("connecting to tcp://127.0.0.1:1 … (connection refused)\n")


def test_watch_says_when_there_is_no_broker(device: Devices) -> None:
    it = device(1)
    refused = it.run("watch", "--timeout", "3", ok=1)
    assert refused.stderr.startswith("connecting to tcp://127.0.0.1:1 … (connection refused)\n")
    assert "no connection within 3 s: connection refused" in refused.stderr


def test_watch_ends_when_its_time_is_over(mosquitto: Mosquitto, device: Devices) -> None:
    it = device(mosquitto().port)
    topics = "containersupdate/desiredstatefeedback, selfupdate/desiredstatefeedback"
    assert f"watching {topics} at " in it.run("watch", "--timeout", "3").stderr


@pytest.mark.parametrize(
    "payload", [b"null", b"", b"7", b"[]", b'"x"', b"{}", b"\xff", b'{"activityId":7,"timestamp":"x","payload":[]}']
)
def test_watch_shows_every_payload_somehow(mosquitto: Mosquitto, device: Devices, payload: bytes) -> None:
    broker = mosquitto()
    it = device(broker.port)
    topic = "containersupdate/desiredstate"
    with it.watching("-o", "json") as shown:
        for content in (payload, b'{"activityId":"end"}'):
            command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-s" if content else "-n"]
            subprocess.run(command, input=content, check=True, timeout=60)
        first, last = json.loads(shown.readline()), json.loads(shown.readline())
    assert first["topic"] == topic
    assert last["activityId"] == "end"


def test_watch_shows_a_line_for_each_message(served: tuple[Device, Manager], tmp_path: Path) -> None:
    it, boss = served
    seen = []
    with it.watching() as shown:
        boss.drive("one", asking(component("hvac", HVAC)))
        while not seen or not seen[-1].startswith("one  COMPLETED"):
            seen.append(shown.readline().rstrip())
    assert seen[1] == "one  IDENTIFIED  hvac IDENTIFIED"
    assert [line.split()[1] for line in seen] == [said.status for said in boss.said("one")]


def test_watch_tells_that_the_connection_was_lost_and_is_back(mosquitto: Mosquitto, device: Devices) -> None:
    """O15: it was silent, and what came meanwhile was missing without a word."""
    broker = mosquitto()
    it = device(broker.port)
    process = subprocess.Popen(
        it.line("watch"), env=it.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        while not process.stderr.readline().startswith("watching "):
            pass
        topic = "containersupdate/desiredstatefeedback"
        for size, said in (
            (3, "is no feedback; -o json shows its content"),
            (5_000_000, "of 5,000,000 bytes is too large to be read; -o json shows its beginning"),
        ):
            command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-s"]
            subprocess.run(command, input=b"x" * size, check=True, timeout=60)
            assert process.stderr.readline() == f"a message {said}\n"
        broker.stop()
        assert "the connection to tcp://127.0.0.1:" in (line := process.stderr.readline())
        assert " is lost: " in line
        broker.start()
        assert process.stderr.readline().endswith(" connected again; what was said meanwhile is not shown\n")
    finally:
        process.kill()
        process.communicate()
