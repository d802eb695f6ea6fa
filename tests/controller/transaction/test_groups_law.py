"""Laws of groups, on random revisions over both domains, with real cycles on virtual time: each group ends wholly as asked, or
wholly as it was good; one group never holds up another; `Settled` and last-good tell what stands; nothing goes on for ever.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.sampling import THOROUGH
from tests.virtual import run

from evenkeel.specs.desired import Document

from .grouped import BAD, GOOD, Asked, Fall, Grouped, Model, asked, falls, versions

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "500" if THOROUGH else "0"))
"""How many random histories each law is tried on; without it, a few that are always the same."""
_FAST = "/dev/shm"  # a journal syncs every write
_ENOUGH_S = 900.0
_LONG_S = 1800.0
_HARMLESS = ("pull",)
"""Actions that disturb nothing: what cannot be fetched is tried again for ever."""

thorough = settings(
    phases=[Phase.explicit, Phase.generate, Phase.target] + ([Phase.shrink] if EXAMPLES else []),
    max_examples=EXAMPLES or 6,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)

histories = st.tuples(asked(least_groups=1), st.lists(asked(), max_size=3)).map(lambda each: [each[0], *each[1]])


def on_grouped(work: Callable[[Grouped], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario on a device of its own."""

    async def scenario() -> None:
        device = Grouped(Path(folder))
        try:
            await work(device)
        finally:
            device.journal.close()

    folder = tempfile.mkdtemp(dir=_FAST if Path(_FAST).is_dir() else None)
    try:
        run(scenario())
    finally:
        shutil.rmtree(folder)


async def assert_quiet(device: Grouped) -> None:
    """Nothing disturbs anything any more, and nothing new is said of a revision."""
    done, kinds = len(device.power.done), ("revision-failed", "rolling-back", "rolled-back", "revision-good")
    said = [len(device.said(kind)) for kind in kinds]
    before = device.settled()
    device.start()
    await device.play(_LONG_S)
    assert [each for each in device.power.done[done:] if each[1] not in _HARMLESS] == []
    assert [len(device.said(kind)) for kind in kinds] == said
    assert device.settled() == before


@thorough
@given(histories)
def test_each_group_ends_as_asked_or_as_it_was_good(history: Sequence[Asked]) -> None:
    async def work(device: Grouped) -> None:
        model = Model()
        for each in history:
            settled = model.follow(each)
            device.start()
            device.source.readings.put_nowait(each.reading())
            await device.play(_ENOUGH_S)
            assert device.standing() == versions(model.good)
            assert device.good() == model.good
            assert device.settled() == settled
        await assert_quiet(device)

    on_grouped(work)


@thorough
@given(falls())
def test_a_member_that_was_down_before_changes_nothing_for_the_others(fall: Fall) -> None:
    async def work(device: Grouped) -> None:
        def others(found: Mapping[str, str]) -> dict[str, str]:
            return {name: version for name, version in found.items() if name not in fall.sick}

        def done() -> list[str]:
            steps = [each for each in device.said("step-done") if each.subject not in fall.sick]
            return [each.step for each in steps if not each.step.startswith(_HARMLESS)]

        model = Model()
        model.follow(fall.first)
        device.source.readings.put_nowait(fall.first.reading())
        await device.play(_ENOUGH_S)
        assert device.good() == model.good
        for name in fall.sick:
            device.fall(name, fall.first.versions[name])
        device.start()
        await device.play(100)
        model.follow(fall.then)
        device.start()
        device.source.readings.put_nowait(fall.then.reading())
        await device.play(2 * _ENOUGH_S)
        assert others(device.standing()) == others(versions(model.good))
        assert device.good() == model.good
        assert not device.settled()[0]
        assert bool(device.said("revision-failed")) == bool(device.said("rolling-back"))
        before = done()
        device.start()
        await device.play(_LONG_S)
        assert done() == before

    on_grouped(work)


class Moment(NamedTuple):
    """A revision that comes so long after the one before, in seconds, in a process that ends after so many actions; 0: it does
    not."""

    asked: Asked
    after_s: float
    actions: int


moments = st.lists(
    st.builds(Moment, asked(least_groups=1), st.sampled_from((0.0, 0.3, 0.7, 3.0, 70.0)), st.integers(0, 20)),
    min_size=1,
    max_size=4,
)


@thorough
@given(moments)
def test_interrupted_anywhere_each_group_ends_whole(history: Sequence[Moment]) -> None:
    async def work(device: Grouped) -> None:
        for each in history:
            device.start()
            device.source.readings.put_nowait(each.asked.reading())
            if each.actions:
                device.power.done.clear()
                await device.die(each.actions)
            else:
                await device.play(each.after_s)
        last = history[-1].asked
        device.start()
        device.source.readings.put_nowait(last.reading())
        await device.play(2 * _ENOUGH_S)
        good = device.good()
        assert device.standing() == versions(good)
        assert not set(versions(good).values()).intersection(BAD)
        assert_whole(last, good)
        is_there = good == last.wanted
        assert device.settled()[0] == is_there
        await assert_quiet(device)

    on_grouped(work)


def assert_whole(last: Asked, good: Mapping[str, Document]) -> None:
    """Of each group that is asked for, all is good as it is asked for, unless one of it cannot be; then nothing is that would
    be new."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name in last.versions:
        group = last.of.get(name, ("", False))[0]
        groups.setdefault((group, name if group in last.loose else ""), []).append(name)
    wanted = last.wanted
    for names in groups.values():
        if all(last.versions[name] in GOOD for name in names):
            assert {name: good.get(name) for name in names} == {name: wanted[name] for name in names}
