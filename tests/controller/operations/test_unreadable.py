"""An open operation that cannot be read any more is told and set aside, its agents are freed, and the next one goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from tests.controller.operations.conftest import Play
from tests.controller.operations.device import DECISIONS, Device, demand
from tests.reconcilers.operations.agents import Agent

from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.migrations import checksum

WHY = "evenkeel cannot read what it had stored of this operation and ends it; its agents are told to go back"


def damaged(body: bytes) -> tuple[bytes, bytes | None]:
    return body[: len(body) // 2], None


def of_another_version(body: bytes) -> tuple[bytes, bytes | None]:
    """Soundly stored, but a field that this version needs is not there."""
    newer = body.replace(b'"parts":', b'"pieces":', 1)
    return newer, checksum(newer)


def without_beginning(body: bytes) -> tuple[bytes, bytes | None]:
    return b"\x00" * 8 + body[8:], None


Damage = Callable[[bytes], tuple[bytes, bytes | None]]


def harm(state: Path, damage: Damage) -> None:
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        ((rowid, body, was),) = connection.execute("SELECT rowid, body, checksum FROM operation").fetchall()
        body, now = damage(body)
        connection.execute("UPDATE operation SET body = ?, checksum = ? WHERE rowid = ?", (body, now or was, rowid))


async def approved(device: Device, id_: str) -> None:
    """The owner agrees, and it goes on to its end."""
    await device.plays(30)
    device.sends("vehicleupdate/ownerconsentfeedback", id_, status="APPROVED")
    await device.plays(60)
    assert device.statuses(id_)[-1] == "COMPLETED"


async def interrupted(device: Device, damage: Damage) -> None:
    """`b` waits for the owner before UPDATE, and is harmed while the process is not there."""
    device.asks(demand("a", web="1"))
    await approved(device, "a")
    device.asks(demand("b", web="2", others={"safety-ecu": "2"}))
    await device.plays(60)
    assert device.statuses("b")[-1] == "RUNNING"
    await device.dies()
    harm(device._state, damage)
    device._boot()
    await device.starts()
    await device.plays(60)


ASKS = DECISIONS._replace(consent=("UPDATE",))


@pytest.mark.parametrize("damage", [damaged, of_another_version])
def test_it_ends_and_its_agents_go_back(play: Play, damage: Damage) -> None:
    agent = Agent("safety-ecu", "leda")

    async def story(device: Device) -> None:
        await interrupted(device, damage)
        assert device.end() == ("INCOMPLETE", WHY)
        assert device.statuses("b")[-1] == "INCOMPLETE"
        assert agent.commands == ["DOWNLOAD", "ROLLBACK", "CLEANUP"]
        assert device.journal.mailbox("containers").activity() is None
        assert device.web == "web:1"
        told = device.journal.condition("OperationCompleted")
        assert told is not None
        assert (told.holds, told.reason, told.message) == (False, "Incomplete", f"operation b: INCOMPLETE, {WHY}")
        lost = [each.message for each in device.journal.entries(limit=10_000) if each.kind == "state-lost"]
        assert len(lost) == 1
        assert lost[0].startswith("the open operation could not be read and is set aside: ")
        await device.restarts()
        await device.plays(60)
        assert device.statuses("b").count("INCOMPLETE") == 1, "it is told once"
        device.asks(demand("c", web="2", others={"safety-ecu": "2"}))
        await approved(device, "c")
        assert (device.web, agent.runs) == ("web:2", "2")

    play(story, agent, decisions=ASKS)


def test_desired_states_that_wait_behind_it_go_on(play: Play) -> None:
    async def story(device: Device) -> None:
        device.asks(demand("b", web="1"))
        await device.plays(30)
        device.asks(demand("c", web="2"))
        await device.plays(5)
        await device.dies()
        harm(device._state, damaged)
        device._boot()
        await device.starts()
        await approved(device, "c")
        assert device.statuses("b")[-1] == "INCOMPLETE"
        assert device.web == "web:2"

    play(story, decisions=ASKS)


def test_without_an_id_it_is_told_here_alone(play: Play) -> None:
    async def story(device: Device) -> None:
        await interrupted(device, without_beginning)
        assert device.statuses("b")[-1] == "RUNNING"
        told = device.journal.condition("OperationCompleted")
        assert told is not None
        assert told.message == f"operation (its activityId cannot be read): INCOMPLETE, {WHY}"
        device.asks(demand("c", web="2"))
        await approved(device, "c")

    play(story, Agent("safety-ecu"), decisions=ASKS)
