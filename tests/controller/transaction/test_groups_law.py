"""Laws of groups, on random revisions over both domains, with real cycles on virtual time: each group ends wholly as asked, or
wholly as it was good; one group never holds up another; `Settled` and last-good tell what stands; nothing goes on for ever.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.sampling import THOROUGH
from tests.virtual import run

from .grouped import BAD, DIES, MISSING, REFUSED, Asked, Grouped, Model, asked, versions

EXAMPLES = int(os.environ.get("EVENKEEL_EXAMPLES", "500" if THOROUGH else "0"))
"""How many random histories each law is tried on; without it, a few that are always the same."""
_FAST = "/dev/shm"  # a journal syncs every write
_ENOUGH_S = 900.0
_LONG_S = 7200.0
_HARMLESS = ("pull",)
"""Actions that disturb nothing: what cannot be fetched is tried again for ever."""

thorough = settings(
    max_examples=EXAMPLES or 40,
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
