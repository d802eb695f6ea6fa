"""What Kanto's Update Manager does wrong, done right: its defects, by name (update-manager.md §7; A1 to A14 of the list of all
originals, as far as they are about it). The original fails each of these tests. Here are messages that end or block it;
test_defects_ends.py has ends that never come or are not true, and `NOT_HERE` what is elsewhere."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.controller.operations.conftest import TalkPlay
from tests.controller.operations.talk import (
    TWO_UPDATE,
    Talk,
)

from evenkeel.specs.operations.conduct import Conduct

ASKS = Conduct(consent=("DOWNLOAD", "UPDATE", "ACTIVATE"))
DESIRED, FEEDBACK = "vehicleupdate/desiredstate", "containersupdate/desiredstatefeedback"
NOT_HERE = {
    "b12": "about Eclipse Ditto's messages: THG-8 (tests/controller/operations/test_checklist_things.py)",
    "b18": "about settings and their secrets (tests/controller/cli/test_update_manager.py); the reboot is A5",
    "a2": "about the agent for containers (tests/controller/agents)",
}


def test_every_defect_is_a_test_or_elsewhere_for_a_reason() -> None:
    texts = [file.read_text() for file in Path(__file__).parent.glob("test_defects*.py")]
    names = [name for text in texts for name in re.findall(r"^def test_(\w+)", text, re.MULTILINE)]
    named = {part for name in names for part in name.split("_")[:2] if re.fullmatch(r"[ab]\d+", part)}
    all_ = {f"b{number:02}" for number in range(1, 22)} | {f"a{number}" for number in (*range(1, 9), 13, 14)}
    assert named | set(NOT_HERE) == all_
    assert not named & set(NOT_HERE)


# ── messages that end, or block, the original ──────────────────────────────────────────────────────────────────────

NULLS: tuple[tuple[str, Any], ...] = (
    (DESIRED, {"domains": [None]}),
    (DESIRED, {"baselines": [None], "domains": [{"id": "containers"}]}),
    (DESIRED, {"domains": [{"id": "containers", "components": [None], "config": [None]}]}),
    (FEEDBACK, {"status": "IDENTIFYING", "actions": [None]}),
    (FEEDBACK, {"status": "IDENTIFYING", "actions": [{"status": "IDENTIFIED"}]}),
    (FEEDBACK, {"status": "IDENTIFYING", "actions": [{"component": None}]}),
    ("containersupdate/currentstate", {"softwareNodes": [None], "hardwareNodes": [None], "associations": [None]}),
    ("containersupdate/currentstate", {"softwareNodes": [{"id": "x", "type": "APPLICATION", "parameters": [None]}]}),
    ("vehicleupdate/ownerconsentfeedback", None),
)


@pytest.mark.parametrize(("topic", "payload"), NULLS)
def test_b01_no_message_ends_the_manager(talk: TalkPlay, topic: str, payload: Any) -> None:
    async def story(device: Talk) -> None:
        await device.act("ask c")
        device.deliver(topic, "b" if topic == DESIRED else "a", payload)
        await device.act("wait 3")
        assert await device.act("c IDENTIFIED") == ["IDENTIFIED", "RUNNING", "c DOWNLOAD"]

    talk(story)


def test_b21_a_kept_report_with_nulls_ends_no_start(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        for _ in range(3):
            device.deliver("containersupdate/currentstate", "", NULLS[6][1])
            await device.act("restart")
        assert await device.act("ask c") == ["IDENTIFYING", "c slice"]

    talk(story)


def test_b02_what_waits_is_bounded_and_what_is_too_much_is_refused(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        await device.act("ask c")
        for number in range(16):
            assert await device.act(f"ask [q{number}] s") == []
        (refusal,) = await device.act("ask [q16] s")
        assert refusal.startswith("[q16] IDENTIFICATION_FAILED: too many desired states wait here already")
        assert await device.act("c IDENTIFIED") == ["IDENTIFIED", "RUNNING", "c DOWNLOAD"]

    talk(story)


def test_b03_a_question_is_answered_with_the_present_state_and_holds_up_nothing(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        asked_s = asyncio.get_running_loop().time()
        device.tell_state("c", "news", [{"id": "containers:app", "version": "7"}])
        device.deliver("vehicleupdate/currentstate/get", "q", {})
        await device.act("wait 0.1")
        report = device.said("vehicleupdate/currentstate")[-1].content
        versions = {each["id"]: each.get("version") for each in report["payload"]["softwareNodes"]}
        assert (report["activityId"], versions["containers:app"]) == ("q", "1")
        assert asyncio.get_running_loop().time() - asked_s < 0.2

    talk(story)


def test_b09_a_command_that_cannot_be_sent_blocks_nothing(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        for line in TWO_UPDATE.strip().splitlines()[:-1]:
            if line.strip():
                await device.act(line.partition("→")[0].strip())
        publish, is_back = device.link.publish, asyncio.Event()

        async def late(*arguments: Any, **more: Any) -> None:
            await is_back.wait()
            await publish(*arguments, **more)

        device.link.publish = late  # type: ignore[method-assign]
        assert await device.act("s DOWNLOAD_SUCCESS") == []
        device.deliver("vehicleupdate/currentstate/get", "q", {})
        await device.act("wait 30")
        is_back.set()
        assert [each for each in await device.act("wait 1") if "UPDATE" in each] == ["c UPDATE", "s UPDATE"]
        assert await device.act("c UPDATE_SUCCESS") == ["RUNNING"]

    talk(story)


@pytest.mark.parametrize("times", [1, 2, 4, 100])
def test_b13_an_answer_of_the_owner_counts_once_and_blocks_nothing(talk: TalkPlay, times: int) -> None:
    async def story(device: Talk) -> None:
        await device.act("ask c")
        await device.act("c IDENTIFIED")
        for _ in range(times):
            await device.act("owner APPROVED")
        assert await device.act("c DOWNLOAD_SUCCESS") == ["RUNNING", "owner? UPDATE"]
        assert await device.act("wait 60") == []
        assert await device.act("owner APPROVED") == ["c UPDATE"]

    talk(story, decisions=ASKS)


def test_b14_a14_agents_that_report_at_the_same_moment_are_both_heard(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        for number in range(50):
            device.tell_state("c", "", [{"id": "containers:app", "version": str(number)}])
            device.tell_state("s", "", [{"id": "self-update:app", "version": str(number)}])
        await device.act("wait 2")
        nodes = device.said("vehicleupdate/currentstate")[-1].content["payload"]["softwareNodes"]
        assert [each["version"] for each in nodes if each["id"].endswith(":app")] == ["49", "49"]

    talk(story)
