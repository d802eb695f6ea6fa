"""Kanto's Update Manager, evenkeel, the broker and the engine are killed at the messages of an update, as real processes.

The same with every message, every combination and many stories is `tests/update_manager`, in virtual time.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.engines.broker import Broker
from tests.engines.dockerd import Dockerd
from tests.sampling import sampled
from tests.until import until
from tests.update_manager.double import Verdict

from .backend import Backend
from .commanding import asking, component
from .rig import Device
from .scenario import AFTER, TARGET, prepare

_MESSAGES = 20
"""Between Update Manager and agent, of one undisturbed update and a bit more."""
_AT_ONCE = 8
_PHASE_TIMEOUT_S = 12.0
"""So long the Update Manager waits for what is lost. On a busy machine it may give up too early; the backend asks again."""
_BEFORE = {name: f"docker.io/library/{name}:1" for name in ("hvac", "seat", "radio")}
_KILLED: Mapping[str, tuple[str, ...]] = {
    "manager": ("manager",),
    "agent": ("agent",),
    "agent and manager": ("agent", "manager"),
    "broker": ("broker",),
    "everything": ("agent", "manager", "broker"),
}
Mosquitto = Callable[..., Broker]


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


class _Course:
    """One update, in which some are killed. `kills`: at which message whom."""

    def __init__(self, device: Device, broker: Broker, kills: Mapping[int, Sequence[str]]) -> None:
        self.device, self.broker, self._kills = device, broker, dict(kills)
        self.backend = Backend(broker.port, device.domain, phase_timeout_s=_PHASE_TIMEOUT_S, passed=self._passed)

    def _passed(self, number: int, what: str) -> None:
        victims = self._kills.pop(number, ())
        for victim in victims:
            match victim:
                case "agent":
                    self.device.kill()
                case "broker":
                    self.broker.kill()
                case "manager":
                    self.backend.kill_manager()
        if "broker" in victims:
            self.broker.start()
        if "agent" in victims:
            self.device.start()
        if victims and "manager" not in victims:  # else it is asked again when that is back
            self.backend.send()

    def run(self, judge: Callable[[Verdict], None]) -> None:
        try:
            self.device.start()
            self.backend.bring(asking(*AFTER, domain=self.device.domain), judge)
            assert not self._kills, f"nobody was killed: {self._kills}; {self.backend.story()}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.backend.story()}\n{self.device.tail(12)}") from error
        finally:
            self.device.close()
            self.backend.close()


@pytest.mark.timeout(3000)
def test_somebody_is_killed_at_a_message(before: Path, tmp_path: Path) -> None:
    reading = threading.Lock()  # msgspec 0.x ends the process when several threads read a type for the first time

    def run(name: str) -> None:
        number, _, who = name.partition(" ")
        folder = tmp_path / name.replace(" ", "-")
        (folder / "broker").mkdir(parents=True)
        shutil.copytree(before, folder / "state")
        broker = Broker(folder / "broker", persistent=int(number) % 2 == 0)
        broker.start()
        device = Device(folder, broker.port, domain=f"d{number}", client=f"d{number}")

        def running() -> dict[str, str]:
            with reading:
                return device.running()

        def judge(verdict: Verdict) -> None:
            if verdict.status == "COMPLETED":
                assert running() == TARGET
            elif "signal" not in verdict.message and verdict.status:
                assert running() == _BEFORE, verdict

        try:
            _Course(device, broker, {int(number): _KILLED[who]}).run(judge)
            until(lambda: running() == TARGET, what="the world")
        finally:
            broker.close()

    moments = [f"{number} {who}" for who in _KILLED for number in range(1, _MESSAGES)]
    _all(sampled(moments, 2, "backend"), run)


def _all(names: Sequence[str], run: Callable[[str], None]) -> None:
    """Run all, some at once, and say of each what went wrong."""
    failures: list[str] = []

    def one(name: str) -> None:
        try:
            run(name)
        except AssertionError as error:
            failures.append(f"{name}: {error}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, names))
    assert not failures, "\n\n".join(failures)


@pytest.mark.timeout(600)
def test_all_are_killed_with_a_real_engine(mosquitto: Mosquitto, tmp_path: Path, clean_dockerd: Dockerd) -> None:
    """One update on Docker: its engine dies in a pull, then everything when the old instance is stopped, then the engine
    again when the new one starts."""
    broker = mosquitto()
    device = Device(tmp_path / "device", broker.port)
    device.settings(engine={"kind": "docker", "address": clean_dockerd.address})
    kills = {"DOWNLOADING": ("engine",), "UPDATE_SUCCESS": ("agent", "manager", "engine"), "ACTIVATING": ("engine",)}

    def passed(number: int, what: str) -> None:
        victims = kills.pop(what, ())
        if "manager" in victims:
            backend.kill_manager()
        if "agent" in victims:
            device.kill()
        if "engine" in victims:
            clean_dockerd.kill()
            clean_dockerd.start()
        if "agent" in victims:
            device.start()

    def running() -> dict[str, str]:
        return {
            name: _image(clean_dockerd, name)
            for name, state in clean_dockerd.containers().items()
            if state == "running"
        }

    def judge(verdict: Verdict) -> None:
        if verdict.status == "COMPLETED":
            assert running() == wanted

    backend = Backend(broker.port, "containers", phase_timeout_s=60.0)
    try:
        device.start()
        wanted = {"app": "sleeper:1", "old": "web:1"}
        backend.bring(asking(component("app", "sleeper:1"), component("old", "web:1")), judge)
        backend.passed = passed
        wanted = {"app": "sleeper:2", "new": "web:2"}
        backend.verdicts.clear()
        backend.bring(asking(component("app", "sleeper:2"), component("new", "web:2")), judge)
        assert not kills, backend.story()
        assert backend.verdicts[-1].status == "COMPLETED", backend.story()
        assert set(clean_dockerd.containers()) == {"app", "new"}
    finally:
        device.close()
        backend.close()


def _image(dockerd: Dockerd, name: str) -> str:
    image: str = dockerd.inspect(name)["Config"]["Image"]
    return image.removeprefix("docker.io/library/")
