"""The present values: of topics with a clock that jumps, of files on a real disk."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from tests.until import PATIENCE_S

from evenkeel.controller.operations.values import Values
from evenkeel.controller.process.clock import Uptime, second_of_day
from evenkeel.reconcilers.preconditions.judging import unmet
from evenkeel.specs.preconditions.observed import MOST_CONTENT, Observed
from evenkeel.specs.preconditions.source import FileSource, TopicSource, ValueSource, WindowSource
from evenkeel.specs.window import Window

TEN_S = timedelta(seconds=10)
SPEED = TopicSource("vehicle/state", ("speed",), TEN_S)
PARKED = TopicSource("vehicle/state", ("parked",))
MODE = TopicSource("device/mode")
NIGHT = WindowSource(Window(22 * 60, 5 * 60))
NOON_S = 12 * 3600.0


def up_s() -> float:
    return asyncio.get_running_loop().time()


def values(sources: Mapping[str, ValueSource]) -> Values:
    """On the loop's clock. It is noon when the loop begins."""
    return Values(sources, lambda: Uptime("boot", up_s()), time.time, lambda: (NOON_S + up_s()) % 86400)


@asynccontextmanager
async def changes(of: Values) -> AsyncIterator[list[float]]:
    """The moments at which something changed."""
    moments: list[float] = []

    def note_one() -> None:
        moments.append(up_s())

    async def note() -> None:
        async with aclosing(of.changes()) as found:
            async for _ in found:
                note_one()

    noting = asyncio.create_task(note())
    await asyncio.sleep(0)
    try:
        yield moments
    finally:
        noting.cancel()
        await asyncio.gather(noting, return_exceptions=True)


@pytest.mark.virtual
async def test_a_topic_is_unknown_until_something_comes() -> None:
    device = values({"speed": SPEED, "parked": PARKED, "mode": MODE})
    assert device.topics == ("vehicle/state", "device/mode")
    assert {each.unknown for each in device.present().values()} == {"not connected to the broker"}
    device.connect()
    assert device.present()["speed"] == Observed(unknown="nothing was received on vehicle/state")
    device.receive("vehicle/state", b'{"speed": 7, "parked": false}', up_s())
    device.receive("device/mode", b"DRIVING", up_s())
    device.receive("other", b"1", up_s())
    await asyncio.sleep(4)
    assert device.present() == {
        "speed": Observed(7, 4.0, 10.0),
        "parked": Observed(False, 4.0),
        "mode": Observed("DRIVING", 4.0),
    }
    assert unmet("speed < 5 && mode == 'DRIVING'", device.present()) == "`speed < 5` does not hold: speed is 7"


@pytest.mark.virtual
async def test_a_message_without_the_value_makes_it_unknown() -> None:
    """The value of the message before does not stay."""
    device = values({"speed": SPEED, "parked": PARKED})
    device.connect()
    device.receive("vehicle/state", b'{"speed": 7, "parked": true}', up_s())
    device.receive("vehicle/state", b'{"parked": true}', up_s())
    assert device.present()["speed"].unknown == "there is no `$.speed` (in the last message on vehicle/state)"
    assert device.present()["parked"] == Observed(True, 0.0)
    device.receive("vehicle/state", b"x" * (MOST_CONTENT + 1), up_s())
    assert device.present()["parked"].unknown == "more than 65,536 bytes (in the last message on vehicle/state)"


@pytest.mark.virtual
async def test_a_value_becomes_stale_and_is_told_once() -> None:
    device = values({"speed": SPEED})
    device.connect()
    async with changes(device) as moments:
        device.receive("vehicle/state", b'{"speed": 7}', up_s())
        await asyncio.sleep(300)
        assert len(moments) == 2
        assert 10 < moments[1] < 11
    assert unmet("speed > 5", device.present()) == "speed is 300 s old, at most 10 s are allowed"


@pytest.mark.virtual
async def test_the_same_value_again_is_no_change_and_keeps_it_fresh() -> None:
    device = values({"speed": SPEED})
    device.connect()
    async with changes(device) as moments:
        for _ in range(20):
            device.receive("vehicle/state", b'{"speed": 7}', up_s())
            await asyncio.sleep(5)
        assert len(moments) == 1
        assert device.present()["speed"].counts


@pytest.mark.virtual
async def test_of_a_retained_message_the_age_is_not_known() -> None:
    device = values({"speed": SPEED, "parked": PARKED})
    device.connect()
    device.receive("vehicle/state", b'{"speed": 0, "parked": true}', up_s(), retained=True)
    assert device.present()["parked"] == Observed(True)
    why = "only a retained message is there of vehicle/state, which may be of any age"
    assert device.present()["speed"] == Observed(unknown=why)
    device.receive("vehicle/state", b'{"speed": 0, "parked": true}', up_s())
    assert device.present()["speed"] == Observed(0, 0.0, 10.0)


@pytest.mark.virtual
async def test_without_the_broker_nothing_is_known() -> None:
    device = values({"parked": PARKED})
    device.connect()
    async with changes(device) as moments:
        device.receive("vehicle/state", b'{"parked": true}', up_s())
        await asyncio.sleep(1)
        device.disconnect()
        await asyncio.sleep(1)
        assert unmet("parked", device.present()) == "parked is unknown: not connected to the broker"
        device.connect()
        await asyncio.sleep(1)
        assert unmet("parked", device.present()) == "parked is unknown: nothing was received on vehicle/state"
        assert len(moments) == 3


@pytest.mark.virtual
async def test_a_flood_is_a_few_changes_and_one_message_is_kept() -> None:
    device = values({"speed": SPEED})
    device.connect()
    async with changes(device) as moments:
        for number in range(10_000):
            device.receive("vehicle/state", b'{"speed": %d}' % number, up_s())
            if number % 1000 == 0:
                await asyncio.sleep(0.01)
        await asyncio.sleep(1)
        assert 1 <= len(moments) <= 3
        assert device.present()["speed"].value == 9999
        assert len(device._messages) == 1


@pytest.mark.virtual
async def test_a_window_opens_and_closes_by_itself() -> None:
    device = values({"night": NIGHT})
    assert device.present() == {"night": Observed(False)}
    async with changes(device) as moments:
        await asyncio.sleep(48 * 3600)
    hours = [moment / 3600 for moment in moments]
    assert [round(hour) for hour in hours] == [10, 17, 34, 41]
    assert all(abs(hour - round(hour)) < 1 / 3600 for hour in hours)


@pytest.mark.virtual
async def test_nothing_is_looked_at_all_the_time() -> None:
    """An idle device looks once a minute, and never spins at the edge of a window."""
    device = values({"night": NIGHT, "speed": SPEED})
    looks = 0
    present = device.present

    def counted() -> dict[str, Observed]:
        nonlocal looks
        looks += 1
        return present()

    device.present = counted  # type: ignore[method-assign]
    async with changes(device):
        await asyncio.sleep(24 * 3600)
    assert looks < 24 * 60 + 20


async def test_files_as_they_are_now(tmp_path: Path) -> None:
    number, text, report = tmp_path / "capacity", tmp_path / "mode", tmp_path / "report.json"
    sources = {
        "battery": FileSource(str(number)),
        "mode": FileSource(str(text)),
        "gear": FileSource(str(report), ("gear", 0)),
    }
    device = Values(sources)
    assert device.present()["battery"] == Observed(unknown=f"{number}: No such file or directory")
    number.write_text("75\n")
    text.write_text("MAINTENANCE\n")
    report.write_text('{"gear": ["P"]}')
    assert [each.value for each in device.present().values()] == [75, "MAINTENANCE", "P"]
    report.write_text('{"gear": [')
    assert device.present()["gear"].unknown == f"no JSON (in {report})"
    text.unlink()
    os.mkfifo(text)
    assert device.present()["mode"].unknown == f"no regular file (in {text})"
    number.write_bytes(b"1" * (MOST_CONTENT + 1))
    assert device.present()["battery"].unknown == f"more than 65,536 bytes (in {number})"
    assert Values({"up": FileSource("/proc/sys/kernel/pid_max")}).present()["up"].value > 0


async def test_the_age_of_a_file_is_that_of_its_last_change(tmp_path: Path) -> None:
    file = tmp_path / "speed"
    file.write_text("7")
    device = Values({"speed": FileSource(str(file), None, TEN_S), "ever": FileSource(str(file))})
    assert device.present()["speed"].counts
    os.utime(file, (time.time() - 42, time.time() - 42))
    assert unmet("speed == 7", device.present()) == "speed is 42 s old, at most 10 s are allowed"
    assert unmet("ever == 7", device.present()) == ""
    os.utime(file, (time.time() + 3600, time.time() + 3600))
    reason = unmet("speed == 7", device.present())
    assert reason == f"speed is unknown: {file} was changed in the future, so that its age is not known"
    assert unmet("ever == 7", device.present()) == ""


async def test_a_change_of_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of one that is replaced, as programs do that write it at once. Nothing else looks at it."""
    for wait in ("_FILES_S", "_LONGEST_WAIT_S"):
        monkeypatch.setattr(f"evenkeel.controller.operations.values.{wait}", 1e6)
    file = tmp_path / "mode"
    file.write_text("DRIVING")
    device = Values({"mode": FileSource(str(file))})
    async with asyncio.timeout(PATIENCE_S), aclosing(device.changes()) as found:
        following = asyncio.ensure_future(anext(found))
        await asyncio.sleep(0.1)
        assert not following.done()
        (tmp_path / "new").write_text("MAINTENANCE")
        (tmp_path / "new").rename(file)
        await following
    assert device.present()["mode"].value == "MAINTENANCE"


@pytest.mark.virtual
async def test_a_file_that_makes_no_event_is_looked_at_every_ten_seconds(tmp_path: Path) -> None:
    """Its folder comes later, so that no watch stands."""
    file = tmp_path / "later" / "mode"
    device = values({"mode": FileSource(str(file))})
    async with changes(device) as moments:
        await asyncio.sleep(15)
        file.parent.mkdir()
        file.write_text("MAINTENANCE")
        await asyncio.sleep(15)
        assert len(moments) == 1


def test_the_second_of_the_day_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/GMT-3")
    time.tzset()
    try:
        assert abs(second_of_day() - (time.time() + 3 * 3600) % 86400) < 5
    finally:
        monkeypatch.undo()
        time.tzset()
