"""The update manager: the time that it takes by itself, its memory and processor while idle, and a storm of feedback.

The agents of two control units answer at once, over mosquitto. Idle, it is the update manager of a device with a real engine
and a real RAUC, both agents of its own and one elsewhere.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.e2e_mqtt.commanding import Manager
from tests.e2e_mqtt.control_unit import ControlUnit
from tests.e2e_mqtt.rig import Device
from tests.e2e_mqtt.vehicle import Vehicle, serving
from tests.engines.broker import Broker, leave
from tests.engines.bundles import Bundles
from tests.engines.dockerd import make_dockerd
from tests.engines.rauc import rauc_device
from tests.reconcilers.operations.agents import Agent
from tests.until import until

from bench.measuring import Row, cpu_s, pss_kib, written_bytes
from evenkeel.specs.operations.events import AgentFeedback
from evenkeel.specs.operations.operation import ToldAction

_ROUNDS = 15
_SETTLED_S, _IDLE_S = 75, 60
"""The journal is looked through once after it was last written, by 75 s, and one page of it is written then."""
_A_SECOND, _STORM_S = 1000, 30
_DOMAINS = ("ecu-a", "ecu-b")
_KEEPS = "sys_interval 1\nmax_queued_messages 1000"
"""Mosquitto's default: of what is not taken in time more than this is thrown away."""


def measure() -> list[Row]:
    """Starts its own engines and broker and ends them."""
    return [_completed(), *_storm(), *_idle()]


@contextmanager
def _managed() -> Iterator[tuple[Device, Manager, Sequence[ControlUnit], Broker]]:
    """An update manager of two control units, and nothing else."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        (folder := Path(name) / "broker").mkdir()
        broker = Broker(folder, settings=_KEEPS)
        broker.start()
        stack.callback(broker.close)
        units = [ControlUnit(broker.port, Agent(domain)) for domain in _DOMAINS]
        for unit in units:
            stack.callback(unit.close)
        manager = Manager(broker.port, "vehicle")
        stack.callback(manager.close)
        device = Device(Path(name) / "device", broker.port)
        device.settings(
            engine={"kind": "memory"},
            updateAgent={"enable": False},
            updateManager={
                "enable": True,
                "agents": {domain: {} for domain in _DOMAINS},
                "reportFeedbackInterval": "1s",
            },
        )
        device.start(prompt=False)
        stack.callback(device.close)
        manager.wait_for_agent()
        yield device, manager, units, broker


def _demand() -> dict[str, Any]:
    return {"domains": [{"id": domain, "components": [{"id": "app", "version": "2"}]} for domain in _DOMAINS]}


def _completed() -> Row:
    spent = []
    with _managed() as (_, manager, units, _):
        for number in range(_ROUNDS):
            for unit in units:
                unit.agent.runs = "1"
            begun = time.monotonic()
            manager.ask(f"a{number}", _demand())
            manager.hear(f"a{number}", "COMPLETED", 60)
            spent.append(time.monotonic() - begun)
            time.sleep(0.5)
    compared = f"{min(spent) * 1000:.0f} to {max(spent) * 1000:.0f} ms in {_ROUNDS} rounds; the original needs 310 ms"
    return Row("desired state → COMPLETED, two agents", statistics.median(spent) * 1000, "ms", compared, "250 ms")


def _storm() -> list[Row]:
    """One agent tells its progress again and again while it downloads, and then that it is done."""
    with _managed() as (device, manager, (unit, _), broker), _dropped(broker) as dropped:
        unit.agent.hush("DOWNLOAD")
        manager.ask("storm", _demand())
        until(lambda: "DOWNLOAD" in unit.agent.commands, 60, "DOWNLOAD")
        pid, count = device.pid, _A_SECOND * _STORM_S
        memory, cpu, written, begun = [pss_kib(pid, "Pss_Anon")], cpu_s(pid), written_bytes(pid), time.monotonic()
        for number in range(1, count + 1):
            time.sleep(max(0.0, begun + number / _A_SECOND - time.monotonic()))
            unit.tell("storm", [_progress(unit, "DOWNLOADING", number * 100 // count)])
            if number == count // 10:
                memory.append(pss_kib(pid, "Pss_Anon"))
        ended = time.monotonic()
        unit.agent.hush("")
        unit.agent.status = "DOWNLOAD_SUCCESS"
        unit.tell("storm", [_progress(unit, "DOWNLOAD_SUCCESS", 100)])
        manager.hear("storm", "COMPLETED", 300)
        late_s, spent, written = time.monotonic() - ended, cpu_s(pid) - cpu, written_bytes(pid) - written
        memory.append(pss_kib(pid, "Pss_Anon"))
        time.sleep(2.5)  # the broker counts once a second
        lost = dropped()
    before, tenth, after = (kib / 1024 for kib in memory)
    heard = f"{len(manager.said('storm'))} messages to the backend"
    return [
        Row(f"storm of {count:,} messages of feedback", count / (ended - begun), "messages/s", heard),
        Row("the same: thrown away by the broker, which keeps 1,000", lost, "messages", "", "0"),
        Row("the same: from its last message to COMPLETED", late_s, "s"),
        Row(
            "the same: anonymous memory after it",
            after,
            "MiB",
            f"{before:.1f} before it, {tenth:.1f} after a tenth of it",
        ),
        Row("the same: processor", spent / (ended + late_s - begun) * 100, "% of one core"),
        Row("the same: written to disk", written / 1e6, "MB"),
    ]


def _progress(unit: ControlUnit, status: str, percent: int) -> AgentFeedback:
    agent = unit.agent
    return AgentFeedback(agent.domain, status, "", "", (ToldAction(agent.component, "2", status, percent),))


@contextmanager
def _dropped(broker: Broker) -> Iterator[Callable[[], int]]:
    """How many messages the broker has thrown away, as it counts them."""
    topic, found, up = "$SYS/broker/publish/messages/dropped", [0], threading.Event()

    def on_message(client: object, user: object, message: mqtt.MQTTMessage) -> None:
        found.append(int(message.payload))
        up.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, "counter")
    client.on_message = on_message
    client.connect(broker.address, broker.port, 60)
    client.subscribe(topic, 1)
    client.loop_start()
    if not up.wait(10):
        raise TimeoutError("the broker does not count")
    try:
        yield lambda: found[-1]
    finally:
        leave(client)


def _idle() -> list[Row]:
    """A device with both agents, after one update of its containers."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        for each in ("broker", "bundles"):
            (folder / each).mkdir()
        broker, bundles, engine = Broker(folder / "broker"), Bundles(folder / "bundles"), make_dockerd()
        stack.callback(engine.close)
        broker.start()
        stack.callback(broker.close)
        stack.callback(bundles.close)
        rauc = stack.enter_context(rauc_device(bundles))
        vehicle = stack.enter_context(serving(Vehicle(folder / "device", broker, rauc, engine)))
        vehicle.device.stop()
        vehicle.device.start(prompt=False)
        time.sleep(_SETTLED_S)
        pid = vehicle.device.pid
        cpu, written = cpu_s(pid), written_bytes(pid)
        time.sleep(_IDLE_S)
        spent, written = (cpu_s(pid) - cpu) / _IDLE_S * 100, written_bytes(pid) - written
        anonymous = f"{pss_kib(pid, 'Pss_Anon') / 1024:.1f} MiB of it anonymous"
        return [
            Row("idle, both domains of the device: memory (PSS)", pss_kib(pid) / 1024, "MiB", anonymous, "32 MiB"),
            Row("idle: processor", spent, "% of one core"),
            Row("idle: written to disk", written, f"bytes in {_IDLE_S} s", "", "0"),
        ]
