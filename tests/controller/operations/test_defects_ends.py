"""What Kanto's Update Manager does wrong, done right: ends that never come, and ends that are not true (test_defects.py)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.controller.operations.conftest import Play, TalkPlay
from tests.controller.operations.device import Device, demand
from tests.controller.operations.talk import (
    ONE,
    ONE_ACTIVATES,
    ONE_CLEANS_UP,
    ONE_UPDATES,
    TWO,
    TWO_ACTIVATE,
    TWO_UPDATE,
    Talk,
    tell,
)
from tests.reconcilers.operations.agents import Agent

from evenkeel.reconcilers.operations.inventory import aggregated
from evenkeel.specs.operations.conduct import Conduct

ASKS = Conduct(consent=("DOWNLOAD", "UPDATE", "ACTIVATE"))
LATER = Conduct(consent=("ACTIVATE",))
DESIRED = "vehicleupdate/desiredstate"


# ── ends that never come, or are not true ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("begun", "fails"), [(TWO, "DOWNLOAD"), (TWO_UPDATE, "UPDATE"), (TWO_ACTIVATE, "ACTIVATION")])
def test_b04_a_failure_as_the_last_answer_of_a_phase_ends_it(tmp_path: Path, begun: str, fails: str) -> None:
    tell(
        tmp_path,
        f"""{begun}
        c {fails}_SUCCESS → RUNNING
        s {fails}_FAILURE: no → RUNNING | c ROLLBACK | s ROLLBACK
        c ROLLBACK_SUCCESS → RUNNING
        s ROLLBACK_SUCCESS → RUNNING | c CLEANUP | s CLEANUP
        c INCOMPLETE → RUNNING
        s INCOMPLETE → INCOMPLETE: self-update: no
        """,
    )


@pytest.mark.parametrize("fails", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
def test_a1_a3_one_domain_that_fails_takes_all_back(play: Play, fails: str) -> None:
    """ROLLBACK, not CLEANUP alone; and no domain stays on the new version."""

    async def story(device: Device) -> None:
        device.asks(demand("a", web="1"))
        await device.plays(60)
        device.asks(demand("b", web="2", others={"safety-ecu": "2", "body-ecu": "2"}))
        await device.plays(100)
        assert device.end()[0] == "INCOMPLETE"
        assert (device.web, device.others["safety-ecu"].runs, device.others["body-ecu"].runs) == ("web:1", "1", "1")
        assert "ROLLBACK" in device.others["body-ecu"].commands

    play(story, Agent("safety-ecu", "evenkeel", fails=fails), Agent("body-ecu", "kanto"))


def test_b05_an_agent_that_is_silent_about_cleanup_ends_the_operation(tmp_path: Path) -> None:
    end = "INCOMPLETE: containers: no answer to CLEANUP within 600 s"
    tell(tmp_path, f"{ONE_CLEANS_UP}wait 600 →\nwait 5.1 → {end}")


@pytest.mark.parametrize("told", ["SUCCESS", "FAILURE"])
def test_b06_a_refused_activation_is_taken_back_to_its_end(tmp_path: Path, told: str) -> None:
    why = "its agent gave no reason (containers:app 2 was told last as CLEANUP_SUCCESS)"
    left = f"; containers could not be taken back: {why}" if told == "FAILURE" else ""
    tell(
        tmp_path,
        f"""{ONE_UPDATES}
        c UPDATE_SUCCESS → RUNNING | owner? ACTIVATE
        owner DENIED → c ROLLBACK
        c ROLLBACK_{told} → RUNNING | c CLEANUP
        c CLEANUP_SUCCESS → RUNNING
        wait 5.1 → INCOMPLETE: the owner answered DENIED to ACTIVATE{left}
        """,
        LATER,
    )


def test_b07_running_is_told_under_its_own_activity(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        for line in (
            "ask c",
            "c IDENTIFIED",
            "c DOWNLOADING",
            "c INCOMPLETE",
            "ask [b] c",
            "c [b] IDENTIFIED",
            "wait 300",
        ):
            await device.act(line)
        ends = [
            (each.content["activityId"], each.content["payload"]["status"])
            for each in device.said("vehicleupdate/desiredstatefeedback")
        ]
        assert ends[ends.index(("a", "INCOMPLETE")) + 1 :] == [
            ("b", "IDENTIFYING"),
            ("b", "IDENTIFIED"),
            ("b", "RUNNING"),
        ]

    talk(story, running_every_s=60.0)


@pytest.mark.parametrize("payload", [{}, None, {"domains": []}, {"domains": [{"id": "firmware"}]}])
def test_b08_nothing_for_anybody_is_answered_under_its_own_activity(talk: TalkPlay, payload: Any) -> None:
    async def story(device: Talk) -> None:
        device.deliver(DESIRED, "b", payload)
        await device.act("wait 1")
        assert device.statuses("b") == ["INCOMPLETE"]

    talk(story)


@pytest.mark.parametrize("begun", ["ask c → IDENTIFYING | c slice", ONE, ONE_UPDATES, ONE_ACTIVATES, ONE_CLEANS_UP])
@pytest.mark.parametrize("word", ["COMPLETED", "COMPLETE"])
def test_b10_completed_ends_any_wait(tmp_path: Path, begun: str, word: str) -> None:
    """`COMPLETE` is Leda's word, also for "nothing to do" while it identifies."""
    before = "IDENTIFIED | " if begun.startswith("ask") else ""
    tell(tmp_path, f"{begun}\nc {word} → {before}COMPLETED")


@pytest.mark.parametrize("word", ["INCOMPLETE", "INCOMPLETE_INCONSISTENT", "SUPERSEDED"])
def test_word_of_an_agent_that_ends_its_part(tmp_path: Path, word: str) -> None:
    why = "its agent was given something else to do: no" if word == "SUPERSEDED" else "no"
    tell(tmp_path, f"{ONE}c {word}: no → INCOMPLETE: containers: {why}")


def test_b11_the_owner_has_more_time_than_a_phase(tmp_path: Path) -> None:
    begun = "ask c → IDENTIFYING | c slice\nc IDENTIFIED → IDENTIFIED | RUNNING | owner? DOWNLOAD"
    tell(tmp_path, f"{begun}\nwait 1700 →\nowner APPROVED → c DOWNLOAD", ASKS)


def test_b11_an_approval_after_the_end_starts_nothing(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        for line in ("ask c", "c IDENTIFIED", "wait 1800", "c ROLLBACK_SUCCESS", "c INCOMPLETE"):
            await device.act(line)
        assert device.end() == ("INCOMPLETE", "the owner did not answer within 1800 s")
        assert await device.act("owner APPROVED") == []

    talk(story, decisions=ASKS)


def test_a_question_that_is_void_before_the_broker_has_it_is_never_asked(
    talk: TalkPlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker takes nothing for an hour. Its answer would be to nobody, and the owner would wonder."""

    async def story(device: Talk) -> None:
        await device.act("ask c")
        takes, publish = asyncio.Event(), device.link.publish

        async def waiting(topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
            await takes.wait()
            await publish(topic, payload, qos=qos, retain=retain)

        monkeypatch.setattr(device.link, "publish", waiting)
        for line in ("c IDENTIFIED", "wait 1800", "c ROLLBACK_SUCCESS", "c INCOMPLETE"):
            await device.act(line)
        takes.set()
        told = await device.act("wait 10")
        assert [each for each in told if each.startswith("owner?")] == []
        assert told[-1] == "INCOMPLETE: the owner did not answer within 1800 s"

    talk(story, decisions=ASKS)


def test_b15_no_slice_is_sent_after_the_end(talk: TalkPlay) -> None:
    """Nor to an agent that was away, and introduces itself."""

    async def story(device: Talk) -> None:
        for line in ("ask c s", "c IDENTIFICATION_FAILED: no", "s IDENTIFICATION_FAILED: no"):
            await device.act(line)
        device.tell_state("s", "initial-current-state-1")
        assert await device.act("wait 3000") == []

    talk(story)


def test_b16_texts_pass_unchanged(tmp_path: Path) -> None:
    text = "disk 100% full %s %d {0} \\n"
    tell(
        tmp_path,
        f"ask c → IDENTIFYING | c slice\nc IDENTIFICATION_FAILED: {text} → IDENTIFICATION_FAILED: containers: {text}",
    )


def test_b17_all_links_are_reported_in_the_order_of_the_agents() -> None:
    link = {"sourceId": "x", "targetId": "y"}
    states = {"c": {"hardwareNodes": [{"id": "x"}], "associations": [link]}, "b": {"softwareNodes": [{"id": "n"}]}}
    whole = aggregated("vehicle", "1", states)
    assert [(each["sourceId"], each["targetId"]) for each in whole["associations"]] == [
        ("x", "y"),
        ("vehicle-update-manager", "n"),
    ]


FREED = {
    "another fails identification": ("ask c s", "c IDENTIFIED", "s IDENTIFICATION_FAILED: no"),
    "another is silent": ("ask c s", "c IDENTIFIED", "wait 600"),
    "it is silent itself": ("ask c", "wait 600"),
    "the owner refuses": ("ask c", "c IDENTIFIED", "owner DENIED", "c ROLLBACK_FAILURE"),
    "the owner is silent": ("ask c", "c IDENTIFIED", "wait 1800", "c ROLLBACK_FAILURE"),
    "it is silent about DOWNLOAD": ("ask c", "c IDENTIFIED", "owner APPROVED", "wait 600", "c ROLLBACK_SUCCESS"),
    "it is cancelled": ("ask c", "c IDENTIFIED", "cancel CLEANUP", "c ROLLBACK_SUCCESS"),
    "it is cancelled early": ("ask c", "cancel CLEANUP"),
}


@pytest.mark.parametrize("how", FREED)
def test_b19_agents_are_freed_on_every_way_out(talk: TalkPlay, how: str) -> None:
    async def story(device: Talk) -> None:
        said = [each for line in FREED[how] for each in await device.act(line)]
        said += await device.act("wait 700")
        assert [each for each in said if each in ("c ROLLBACK", "c CLEANUP")] == ["c ROLLBACK", "c CLEANUP"]
        assert device.end()[0] in ("IDENTIFICATION_FAILED", "INCOMPLETE")

    talk(story, decisions=Conduct(consent=("DOWNLOAD",)))


def test_b20_the_process_ends_while_a_reboot_is_waited_for_and_the_reboot_stays_due(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="2"))
        await device.plays(1)
        while "rebooted in" not in device.end()[1]:
            await device.plays(1)
        began_s = asyncio.get_running_loop().time()
        await device.ends()
        assert asyncio.get_running_loop().time() - began_s < 5
        assert device.world.boot == boot
        await device.plays(300)
        assert (device.end()[0], device.os) == ("COMPLETED", "2")

    play(story)


# ── the truth about the device ─────────────────────────────────────────────────────────────────────────────────────


def test_a4_completed_is_said_after_the_reboot(play: Play) -> None:
    async def story(device: Device) -> None:
        boot = device.world.boot
        device.asks(demand("b", os="2"))
        while device.world.boot == boot:
            await device.plays(1)
            assert device.statuses("b")[-1:] != ["COMPLETED"] or device.world.boot != boot
        assert device.statuses("b")[-1] == "RUNNING"
        await device.plays(300)
        assert (device.end()[0], device.os) == ("COMPLETED", "2")

    play(story)


def test_a5_what_runs_is_ended_in_order_before_the_reboot(play: Play) -> None:
    """The device tells its services to stop; no power is cut."""

    async def story(device: Device) -> None:
        ended: list[bool] = []
        down = device.slots.machine.dies
        assert down is not None

        async def goes_down() -> None:
            ended.append(True)
            await down()

        device.slots.machine.dies = goes_down
        device.asks(demand("b", os="2"))
        await device.plays(300)
        assert ended == [True]
        assert device.end()[0] == "COMPLETED"

    play(story)


def test_a6_an_operation_outlives_the_process(tmp_path: Path) -> None:
    tell(
        tmp_path,
        f"""{ONE_UPDATES}
        wait 2 →
        restart →
        c UPDATE_SUCCESS → RUNNING | c ACTIVATE
        wait 2 →
        restart →
        c ACTIVATION_SUCCESS → RUNNING | c CLEANUP
        wait 2 →
        restart →
        c COMPLETED → COMPLETED
        """,
    )


def test_a7_what_the_broker_did_not_take_is_sent_after_the_restart(talk: TalkPlay) -> None:
    """Nothing that was said is lost, also when the process ends before the broker is back."""

    async def story(device: Talk) -> None:
        async def never(*_: Any, **__: Any) -> None:
            await asyncio.sleep(1e9)

        device.link.publish = never  # type: ignore[method-assign]
        assert await device.act("ask c") == []
        assert await device.act("restart") == ["IDENTIFYING", "c slice"]

    talk(story)


@pytest.mark.parametrize("unknown", ["skip", "fail"])
def test_a8_a_domain_without_an_agent_is_named(tmp_path: Path, unknown: Any) -> None:
    text = "the domain firmware has no agent here, expected one of: `containers`, `self-update`"
    end = f"IDENTIFYING: {text} | c slice" if unknown == "skip" else f"IDENTIFICATION_FAILED: {text}"
    tell(tmp_path, f"ask c firmware → {end}", Conduct(unknown_domains=unknown))


def parked(name: str) -> str:
    """A desired state of one baseline with a precondition."""
    baseline = {"title": "one", "preconditions": "vehicle.parked=true", "components": ["containers:app"]}
    domains = [{"id": "containers", "components": [{"id": "app", "version": "2"}]}]
    return json.dumps({"activityId": name, "payload": {"baselines": [baseline], "domains": domains}})


def test_a13_nothing_begins_before_its_preconditions_hold(talk: TalkPlay) -> None:
    """A value that nobody knows is no value that holds."""

    async def story(device: Talk) -> None:
        device.asks(parked("a"))
        await device.act("wait 1")
        said = await device.act("c IDENTIFIED") + await device.act("wait 3000")
        assert said[0] == "IDENTIFIED"
        assert not [each for each in said if each.startswith(("c ", "COMPLETED"))]

    talk(story)


def test_a13_what_is_waited_for_is_told(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        device.asks(parked("a"))
        await device.act("wait 1")
        said = await device.act("c IDENTIFIED") + await device.act("wait 120")
        assert any("vehicle.parked" in each for each in said)

    talk(story)


def test_no_name_is_a_name(talk: TalkPlay) -> None:
    async def story(device: Talk) -> None:
        device.asks('{"payload": {"domains": [{"id": "containers"}]}}')
        await device.act("wait 1")
        before = len(device.said("vehicleupdate/currentstate"))
        assert await device.act("c [] COMPLETED") == ["[] IDENTIFIED", "[] COMPLETED"]
        await device.act("wait 60")
        names = [each.content["activityId"] for each in device.said("vehicleupdate/currentstate")[before:]]
        assert names == [""]

    talk(story)
