"""Every fault of a connection to the broker, at every packet of an update, with MQTT 3.1.1 and 5.

evenkeel runs as a process of its own, and speaks to mosquitto through a proxy that does harm once. Kanto's Update Manager
(its double) commands the update over a connection without faults. Whatever happens: the update comes to its end, the end is
said once and is true, and what is said is said in order, and never again with another meaning.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from tests.e2e_mqtt.backend import Backend
from tests.e2e_mqtt.commanding import ENDS, asking, said_in, told
from tests.e2e_mqtt.rig import Device
from tests.e2e_mqtt.scenario import AFTER, EXPECTED, TARGET, prepare
from tests.engines.broker import Broker, leave
from tests.engines.mqtt_proxy import Fault, Kind, MqttProxy
from tests.sampling import THOROUGH, sampled
from tests.until import until
from tests.update_manager.double import Verdict

from evenkeel.controller.journal.database import FILE

_AT_ONCE = 10
_PACKETS = 48
"""Of an update, from the connection on, pings left out."""
_LOSSLESS: Sequence[Kind] = (
    "cut before", "cut inside", "cut after", "pause", "stall", "deaf broker", "deaf client", "swallow", "duplicate",
)  # fmt: skip
"""The broker loses no message by these: the update has to go its way as if nothing had happened."""
_CODES = {
    "3.1.1": (1, 2, 3, 4, 5),
    "5": (128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 140, 144, 149, 151, 153, 154, 155, 156, 157, 159),
}
_PATIENT_S, _SHORT_S = 120.0, 12.0
"""For how long the Update Manager waits in a phase; where messages are lost, it always waits in vain once."""


class _Case(NamedTuple):
    kind: str
    """Of the proxy's, or `restart`: the broker forgets everything; `take over`, `take over and forget`: another client
    connects with the same id, and the session ends in the second case."""
    at: int
    version: str
    code: int = 0

    @property
    def name(self) -> str:
        code = f" {self.code}" if self.code else ""
        return f"{self.kind}{code} at {self.at} of MQTT {self.version}"


_KINDS = (*_LOSSLESS, "restart", "take over", "take over and forget", "refuse")


def _id(kinds: Sequence[str]) -> str:
    return kinds[0] if len(kinds) == 1 else "all kinds"


def _cases(kind: str) -> list[_Case]:
    if kind != "refuse":
        return [_Case(kind, at, version) for version in _CODES for at in range(1, _PACKETS + 1)]
    refused = [(code, version) for version, codes in _CODES.items() for code in codes]
    return [_Case(kind, 1 + place * 7 % _PACKETS, version, code) for place, (code, version) in enumerate(refused)]


@pytest.fixture(scope="module")
def before(_engines_wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of a device before the update."""
    folder = tmp_path_factory.mktemp("before")
    (folder / "broker").mkdir()
    broker = Broker(folder / "broker")
    broker.start()
    try:
        yield prepare(folder / "device", broker.port)
    finally:
        broker.close()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kinds", [(kind,) for kind in _KINDS] if THOROUGH else [_KINDS], ids=_id)
def test_every_fault_at_every_packet(before: Path, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """Each kind by itself where all packets are tried, so that one that hangs hides no other."""
    reading = threading.Lock()  # msgspec 0.x ends the process when several threads read a type for the first time
    failures: list[str] = []

    def one(number: int, case: _Case) -> None:
        folder = tmp_path / f"{number}"
        (folder / "broker").mkdir(parents=True)
        shutil.copytree(before, folder / "state")
        broker = Broker(folder / "broker")
        broker.start()
        device = Device(folder, broker.port, domain=f"d{number}", client=f"d{number}")
        try:
            _run(case, broker, device, reading)
        except AssertionError as error:
            failures.append(f"{case.name}: {error}\n{device.tail(12)}")
        finally:
            device.close()
            broker.close()

    cases = sampled([case for kind in kinds for case in _cases(kind)], 8, "broker faults")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, range(len(cases)), cases))
    assert not failures, f"{len(failures)} of {len(cases)} went wrong\n\n" + "\n\n".join(failures)


def _run(case: _Case, broker: Broker, device: Device, reading: threading.Lock) -> None:
    def running() -> dict[str, str]:
        with reading:
            return device.running()

    def judge(verdict: Verdict) -> None:
        assert verdict.status != "COMPLETED" or running() == TARGET, "COMPLETED, and it is not so"
        assert not is_lossless or verdict.status == "COMPLETED", verdict

    is_lossless = case.kind in _LOSSLESS or case.kind == "refuse"
    backend = Backend(broker.port, device.domain, phase_timeout_s=_PATIENT_S if is_lossless else _SHORT_S)
    try:
        with MqttProxy(broker.port, _fault(case, broker, device), five=case.version == "5") as proxy:
            keep_alive = "4s" if case.kind in ("stall", "deaf broker", "deaf client", "swallow") else "20s"
            there = {"broker": f"tcp://127.0.0.1:{proxy.port}", "version": case.version, "keepAlive": keep_alive}
            device.settings(mqtt=there)
            device.start()
            backend.bring(asking(*AFTER, domain=device.domain), judge)
            backend.hear_out()
            assert proxy.struck is not None, f"{proxy.count} packets only"
            until(lambda: running() == TARGET, what="the world")
        _check_words(backend.feedback, is_lossless)
        _check_numbers(device)
    except AssertionError as error:
        raise AssertionError(f"{error}; {backend.story()}") from error
    finally:
        backend.close()


def _fault(case: _Case, broker: Broker, device: Device) -> Fault:
    match case.kind:
        case "restart":
            return Fault("call", case.at, act=lambda: (broker.kill(), broker.start())[1])
        case "take over":
            return Fault(
                "call", case.at, act=lambda: _take_over(broker.port, device.domain, case.version, forget=False)
            )
        case "take over and forget":
            return Fault("call", case.at, act=lambda: _take_over(broker.port, device.domain, case.version, forget=True))
        case "refuse":
            return Fault("refuse", case.at, case.code)
        case kind:
            return Fault(next(each for each in _LOSSLESS if each == kind), case.at)


def _take_over(port: int, client_id: str, version: str, *, forget: bool) -> None:
    """Somebody else connects with this id, and leaves at once."""
    five, up = version == "5", threading.Event()
    protocol = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
    clean = None if five else forget
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=clean, protocol=protocol)
    client.on_connect = lambda *_: up.set()
    if five:
        client.connect("127.0.0.1", port, 60, clean_start=forget)
    else:
        client.connect("127.0.0.1", port, 60)
    client.loop_start()
    assert up.wait(90)
    leave(client)


def _check_words(feedback: Sequence[bytes], is_lossless: bool) -> None:
    """In order; what came twice is the same to the byte, and nothing came between."""
    once = [message for message, before in zip(feedback, [b"", *feedback], strict=False) if message != before]
    assert len(set(once)) == len(once), "something was said again after something else"
    times = [json.loads(message)["timestamp"] for message in once]
    assert all(earlier <= later for earlier, later in pairwise(times)), times
    lines = told([said_in(json.loads(message)) for message in once])
    assert lines[-1].partition(" ")[0] == "COMPLETED", lines
    if is_lossless:
        assert lines == EXPECTED
        return
    is_open = False
    for line in lines:  # it may have been asked for again
        status = line.partition(" ")[0]
        assert is_open or status not in ENDS, f"{status}, and nothing was open: {lines}"
        is_open = (is_open or status == "IDENTIFIED") and status not in ENDS


def _check_numbers(device: Device) -> None:
    """What was said is in the journal under numbers that follow each other."""
    with contextlib.closing(sqlite3.connect(f"{(device.state / FILE).as_uri()}?mode=ro", uri=True)) as connection:
        numbers = [row[0] for row in connection.execute("SELECT seq FROM feedback ORDER BY seq")]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers
