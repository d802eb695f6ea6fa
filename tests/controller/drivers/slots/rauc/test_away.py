"""RAUC, or the bus, goes away and comes back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from tests.engines.rauc import Rauc
from tests.until import soon

from evenkeel.controller.dbus import bus
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.specs.errors import TimedOut, Unavailable

from .over_rauc import SYSTEM, silent


@pytest.mark.parametrize("point", ["pre-install", "half", "post-install"])
async def test_rauc_is_killed_in_the_middle(rauc: Rauc, updater: RaucUpdater, point: str) -> None:
    await updater.look()
    rauc.hold(point)
    bundle = str(rauc.bundles.make("1.5.0").path)
    installing = asyncio.create_task(updater.install(bundle, SYSTEM, "rootfs.1", silent))
    await asyncio.to_thread(rauc.wait_at, point)
    rauc.kill()
    with pytest.raises(Unavailable, match="RAUC ended in the middle of it"):
        await installing
    with pytest.raises(Unavailable, match=r"no de\.pengutronix\.rauc on D-Bus"):
        await updater.look()
    rauc.go_on(point)
    rauc.start()
    seen = await updater.look()
    slot = seen.slot("rootfs.1")
    assert slot is not None
    assert (slot.content == "ok") == (point == "post-install")
    assert seen.primary == ("rootfs.1" if point == "post-install" else "rootfs.0")
    await updater.install(bundle, SYSTEM, "rootfs.1", silent)
    assert rauc.content("B") == "1.5.0"


async def test_the_bus_restarts(rauc: Rauc, updater: RaucUpdater) -> None:
    await updater.look()
    rauc.bus.kill()
    with pytest.raises(Unavailable, match=r"the connection to D-Bus ended|there is no such socket"):
        await updater.look()
    with pytest.raises(Unavailable, match="there is no such socket; is D-Bus running"):
        await updater.look()
    rauc.kill()
    rauc.bus.start()
    with pytest.raises(Unavailable, match=r"no de\.pengutronix\.rauc on D-Bus"):
        await updater.look()
    rauc.start()
    assert (await updater.look()).booted == "rootfs.0"


async def test_a_rauc_that_does_not_answer(rauc: Rauc, updater: RaucUpdater, monkeypatch: pytest.MonkeyPatch) -> None:
    await updater.look()
    rauc.freeze()
    monkeypatch.setattr(bus, "CALL_S", 0.1)
    with pytest.raises(TimedOut, match=r"de\.pengutronix\.rauc did not answer .* within 0\.1 s"):
        await updater.look()
    monkeypatch.undo()
    rauc.thaw()
    assert (await updater.look()).booted == "rootfs.0"


async def test_nudges(rauc: Rauc, updater: RaucUpdater) -> None:
    """None before the first look; then one for an operation, for a RAUC that goes and comes, and for a bus that is back."""
    nudged = 0

    async def count() -> None:
        nonlocal nudged
        async for _ in updater.nudges():
            nudged += 1

    counting = asyncio.create_task(count())
    await asyncio.sleep(0.1)
    assert nudged == 0
    await updater.look()
    await soon(lambda: nudged == 1)
    await updater.install(str(rauc.bundles.make("1.5.0").path), SYSTEM, "rootfs.1", silent)
    await soon(lambda: nudged > 1)
    for happens in (rauc.kill, rauc.start):
        before = nudged
        happens()
        await soon(lambda before=before: nudged > before)
    before = nudged
    rauc.bus.kill()
    rauc.bus.start()
    await soon(lambda: nudged > before + 1)
    rauc.restart()
    await soon(lambda: nudged > before + 2)
    counting.cancel()
    with suppress(asyncio.CancelledError):
        await counting
