"""The self update agent on a real broker, beside the agent for containers: one process, one connection, two update managers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.broker import Broker

from .commanding import NEXT, Manager, asking, component, told
from .rig import Device

Mosquitto = Callable[..., Broker]
Devices = Callable[..., Device]
Managers = Callable[..., Manager]
HVAC, BUNDLE = "docker.io/library/hvac:1", "https://updates.example/os:2"


def test_both_agents_work_at_once_and_the_new_system_is_activated(
    mosquitto: Mosquitto, device: Devices, manager: Managers
) -> None:
    broker = mosquitto()
    it, boss, system = device(broker.port), manager(broker.port), manager(broker.port, domain="self")
    it.settings(selfUpdateAgent={"enable": True, "reportDebounce": "100ms"})
    it.start()
    (first, *_) = system.until(system.states, "the report of a new connection")
    agent, image = first["payload"]["softwareNodes"]
    assert (agent["id"], image["id"], image["version"]) == ("self-update-agent", "self-update:os-image", "1.0.0")
    system.ask("s1", asking(component("os-image", BUNDLE), domain="self-update"))
    for status, command in NEXT.items():
        system.hear("s1", status)
        system.command("s1", command)
        if command == "DOWNLOAD":
            assert told(boss.drive("a1", asking(component("hvac", HVAC))))[-1] == "COMPLETED hvac=ACTIVATION_SUCCESS"
    system.hear("s1", "CLEANUP_SUCCESS")
    waits = system.hear("s1", "CLEANUP")
    assert waits.actions == (("os-image", "UPDATE_SUCCESS"),)
    it.kill()
    it.start()
    system.ask_state("q1")
    answers = system.until(lambda: [s for s in system.states() if s["activityId"] == "q1"], "the answer")
    assert answers[0]["payload"]["softwareNodes"][1]["version"] == "1.0.0", "nobody has rebooted"
    (activity,) = it.status()["activities"]
    assert (activity["id"], activity["actions"][0]["message"]) == (
        "s1",
        "the device has to be rebooted into slot B (2)",
    )
    assert "all commands are done" in it.run("status").stdout
    assert not [said for said in system.said("s1") if said.status in ("COMPLETED", "INCOMPLETE")]


OS = """
apiVersion: evenkeel/v1
kind: OperatingSystem
metadata: {name: vehicle-os}
spec:
  version: "3"
  bundle: https://updates.example/os-3.raucb?token=hunter2
"""
MESSAGE = {"activityId": "s2", "payload": asking(component("os-image", BUNDLE), domain="self-update")}


@contextmanager
def publishing(it: Device, *words: str) -> Iterator[None]:
    """A command that would follow its activity until the device was rebooted."""
    process = subprocess.Popen(it.line("publish", *words), env=it.environment(), stdout=subprocess.PIPE)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def test_publish_and_watch_know_it(mosquitto: Mosquitto, device: Devices, manager: Managers, tmp_path: Path) -> None:
    broker, seen = mosquitto(), list[str]()
    it, system = device(broker.port), manager(broker.port, domain="self")
    it.settings(selfUpdateAgent={"enable": True})
    it.start()
    system.until(system.states, "the report of a new connection")
    (tmp_path / "os.yaml").write_text(OS)
    (tmp_path / "message.json").write_text(json.dumps(MESSAGE))
    with it.watching() as shown:
        with publishing(it, str(tmp_path / "message.json"), "--drive"):
            while not seen or not seen[-1].startswith("s2  CLEANUP_SUCCESS"):
                seen.append(shown.readline().rstrip())
        assert seen[1].startswith("s2  IDENTIFIED  os-image IDENTIFIED")
        with publishing(it, str(tmp_path / "os.yaml"), "--activity", "s3"):
            while not seen[-1].startswith("s3  IDENTIFIED"):
                seen.append(shown.readline().rstrip())
    (action,) = system.said("s3")[-1].actions
    assert action[0] == "os-image"
    assert "hunter2" not in str(seen)


def test_publish_says_what_the_agent_has_no_words_for(mosquitto: Mosquitto, device: Devices, tmp_path: Path) -> None:
    it = device(mosquitto().port)
    (tmp_path / "os.yaml").write_text(f"{OS}  boot: {{tries: 2}}\n  health: {{units: [a.service]}}\n")
    refused = it.run("publish", str(tmp_path / "os.yaml"), ok=1).stderr
    words = "a desired state of the self update agent has no words for it"
    assert "os.yaml:8:" in refused
    assert f"vehicle-os.boot.tries: {words}; leave it out, or ask for it in spec files" in refused
    assert f"vehicle-os.health: {words}" in refused
    broken = {"activityId": "s3", "payload": asking({"id": "os-image", "config": []}, domain="self-update")}
    (tmp_path / "message.json").write_text(json.dumps(broken))
    assert "mandatory bundle version is empty" in it.run("publish", str(tmp_path / "message.json"), ok=1).stderr
