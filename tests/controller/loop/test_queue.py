"""Wake-ups: once in the queue, at the earliest time asked for, never handed out twice at once, backing off when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest
from tests.virtual import run

from evenkeel.controller.loop.queue import WakeUps


def time() -> float:
    return asyncio.get_running_loop().time()


def queue(jitter: float = 0.5) -> WakeUps:
    return WakeUps(timedelta(seconds=1), timedelta(seconds=60), lambda: jitter)


async def nothing_within(wake_ups: WakeUps, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wake_ups.get(), seconds)


def scenario(work: Coroutine[Any, Any, None]) -> None:
    run(work)


def test_what_is_due_is_handed_out_at_once() -> None:
    async def work() -> None:
        wake_ups = queue()
        wake_ups.add("a")
        assert await wake_ups.get() == "a"
        assert time() == 0

    scenario(work())


def test_the_earliest_time_wins() -> None:
    async def work() -> None:
        wake_ups = queue()
        for after_s in (30, 5, 60):
            wake_ups.add("a", after_s)
        assert await wake_ups.get() == "a"
        assert time() == 5
        wake_ups.done("a")
        await nothing_within(wake_ups, 100)

    scenario(work())


def test_an_earlier_time_that_comes_late_wins_too() -> None:
    async def work() -> None:
        wake_ups = queue()
        wake_ups.add("a", 60)
        asyncio.get_running_loop().call_later(10, wake_ups.add, "a", 1)
        assert await wake_ups.get() == "a"
        assert time() == 11

    scenario(work())


def test_keys_come_in_order_of_time_then_of_name() -> None:
    async def work() -> None:
        wake_ups = queue()
        for key, after_s in (("c", 1), ("b", 2), ("a", 2)):
            wake_ups.add(key, after_s)
        await asyncio.sleep(5)
        assert [await wake_ups.get() for _ in range(3)] == ["c", "a", "b"]

    scenario(work())


def test_a_key_is_never_handed_out_twice_at_once() -> None:
    async def work() -> None:
        wake_ups = queue()
        wake_ups.add("a")
        assert await wake_ups.get() == "a"
        wake_ups.add("a")
        wake_ups.add("b")
        assert await wake_ups.get() == "b"
        await nothing_within(wake_ups, 100)
        wake_ups.done("a")
        assert await wake_ups.get() == "a"
        wake_ups.done("a")
        await nothing_within(wake_ups, 100)

    scenario(work())


def test_two_workers_share_the_keys() -> None:
    async def work() -> None:
        wake_ups, seen = queue(), []

        async def worker() -> None:
            while True:
                key = await wake_ups.get()
                seen.append((time(), key))
                await asyncio.sleep(10)
                wake_ups.done(key)

        workers = [asyncio.create_task(worker()) for _ in range(2)]
        for key in "abc":
            wake_ups.add(key)
        await asyncio.sleep(35)
        for each in workers:
            each.cancel()
        assert seen == [(0, "a"), (0, "b"), (10, "c")]

    scenario(work())


def test_failures_back_off_up_to_the_longest() -> None:
    async def work() -> None:
        wake_ups = queue()
        assert [wake_ups.retry("a") for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
        wake_ups.progressed("a")
        assert wake_ups.retry("a") == 1

    scenario(work())


def test_after_very_many_failures_it_is_still_the_longest() -> None:
    async def work() -> None:
        wake_ups = queue()
        assert {wake_ups.retry("a") for _ in range(5000)} == {1, 2, 4, 8, 16, 32, 60}

    scenario(work())


@pytest.mark.parametrize(("jitter", "expected"), [(0.0, 0.75), (0.5, 1.0), (0.999999, 1.25)])
def test_jitter_spreads_a_fleet(jitter: float, expected: float) -> None:
    async def work() -> None:
        assert queue(jitter).retry("a") == pytest.approx(expected, abs=1e-5)

    scenario(work())


def test_what_a_server_asks_for_counts_when_it_is_more() -> None:
    async def work() -> None:
        wake_ups = queue()
        assert wake_ups.retry("a", 30) == 30
        assert wake_ups.retry("a", 1) == 2

    scenario(work())


def test_keys_back_off_by_themselves() -> None:
    async def work() -> None:
        wake_ups = queue()
        wake_ups.retry("a")
        wake_ups.retry("a")
        assert wake_ups.retry("b") == 1

    scenario(work())


def test_news_ends_a_wait_but_a_nudge_has_patience() -> None:
    """What fails and is tried again may be what nudges; a new wish is another matter."""

    async def work() -> None:
        wake_ups = queue()
        for _ in range(5):
            wake_ups.retry("a")
        wake_ups.add("b")
        assert await wake_ups.get() == "b"
        assert await wake_ups.get() == "a"  # the first of the times asked for
        wake_ups.done("a")
        begun = time()
        assert wake_ups.retry("a") == 32
        for _ in range(50):
            wake_ups.nudge("a", 0.1)
        assert await wake_ups.get() == "a"
        assert time() - begun == 8
        wake_ups.done("a")
        begun = time()
        wake_ups.retry("a")
        wake_ups.nudge("a")
        wake_ups.add("a")
        assert await wake_ups.get() == "a"
        assert time() == begun
        wake_ups.nudge("a")  # while it is worked on, before it fails
        begun = time()
        wait_s = wake_ups.retry("a")
        wake_ups.done("a")
        assert await wake_ups.get() == "a"
        assert time() - begun == wait_s / 4
        begun = time()
        wake_ups.progressed("a")
        wake_ups.done("a")
        wake_ups.nudge("a", 0.1)
        assert await wake_ups.get() == "a"
        assert time() - begun == pytest.approx(0.1)

    scenario(work())


def test_a_get_that_is_cancelled_loses_nothing() -> None:
    async def work() -> None:
        wake_ups = queue()
        await nothing_within(wake_ups, 1)
        wake_ups.add("a", 5)
        await nothing_within(wake_ups, 1)
        assert await wake_ups.get() == "a"
        assert time() == 6

    scenario(work())
