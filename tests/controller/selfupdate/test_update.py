"""An update of the operating system that an update manager commands, from its desired state to its end."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import pytest
from tests.controller.selfupdate.conftest import Play
from tests.controller.selfupdate.device import COMMANDS, DESIRED, URL, Device, desired, statuses
from tests.virtual import now

from evenkeel.controller.drivers.slots.memory import Bundle, factory
from evenkeel.controller.journal.ending import end_activity
from evenkeel.reconcilers.agents.in_force import in_force
from evenkeel.specs.codec import changed
from evenkeel.specs.settings.mqtt import AutonomousSettings
from evenkeel.specs.slots.system import OperatingSystem
from evenkeel.templates.activity_text import activity_lines

pytestmark = pytest.mark.virtual

IDENTIFIED = ["IDENTIFYING", "IDENTIFIED"]
FORWARD = [
    "DOWNLOADING",
    "DOWNLOAD_SUCCESS",
    "UPDATING",
    "UPDATE_SUCCESS",
    "ACTIVATING",
    "ACTIVATION_SUCCESS",
    "CLEANUP_SUCCESS",
]
PROOF_S = 120.0


@pytest.mark.parametrize("booted", ["A", "B"])
def test_a_whole_update(play: Play, booted: str) -> None:
    async def story(device: Device) -> None:
        other = "AB".replace(booted, "")
        assert statuses(await device.asks("a")) == IDENTIFIED
        said = await device.commands("a", *COMMANDS)
        assert statuses(said) == [*FORWARD, "CLEANUP"]
        assert {each.component for each in said} == {"self-update:os-image"}
        assert {each.version for each in said} == {"2"}
        assert (said[-1].action, said[-1].text) == (
            "UPDATE_SUCCESS",
            f"the device has to be rebooted into slot {other} (2)",
        )
        assert (device.runs, device.primary) == ("1", other)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert statuses(device.said()) == ["COMPLETED"]
        assert (device.runs, device.primary, device.versions()) == ("2", other, {booted: "1", other: "2"})
        assert device.world.slots[device.world.booted].left > 0, "it is marked good"
        assert device.world.store == {}
        assert device.reason() == "Converged"

    play(story, factory("1", booted=booted))


def test_progress_is_told_in_per_cent(play: Play) -> None:
    async def story(device: Device) -> None:
        device.engine.store.piece_s = device.engine.updater.piece_s = 3.0
        await device.asks("a")
        said = await device.commands("a", "DOWNLOAD", "UPDATE", wait_s=60.0)
        told = [(each.action, each.progress, each.text) for each in said]
        assert told[0] == ("DOWNLOADING", 0, "Downloading 0.0 MiB...")
        assert told[1] == ("DOWNLOADING", 12, "Downloading 381.5 MiB...")
        assert ("DOWNLOAD_SUCCESS", 100, "Downloaded 381.5 MiB...") in told
        assert ("UPDATING", 50, "RAUC install...") in told
        assert told[-1] == ("UPDATING", 100, "Writing partition completed, reboot required.")
        for command in ("DOWNLOADING", "UPDATING"):
            per_cents = [per_cent for status, per_cent, _ in told if status == command]
            assert per_cents == sorted(set(per_cents))

    play(story)


def test_the_device_reboots_by_itself_where_the_settings_say_so(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        assert statuses(await device.commands("a", *COMMANDS, wait_s=PROOF_S)) == [*FORWARD, "COMPLETED"]
        assert (device.runs, device.world.boots) == ("2", 2)

    play(story, reboot="self")


def test_alone_it_goes_all_the_way(play: Play) -> None:
    async def story(device: Device) -> None:
        said = await device.send(DESIRED, desired("a", "2"), 600.0)
        assert statuses(said) == [*IDENTIFIED, *FORWARD, "COMPLETED"]
        assert device.runs == "2"

    play(story, reboot="self", autonomous=AutonomousSettings(timedelta(seconds=1)))


def test_the_old_id_of_the_component_is_understood(play: Play) -> None:
    async def story(device: Device) -> None:
        said = await device.send(DESIRED, desired("a", "2", component="leda-deviceimage"))
        assert statuses(said) == IDENTIFIED
        assert said[-1].component == "self-update:os-image", "that is its name in feedback, always"

    play(story)


def test_a_version_that_was_replaced_by_hand_is_installed_when_it_is_asked_for_again(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        device.world.mark("active", "rootfs.0")
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert device.runs == "1", "that is drift, which is told"
        device.said()
        assert statuses(await device.asks("b")) == IDENTIFIED
        await device.commands("b", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert device.runs == "2"
        assert statuses(device.said()) == ["COMPLETED"]

    play(story)


def test_a_version_that_has_failed_is_tried_again_when_it_is_asked_for_again(play: Play) -> None:
    async def story(device: Device) -> None:
        device.world.served[URL] = Bundle("2", boots=False)
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert statuses(device.said()) == ["INCOMPLETE"]
        device.world.served[URL] = Bundle("2")
        assert statuses(await device.asks("b")) == IDENTIFIED
        assert statuses(await device.commands("b", *COMMANDS)) == [*FORWARD, "CLEANUP"]
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, statuses(device.said())) == ("2", ["COMPLETED"])

    play(story)


@pytest.mark.parametrize("in_order", [True, False])
@pytest.mark.parametrize("at_s", [0.3, 0.9])
@pytest.mark.parametrize("number", range(4))
def test_the_process_ends_in_the_middle_of_a_command(play: Play, number: int, at_s: float, in_order: bool) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:number])
        device.said()
        await device.commands("a", COMMANDS[number], wait_s=at_s)
        await device.restarts(in_order=in_order)
        await asyncio.sleep(60)
        await device.commands("a", *COMMANDS[number + 1 :])
        end = [status for status in statuses(device.said()) if status.endswith(("_SUCCESS", "_FAILURE", "COMPLETE"))]
        assert not [status for status in end if status.endswith("FAILURE")]
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, statuses(device.said())) == ("2", ["COMPLETED"])

    play(story)


def test_the_system_of_the_files_does_not_get_in_between(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks_in_files(OperatingSystem("leda", "1", URL))
        await asyncio.sleep(PROOF_S)
        assert device.reason() == "Converged"
        await device.asks("a")
        for command in COMMANDS:
            await device.commands("a", command)
            await asyncio.sleep(300)  # cycles look again and again
        assert device.primary == "B"
        assert device.world.store != {}
        await device.reboots()
        device.asks_in_files(OperatingSystem("leda", "1", URL))
        await asyncio.sleep(PROOF_S)
        assert statuses(device.said())[-1] == "COMPLETED"
        await asyncio.sleep(300)
        assert (device.runs, device.primary) == ("2", "B"), "the message is in force, whatever the files say"

    play(story)


def test_the_report_is_retained_and_names_what_runs(play: Play) -> None:
    async def story(device: Device) -> None:
        (first,) = device.states()
        assert first.retain
        payload = first.content["payload"]
        agent, image = payload["softwareNodes"]
        assert (agent["id"], agent["name"], agent["type"]) == (
            "self-update-agent",
            "OTA NG Self Update Agent",
            "APPLICATION",
        )
        assert image == {
            "id": "self-update:os-image",
            "version": "1",
            "name": "Official Leda device image",
            "type": "IMAGE",
        }
        assert payload["hardwareNodes"] == []
        assert payload["associations"] == [{"sourceId": "self-update-agent", "targetId": "self-update:os-image"}]

    play(story)


def test_without_an_updater_the_answer_says_why(play: Play) -> None:
    async def story(device: Device) -> None:
        device.engine.updater.away = "RAUC does not answer"
        device.link.deliver("selfupdate/currentstate/get", json.dumps({"activityId": "q", "timestamp": 1}))
        await asyncio.sleep(15)
        answer = next(each for each in device.states() if each.content["activityId"] == "q")
        (agent,) = answer.content["payload"]["softwareNodes"]
        assert agent["parameters"] == [{"key": "osUnknown", "value": "RAUC does not answer"}]
        assert not answer.retain

    play(story)


def test_reports_of_a_start_and_of_an_activity_are_told_apart(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        ids = [re.sub(r"\d+$", "", each.content["activityId"]) for each in device.states()]
        versions = [each.content["payload"]["softwareNodes"][1]["version"] for each in device.states()]
        assert (ids, versions) == (["initial-current-state-"] * 2 + ["a"], ["1", "2", "2"])
        assert all(each.retain for each in device.states())

    play(story)


@pytest.mark.parametrize(("comes_back", "status"), [(True, "IDENTIFIED"), (False, "IDENTIFICATION_FAILED")])
def test_a_desired_state_waits_for_the_updater(play: Play, comes_back: bool, status: str) -> None:
    async def story(device: Device) -> None:
        device.engine.updater.away = "RAUC does not answer"
        said = await device.asks("a")
        assert statuses(said) == ["IDENTIFYING"]
        await asyncio.sleep(60)
        if comes_back:
            device.engine.updater.away = ""
        await asyncio.sleep(120)
        assert [each.status for each in device.said() if each.status != "IDENTIFYING"] == [status]

    play(story)


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_it_goes_on_after_a_loss_of_power(play: Play, number: int) -> None:
    """After each command the power goes; the manager goes on with the next one."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS[:number])
        await device.loses_power()
        said = statuses(await device.commands("a", *COMMANDS[number:]))
        assert not [each for each in said if each.endswith("FAILURE")], said
        if device.runs == "1":
            await device.reboots()
        await asyncio.sleep(PROOF_S)
        assert (device.runs, device.primary) == ("2", "B")

    play(story)


def test_documents_of_messages_are_kept(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.send(DESIRED, desired("a", "2", sha256="0" * 64))
        await device.commands("a", *COMMANDS)
        await device.reboots()
        await asyncio.sleep(PROOF_S)
        state = device.journal.readable_revision("desired")
        assert state is not None
        (document,) = state.documents
        system = OperatingSystem("os-image", "2", URL, sha256="0" * 64, reboot="others")
        assert (document.kind, document.name, document.wanted) == ("OperatingSystem", "os-image", system)
        assert document.place.activity_id == "a"

    play(story)


def test_the_status_says_that_the_reboot_is_waited_for(play: Play) -> None:
    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", *COMMANDS)
        activity = device.journal.activities()["slots"]
        text = "\n".join(activity_lines(activity, now(), width=200))
        assert "all commands are done" in text
        assert "os-image: install, ACTIVATION_SUCCESS; waits: the device has to be rebooted into slot B (2)" in text

    play(story)


def test_an_operator_ends_it_in_the_words_of_the_agent(play: Play) -> None:
    """As `evenkeel release --abandon` does: the words are those of the activity, whoever ends it."""

    async def story(device: Device) -> None:
        await device.asks("a")
        await device.commands("a", "DOWNLOAD")
        device.said()
        activity, mail = device.journal.activities()["slots"], device.journal.mailbox("slots")
        ended = changed(activity, because="abandoned by an operator")
        kept = in_force(ended, ["sua"])
        assert {each.wanted.domain for each in kept.documents} == {"slots"}, "the state says nothing of containers"
        end_activity(device.journal, mail, ended, "INCOMPLETE", kept, now(), device.journal.say, judged=False)
        waiting = device.journal.outbox.oldest()
        assert waiting is not None
        payload = json.loads(waiting[1].payload)["payload"]
        assert payload["message"] == "Self-update incomplete. abandoned by an operator"
        assert [each["component"]["id"] for each in payload["actions"]] == ["self-update:os-image"]

    play(story)
