"""An update over a real RAUC, with real cycles and a real journal, that is interrupted at every action: the power goes, or
evenkeel alone ends and begins again while RAUC goes on.

The laws on the device in memory try many more cases (`tests/reconcilers/slots/test_laws.py`); here it is shown that the real
one is like it: the device always boots, says what is true, and has nothing left to do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Literal, NamedTuple

import pytest
from tests.contract.slots_kits import FACTORY, UNIT, RaucKit
from tests.engines.bundles import Bundles
from tests.engines.rauc import RESCUE, Rauc, rauc_device
from tests.sampling import sampled

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Stalled
from evenkeel.controller.drivers.slots import engine as engines
from evenkeel.controller.drivers.slots import prove as proving
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.process.clock import system_now
from evenkeel.reconcilers.ports import Former, Progress
from evenkeel.reconcilers.slots import Slots
from evenkeel.reconcilers.slots.select import SlotsWanted
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome
from evenkeel.specs.slots.actions import Install, Reboot
from evenkeel.specs.slots.memory import SlotsMemory
from evenkeel.specs.slots.observed import SlotsSeen
from evenkeel.specs.slots.system import Health, OperatingSystem

HEALTH = Health((UNIT,), stable_for=timedelta(milliseconds=50))


class Cut(NamedTuple):
    """`end`: the power goes, or evenkeel alone ends. `action`: its number, from 1. `torn`: when half of a slot is written."""

    end: Literal["power", "evenkeel"] = "power"
    action: int = 0
    moment: Literal["before", "after", "torn"] = "before"


class Story:
    """One device and its updates."""

    def __init__(self, kit: RaucKit, device: Rauc, folder: Path, cut: Cut) -> None:
        self.kit, self.device, self.cut = kit, device, cut
        self.journal = open_journal(folder, system_now)
        self.said: list[str] = []
        self.boots: list[str] = []
        self.done: list[Action] = []
        self._dead = asyncio.Event()
        self._ends: Literal["power", "evenkeel"] = "power"

    # -- the driver, watched ----------------------------------------------------------------------------------------------

    async def observe(self, look: Look = Look()) -> SlotsSeen:
        return await self.kit.engine.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self.done.append(action)
        at = self.cut if self.cut.action == len(self.done) else Cut(moment="before")
        is_cut = at is self.cut
        if is_cut and at.moment == "before":
            await self._die(at.end)
        if isinstance(action, Reboot):
            await self._die("power")
        if is_cut and at.moment == "torn" and isinstance(action, Install):
            half = asyncio.create_task(self.kit.until_half())
            writing = asyncio.create_task(self.kit.engine.perform(action, progress))
            await half
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await self._die(at.end)
        outcome = await self.kit.engine.perform(action, progress)
        if is_cut and at.moment == "after":
            await self._die(at.end)
        return outcome

    def nudges(self) -> AsyncIterator[None]:
        return self.kit.engine.nudges()

    async def close(self) -> None:
        await self.kit.engine.close()

    async def _die(self, end: Literal["power", "evenkeel"]) -> None:
        self._ends = end
        self._dead.set()
        await asyncio.Event().wait()

    # -- evenkeel ---------------------------------------------------------------------------------------------------------

    async def converge(self, state: DesiredState) -> Ending:
        """Ask for a state and follow it to its end, through all reboots and interruptions."""
        self.journal.put("desired", state, "test")
        while True:
            self._dead.clear()
            work, dead = asyncio.create_task(self._follow()), asyncio.create_task(self._dead.wait())
            await asyncio.wait({work, dead}, return_when=asyncio.FIRST_COMPLETED)
            is_dead = self._dead.is_set()
            work.cancel()
            dead.cancel()
            found = await asyncio.gather(work, dead, return_exceptions=True)
            if not is_dead:
                assert not isinstance(found[0], BaseException), found[0]
                return found[0]
            if self._ends == "power":
                await self.kit.cut_power()
                self.boots.append(self.device.booted)
                assert self.device.booted != RESCUE
                assert len(self.boots) < 10, "the device reboots for ever"
            else:
                await self.kit.begin_anew()
                self.kit.go_on()

    async def _follow(self) -> Ending:
        cycles = Cycles[SlotsWanted, SlotsSeen, SlotsMemory](Slots(), self, self.journal, self._say, tries=2)
        stopping, settled = asyncio.Event(), 0
        for _ in range(100):
            ending = await cycles.run(stopping)
            if isinstance(ending, Retrying):
                await asyncio.sleep(0.05)
            elif not isinstance(ending, Progressed):
                settled += 1
                if settled == 2:  # what was kept for the way back goes with the look after the verdict
                    return ending
        raise AssertionError(f"does not converge: {self.said[-12:]}")

    def _say(self, feedback: Feedback) -> None:
        self.said.append(self.journal.say(feedback).message)

    async def what_is_left(self, state: DesiredState) -> tuple[object, ...]:
        """The differences from a state."""
        reconciler = Slots()
        want, memory = reconciler.select(state), self.journal.memories.of(SlotsMemory)
        seen = await self.observe(reconciler.look(want, memory))
        good = self.journal.readable_revision("last-good")
        former = Former(reconciler.select(good) if good is not None else None, want)
        return reconciler.plan(reconciler.diff(want, seen, memory), seen, memory, former).differences


def asking(system: OperatingSystem) -> DesiredState:
    return desired_state([Document("OperatingSystem", system.name, system)])


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_AGAIN_S", 0.02)
    monkeypatch.setattr(proving, "CHECK_S", 0.02)


@asynccontextmanager
async def story(bundles: Bundles, folder: Path, cut: Cut, *, keeps: bool) -> AsyncIterator[Story]:
    with rauc_device(bundles, FACTORY, {"activate-installed": str(not keeps).lower()}) as device:
        kit = RaucKit(device, device.bus.address, folder, keeps_primary=keeps)
        it = Story(kit, device, folder / "state", cut)
        try:
            yield it
        finally:
            await kit.close()
            it.journal.close()


_ACTIONS = ("Fetch", "Inspect", "Install", "Activate", "Reboot", "Prove", "MarkGood", "Discard")
"""Those of an update that nothing goes wrong with."""
_EVERY = [
    Cut(end, number, moment)
    for number, action in enumerate(_ACTIONS, 1)
    for moment in ("before", "torn", "after")
    for end in ("power", "evenkeel")
    if moment != "torn" or action == "Install"
]


async def update(it: Story, *, panics: bool = False) -> tuple[Ending, DesiredState]:
    """From the system of the factory, which is proven before."""
    cut, it.cut = it.cut, Cut()
    assert isinstance(await it.converge(asking(_quickly(it.kit.system(FACTORY)))), Settled)
    it.done, it.cut = [], cut
    state = asking(_quickly(it.kit.system("1.5.0", panics=panics)))
    return await it.converge(state), state


def _quickly(system: OperatingSystem) -> OperatingSystem:
    return changed(system, health=HEALTH, deadline=timedelta(seconds=20))


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps", "activates"])
async def test_an_update(bundles: Bundles, tmp_path: Path, keeps: bool) -> None:
    async with story(bundles, tmp_path, Cut(), keeps=keeps) as it:
        ending, state = await update(it)
        assert isinstance(ending, Settled), it.said
        assert (it.device.booted, it.boots, it.device.next_boot()) == ("B", ["B"], "B")
        assert await it.what_is_left(state) == ()
        assert (await it.observe()).bundles == ()
        assert tuple(type(each).__name__ for each in it.done) == _ACTIONS


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps", "activates"])
async def test_a_system_that_does_not_boot(bundles: Bundles, tmp_path: Path, keeps: bool) -> None:
    async with story(bundles, tmp_path, Cut(), keeps=keeps) as it:
        ending, state = await update(it, panics=True)
        assert isinstance(ending, Stalled), it.said
        assert (it.device.booted, it.boots, it.device.next_boot()) == ("A", ["A"], "A")
        attempt = it.journal.attempts.of(state.digest)
        assert attempt is not None
        assert f"the bootloader fell back to slot A ({FACTORY}): slot B (1.5.0) did not boot" in attempt.why


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps", "activates"])
@pytest.mark.parametrize(
    "cut", sampled(_EVERY, 6, "rauc interrupted"), ids=lambda cut: f"{cut.end}-{cut.moment}-{cut.action}"
)
async def test_an_interruption_at_any_action(bundles: Bundles, tmp_path: Path, cut: Cut, keeps: bool) -> None:
    async with story(bundles, tmp_path, cut, keeps=keeps) as it:
        ending, state = await update(it)
        seen = await it.observe()
        if isinstance(ending, Stalled):  # the power went when B was booted and not good yet: GRUB tries it once
            assert (cut.end, it.boots) == ("power", ["B", "A"])
            attempt = it.journal.attempts.of(state.digest)
            assert attempt is not None
            assert f"the bootloader fell back to slot A ({FACTORY})" in attempt.why
            assert (seen.booted, seen.primary, it.device.next_boot()) == ("rootfs.0", "rootfs.0", "A")
        else:
            assert isinstance(ending, Settled), (ending, it.said)
            assert (seen.booted, seen.primary, it.device.next_boot()) == ("rootfs.1", "rootfs.1", "B")
            assert (it.device.content("A"), it.device.content("B")) == (FACTORY, "1.5.0")
            assert await it.what_is_left(state) == ()
        assert seen.bundles == ()
        assert not it.journal.memories.of(SlotsMemory).trial
