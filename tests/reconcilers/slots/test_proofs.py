"""Proofs and marks over restarts of evenkeel, and of systems that evenkeel does not know."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.controller.drivers.slots.bench import Bench, asking, bench
from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.controller.drivers.slots.memory import Bundle, World, factory
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.slots.actions import Activate, Fetch, Install, MarkGood, Prove, Restore
from evenkeel.specs.slots.system import Health, OperatingSystem
from evenkeel.specs.window import Window

A, B = "rootfs.0", "rootfs.1"
HEALTH = Health(("app.service",), stable_for=timedelta(seconds=10))
OLD = OperatingSystem("os", "1.0.0", "https://updates.test/1.raucb", health=HEALTH, deadline=timedelta(seconds=60))
NEW = changed(OLD, version="2.0.0", bundle="https://updates.test/2.raucb")
SICK = Bundle("2.0.0", is_well=False)
pytestmark = pytest.mark.virtual


async def restarting(it: Bench, state: DesiredState, every_s: float, most: int = 20) -> int:
    """Follow a state while evenkeel is killed again and again; how often it was, until it had come to an end."""
    it.journal.put("desired", state, "test")
    for number in range(most):
        it.driver.dead.clear()
        work = asyncio.ensure_future(it._follow(it.cycles()))
        dead = asyncio.ensure_future(it.driver.dead.wait())
        await asyncio.wait({work, dead}, timeout=every_s, return_when=asyncio.FIRST_COMPLETED)
        has_ended, is_rebooting = work.done(), it.driver.dead.is_set()
        for each in (work, dead):
            each.cancel()
        await asyncio.gather(work, dead, return_exceptions=True)
        if is_rebooting:
            it.boot()
        elif has_ended:
            return number
    raise AssertionError(f"no end after {most} restarts: {it.memory()}")


def in_b(it: Bench, bundle: Bundle) -> None:
    """Somebody has written a system into slot B, and boots it."""
    it.may_boot_unasked = True
    it.world.slots[B] = type(it.world.slots[B])("B", bundle, 1)
    it.world.mark("active", B)
    it.engine.cut_power()


# ── the deadline ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("attempts", [1, 3])
async def test_restarts_of_evenkeel_give_a_sick_system_no_more_time(attempts: int) -> None:
    world = factory(attempts=attempts)
    world.served[NEW.bundle] = SICK
    with bench(world) as it:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        await restarting(it, asking(NEW), 50.0)
        assert it.runs() == "1.0.0"
        assert "not well 1m after its boot: app.service is failed" in " ".join(it.texts("step-failed"))


async def test_nor_without_a_reboot() -> None:
    """The system that is asked for runs already."""
    world = factory()
    world.slots[A] = type(world.slots[A])("A", Bundle("1.0.0", is_well=False), 1)
    with bench(world) as it:
        assert await restarting(it, asking(OLD), 50.0) <= 3
        assert "not well within 1m: app.service is failed" in " ".join(it.texts("step-failed"))


async def test_a_further_try_has_all_of_its_time() -> None:
    world = factory()
    world.slots[A] = type(world.slots[A])("A", Bundle("1.0.0", is_well=False), 1)
    with bench(world) as it:
        assert isinstance(await it.converge(asking(OLD)), Stalled)
        recovers = asyncio.get_running_loop().call_later(
            40.0, lambda: it.world.slots.update({A: type(world.slots[A])("A", Bundle("1.0.0"), 1)})
        )
        ending = await it.converge(asking(changed(OLD, health=changed(HEALTH, command=("/check",)))))
        recovers.cancel()
        assert isinstance(ending, Settled), ending


@pytest.mark.parametrize(("is_well", "runs"), [(True, "2.0.0"), (False, "1.0.0")])
async def test_a_proof_that_begins_late_has_time_for_itself(is_well: bool, runs: str) -> None:
    """evenkeel begins an hour after the boot, long past the deadline."""
    world = factory()
    world.served[NEW.bundle] = Bundle("2.0.0", is_well=is_well)
    with bench(world) as it:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        boot, ups = it.boot, list[float]()

        def boots() -> None:
            boot()
            it.engine.machine.up_s()
            asyncio.get_running_loop().jump(3600.0)  # type: ignore[attr-defined]
            ups.append(it.engine.machine.up_s())

        it.boot = boots  # type: ignore[method-assign]
        await it.converge(asking(NEW))
        assert (it.runs(), ups[0]) == (runs, 3600.0)


# ── systems that nobody has proven ─────────────────────────────────────────────────────────────────────────────


def marked(it: Bench, slot: str) -> list[bool]:
    """For each time that this slot was marked good, whether a proof came before."""
    done = it.driver.done
    at = [number for number, each in enumerate(done) if isinstance(each, MarkGood) and each.slot == slot]
    return [any(isinstance(each, Prove) and each.slot == slot for each in done[:number]) for number in at]


@pytest.mark.parametrize("is_well", [True, False])
def test_a_new_journal_does_not_make_an_unproven_system_good(is_well: bool) -> None:
    """The state directory was lost: nothing tells that slot B is on trial."""

    async def work(it: Bench) -> None:
        in_b(it, Bundle("2.0.0", is_well=is_well))
        ending = await it.converge(asking(NEW))
        assert isinstance(ending, Settled if is_well else Stalled)
        assert marked(it, B) == ([True] if is_well else [])
        it.boot()
        assert it.runs() == ("2.0.0" if is_well else "1.0.0")

    with bench(factory()) as it:
        run(work(it))


def test_nor_is_it_when_a_person_has_booted_it() -> None:
    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        in_b(it, Bundle("9.9", is_well=False))
        assert isinstance(await it.converge(asking(OLD)), Settled)
        assert (it.runs(), marked(it, B)) == ("9.9", [])
        it.boot()
        assert it.runs() == "1.0.0"

    with bench(factory()) as it:
        run(work(it))


def test_but_where_nothing_else_would_boot() -> None:
    """A loss of power before the proof is over would boot the rescue system."""

    async def work(it: Bench) -> None:
        in_b(it, Bundle("2.0.0"))
        it.world.mark("bad", A)
        assert isinstance(await it.converge(asking(NEW)), Settled)
        assert marked(it, B) == [False]

    with bench(factory()) as it:
        it.driver.check = lambda: None
        run(work(it))
        assert it.world.primary == B


# ── an updater that marks by itself ────────────────────────────────────────────────────────────────────────────


def marking_by_itself() -> World:
    world = factory()
    world.keeps_primary = False
    return world


async def killed_before_the_mark_is_taken_back(it: Bench, new: OperatingSystem) -> None:
    assert isinstance(await it.converge(asking(OLD)), Settled)
    it.journal.put("desired", asking(new), "test")
    mark = it.engine.updater.mark

    async def hangs(mark: str, slot: str) -> None:
        await asyncio.Event().wait()

    it.engine.updater.mark = hangs  # type: ignore[method-assign]
    work = asyncio.ensure_future(it._follow(it.cycles()))
    await asyncio.sleep(60)
    assert it.world.primary == B
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    it.engine.updater.mark = mark  # type: ignore[method-assign]
    it.driver.done.clear()


NEWER = changed(NEW, version="3.0.0", bundle="https://updates.test/3.raucb")


@pytest.mark.parametrize("then", [NEW, NEWER, OLD, None])
def test_a21_a_mark_that_nobody_has_taken_back_is_taken_back_first(then: OperatingSystem | None) -> None:
    """RAUC has finished, and evenkeel was killed then. What is asked for by now does not matter."""
    hour = Window(1, 2)

    async def work(it: Bench) -> None:
        await killed_before_the_mark_is_taken_back(it, changed(NEW, window=hour))
        asked = changed(then, window=hour) if then is not None else None
        it.journal.put("desired", asking(*([asked] if asked is not None else [])), "test")
        at_work = asyncio.ensure_future(it._follow(it.cycles()))
        await asyncio.sleep(1)
        assert it.world.primary == A
        first = next(each for each in it.driver.done if not isinstance(each, MarkGood))
        assert isinstance(first, Restore)
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)

    with bench(marking_by_itself()) as it:
        run(work(it))


def test_a21_the_update_goes_on_in_its_window() -> None:
    async def work(it: Bench) -> None:
        await killed_before_the_mark_is_taken_back(it, NEW)
        assert isinstance(await it.converge(asking(NEW)), Settled)
        assert it.runs() == "2.0.0"
        kinds = [type(each) for each in it.driver.done]
        assert kinds.count(Restore) == kinds.count(Activate) == 1
        assert not {Fetch, Install} & set(kinds)

    with bench(marking_by_itself()) as it:
        run(work(it))


# ── what has begun ends ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_document_that_is_removed_during_a_proof_leaves_a_proven_system(attempts: int) -> None:
    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        it.journal.put(
            "desired", asking(changed(NEW, health=changed(HEALTH, stable_for=timedelta(seconds=50)))), "test"
        )
        while it.runs() != "2.0.0":
            it.driver.dead.clear()
            at_work = asyncio.ensure_future(it._follow(it.cycles()))
            await it.driver.dead.wait()
            at_work.cancel()
            await asyncio.gather(at_work, return_exceptions=True)
            it.boot()
        at_work = asyncio.ensure_future(it._follow(it.cycles()))
        await asyncio.sleep(5)
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        it.driver.done.clear()
        await it.converge(asking())
        assert [type(each) for each in it.driver.done if isinstance(each, Prove | MarkGood)] == [Prove, MarkGood]
        assert (it.world.primary, it.memory().trial) == (B, {})

    with bench(factory(attempts=attempts)) as it:
        run(work(it))


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_system_that_was_proven_once_is_proven_again_when_it_is_booted_again(attempts: int) -> None:
    """A bootloader that tries a slot once has it marked good at once, which is no proof."""

    async def work(it: Bench) -> None:
        for system in (OLD, NEW):
            assert isinstance(await it.converge(asking(system)), Settled)
        it.world.slots[A] = type(it.world.slots[A])("A", Bundle("1.0.0", is_well=False), it.world.slots[A].left)
        assert isinstance(await it.converge(asking(OLD)), Stalled)
        assert "slot A (1.0.0) is not well 1m after its boot" in " ".join(it.texts("step-failed"))
        assert it.runs() == "2.0.0"

    with bench(factory(attempts=attempts)) as it:
        run(work(it))
