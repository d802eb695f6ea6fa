"""A law: whatever breaks, in whatever order, the controller goes on, says nothing twice, and is well when it is over.

A sequence is drawn of faults that last for a while, in the decisions, the driver, the source, the sinks, the disk and the state
directory, and of wishes, hands and leaps of the clock between them. The controller runs through all of it in virtual time.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st
from tests.controller.faulty import FaultySource, FaultyStage
from tests.controller.stage import asking
from tests.sampling import THOROUGH
from tests.virtual import WRONG_CLOCKS_S, run

from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import read_journal

_FAST = "/dev/shm"  # a journal syncs every write
_CALM_S = 150.0
"""After this long without a fault, a wish or a hand, everything is as it should be: the longest back-off, and some."""


class Fault(NamedTuple):
    """What happens, after how many seconds, and for how long."""

    kind: str
    after_s: float
    for_s: float


LASTING = ("decisions", "look", "events", "source", "sink", "full", "poison")
AT_ONCE = ("step", "write", "removed", "moved", "journal removed", "log removed", "lock removed")
CLOCKS = {f"clock {ahead_s:+.0f} s": ahead_s for ahead_s in (*WRONG_CLOCKS_S, 0.0)}
HANDS = ("wish", "kill web", "kill db", "look again")
FAULTS = st.builds(Fault, st.sampled_from((*LASTING, *AT_ONCE, *HANDS, *CLOCKS)), st.floats(0, 100), st.floats(0, 200))


class Trial:
    """One run of a controller through faults."""

    def __init__(self, stage: FaultyStage, state: Path) -> None:
        self.stage, self.state = stage, state
        self.source = FaultySource()
        stage.source = self.source
        stage.controller = stage.make()
        self.version, self.moved = 1, 0
        self.full = 0
        self.restless_until = _CALM_S

    def begin(self, fault: Fault) -> None:
        now = asyncio.get_running_loop().time()
        lasts = fault.for_s if fault.kind in LASTING else 0.0
        self.restless_until = max(self.restless_until, now + lasts + _CALM_S)
        end = self._begun(fault.kind)
        if end is not None:
            asyncio.get_running_loop().call_later(lasts, end)

    def _begun(self, kind: str) -> Callable[[], object] | None:
        stage, broken = self.stage, RuntimeError(f"a defect in {kind}")
        match kind:
            case "decisions":
                stage.plans.everywhere = True
                stage.plans.breaks["diff"] = broken
                return self._end_decisions
            case "poison":
                stage.plans.breaks["diff"] = broken
                stage.say(asking("web:2", "db:1"))
                return self._end_decisions
            case "look":
                return self._raise(stage.driver, "look_raises", broken)
            case "step":  # once: what breaks at every try, with `retries`, is the end of a revision
                stage.driver.step_raises, stage.driver.steps_left = broken, 1
            case "events":
                return self._raise(stage.driver, "nudge_raises", broken)
            case "source":
                return self._raise(self.source, "fault", broken)
            case "sink":
                return self._raise(stage.sink, "failure", broken)
            case "full":
                self._fill(1)
                return lambda: self._fill(-1)
            case "write":
                if stage.journal.is_durable:
                    stage.journal._database.connection.execute("PRAGMA query_only = ON")
            case "removed":
                shutil.rmtree(self.state, ignore_errors=True)
            case "moved" if self.state.exists():
                self.moved += 1
                self.state.rename(f"{self.state}-{self.moved}")
            case "journal removed":
                for file in self.state.glob(f"{FILE}*"):
                    file.unlink()
            case "log removed":
                (self.state / f"{FILE}-wal").unlink(missing_ok=True)
            case "lock removed":
                (self.state / "controller.lock").unlink(missing_ok=True)
            case "wish":
                self.version = 4 - self.version
                self.wish()
            case "kill web" | "kill db":
                if kind.removeprefix("kill ") in stage.running():
                    stage.engine.kill(kind.removeprefix("kill "))
            case "look again":
                stage.controller.look()
            case clock if clock in CLOCKS:
                stage.clock_is_ahead_s = CLOCKS[clock]
        return None

    def wish(self) -> None:
        self.stage.say(asking(f"web:{self.version}", "db:1"))

    def _end_decisions(self) -> None:
        self.stage.plans.everywhere = False
        self.stage.plans.breaks.clear()
        self.wish()

    def _raise(self, place: object, name: str, error: Exception) -> Callable[[], object]:
        setattr(place, name, error)
        return lambda: setattr(place, name, None)

    def _fill(self, more: int) -> None:
        self.full += more
        limit = 0 if self.full else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    async def watch(self) -> None:
        """What is in force is up, whenever nothing has happened for a while."""
        while True:
            await asyncio.sleep(10)
            if asyncio.get_running_loop().time() > self.restless_until:
                assert set(self.stage.running()) == {"web", "db"}


def check_well(trial: Trial) -> None:
    stage, journal = trial.stage, trial.stage.journal
    assert stage.running() == {"web": f"web:{trial.version}", "db": "db:1"}
    assert all(stage.conditions().values()), stage.journal.conditions()
    assert "Defect" not in stage.conditions()
    assert journal.is_durable
    numbers = list(range(1, journal.last_seq() + 1))
    with closing(read_journal(trial.state)) as reader:
        assert [entry.seq for entry in reader.entries(limit=100_000)] == numbers, "no gap, and no number twice"
        assert reader.digest("last-good") == asking(f"web:{trial.version}", "db:1").desired.digest
    assert [entry.seq for entry in stage.sink.taken] == numbers, "each entry once, in order"


def _spares_the_revision(faults: list[Fault]) -> bool:
    return sum(fault.kind == "step" for fault in faults) <= 2


@pytest.mark.timeout(1800)
@settings(max_examples=1000 if THOROUGH else 40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(FAULTS, min_size=1, max_size=8).filter(_spares_the_revision))
def test_whatever_breaks_it_goes_on_and_is_well_afterwards(faults: list[Fault]) -> None:
    for fault in faults:
        event(fault.kind)

    async def scenario(folder: Path) -> None:
        stage = FaultyStage(folder / "state")
        trial = Trial(stage, folder / "state")
        trial.wish()
        at_s = 50.0
        for fault in faults:
            at_s += fault.after_s
            stage.at(at_s, trial.begin, fault)
        watching = asyncio.create_task(trial.watch())
        try:
            await stage.play(at_s + 200 + 2 * _CALM_S)
            if watching.done():
                watching.result()
            check_well(trial)
        finally:
            watching.cancel()
            stage.journal.close()
            stage.lock.release()

    folder = Path(tempfile.mkdtemp(prefix="ek-law-", dir=_FAST if Path(_FAST).is_dir() else None))
    try:
        run(scenario(folder))
    finally:
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
        )
        shutil.rmtree(folder)
