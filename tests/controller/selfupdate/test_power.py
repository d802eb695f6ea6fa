"""The power goes in an open activity, on a device whose bootloader tries a slot once, as GRUB does."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest
from tests.controller.selfupdate.conftest import Play
from tests.controller.selfupdate.device import COMMAND, COMMANDS, URL, Device, command, statuses
from tests.sampling import sampled

from evenkeel.controller.drivers.slots.memory import Bundle, factory
from evenkeel.controller.drivers.slots.memory.world import changed_slot
from evenkeel.controller.journal.file import FILE
from evenkeel.specs.errors import JournalError
from evenkeel.specs.slots.system import OperatingSystem

pytestmark = pytest.mark.virtual

MOMENTS = [(number, None) for number in range(5)] + [(number, at_s) for number in range(4) for at_s in (0.1, 0.5, 0.9)]
"""So many commands have ended, and the next one is at work for so many seconds; `None`: none is."""


@pytest.mark.parametrize("is_asked_in_files", [False, True])
@pytest.mark.parametrize("keeps_primary", [True, False])
@pytest.mark.parametrize(("number", "at_s"), sampled(MOMENTS, 9, "slots that are activated"))
def test_a_slot_boots_that_somebody_has_activated(
    play: Play, number: int, at_s: float | None, keeps_primary: bool, is_asked_in_files: bool
) -> None:
    """Four times in a row, with minutes in between, and without another command."""
    world = factory("1")
    world.keeps_primary = keeps_primary

    async def story(device: Device) -> None:
        device.engine.store.piece_s = device.engine.updater.piece_s = 0.1
        if is_asked_in_files:
            device.asks_in_files(OperatingSystem("os-image", "1", URL))
            await asyncio.sleep(120)
        await device.asks("a")
        await device.commands("a", *COMMANDS[:number])
        if at_s is not None:
            device.link.deliver(COMMAND, command("a", COMMANDS[number]))
            await asyncio.sleep(at_s)
        may_boot = {"A", "B"} if number + (at_s is not None) > COMMANDS.index("ACTIVATE") else {"A"}
        for _ in range(4):
            await device.loses_power()
            assert device.world.booted in device.world.slots, "the rescue system runs"
            assert device.world.slots[device.world.booted].bootname in may_boot
            await asyncio.sleep(5)
            assert device.world.primary, "nothing would boot now"
            assert device.primary in may_boot

    play(story, world)


@pytest.mark.parametrize("number", range(5))
def test_the_system_before_is_kept_on_a_device_that_was_updated(play: Play, number: int) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(120)
        assert device.runs == "2"
        await device.asks("b", "3", f"{URL}?3")
        await device.commands("b", *COMMANDS[:number])
        for _ in range(3):
            await device.loses_power()
            assert device.runs in (("2", "3") if number > 2 else ("2",))
            await asyncio.sleep(5)
            assert device.world.primary

    play(story)


@pytest.mark.parametrize("number", [0, 1])
def test_a_system_that_a_person_has_booted_meanwhile_keeps_its_fallback(play: Play, number: int) -> None:
    world = factory("1")
    world.slots["rootfs.1"] = changed_slot(world.slots["rootfs.1"], bundle=Bundle("9", is_well=False))

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:number])
        world.mark("active", "rootfs.1")
        await device.reboots()
        await asyncio.sleep(60)
        assert (device.runs, device.primary) == ("9", "A")

    play(story, world)


def test_a_system_on_trial_is_not_marked_before_its_proof(play: Play) -> None:
    async def story(device: Device) -> None:
        device.world.served[URL] = Bundle("2", is_well=False)
        await device.asks("a")
        await device.commands("a", *COMMANDS[:3])
        await device.loses_power()
        await asyncio.sleep(300)
        assert (device.runs, device.primary) == ("2", "A")

    play(story)


@pytest.mark.parametrize("marks_any", [False, True])
def test_without_anything_desired_the_booted_slot_is_marked_where_the_settings_say_so(
    play: Play, marks_any: bool
) -> None:
    async def story(device: Device) -> None:
        await device.loses_power()
        assert device.reason() == "NothingDesired"
        assert device.primary == ("A" if marks_any else "B")

    play(story, marks_any=marks_any)


def test_the_mark_comes_when_the_updater_does(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.dies()
        device.engine.cut_power()
        device._boot()
        device.engine.updater.away = "RAUC does not answer"
        await device.starts()
        await asyncio.sleep(30)
        assert device.primary == "B"
        device.engine.updater.away = ""
        await asyncio.sleep(60)
        assert device.primary == "A"

    play(story, marks_any=True)


def test_a_proven_system_is_marked_although_nothing_is_desired_any_more(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(120)
        device.journal.drop("desired")
        device.journal.drop("last-good")
        for _ in range(3):
            await device.loses_power()
            assert (device.runs, device.primary) == ("2", "B")

    play(story)


def test_the_system_before_is_kept_although_nobody_can_read_what_is_desired(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(120)
        await device.asks("b", "3", f"{URL}?3")
        with closing(sqlite3.connect(device._state / FILE)) as connection, connection:
            assert connection.execute("UPDATE revision SET content = x'00'").rowcount
        for _ in range(3):
            await device.loses_power()
            with pytest.raises(JournalError):
                device.journal.revision("desired")
            assert (device.runs, device.primary) == ("2", "B")

    play(story)


def test_an_update_goes_on_after_a_loss_of_power_in_the_middle_of_each_command(play: Play) -> None:
    async def story(device: Device) -> None:
        device.engine.store.piece_s = device.engine.updater.piece_s = 0.3
        await device.asks("a")
        for name in COMMANDS[:2]:
            device.link.deliver(COMMAND, command("a", name))
            await asyncio.sleep(0.5)
            assert f"{name}_SUCCESS" not in statuses(device.said())
            await device.loses_power()
            await asyncio.sleep(60)
            assert statuses(device.said())[-1] == f"{name}_SUCCESS"
        await device.commands("a", *COMMANDS[2:])
        await device.reboots()
        await asyncio.sleep(120)
        assert (device.runs, statuses(device.said())[-1]) == ("2", "COMPLETED")

    play(story)
