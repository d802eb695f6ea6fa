"""`evenkeel run` on a real broker: served, kept over restarts, released; and every way to be let in."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.engines.broker import Broker
from tests.until import until

from evenkeel.controller.journal.mailbox import MOST_WAITING_BYTES

from .commanding import Manager, asking, component, told
from .rig import Device

Mosquitto = Callable[..., Broker]
Devices = Callable[..., Device]
Managers = Callable[..., Manager]
HVAC, SEAT = "docker.io/library/hvac:1", "docker.io/library/seat:1"


def test_an_activity_from_beginning_to_end(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start(prompt=False)
    first = boss.until(boss.states, "the report of a new connection")[0]
    assert first["activityId"].startswith("initial-current-state-")
    said = boss.drive("a1", asking(component("hvac", HVAC)))
    assert told(said) == [
        "IDENTIFYING",
        "IDENTIFIED hvac=IDENTIFIED",
        "DOWNLOADING hvac=DOWNLOADING",
        "DOWNLOAD_SUCCESS hvac=DOWNLOAD_SUCCESS",
        "UPDATE_SUCCESS hvac=DOWNLOAD_SUCCESS",
        "ACTIVATING hvac=ACTIVATING",
        "ACTIVATION_SUCCESS hvac=ACTIVATION_SUCCESS",
        "CLEANUP_SUCCESS hvac=ACTIVATION_SUCCESS",
        "COMPLETED hvac=ACTIVATION_SUCCESS",
    ]
    assert it.running() == {"hvac": HVAC}
    after = boss.until(lambda: [s for s in boss.states() if s["activityId"] == "a1"], "the report after the activity")
    assert [node["id"] for node in after[0]["payload"]["softwareNodes"]] == [
        "containers-update-agent",
        "containers:hvac",
    ]
    boss.ask_state("q1")
    boss.until(lambda: [s for s in boss.states() if s["activityId"] == "q1"], "the answer to a question")


def test_what_is_sent_to_nobody_is_served_later(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    it.stop()
    boss.ask("a1", asking(component("hvac", HVAC)))
    it.start()
    assert boss.follow("a1")[-1].status == "COMPLETED"
    assert it.running() == {"hvac": HVAC}


def test_the_message_stays_in_force_until_it_is_released(
    mosquitto: Mosquitto, device: Devices, manager: Managers
) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.write("seat", SEAT)
    it.start()
    until(lambda: it.running() == {"seat": SEAT} and it.is_settled(), what="the files are in force")
    boss.wait_for_agent()
    boss.drive("a1", asking(component("hvac", HVAC)))
    assert it.running() == {"hvac": HVAC}
    it.restart()
    boss.until(lambda: len([s for s in boss.states() if s["activityId"].startswith("initial")]) > 1, "it is back")
    until(it.is_settled)
    assert it.running() == {"hvac": HVAC}
    status = it.status()
    assert status["message"]["topic"] == "containersupdate/desiredstate"
    assert (status["asked"], status["message"]["activityId"]) == ("message", "a1")
    assert "containersupdate/desiredstate (a1)" in it.run("status").stdout
    planned = it.run("plan").stdout
    assert "in force is containersupdate/desiredstate (a1), and not the files" in planned
    assert "seat" in it.run("plan", "--files", ok=2).stdout
    it.stop()
    refused = it.run("apply", "--yes", ok=1)
    assert "evenkeel release" in refused.stderr
    assert it.running() == {"hvac": HVAC}
    it.start()
    until(lambda: it.status()["controller"]["atWork"])
    assert "Released: containersupdate/desiredstate (a1)." in it.run("release").stdout
    until(lambda: it.running() == {"seat": SEAT}, what="the files have their say")
    until(it.is_settled)
    assert it.status()["message"] is None
    assert "nothing to release" in it.run("release").stdout


def test_ten_containers(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    images = {f"app-{number}": f"docker.io/library/app-{number}:1" for number in range(10)}
    for memory in ("64M", "96M"):
        apps = [component(name, image, memory=memory) for name, image in images.items()]
        said = boss.drive(f"with-{memory}", asking(*apps))
        assert said[-1].status == "COMPLETED"
        assert said[-1].actions == tuple((name, "ACTIVATION_SUCCESS") for name in images)
        assert it.running() == images
        assert len(it.world()) == 10


def test_the_status_tells_of_an_open_activity(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    boss.ask("a1", asking(component("hvac", HVAC)))
    boss.hear("a1", "IDENTIFIED")
    found = it.status()["activities"][0]
    assert (found["id"], found["command"], found["actions"][0]["status"]) == ("a1", None, "IDENTIFIED")
    text = it.run("status").stdout
    assert "activity open: containersupdate/desiredstate (a1)" in text
    assert "hvac: create, IDENTIFIED" in text
    assert "Activity a1 is open" in it.run("release").stdout
    broker.kill()
    boss.close()
    it.kill()
    assert it.status()["activities"][0]["id"] == "a1"


def test_the_status_tells_of_the_broker(mosquitto: Mosquitto, device: Devices) -> None:
    broker = mosquitto()
    it = device(broker.port)
    it.write("seat", SEAT)

    def reachable() -> tuple[bool, str, str] | None:
        found = (each for each in it.status()["conditions"] if each["name"] == "BrokerReachable")
        return next(((each["holds"], each["reason"], each["message"]) for each in found), None)

    refused = (False, "Unavailable", f"tcp://127.0.0.1:{broker.port}: connection refused")
    broker.stop()
    it.start()
    until(it.is_settled)
    until(lambda: reachable() == refused, what="the first attempt fails")
    assert re.search(r"BrokerReachable +no +since \d+ \w+ +Unavailable", it.run("status", "--check", ok=1).stdout)
    broker.start()
    until(lambda: reachable() == (True, "Connected", ""), what="it connects")
    it.run("status", "--check")
    broker.kill()
    until(lambda: reachable() == refused, what="the loss is noticed")
    it.run("status", "--check", ok=1)
    it.stop()
    it.settings(mqtt={"enabled": False}, updateAgent={})
    it.start()
    until(lambda: reachable() is None, what="without MQTT there is no broker")
    until(lambda: it.run("status", "--check", ok=None).returncode == 0, what="all is well without it")


def test_a_flood_waits_at_the_broker(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    """While the worker is busy only so much is taken in; nothing is lost, and what comes behind the flood is served."""
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    boss.ask("a1", asking(component("hvac", HVAC)))
    for command, status in (("DOWNLOAD", "DOWNLOAD_SUCCESS"), ("UPDATE", "UPDATE_SUCCESS")):
        boss.command("a1", command)
        boss.hear("a1", status)
    it.held.touch()
    boss.command("a1", "ACTIVATE")
    boss.hear("a1", "ACTIVATING")
    drop = bytes(1024**2)
    drops, limit = 90, MOST_WAITING_BYTES + len(drop)
    for _ in range(drops):
        boss.client.publish("containersupdate/desiredstate/command", drop, qos=1)
    boss.command("a1", "CLEANUP")
    until(lambda: it.inbox_bytes() > MOST_WAITING_BYTES / 2, what="a flood")
    it.held.unlink()
    while not any(said.status == "COMPLETED" for said in boss.said("a1")):
        assert it.inbox_bytes() <= limit
        time.sleep(0.05)
    assert it.run("events", "--since", "0", "-o", "json").stdout.count('"message-ignored"') == drops


def test_a_retained_desired_state_is_obeyed_once(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    """Else every start would bring back what the broker keeps, in the place of what was asked for since."""
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    envelope = {"activityId": "kept", "timestamp": 1, "payload": asking(component("hvac", HVAC))}
    boss.client.publish("containersupdate/desiredstate", json.dumps(envelope), qos=1, retain=True)
    command = {"activityId": "kept", "timestamp": 1, "payload": {"command": "DOWNLOAD"}}
    boss.client.publish("containersupdate/desiredstate/command", json.dumps(command), qos=1, retain=True)
    it.start()
    assert boss.follow("kept")[-1].status == "COMPLETED"
    assert boss.drive("new", asking(component("seat", SEAT)))[-1].status == "COMPLETED"
    for _ in range(2):
        states = len(boss.states())
        it.restart()
        boss.until(lambda: len(boss.states()) > states, "it is back")  # noqa: B023
    assert boss.drive("newer", asking(component("seat", HVAC)))[-1].status == "COMPLETED"  # behind the retained ones
    assert [said.status for said in boss.said("kept")].count("IDENTIFYING") == 1
    assert it.running() == {"seat": HVAC}
    ignored = [
        line
        for line in it.run("events", "--since", "0", "-o", "json").stdout.splitlines()
        if '"message-ignored"' in line
    ]
    assert len(ignored) == 1
    assert "retained" in ignored[0]


def test_a_desired_state_that_is_too_large_is_refused(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    boss.ask("large", {"padding": "x" * (4 * 1024**2 + 1)})
    assert "larger than 4 MiB" in boss.hear("large", "IDENTIFICATION_FAILED").message
    boss.client.publish("containersupdate/desiredstate/command", bytes(5 * 1024**2), qos=1)
    boss.client.publish("containersupdate/currentstate/get", bytes(5 * 1024**2), qos=1)
    assert boss.drive("right", asking(component("hvac", HVAC)))[-1].status == "COMPLETED"
    ignored = [
        line
        for line in it.run("events", "--since", "0", "-o", "json").stdout.splitlines()
        if '"message-ignored"' in line
    ]
    assert len(ignored) == 2


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_an_answer_that_is_too_large_for_the_broker_is_cut_short(
    mosquitto: Mosquitto, device: Devices, manager: Managers, version: str
) -> None:
    """Else the agent would be silent for ever: the broker ends the connection, and is sent the same again."""
    broker = mosquitto(settings="max_packet_size 3000")
    it, boss = device(broker.port), manager(broker.port)
    it.settings(mqtt={"version": version})
    it.start()
    boss.wait_for_agent()
    wrong = component("hvac", HVAC)
    wrong["config"] += [{"key": "port", "value": f"no-port-{number}"} for number in range(40)]
    boss.ask("wrong", asking(wrong))
    refused = boss.hear("wrong", "IDENTIFICATION_FAILED")
    assert len(refused.message) <= 1000
    assert "containerPort" in refused.message
    assert refused.message.endswith("…")
    assert boss.drive("right", asking(component("hvac", HVAC)))[-1].status == "COMPLETED"
    entries = [json.loads(line) for line in it.run("events", "-o", "json").stdout.splitlines()]
    (entry,) = [entry for entry in entries if entry["kind"] == "message-refused"]
    assert "its texts were cut short" in entry["message"]
    assert entry["place"] == "containersupdate/desiredstatefeedback"


def test_what_the_broker_does_not_let_the_agent_say_waits_until_it_does(
    mosquitto: Mosquitto, device: Devices, manager: Managers, tmp_path: Path
) -> None:
    """O8: it was dropped, BrokerReachable held, and the update manager waited for ever."""
    rules = tmp_path / "rules"
    rules.write_text("topic read #\ntopic write containersupdate/currentstate\nuser boss\ntopic readwrite #\n")
    broker = mosquitto(settings=f"acl_file {rules}")
    it = device(broker.port)
    it.settings(mqtt={"version": "5"})
    it.start()
    boss = manager(broker.port, user=("boss", ""))
    boss.wait_for_agent()
    boss.ask("a1", asking(component("hvac", HVAC)))

    def reachable() -> tuple[bool, str]:
        found = json.loads(it.run("status", "-o", "json").stdout)["conditions"]
        return next((each["holds"], each["reason"]) for each in found if each["name"] == "BrokerReachable")

    until(lambda: reachable() == (False, "NotAllowed"), what="it is told")
    boss.ask_state("q1")
    boss.until(lambda: [s for s in boss.states() if s["activityId"] == "q1"], "what it may say is said")
    rules.write_text("topic readwrite #\nuser boss\ntopic readwrite #\n")
    broker.reload()
    boss.hear("a1", "IDENTIFIED")
    assert told(boss.said("a1"))[:2] == ["IDENTIFYING", "IDENTIFIED hvac=IDENTIFIED"]
    until(lambda: reachable() == (True, "Connected"), what="it is told")
    entries = [json.loads(line) for line in it.run("events", "-o", "json").stdout.splitlines()]
    (entry,) = [entry for entry in entries if entry["kind"] == "message-refused"]
    assert entry["place"] == "containersupdate/desiredstatefeedback"


# ── ways to be let in ──────────────────────────────────────────────────────────────────────────────────────────────


def test_certificates(mosquitto: Mosquitto, device: Devices, manager: Managers) -> None:
    broker = mosquitto(secure=True)
    files = {name: str(broker.folder / file) for name, file in _FILES.items()}
    it = device(broker.port)
    it.settings(mqtt={"broker": f"ssl://localhost:{broker.tls_port}", "tls": files})
    boss = manager(broker.tls_port, host="localhost", tls=tuple(files.values()))
    it.start()
    boss.wait_for_agent()
    assert boss.drive("a1", asking(component("hvac", HVAC)))[-1].status == "COMPLETED"
    assert it.running() == {"hvac": HVAC}


_FILES = {"rootCa": "ca.crt", "clientCert": "client.crt", "clientKey": "client.key"}


def test_a_password_file(mosquitto: Mosquitto, device: Devices, manager: Managers, tmp_path: Path) -> None:
    broker = mosquitto(users={"device": "s3cret", "boss": "b"})
    (tmp_path / "password").write_text("s3cret\n")
    it = device(broker.port)
    it.settings(mqtt={"username": "device", "passwordFile": str(tmp_path / "password")})
    boss = manager(broker.port, user=("boss", "b"))
    it.start()
    boss.wait_for_agent()
    assert boss.drive("a1", asking(component("hvac", HVAC)))[-1].status == "COMPLETED"
    assert it.running() == {"hvac": HVAC}
    assert "s3cret" not in it.log.read_text()


def test_the_configuration_of_kanto(mosquitto: Mosquitto, device: Devices, manager: Managers, tmp_path: Path) -> None:
    broker = mosquitto(users={"device": "s3cret", "boss": "b"})
    kanto = tmp_path / "kanto.json"
    connection = {
        "broker_url": f"tcp://127.0.0.1:{broker.port}",
        "client_username": "device",
        "client_password": "s3cret",
    }
    kanto.write_text(json.dumps({"connection": connection, "update_agent": {"enable": True}}))
    it = device(broker.port)
    it.config.rename(tmp_path / "unused.json")
    it.config = tmp_path / "none.json"
    options = ("--kanto-config", str(kanto), "--state", str(it.state), "--specs", str(it.specs), "--engine", "memory")
    boss = manager(broker.port, user=("boss", "b"))
    pytest.importorskip("evenkeel.controller.settings.kanto_config")
    it.start(*options)
    boss.wait_for_agent()
    assert boss.drive("a1", asking(component("hvac", HVAC)))[-1].status == "COMPLETED"
    assert it.running() == {"hvac": HVAC}
    it.stop()
    it.run("migrate", str(kanto), "--to", str(tmp_path / "new"))
    assert (tmp_path / "new" / "mqtt-password").stat().st_mode & 0o077 == 0
    assert "s3cret" not in (tmp_path / "new" / "config.yaml").read_text()
    assert "s3cret" not in it.run("migrate", str(kanto)).stdout
    it.config = tmp_path / "new" / "config.yaml"
    it.start("--state", str(it.state), "--specs", str(it.specs), "--engine", "memory")
    assert boss.drive("a2", asking(component("hvac", HVAC), component("seat", SEAT)))[-1].status == "COMPLETED"
    assert it.running() == {"hvac": HVAC, "seat": SEAT}
    assert "s3cret" not in it.log.read_text()
