"""A bench of the slots domain: real cycles and a real journal over a simulated device, on virtual time.

A reboot ends the process: the cycles are thrown away, the device boots, and others begin with the same journal. The power can
be cut before any action, after it, or in the middle of it (`torn`).
"""

from __future__ import annotations

import asyncio
import copy
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from tests.virtual import now

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Waiting
from evenkeel.controller.drivers.slots.memory import MemorySlots
from evenkeel.controller.drivers.slots.memory.world import RESCUE_SLOT, World
from evenkeel.controller.journal.journal import open_journal
from evenkeel.reconcilers.ports import Former, Progress
from evenkeel.reconcilers.slots import Slots
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome, Plan
from evenkeel.specs.slots.actions import Activate
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import OperatingSystem

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
Moment = Literal["before", "after", "torn"]
_TORN_AT = {"fetching": 3, "writing": 3}
"""At which call of a fuse the power goes; at the first of others."""
_TORN_S = 1.0
"""Seconds into an action without a fuse."""


def asking(*systems: OperatingSystem) -> DesiredState:
    return desired_state([Document("OperatingSystem", each.name, each) for each in systems])


class Cut(NamedTuple):
    """The power goes at the action of this number."""

    action: int
    moment: Moment


class PowerGone(Exception):
    """Raised by a fuse."""


class Watched:
    """The driver, watched and scripted."""

    def __init__(self, engine: MemorySlots) -> None:
        self.engine = engine
        self.done: list[Action] = []
        self.cuts: list[Cut] = []
        self.dead = asyncio.Event()
        """The process is dead, because of a reboot or a power cut."""
        self.refuses: Callable[[Action], Outcome | None] = lambda action: None
        self.check: Callable[[], None] = lambda: None
        engine.machine.dies = self._die
        engine.updater.fuse = engine.store.fuse = self._fuse
        self.broken: list[str] = []
        self.acted = False
        """An action was done, or begun, since the last boot."""
        self._torn: dict[str, int] | None = None

    async def observe(self, look: Look = Look()) -> SlotsSeen:
        return await self.engine.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self.done.append(action)
        number = len(self.done)
        if Cut(number, "before") in self.cuts:
            await self._die()
        outcome = self.refuses(action)
        if outcome is None and Cut(number, "torn") in self.cuts:
            outcome = await self._tear(action, progress)
        outcome = outcome or await self.engine.perform(action, progress)
        self._check()
        if Cut(number, "after") in self.cuts:
            await self._die()
        return outcome

    async def _tear(self, action: Action, progress: Progress) -> Outcome:
        self._torn = {}
        try:
            async with asyncio.timeout(_TORN_S):
                return await self.engine.perform(action, progress)
        except (PowerGone, TimeoutError):
            await self._die()
            raise
        finally:
            self._torn = None

    def _check(self) -> None:
        """An assertion would be taken for a defect, and be tried again."""
        self.acted = True
        try:
            self.check()
        except AssertionError as error:
            self.broken.append(f"{error} after {[type(each).__name__ for each in self.done]}")

    def _fuse(self, moment: str) -> None:
        self._check()
        if self._torn is not None:
            self._torn[moment] = self._torn.get(moment, 0) + 1
            if self._torn[moment] >= _TORN_AT.get(moment, 1):
                raise PowerGone(moment)

    def nudges(self) -> AsyncIterator[None]:
        return self.engine.nudges()

    async def close(self) -> None:
        await self.engine.close()

    async def _die(self) -> None:
        self.dead.set()
        await asyncio.Event().wait()


class Bench:
    """One device with the slots domain alone."""

    def __init__(self, folder: Path, world: World) -> None:
        self.world = world
        self.engine = MemorySlots(world, now)
        self.driver = Watched(self.engine)
        self.driver.check = self.assert_bootable
        self.journal = open_journal(folder, now)
        self.said: list[Feedback] = []
        self.boots: list[str] = []
        """The slots that were booted."""
        self.may_boot_unasked = False
        self.decisions = Slots()

    def cycles(self) -> Cycles[SlotsWanted, SlotsSeen, SlotsMemory]:
        return Cycles(self.decisions, self.driver, self.journal, self._say, tries=2, now=now)

    async def converge(self, state: DesiredState, cuts: Sequence[Cut] = ()) -> Ending:
        """Ask for a state and follow it to its end, through all reboots and cuts (counted from here)."""
        begun = len(self.driver.done)
        self.driver.cuts = [Cut(cut.action + begun, cut.moment) for cut in cuts]
        self.journal.put("desired", state, "test")
        while True:
            self.driver.dead.clear()
            work = asyncio.ensure_future(self._follow(self.cycles()))
            dead = asyncio.ensure_future(self.driver.dead.wait())
            await asyncio.wait({work, dead}, return_when=asyncio.FIRST_COMPLETED)
            is_dead = self.driver.dead.is_set()
            for each in (work, dead):
                each.cancel()
            found = await asyncio.gather(work, dead, return_exceptions=True)
            assert not self.driver.broken, self.driver.broken
            if not is_dead:
                assert not isinstance(found[0], BaseException), found[0]
                return found[0]
            self.boot()

    def boot(self) -> None:
        """The device boots, after an orderly reboot or a loss of power."""
        self.engine.cut_power()
        self.boots.append(self.world.booted)
        assert len(self.boots) < 30, "the device reboots for ever"
        is_rescued = self.world.booted == RESCUE_SLOT
        assert not is_rescued or (self.is_bare and not self.driver.acted), "nothing but the rescue system boots"
        self.is_bare, self.driver.acted = not self.world.primary, False
        activated = {each.slot for each in self.driver.done if isinstance(each, Activate)}
        is_asked = (
            is_rescued or self.world.booted in activated or self.world.booted == self.first or self.may_boot_unasked
        )
        assert is_asked, "a slot is booted that nobody has activated"

    is_bare = False
    """The bootloader had no try left right after the last boot: one that tries a slot once has not, until a slot is marked. If
    the power goes before evenkeel has done anything, the rescue system is all that boots."""
    first = ""
    """The slot that was booted at first."""

    def assert_bootable(self) -> None:
        """INV-10: a loss of power now would boot something that works."""
        world = copy.deepcopy(self.world)
        world.reboot()
        running = world.running()
        assert running is not None, f"nothing would boot: {self.world}"
        assert running.boots

    async def _follow(self, cycles: Cycles[SlotsWanted, SlotsSeen, SlotsMemory]) -> Ending:
        stopping, retries, settled = asyncio.Event(), 0, 0
        for _ in range(200):
            ending = await cycles.run(stopping)
            if isinstance(ending, Retrying) and retries < 8:
                retries += 1
                await asyncio.sleep(max(ending.after_s, 10.0))
            elif isinstance(ending, Waiting) and ending.again_s:
                await asyncio.sleep(ending.again_s)
            elif not isinstance(ending, Progressed):
                settled += 1
                if settled == 2:  # what was kept for the way back goes with the look after the verdict
                    return ending
        raise AssertionError(f"does not converge: {self.said[-12:]}")

    async def plan(self, state: DesiredState) -> Plan:
        """What would be done now."""
        reconciler = Slots()
        want, memory = reconciler.select(state), self.memory()
        seen = await self.driver.observe(reconciler.look(want, memory))
        good = self.journal.readable_revision("last-good")
        former = Former(reconciler.select(good) if good is not None else None, want)
        return reconciler.plan(reconciler.diff(want, seen, memory), seen, memory, former)

    def memory(self) -> SlotsMemory:
        return self.journal.memories.of(SlotsMemory)

    def runs(self) -> str:
        """The version that runs."""
        running = self.world.running()
        return running.version if running is not None else ""

    def close(self) -> None:
        self.journal.close()

    def _say(self, feedback: Feedback) -> None:
        self.said.append(self.journal.say(feedback))

    def texts(self, *kinds: str) -> list[str]:
        return [each.message for each in self.said if each.kind in kinds]


@contextmanager
def bench(world: World) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(dir=FAST))
    it = Bench(folder, world)
    it.first = world.booted
    try:
        yield it
    finally:
        it.close()
        shutil.rmtree(folder)
