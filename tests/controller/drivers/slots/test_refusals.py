"""The device in memory has a bundle for each reason for which RAUC refuses one, and no others."""

from __future__ import annotations

from typing import get_args

import pytest
from tests.virtual import run

from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots, factory
from evenkeel.controller.drivers.slots.memory.refusals import At, words
from evenkeel.controller.drivers.slots.memory.world import Flaw
from evenkeel.controller.drivers.slots.rauc.answers import Refusal, refusal
from evenkeel.specs.errors import DriverError
from evenkeel.specs.slots.system import OperatingSystem

BUNDLES = [Bundle("2.0", compatible="Another device"), *(Bundle("2.0", flaw=flaw) for flaw in get_args(Flaw))]
SYSTEM = OperatingSystem("os", "2.0", "https://updates.test/2.raucb")


def read(bundle: Bundle) -> set[str]:
    """The reasons that are read in the words of the simulated updater; none for a fault of a server."""
    told = [words(bundle, at, "rootfs.1") for at in get_args(At)]
    return {refusal(each.rpartition("Installation error: ")[2]) for each in told if each}


def test_there_is_a_bundle_for_each_reason_and_each_bundle_has_one() -> None:
    found = [reasons for bundle in BUNDLES if (reasons := read(bundle))]
    assert all(len(reasons) == 1 for reasons in found)
    assert set().union(*found) == set(get_args(Refusal))


@pytest.mark.virtual
@pytest.mark.parametrize("bundle", [each for each in BUNDLES if read(each)], ids=lambda it: it.flaw or "another device")
def test_the_updater_refuses_it_and_keeps_the_words(bundle: Bundle) -> None:
    async def work() -> None:
        world = factory()
        world.served[SYSTEM.bundle] = bundle
        updater = MemorySlots(world).updater
        with pytest.raises(DriverError):
            await updater.install(SYSTEM.bundle, SYSTEM, "rootfs.1", lambda *told: None)
        assert {refusal(world.last_error.rpartition("Installation error: ")[2])} == read(bundle)
        assert world.primary == world.booted == "rootfs.0"
        assert world.slots["rootfs.1"].content == ("failed" if bundle.flaw == "no room" else "ok")

    run(work())
