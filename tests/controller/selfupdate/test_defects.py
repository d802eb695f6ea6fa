"""What the Self Update Agent does wrong, done right: its defects, by name (docs/compatibility.md)."""

from __future__ import annotations

import asyncio
import json

import pytest
from tests.controller.selfupdate.conftest import Play
from tests.controller.selfupdate.device import (
    COMMAND,
    COMMANDS,
    DESIRED,
    URL,
    Device,
    command,
    desired,
    statuses,
)

from evenkeel.controller.drivers.slots.memory import Bundle, factory
from evenkeel.controller.drivers.slots.memory.world import Flaw

pytestmark = pytest.mark.virtual

PROOF_S = 120.0


# ── nothing to do ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("asks_first", [True, False])
def test_a15_nothing_to_do_is_identified_without_actions_and_closes_nothing(play: Play, asks_first: bool) -> None:
    """The original says COMPLETED where IDENTIFIED is waited for, and after a question it is in state Failed then."""

    async def story(device: Device) -> None:
        if asks_first:
            await device.inventory()
        said = await device.asks("a", "1")
        assert statuses(said) == ["IDENTIFYING", "IDENTIFIED", "COMPLETED"]
        assert [each.component for each in said] == ["", "", ""]
        assert said[1].message == "Current OS image is equal to the target one from desired state."
        assert statuses(await device.asks("b", "2")) == ["IDENTIFYING", "IDENTIFIED"]
        assert statuses(await device.commands("b", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    play(story)


# ── the truth about what runs, and about the end ───────────────────────────────────────────────────────────────


def test_a16_the_version_that_runs_is_reported_until_another_one_is_booted(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        for name in COMMANDS:
            await device.commands("a", name)
            assert await device.inventory(name) == ("1", True)
        await device.restarts()
        assert await device.inventory("again") == ("1", True)
        await device.reboots()
        assert await device.inventory("after") == ("2", True)

    play(story)


def test_a04_completed_is_said_after_the_new_system_has_proven_itself(play: Play) -> None:
    """The original says `COMPLETE`, which no update manager knows, before anybody has rebooted."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await asyncio.sleep(86_400)
        assert not {"COMPLETE", "COMPLETED", "INCOMPLETE"} & set(statuses(device.said()))
        await device.reboots()
        assert statuses(device.said()) == [], "it has to be well for a minute first"
        await asyncio.sleep(PROOF_S)
        assert statuses(device.said()) == ["COMPLETED"]

    play(story)


def test_a04_a_fallback_of_the_bootloader_is_the_failure_that_it_is(play: Play) -> None:
    async def story(device: Device) -> None:
        device.world.served[URL] = Bundle("2", boots=False)
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        device.said()
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        (end,) = device.said()
        assert end.status == "INCOMPLETE"
        assert "the bootloader fell back to slot A (1): slot B (2) did not boot" in end.text
        assert (device.runs, device.primary, device.reason()) == ("1", "A", "Converged")
        ended = device.journal.condition("ActivityCompleted", "slots")
        assert ended is not None
        assert (ended.holds, ended.reason) == (False, "Incomplete")

    play(story)


def test_the_wait_for_the_reboot_holds_up_nothing(play: Play) -> None:
    """Questions, commands and another desired state are answered meanwhile."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        assert await device.inventory() == ("1", True)
        (refused,) = await device.commands("a", "ROLLBACK")
        assert refused.status == "ROLLBACK_FAILURE"
        said = await device.asks("b", "3", f"{URL}?3")
        assert statuses(said) == ["INCOMPLETE", "IDENTIFYING", "IDENTIFIED"]
        assert [each.activity for each in said] == ["a", "b", "b"]
        await device.commands("b", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, statuses(device.said())) == ("3", ["COMPLETED"])

    play(story)


def test_the_same_desired_state_again_while_the_reboot_is_waited_for(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        assert statuses(await device.asks("a")) == ["IDENTIFYING", "IDENTIFIED"]
        said = statuses(await device.commands("a", *COMMANDS))
        assert [each for each in said if each.endswith("SUCCESS")] == [
            "DOWNLOAD_SUCCESS",
            "UPDATE_SUCCESS",
            "ACTIVATION_SUCCESS",
            "CLEANUP_SUCCESS",
        ]
        assert device.world.slots["rootfs.1"].installs == 2, "it is not installed again"
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, statuses(device.said())) == ("2", ["COMPLETED"])

    play(story)


# ── the way back ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", range(4))
def test_rollback_is_told_and_leads_back_from_everywhere(play: Play, number: int) -> None:
    """The original says nothing, and after ACTIVATE the new system boots all the same."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:number])
        assert device.primary == ("B" if number == 3 else "A")
        said = statuses(await device.commands("a", "ROLLBACK"))
        assert said == [*(["ROLLBACK"] if number else []), "ROLLBACK_SUCCESS"]
        assert device.primary == "A"
        assert device.world.store == {}
        assert statuses(await device.commands("a", "CLEANUP")) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, device.reason()) == ("1", "Converged")

    play(story)


@pytest.mark.parametrize("name", ["DOWNLOAD", "UPDATE"])
def test_rollback_cuts_short_what_is_at_work(play: Play, name: str) -> None:
    async def story(device: Device) -> None:
        device.engine.store.piece_s = device.engine.updater.piece_s = 4.0
        await device.asks("a")
        before = COMMANDS[: COMMANDS.index(name)]
        await device.commands("a", *before, wait_s=60.0)
        device.link.deliver(COMMAND, command("a", name))
        await asyncio.sleep(10)
        device.said()
        said = statuses(await device.commands("a", "ROLLBACK", wait_s=60.0))
        back = ["ROLLBACK", "ROLLBACK_SUCCESS"] if name == "UPDATE" else ["ROLLBACK_SUCCESS"]
        assert said == [f"{name}_FAILURE", *back], "also while the updater goes on by itself"
        assert device.primary == "A"

    play(story)


def test_rollback_after_the_reboot_leads_back_with_the_next_one(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:3])
        await device.reboots()
        assert device.runs == "2"
        assert statuses(await device.commands("a", "ROLLBACK", "CLEANUP", wait_s=60.0))[-1] == "INCOMPLETE"
        assert device.primary == "A"
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, device.reason()) == ("1", "Converged")

    play(story)


# ── several things at once ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["DOWNLOAD", "UPDATE"])
def test_a_question_is_answered_while_a_command_is_at_work_and_wipes_nothing(play: Play, name: str) -> None:
    """In the original it is answered by nobody, and takes target and version with it."""

    async def story(device: Device) -> None:
        device.engine.store.piece_s = device.engine.updater.piece_s = 4.0
        await device.asks("a")
        await device.commands("a", *COMMANDS[: COMMANDS.index(name)], wait_s=60.0)
        assert not [each for each in await device.commands("a", name, wait_s=10.0) if each.status.endswith("SUCCESS")]
        assert await device.inventory() == ("1", True), "within two seconds"
        await asyncio.sleep(60)
        (end,) = [each for each in device.said() if each.status.endswith(("SUCCESS", "FAILURE"))]
        assert (end.status, end.version) == (f"{name}_SUCCESS", "2")

    play(story)


@pytest.mark.parametrize("name", ["DOWNLOAD", "UPDATE"])
def test_another_desired_state_takes_the_place_of_the_one_at_work(play: Play, name: str) -> None:
    """In the original it overwrites the target without a word."""

    async def story(device: Device) -> None:
        device.engine.store.piece_s = device.engine.updater.piece_s = 4.0
        await device.asks("a")
        await device.commands("a", *COMMANDS[: COMMANDS.index(name)], wait_s=60.0)
        await device.commands("a", name, wait_s=10.0)
        said = [(each.activity, each.status) for each in await device.asks("b", "3", f"{URL}?3")]
        assert said == [("b", "IDENTIFYING"), ("a", "SUPERSEDED"), ("b", "IDENTIFIED")]
        end = await device.commands("b", *COMMANDS, wait_s=90.0)
        assert {each.version for each in end} == {"3"}
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert device.runs == "3"

    play(story)


def test_a_command_of_another_activity_changes_nothing(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        assert await device.commands("b", "DOWNLOAD", "CLEANUP") == []
        assert statuses(await device.commands("a", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    play(story)


def test_a_command_out_of_order_is_answered_and_the_right_one_can_follow(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        for name, status in (("UPDATE", "UPDATE_FAILURE"), ("ACTIVATE", "ACTIVATION_FAILURE")):
            (said,) = await device.commands("a", name)
            assert said.status == status
            assert f"{name} is possible only after status" in said.message
        assert statuses(await device.commands("a", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    play(story)


def test_an_unknown_command_is_no_end_of_the_activity(play: Play) -> None:
    """The original says IDENTIFICATION_FAILED in the middle of an update."""

    async def story(device: Device) -> None:
        await device.asks("a")
        assert await device.commands("a", "REBOOT") == []
        assert statuses(await device.commands("a", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    play(story)


# ── input ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{not json", "no valid JSON"),
        (desired(None, "2"), "mandatory field 'activityId' is missing"),
        (json.dumps({"activityId": "a"}), "mandatory domain with 'id'='self-update' is missing"),
        (desired("a", ""), "mandatory bundle version is empty"),
        (desired("a", "2", None), "mandatory config entry with bundle url is missing"),
        (desired("a", "2", ""), "mandatory bundle download url is empty"),
        (desired("a", "2", component="os"), "mandatory component with 'id'='os-image' is missing"),
        (desired("a", "2", "http://x/y"), "Unsupported protocol: http, this device allows https"),
        (desired("a", "2", "file:///y"), "Unsupported protocol: file, this device allows https"),
        (desired("a", "2", "ftp://x/y"), "expected an address with https, http or file"),
        (desired("a", "2", "https://user:hunter2@x/y"), "an address is no place for a user and a password"),
        (desired("a", "2", sha256="abc"), "expected 64 hexadecimal digits in lower case"),
    ],
)
def test_bad_input_is_refused_with_the_reason_and_ends_nothing(play: Play, text: str, why: str) -> None:
    """A message without `activityId` ends the original's process, again at each start."""

    async def story(device: Device) -> None:
        said = await device.send(DESIRED, text)
        assert statuses(said) == ["IDENTIFYING", "IDENTIFICATION_FAILED"]
        assert said[-1].message.startswith(why)
        assert "hunter2" not in said[-1].message
        await device.restarts(in_order=False)
        assert device.said() == []
        assert statuses(await device.asks("b")) == ["IDENTIFYING", "IDENTIFIED"]

    play(story)


@pytest.mark.parametrize("topic", ["selfupdate/desiredstate/command", "selfupdate/currentstate/get"])
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"activityId": 7}', '{"payload": {"command": "DOWNLOAD"}}'])
def test_no_message_ends_the_agent(play: Play, topic: str, text: str) -> None:
    async def story(device: Device) -> None:
        await device.send(topic, text)
        assert statuses(await device.asks("a")) == ["IDENTIFYING", "IDENTIFIED"]
        assert device.journal.condition("Defect") is None

    play(story)


def test_http_can_be_allowed(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.send(DESIRED, desired("a", "2", "http://x/y"))
        assert statuses(await device.commands("a", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    play(story, allow=("http",))


def test_texts_are_escaped(play: Play) -> None:
    """A quote in a text makes the original's message invalid."""
    name = 'a"b\nc\\'

    async def story(device: Device) -> None:
        device.world.served[URL] = Bundle('2"', compatible='a "b"\nc')
        assert {each.activity for each in await device.asks(name, '2"')} == {name}
        *_, end = await device.commands(name, "DOWNLOAD", "UPDATE")
        assert end.status == "UPDATE_FAILURE"
        assert 'a "b"\nc' in end.text

    play(story)


# ── downloads and bundles ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flaw", "why"),
    [
        ("missing", "404 Not Found"),
        ("denied", "401 Unauthorized"),
        ("untrusted", "the certificate of the server is not trusted"),
        ("unreachable", "the server does not answer"),
        ("stalls", "nothing of the bundle has come for 60 s"),
    ],
)
def test_a17_a_download_that_did_not_come_to_its_end_is_no_success(play: Play, flaw: Flaw, why: str) -> None:
    """The original takes what came after an HTTP status of 200 for the whole, and names no cause."""

    async def story(device: Device) -> None:
        device.world.served[URL] = Bundle("2", flaw=flaw)
        await device.asks("a")
        *_, end = await device.commands("a", "DOWNLOAD", wait_s=600.0)
        assert (end.status, end.message) == ("DOWNLOAD_FAILURE", "Download failed.")
        assert end.text.startswith("Download failed: ")
        assert why in end.text
        assert statuses(await device.commands("a", "CLEANUP")) == ["CLEANUP_SUCCESS", "INCOMPLETE"]

    play(story)


@pytest.mark.parametrize(
    ("bundle", "message", "why"),
    [
        (Bundle("2", flaw="truncated"), "Update rejected.", "this is no bundle, or a part of one"),
        (Bundle("2", flaw="wrong CA"), "Update rejected.", "self-signed certificate"),
        (Bundle("2", flaw="expired"), "Update rejected.", "certificate has expired"),
        (Bundle("2", flaw="no bundle"), "Update rejected.", "Did you pass a valid RAUC bundle?"),
        (Bundle("3"), "Update rejected.", "the bundle has version 3, and 2 is asked for"),
        (Bundle("2", compatible="other"), "Update rejected.", "the bundle is for other"),
        (Bundle("2", flaw="no room"), "Install failed.", "too small for image"),
    ],
)
def test_the_cause_of_a_failed_update_is_told(play: Play, bundle: Bundle, message: str, why: str) -> None:
    """The original calls everything before the install a version that does not match."""

    async def story(device: Device) -> None:
        device.engine.updater.piece_s = 2.0
        device.world.served[URL] = bundle
        await device.asks("a")
        *_, end = await device.commands("a", "DOWNLOAD", "UPDATE", wait_s=60.0)
        assert (end.status, end.action, end.message) == ("UPDATE_FAILURE", "UPDATE_FAILURE", message)
        assert why in end.text
        assert (device.runs, device.primary) == ("1", "A")
        assert statuses(await device.commands("a", "CLEANUP")) == ["CLEANUP_SUCCESS", "INCOMPLETE"]
        assert device.world.store == {}
        device.world.served[URL] = Bundle("2")
        assert statuses(await device.asks("b")) == ["IDENTIFYING", "IDENTIFIED"]
        assert statuses(await device.commands("b", "DOWNLOAD", "UPDATE", wait_s=60.0))[-1] == "UPDATE_SUCCESS"

    play(story)


# ── activation ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("keeps_primary", [True, False])
def test_a21_nothing_boots_next_that_nobody_activated(play: Play, keeps_primary: bool) -> None:
    world = factory("1")
    world.keeps_primary = keeps_primary

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", "DOWNLOAD", "UPDATE")
        assert (device.primary, device.versions()) == ("A", {"A": "1", "B": "2"})
        await device.reboots()
        assert device.runs == "1"
        assert statuses(await device.commands("a", "ACTIVATE"))[-1] == "ACTIVATION_SUCCESS"
        assert device.primary == "B"

    play(story, world)


def test_a21_nor_when_evenkeel_ends_before_it_has_taken_the_mark_back(play: Play) -> None:
    """RAUC has made the new slot primary by itself, and evenkeel is killed right then."""
    world = factory("1")
    world.keeps_primary = False

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", "DOWNLOAD")

        async def hangs(mark: str, slot: str) -> None:
            await asyncio.Event().wait()

        device.engine.updater.mark = hangs  # type: ignore[method-assign]
        device.link.deliver(COMMAND, command("a", "UPDATE"))
        await asyncio.sleep(60)
        assert device.primary == "B"
        await device.dies()
        device._boot()
        await device.starts()
        await asyncio.sleep(5)
        assert device.primary == "A"
        await device.reboots()
        assert device.runs == "1"
        assert statuses(await device.commands("a", "ACTIVATE"))[-1] == "ACTIVATION_SUCCESS"
        assert device.primary == "B"

    play(story, world)


def test_a_lost_update_manager_leaves_nothing_half_done(play: Play) -> None:
    """The original forgets the operation at a restart, and nobody takes back what it began."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:2])
        await device.restarts(in_order=False)
        assert statuses(await device.commands("a", "ACTIVATE")) == ["ACTIVATING", "ACTIVATION_SUCCESS"]

    play(story)
