"""Trouble in the middle of an update that an update manager commands: what is said of it, and what goes on."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.controller.selfupdate.conftest import Play
from tests.controller.selfupdate.device import COMMAND, COMMANDS, GET, URL, Device, command, statuses

from evenkeel.controller.drivers.slots.memory import Bundle

pytestmark = pytest.mark.virtual

AWAY = "RAUC does not answer"
PIECES = 8


# ── reports ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["{}", '{"timestamp": 1}', '{"activityId": "", "timestamp": 1}'])
@pytest.mark.parametrize("is_open", [False, True])
def test_a_question_without_an_activity_is_answered(play: Play, text: str, is_open: bool) -> None:
    """The original has no answer for it (self-update-agent.md §2.3)."""

    async def story(device: Device) -> None:
        if is_open:
            await device.asks("a")
        before = len(device.states())
        device.link.deliver(GET, text)
        await asyncio.sleep(2)
        (answer,) = device.states()[before:]
        assert answer.content["activityId"] == ""
        assert answer.content["payload"]["softwareNodes"][1]["version"] == "1"

    play(story)


def test_the_report_of_a_reconnect_belongs_to_no_activity(play: Play) -> None:
    """The original uses the id of its last message, which an update manager takes for an answer (self-update-agent.md §4.5)."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.inventory("q")
        before = len(device.states())
        device.link.reconnects()
        await asyncio.sleep(2)
        (report,) = device.states()[before:]
        assert re.fullmatch(r"initial-current-state-\d+", report.content["activityId"])
        assert report.retain

    play(story)


# ── an updater that goes away ──────────────────────────────────────────────────────────────────────────────────


def test_a_failed_activation_is_told_and_the_way_back_is_open(play: Play) -> None:
    """The original stays in its state Activating (self-update-agent.md §4.3)."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:2])
        device.engine.updater.away = AWAY
        *_, end = await device.commands("a", "ACTIVATE", wait_s=200.0)
        assert end.status == "ACTIVATION_FAILURE"
        assert AWAY in end.text
        assert device.primary == "A"
        device.engine.updater.away = ""
        assert statuses(await device.commands("a", "CLEANUP")) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert (device.primary, device.world.store) == ("A", {})
        await device.asks("b")
        await device.commands("b", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(120)
        assert (device.runs, statuses(device.said())[-1]) == ("2", "COMPLETED")

    play(story)


@pytest.mark.parametrize(("number", "kept"), [(2, "1"), (3, "2")])
def test_a_failed_clean_up_is_told_and_made_up_for(play: Play, number: int, kept: str) -> None:
    """The updater is away, and nobody knows how the system is. The original says CLEANUP_SUCCESS in any case. What was
    activated stays; anything else is taken back later."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:number])
        device.engine.updater.away = AWAY
        said = await device.commands("a", "CLEANUP", wait_s=400.0)
        failure = next(each for each in said if each.status == "CLEANUP_FAILURE")
        assert AWAY in failure.text
        assert said[-1].status == "INCOMPLETE"
        device.engine.updater.away = ""
        await asyncio.sleep(300)
        for _ in range(2):
            await device.loses_power()
            await asyncio.sleep(120)
            assert (device.runs, device.versions()[device.primary], device.reason()) == (kept, kept, "Converged")

    play(story)


# ── downloads ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["connection", "process", "power"])
def test_a_download_that_is_cut_off_goes_on_where_it_was(play: Play, how: str) -> None:
    async def story(device: Device) -> None:
        device.engine.store.piece_s = 3.0
        if how == "connection":
            device.world.served[URL] = Bundle("2", flaw="cuts")
        await device.asks("a")
        device.link.deliver(COMMAND, command("a", "DOWNLOAD"))
        await asyncio.sleep(10)
        if how != "connection":
            device.said()
            await (device.loses_power() if how == "power" else device.restarts(in_order=False))
        await asyncio.sleep(300)
        said = device.said()
        assert said[-1].status == "DOWNLOAD_SUCCESS"
        per_cents = [each.progress for each in said]
        assert per_cents == sorted(per_cents)
        assert len(set(per_cents)) >= (PIECES if how == "connection" else 2)
        first = [each for each in per_cents if each]
        assert first[0] > (0 if how == "connection" else 100 * 3 // PIECES), "three pieces were there"

    play(story)


@pytest.mark.parametrize(("piece_s", "status"), [(250.0, "DOWNLOAD_SUCCESS"), (700.0, "DOWNLOAD_FAILURE")])
def test_a_download_has_half_an_hour_in_all(play: Play, piece_s: float, status: str) -> None:
    """A try of it, however steadily it comes (`timeouts.pull`). Where something has come lately, the next try goes on with
    it."""

    async def story(device: Device) -> None:
        device.engine.store.piece_s = piece_s
        await device.asks("a")
        said = await device.commands("a", "DOWNLOAD", wait_s=3500.0)
        assert any("no end after 1800 s" in each.text for each in said)
        assert said[-1].status == status

    play(story)
