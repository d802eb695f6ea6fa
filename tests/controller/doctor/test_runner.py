"""Checks side by side, on virtual time: one that hangs, breaks or goes on when it is cancelled costs its own finding alone."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests.virtual import run

from evenkeel.controller.doctor.check import Check, NotApplicable
from evenkeel.controller.doctor.device import Device, GivenSettings
from evenkeel.controller.doctor.examination import examination
from evenkeel.controller.doctor.runner import examine
from evenkeel.controller.doctor.threads import LooseThreads
from evenkeel.specs.codec import changed
from evenkeel.specs.doctor.finding import Finding, Result
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.settings.settings import Settings

FINE = Finding("ok", "fine")


def after(seconds: float, finding: Finding = FINE) -> Callable[[Device], Awaitable[Finding]]:
    async def look(_: Device) -> Finding:
        await asyncio.sleep(seconds)
        return finding

    return look


def failing(error: Exception) -> Callable[[Device], Awaitable[Finding]]:
    async def look(_: Device) -> Finding:
        raise error

    return look


async def stubborn(_: Device) -> Finding:
    for _again in range(3):
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            continue
    return FINE


def looked(*checks: Check, total_s: float = 10.0) -> tuple[tuple[Result, ...], float]:
    """The results, and the seconds that they took."""

    async def work() -> tuple[tuple[Result, ...], float]:
        results = await examine(checks, Device(GivenSettings(Settings())), total_s)
        took = asyncio.get_running_loop().time()
        for _ in range(4):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)
        return results, took

    return run(work())


def test_all_are_looked_at_side_by_side_and_told_in_their_order() -> None:
    results, took = looked(*(Check("s", name, after(3.0 - index)) for index, name in enumerate("abc")))
    assert [each.name for each in results] == ["a", "b", "c"]
    assert [each.seconds for each in results] == [3.0, 2.0, 1.0]
    assert took == 3.0


def test_one_that_hangs_is_told_and_holds_up_nothing() -> None:
    results, took = looked(Check("s", "hangs", after(1000), 2.0), Check("s", "well", after(0.5)))
    assert [each.finding.state for each in results] == ["unknown", "ok"]
    assert results[0].finding.evidence == "it did not end within 2 s"
    assert took == 2.0


def test_the_whole_is_bounded_also_by_one_that_goes_on_when_it_is_cancelled() -> None:
    results, took = looked(Check("s", "stubborn", stubborn, 3.0), Check("s", "slow", after(1000), 100.0), total_s=5.0)
    assert [each.finding.state for each in results] == ["unknown", "unknown"]
    assert "not when it was told to" in results[0].finding.evidence
    assert took == 6.0


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (NotApplicable("there is none"), "skipped", "there is none"),
        (Unavailable("engine:x", "nobody listens"), "unknown", "nobody listens"),
        (PermissionError(13, "Permission denied", "/x"), "unknown", "/x: permission denied"),
        (TimeoutError(), "unknown", "an answer did not come in time"),
        (ExceptionGroup("several", [ValueError("hunter2")]), "unknown", "ValueError at "),
        (KeyError("hunter2"), "unknown", "KeyError at "),
    ],
)
def test_one_that_breaks_is_told_without_its_text(error: Exception, state: str, words: str) -> None:
    (broken, well), _ = looked(Check("s", "broken", failing(error)), Check("s", "well", after(0)))
    assert broken.finding.state == state
    assert words in broken.finding.evidence
    assert "hunter2" not in broken.finding.evidence + broken.finding.remedy
    assert well.finding == FINE


def test_a_check_that_gives_up_does_not_take_a_shared_look_from_the_others() -> None:
    async def work() -> str:
        device, begun = Device(GivenSettings(Settings())), []

        async def slow() -> str:
            begun.append(1)
            await asyncio.sleep(5)
            return "seen"

        async def impatient() -> None:
            async with asyncio.timeout(1):
                await device.shared("x", slow)

        async def patient() -> str:
            return await device.shared("x", slow)

        _, found = await asyncio.gather(impatient(), patient(), return_exceptions=True)
        assert begun == [1]
        assert isinstance(found, str)
        return found

    assert run(work()) == "seen"


def test_a_thread_that_hangs_holds_up_no_end() -> None:
    """The pool of asyncio waits for its threads at the end of the loop."""
    gate = threading.Event()

    async def work() -> str:
        asyncio.get_running_loop().set_default_executor(LooseThreads())
        try:
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(gate.wait, 40)
        except TimeoutError:
            return await asyncio.to_thread(lambda: "other calls go on")
        return "it did not hang"

    begun = time.monotonic()
    try:
        assert asyncio.run(work()) == "other calls go on"
    finally:
        gate.set()
    assert time.monotonic() - begun < 30
    assert asyncio.run(_raised()) == "as in a thread"


def test_a_check_that_never_ends_holds_up_no_end(tmp_path: Path) -> None:
    """`asyncio.run` waits at the end for tasks that go on when they are cancelled."""
    over = threading.Event()

    async def forever(_: Device) -> Finding:
        while not over.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)
        return FINE

    safety = threading.Timer(60, over.set)
    safety.daemon = True
    safety.start()
    settings = changed(Settings(), state=str(tmp_path), specs=(str(tmp_path),))
    begun = time.monotonic()
    try:
        report = examination(
            GivenSettings(settings), [Check("s", "forever", forever, 0.1), Check("s", "x", after(0))], 0.2
        )
        assert time.monotonic() - begun < 40
    finally:
        over.set()
        safety.cancel()
    assert [each.finding.state for each in report.results] == ["unknown", "ok"]


async def _raised() -> str:
    asyncio.get_running_loop().set_default_executor(LooseThreads())

    def work() -> None:
        raise ValueError("as in a thread")

    try:
        await asyncio.to_thread(work)
    except ValueError as error:
        return str(error)
    return ""
