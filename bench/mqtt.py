"""The update agent on mosquitto and an engine: from a desired state to COMPLETED, feedback a second, processor and memory.

Commands are sent as Kanto's Update Manager sends them: each phase when the last one's terminal status is there, over the
test's own client. Images are there already; the engine, the broker and the controller are started and ended here.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e_mqtt.commanding import Manager, Said, asking, component
from tests.e2e_mqtt.rig import Device
from tests.engines.broker import Broker
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.podman import Podman
from tests.engines.proxy import Proxy

from bench import original
from bench.compose import Compose, compose_command
from bench.engines import ENGINE, make_engine
from bench.measuring import Row, cpu_s, pss_kib, written_bytes
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.journal.outbox import Outgoing

_ROUNDS = {1: 3, 10: 3, 50: 2}
"""Containers of an activity → the number of times that it is measured."""
_COUNTED = tuple(int(each) for each in (os.environ.get("BENCH_CALLS") or "10,50,200").split(","))
"""The numbers of containers for which calls of the engine are counted; 200 take 18 minutes on Podman."""
_IDLE_S = 20
_COMMANDS = 15
_QUEUED = 1000
_FLOOD = 5000
_KEEPS = "max_queued_messages 0"
"""The broker throws nothing of the flood away; by default it keeps 1,000 messages for each client."""
_PROOF_S = 3.0
"""How long a container has to run before it counts (`stableFor`)."""
_IMAGE = "docker.io/library/sleeper:1"


def measure() -> list[Row]:
    """Starts its own engine and broker and ends them."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "broker").mkdir()
        broker = Broker(Path(folder) / "broker", settings=_KEEPS)
        broker.start()
        engine = make_engine()
        try:
            engine.load(sleeper("1"), "sleeper:1")
            rows = _activities(Path(folder), broker, engine)
            rows += _calls(Path(folder), broker, engine)
            rows += [_feedback(Path(folder), broker), *_flood(Path(folder), broker)]
        finally:
            engine.close()
            broker.close()
        return rows


@contextmanager
def _device(folder: Path, broker: Broker, name: str, address: str) -> Iterator[tuple[Device, Manager]]:
    """A device on an engine, and its commander."""
    device, manager = Device(folder / name, broker.port, client=name), Manager(broker.port)
    device.settings(engine={"kind": ENGINE, "address": address}, updateAgent={"enable": True, "domain": "containers"})
    try:
        begun_ms = time.time_ns() // 10**6
        device.start(prompt=False)
        # The broker keeps the report of the device before, which hears nothing any more.
        manager.until(
            lambda: [each for each in manager.states() if each["timestamp"] >= begun_ms], "a report of this agent"
        )
        yield device, manager
    finally:
        manager.close()
        device.close()


def _activities(folder: Path, broker: Broker, engine: Dockerd | Podman) -> list[Row]:
    with _device(folder, broker, "docker", engine.address) as (device, manager):
        pid, cpu = device.pid, cpu_s(device.pid)
        time.sleep(_IDLE_S)
        rows = [
            Row("connected and idle: memory (PSS)", pss_kib(pid) / 1024, "MiB", original.memory(0), "30 MiB"),
            Row("connected and idle: processor", (cpu_s(pid) - cpu) / _IDLE_S * 100, "% of one core"),
        ]
        for count, rounds in _ROUNDS.items():
            compose = Compose(folder, engine.address, count, _IMAGE) if compose_command() else None
            rows += _activity(count, [_round(manager, pid, count, compose) for _ in range(rounds)])
        for when, pause_s in (("", 0.3), (", right after IDENTIFIED, where a look follows", 0.0)):
            what = f"answer to a command that has nothing to do{when}"
            rows.append(Row(what, _nothing_to_do_ms(manager, pause_s), "ms", original.answered(), "15 ms"))
        what = f"after all of it, {max(_ROUNDS)} containers: memory (PSS)"
        rows.append(Row(what, pss_kib(pid) / 1024, "MiB", original.memory(max(_ROUNDS))))
    return rows


class _Round(NamedTuple):
    """One activity of new containers, and Compose with as many just before. Seconds and bytes."""

    identified_s: float
    completed_s: float
    composed_s: float
    cpu_s: float
    written: int
    messages: int

    @property
    def ratio(self) -> float:
        """Of the activity to Compose and one proof; 0 without Compose."""
        return self.completed_s / (self.composed_s + _PROOF_S) if self.composed_s else 0.0


def _round(manager: Manager, pid: int, count: int, compose: Compose | None) -> _Round:
    composed_s = compose.up_s() if compose is not None else 0.0
    if compose is not None:
        compose.down()
    name = f"{count}-{time.monotonic_ns()}"
    manager.drive(f"empty-{name}", asking(), limit_s=300)
    heard_at: dict[str, float] = {}

    def on(said: Said) -> None:
        heard_at.setdefault(said.status, time.monotonic())

    time.sleep(2)
    begun, cpu, written = time.monotonic(), cpu_s(pid), written_bytes(pid)
    said = manager.drive(f"create-{name}", asking(*_apps(count)), on, limit_s=600)
    assert said[-1].status == "COMPLETED", said[-1]
    return _Round(
        heard_at["IDENTIFIED"] - begun,
        heard_at["COMPLETED"] - begun,
        composed_s,
        cpu_s(pid) - cpu,
        written_bytes(pid) - written,
        len(said),
    )


def _apps(count: int) -> list[dict[str, Any]]:
    return [component(f"app-{number}", _IMAGE) for number in range(count)]


def _activity(count: int, rounds: Sequence[_Round]) -> list[Row]:
    def middle(of: Callable[[_Round], float]) -> float:
        return statistics.median(of(each) for each in rounds)

    composed_s = middle(lambda each: each.composed_s)
    ratio = middle(lambda each: each.ratio)
    composed = f"{ratio:.2f} × (`docker-compose up -d`, {composed_s:.1f} s, + {_PROOF_S:g} s of proof)" if ratio else ""
    compared = "; ".join(filter(None, (composed, original.completed(count))))
    written = middle(lambda each: each.written) / 1e6
    return [
        Row(f"desired state of {count} → COMPLETED", middle(lambda each: each.completed_s), "s", compared, "1.25 ×"),
        Row(f"desired state of {count} → IDENTIFIED", middle(lambda each: each.identified_s) * 1000, "ms", "", "30 ms"),
        Row(
            f"processor for {count}", middle(lambda each: each.cpu_s), "s", f"{rounds[0].messages} messages of feedback"
        ),
        Row(f"written to disk for {count}", written, "MB", f"{written / count * 1000:.0f} kB each", "6 MB for 50"),
    ]


def _nothing_to_do_ms(manager: Manager, pause_s: float) -> float:
    """The median time of an answer to DOWNLOAD where everything is there already, so long after IDENTIFIED."""
    spent = []
    for number in range(_COMMANDS):
        name = f"again-{number}-{pause_s}"
        manager.ask(name, asking(*_apps(max(_ROUNDS))))
        manager.hear(name, "IDENTIFIED")
        time.sleep(pause_s)
        begun = time.monotonic()
        manager.command(name, "DOWNLOAD")
        manager.hear(name, "DOWNLOAD_SUCCESS")
        spent.append((time.monotonic() - begun) * 1000)
    return statistics.median(spent)


def _calls(folder: Path, broker: Broker, engine: Dockerd | Podman) -> list[Row]:
    """Counted on the way to the engine, which takes time: hence apart from the times, on an engine without others."""
    engine.clear()
    rows = []
    with (
        Proxy(folder / "proxy.sock", Path(engine.address.removeprefix("unix://"))) as proxy,
        _device(folder, broker, "counted", proxy.address) as (_, manager),
    ):
        for count in _COUNTED:
            manager.drive(f"none-{count}", asking(), limit_s=600)
            before = len(proxy.asked)
            said = manager.drive(f"some-{count}", asking(*_apps(count)), limit_s=900)
            assert said[-1].status == "COMPLETED", said[-1]
            asked = proxy.asked[before:]
            most = Counter(
                re.sub(r"/[0-9a-f]{12,}|(?<=containers)/app-[^/]*", "/…", each) for each in asked
            ).most_common(3)
            compared = ", ".join(f"{number / count:.1f} {each}" for each, number in most)
            rows.append(Row(f"calls of the engine for each of {count}", len(asked) / count, "", compared, "45"))
    return rows


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
