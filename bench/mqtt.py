"""The update agent on mosquitto and Docker: from a desired state to COMPLETED, feedback a second, processor and memory.

Commands are sent as Kanto's Update Manager sends them: each phase when the last one's terminal status is there, over the
test's own client. Images are there already; the engine, the broker and the controller are started and ended here.
"""

from __future__ import annotations

import json
import tempfile
import threading
import time
from pathlib import Path

from tests.e2e_mqtt.commanding import Manager, Said, asking, component
from tests.e2e_mqtt.rig import Device
from tests.engines.broker import Broker
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.podman import Podman

from bench.engines import ENGINE, make_engine
from bench.measuring import Row, cpu_s, pss_kib
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.journal.outbox import Outgoing

_COUNTS = (1, 10, 50)
_IDLE_S = 20
_QUEUED = 1000
_FLOOD = 5000
_PROOF_S = 3.0
"""How long a container has to run before it counts (`stableFor`); one after the other."""


def measure() -> list[Row]:
    """Starts its own engine and broker and ends them."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "broker").mkdir()
        broker = Broker(Path(folder) / "broker")
        broker.start()
        engine = make_engine()
        try:
            engine.load(sleeper("1"), "sleeper:1")
            rows = [*_activities(Path(folder), broker, engine), _feedback(Path(folder), broker)]
            rows += _flood(Path(folder), broker)
        finally:
            engine.close()
            broker.close()
        return rows


def _activities(folder: Path, broker: Broker, engine: Dockerd | Podman) -> list[Row]:
    device, manager = Device(folder / "docker", broker.port), Manager(broker.port)
    device.settings(engine={"kind": ENGINE, "address": engine.address})
    rows = []
    try:
        device.start()
        manager.wait_for_agent()
        pid = device.pid
        cpu = cpu_s(pid)
        time.sleep(_IDLE_S)
        rows.append(Row("connected and idle: memory (PSS)", pss_kib(pid) / 1024, "MiB", "", "30 MiB"))
        rows.append(Row("connected and idle: processor", (cpu_s(pid) - cpu) / _IDLE_S * 100, "% of one core"))
        for count in _COUNTS:
            rows += _activity(manager, pid, count)
        rows.append(Row(f"after all of it, {_COUNTS[-1]} containers: memory (PSS)", pss_kib(pid) / 1024, "MiB"))
    finally:
        manager.close()
        device.close()
    return rows


def _activity(manager: Manager, pid: int, count: int) -> list[Row]:
    """All of them new: what the one before made is removed first."""
    manager.drive(f"empty-{count}", asking(), limit_s=300)
    apps = [component(f"app-{number}", "docker.io/library/sleeper:1") for number in range(count)]
    heard_at: dict[str, float] = {}

    def on(said: Said) -> None:
        heard_at[said.status] = time.monotonic()

    begun, cpu = time.monotonic(), cpu_s(pid)
    said = manager.drive(f"create-{count}", asking(*apps), on, limit_s=600)
    assert said[-1].status == "COMPLETED", said[-1]
    took = heard_at["COMPLETED"] - begun
    proofs = f"{took - count * _PROOF_S:.1f} s without the {count} × {_PROOF_S:g} s of proof"
    return [
        Row(f"desired state of {count} → COMPLETED", took, "s", proofs),
        Row(f"desired state of {count} → IDENTIFIED", (heard_at["IDENTIFIED"] - begun) * 1000, "ms"),
        Row(f"processor for {count}", cpu_s(pid) - cpu, "s", f"{len(said)} messages of feedback"),
    ]


def _feedback(folder: Path, broker: Broker) -> Row:
    """How fast stored messages leave, each acknowledged by the broker and forgotten on disk before the next."""
    device, manager = (
        Device(folder / "queue", broker.port, domain="queue", client="queue"),
        Manager(broker.port, "queue"),
    )
    done = threading.Event()
    times: list[float] = []

    def count(*_: object) -> None:
        times.append(time.monotonic())
        if len(times) == _QUEUED:
            done.set()

    manager.client.on_message = count
    journal = open_journal(device.state)
    body = {"activityId": "a", "timestamp": 1, "payload": {"status": "RUNNING", "message": "x" * 500}}
    topic = f"{manager.prefix}/desiredstatefeedback"
    journal.outbox.send(*[Outgoing(topic, json.dumps(body).encode())] * _QUEUED)
    journal.close()
    try:
        device.start()
        if not done.wait(120):
            raise TimeoutError(f"{len(times)} of {_QUEUED} messages came")
    finally:
        manager.close()
        device.close()
    return Row("feedback", (_QUEUED - 1) / (times[-1] - times[0]), "messages/s", "each on the disk before and after")


def _flood(folder: Path, broker: Broker, count: int = _FLOOD) -> list[Row]:
    """As many desired states at once, on the memory engine, and then a last one: how fast they are answered."""
    device = Device(folder / "flood", broker.port, domain="flood", client="flood")
    manager = Manager(broker.port, "flood")
    try:
        device.start()
        manager.wait_for_agent()
        begun = time.monotonic()
        apps = [component(f"app-{number}", "sleeper:1") for number in range(10)]
        for number in range(count):
            manager.ask(f"a{number}", asking(*apps, component("last", f"sleeper:{number}"), domain="flood"))
        manager.ask("last", asking(*apps, domain="flood"))
        manager.hear("last", "IDENTIFIED", limit_s=1200)
        took = time.monotonic() - begun
    finally:
        manager.close()
        device.close()
    return [
        Row(f"flood of {count} desired states: the last one is IDENTIFIED", took, "s"),
        Row("answers in a flood", count / took, "desired states/s"),
    ]
