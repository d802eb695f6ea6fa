"""The controller killed -9 after a write to its journal, and when it said something; the broker killed, too. In `make thorough`
after every write and everything it said. The time of day is another one after the restart.

Courses are independent and mostly wait, so that many run at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from tests.e2e.device import CLOCKS
from tests.engines.broker import Broker
from tests.engines.relay import Relay
from tests.sampling import sampled

from .commanding import Said
from .scenario import EXPECTED, Course, prepare

_AT_ONCE = 6
Mosquitto = Callable[..., Broker]


@pytest.fixture(scope="module")
def before(_engines_wanted: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state of a device before the scenario."""
    folder = tmp_path_factory.mktemp("before")
    (folder / "broker").mkdir()
    broker = Broker(folder / "broker")
    broker.start()
    try:
        yield prepare(folder / "device", broker.port)
    finally:
        broker.close()


def _all(courses: Iterable[str], run: Callable[[str], None]) -> None:
    """Run all, many at once, and say of each what went wrong."""
    failures: list[str] = []

    def one(name: str) -> None:
        try:
            run(name)
        except AssertionError as error:
            failures.append(f"{name}: {error}")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, courses))
    assert not failures, "\n\n".join(failures)


def _run(tmp_path: Path, before: Path, port: int, name: str, *, dying: int = 0, kill_at: str = "") -> tuple[str, int]:
    """What the controller logged, and how often it was started."""
    course = Course(tmp_path / name, before, port, name)
    dice = Random(name)
    course.device.clocks = [dice.choice(CLOCKS), dice.choice(CLOCKS)]
    left = [kill_at]

    def disturb(said: Said) -> None:
        if str(said) in left:  # once: what it was about is begun, and said, again
            left.remove(str(said))
            course.device.kill()

    try:
        course.run(disturb, dying=dying)
        course.device.stop()
        return course.device.tail(200), course.device.starts
    except AssertionError as error:
        raise AssertionError(f"{error}\n{course.device.tail(12)}") from error
    finally:
        course.close()


@pytest.mark.timeout(3600)
def test_killed_after_a_write(mosquitto: Mosquitto, before: Path, tmp_path: Path) -> None:
    port = mosquitto().port
    log, _ = _run(tmp_path, before, port, "undisturbed", dying=10**9)
    found = re.search(r"writes: (\d+)", log)
    assert found is not None
    drawn, died = sampled(range(1, int(found[1])), 6, "killed after a write"), list[int]()

    def run(name: str) -> None:
        if _run(tmp_path, before, port, name, dying=int(name[1:]))[1] == 2:
            died.append(int(name[1:]))

    _all([f"w{number}" for number in drawn], run)
    assert len(died) > len(drawn) / 2, "the last writes come after the activity's end, but most before"


@pytest.mark.timeout(3600)
def test_killed_when_it_speaks(mosquitto: Mosquitto, before: Path, tmp_path: Path) -> None:
    port = mosquitto().port

    def run(name: str) -> None:
        assert _run(tmp_path, before, port, name, kill_at=EXPECTED[int(name[1:])])[1] == 2

    # The last two leave in one go: who kills when he hears the last but one may come too late for both.
    _all([f"s{number}" for number in sampled(range(len(EXPECTED) - 2), 3, "killed when it speaks")], run)


@pytest.mark.timeout(3600)
def test_the_broker_is_killed_when_it_was_told_something(before: Path, tmp_path: Path) -> None:
    """A broker of its own for each course. It saves what waits, but not what it has just sent and acknowledged: behind a relay
    the Update Manager hears that."""

    def run(name: str) -> None:
        (tmp_path / f"broker-{name}").mkdir()
        broker = Broker(tmp_path / f"broker-{name}", persistent=True, settings=_KEEPS_ALL)
        broker.start()
        left = [EXPECTED[int(name[1:])]]

        def disturb(said: Said) -> None:
            if str(said) in left:
                left.clear()
                broker.kill()
                broker.start()

        with Relay(broker.port) as relay:
            course = Course(tmp_path / name, before, broker.port, name, manager_port=relay.port)
            try:
                course.run(disturb)
                assert not left
                assert course.device.starts == 1
            except AssertionError as error:
                raise AssertionError(f"{error}\n{course.device.tail(12)}") from error
            finally:
                course.close()
                broker.close()

    _all([f"b{number}" for number in sampled(range(len(EXPECTED) - 1), 3, "the broker is killed")], run)


_KEEPS_ALL = "autosave_interval 1\nautosave_on_changes true"
