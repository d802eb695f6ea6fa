"""Laws of the slots domain: the power is cut at every action, before it, after it and in the middle of it, with real cycles on
a simulated device and virtual time.

The device can be booted at any moment, boots nothing that nobody has activated, says what is true, and has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import NamedTuple

import pytest
from tests.controller.drivers.slots.bench import Bench, Cut, Moment, asking, bench
from tests.counts import count
from tests.sampling import SEED, examples, sampled
from tests.virtual import run

from evenkeel.controller.cycle.endings import Ending, Settled, Stalled
from evenkeel.controller.drivers.slots.memory import Bundle, factory
from evenkeel.specs.codec import changed
from evenkeel.specs.slots.actions import Prove, Reboot
from evenkeel.specs.slots.system import Health, OperatingSystem

BUNDLE = "https://updates.test/os-2.raucb"
MOMENTS: tuple[Moment, ...] = ("before", "after", "torn")
HEALTH = Health(("app.service",), stable_for=timedelta(seconds=10))
OLD = OperatingSystem("os", "1.0.0", "https://updates.test/os-1.raucb", health=HEALTH, deadline=timedelta(seconds=60))
FOUND = OperatingSystem("os", OLD.version)
"""The system that runs, where nobody has asked for it before."""
NEW = OperatingSystem("os", "2.0.0", BUNDLE, health=HEALTH, deadline=timedelta(seconds=60))

BUNDLES = {
    "good": Bundle("2.0.0"),
    "does not boot": Bundle("2.0.0", boots=False),
    "is not well": Bundle("2.0.0", is_well=False),
    "unsigned": Bundle("2.0.0", flaw="wrong CA"),
}


class Case(NamedTuple):
    """A device and an update. `booted`: the slot that is booted at first; `attempts`: of the bootloader; `tries`: of the
    document."""

    bundle: str
    booted: str
    attempts: int
    keeps_primary: bool
    has_way_back: bool
    tries: int

    @property
    def new(self) -> OperatingSystem:
        return changed(NEW, tries=self.tries)

    @contextmanager
    def device(self) -> Iterator[Bench]:
        world = factory(booted=self.booted, attempts=self.attempts)
        world.keeps_primary = self.keeps_primary
        world.served[BUNDLE] = BUNDLES[self.bundle]
        with bench(world) as it:
            it.may_boot_unasked = not self.keeps_primary
            yield it


CASES = [
    Case(bundle, booted, attempts, keeps_primary, has_way_back, tries)
    for bundle in BUNDLES
    for booted in "AB"
    for attempts in (1, 3)
    for keeps_primary in (True, False)
    for has_way_back, tries in ((True, 1), (False, 2))
]


async def update(it: Bench, case: Case, cuts: Sequence[Cut]) -> Ending:
    if case.has_way_back:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        assert await nothing_is_left(it, OLD)
    return await it.converge(asking(case.new), cuts)


async def nothing_is_left(it: Bench, system: OperatingSystem) -> bool:
    plan = await it.plan(asking(system))
    assert not plan.differences, plan
    assert not it.world.store
    return True


def fallback_by_power_cut(it: Bench) -> bool:
    """Whether the new slot was booted once, and the old one right after it: a bootloader that tries a slot once does that when
    the power goes before it is marked good."""
    return it.boots[0] != it.first and it.boots[1] == it.first


async def assert_end(it: Bench, case: Case, ending: Ending) -> None:
    memory, attempt = it.memory(), it.journal.attempts.of(asking(case.new).digest)
    assert it.world.primary == it.world.booted
    assert not memory.trial
    label = "B" if case.booted == "A" else "A"
    what = f"slot {label} (2.0.0) did not boot, or went down before it was good"
    fallback = f"os: the bootloader fell back to slot {case.booted} (1.0.0): {what}"
    rescue = f"os: the bootloader fell back to the rescue system: {what}"
    if case.bundle == "good" and isinstance(ending, Stalled):
        assert case.attempts == case.tries == 1
        assert fallback_by_power_cut(it)
        assert attempt is not None
        assert attempt.why == fallback
    elif case.bundle == "good":
        assert isinstance(ending, Settled), ending
        assert it.runs() == "2.0.0"
        assert attempt is None
        assert it.journal.digest("last-good") == asking(case.new).digest
        await nothing_is_left(it, case.new)
        return
    assert isinstance(ending, Stalled), ending
    assert it.runs() == "1.0.0"
    assert it.world.booted == it.first
    assert attempt is not None
    assert attempt.failed
    assert it.journal.digest("last-good") != asking(case.new).digest
    await nothing_is_left(it, OLD if case.has_way_back else FOUND)
    match case.bundle:
        case "does not boot":
            assert attempt.why in (fallback, rescue)
        case "is not well":
            is_cut = attempt.why == fallback and case.attempts == case.tries == 1 and fallback_by_power_cut(it)
            assert is_cut or "is not well 1m after its boot: app.service is failed" in attempt.why
        case "unsigned":
            assert "the signature does not hold" in attempt.why


async def story(it: Bench, case: Case, cuts: Sequence[Cut]) -> int:
    """How many actions it took."""
    begun = len(it.driver.done)
    ending = await update(it, case, cuts)
    await assert_end(it, case, ending)
    return len(it.driver.done) - begun


def actions_of(case: Case) -> int:
    """The actions of an update, and of the way there, when nothing goes wrong."""
    with case.device() as it:
        return run(story(it, case, ()))


@pytest.mark.virtual
@pytest.mark.parametrize("bundle", BUNDLES)
@pytest.mark.parametrize("booted", "AB")
def test_a_power_cut_at_any_action(bundle: str, booted: str) -> None:
    """Before, after and in the middle of every action; 80 of them at least for each bundle and each order of slots."""
    every = [
        (case, Cut(number, moment))
        for case in CASES
        if (case.bundle, case.booted) == (bundle, booted)
        for number in range(1, actions_of(case) + 1)
        for moment in MOMENTS
    ]
    assert len(every) >= 80
    tried = sampled(every, 60, f"slots {bundle} {booted}")
    for case, cut in tried:
        with case.device() as it:
            run(story(it, case, (cut,)))
    count("power cuts in updates of the operating system", len(tried))


@pytest.mark.virtual
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_way_back_that_does_not_boot_ends(attempts: int) -> None:
    """The old system is broken when it is gone back to. The device stays on the new one, which is not well, and says so."""

    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        broken = replace(it.world.slots[it.first], bundle=Bundle("1.0.0", boots=False))
        it.driver.check = lambda: None
        it.driver.refuses = lambda action: (
            it.world.slots.update({it.first: broken}) if isinstance(action, Prove) else None
        )
        ending = await it.converge(asking(NEW))
        assert isinstance(ending, Stalled)
        assert it.runs() == "2.0.0"
        assert (
            "1.0.0 is not tried again: the bootloader fell back to slot B (2.0.0): slot A (1.0.0) did not boot"
            in ending.why
        )
        assert "is not well 1m after its boot" in ending.why
        assert it.boots == ["rootfs.1"] * 4
        boots = len(it.boots)
        assert isinstance(await it.converge(asking(NEW)), Stalled)
        assert len(it.boots) == boots

    world = factory(attempts=attempts)
    world.served[BUNDLE] = BUNDLES["is not well"]
    with bench(world) as it:
        run(work(it))


@pytest.mark.virtual
@pytest.mark.parametrize("bundle", BUNDLES)
def test_several_power_cuts(bundle: str) -> None:
    """Two or three of them anywhere, with a bootloader that counts three tries. One that counts one boots what is left."""
    dice = Random(f"{SEED} {bundle}")
    cases = [case._replace(tries=4) for case in CASES if case.bundle == bundle and case.attempts == 3]
    for _ in range(examples(40)):
        case = dice.choice(cases)
        cuts = [Cut(dice.randint(1, 14), dice.choice(MOMENTS)) for _ in range(dice.randint(2, 3))]
        with case.device() as it:
            run(story(it, case, cuts))


@pytest.mark.virtual
@pytest.mark.parametrize("keeps_primary", [True, False])
@pytest.mark.parametrize("first", range(1, 8))
@pytest.mark.parametrize("second", [1, 2, 3])
def test_two_power_cuts_before_the_slot_is_booted_fail_nothing(keeps_primary: bool, first: int, second: int) -> None:
    """With a bootloader that counts one try, the second one may boot the slot that is about to be written, with the content
    that it always had. Nothing of the new version has failed then."""

    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(OLD)), Settled)
        it.may_boot_unasked = True
        it.driver.check = lambda: None  # whatever boots then has no try left until it is marked
        begun = len(it.driver.done)
        ending = await it.converge(asking(NEW), [Cut(first, "before"), Cut(first + second, "before")])
        if any(isinstance(each, Reboot) for each in it.driver.done[begun : begun + first + second]):
            return  # it was booted, and went down before it was good
        assert isinstance(ending, Settled), ending
        assert it.runs() == "2.0.0"
        assert it.texts("revision-failed") == []
        await nothing_is_left(it, NEW)

    world = factory(booted="A", attempts=1)
    world.keeps_primary, world.served[BUNDLE] = keeps_primary, BUNDLES["good"]
    world.slots["rootfs.1"] = replace(world.slots["rootfs.1"], bundle=Bundle("1.0.0"), left=1)
    with bench(world) as it:
        run(work(it))
