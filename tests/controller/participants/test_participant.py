"""An update agent over a participant that is no container: the agent needs nothing but the port."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from tests.controller.participants.kettle import Kettle, KettleParticipant
from tests.virtual import now, run

from evenkeel.controller.agents.agent import UpdateAgent
from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.journal.journal import Journal, empty_journal
from evenkeel.specs.feedback import Feedback

pytestmark = pytest.mark.virtual


class Device:
    """A kettle with an update agent."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.kettle, self.stopping = journal, Kettle(), asyncio.Event()
        self.boot()

    def boot(self) -> None:
        """A new process."""
        participant = KettleParticipant(self.kettle, self.stopping)
        self.agent = UpdateAgent(
            AgentSettings("kettle"), self.journal, participant, self.stopping, self._say, _nothing, _nothing, now
        )

    def _say(self, entry: Feedback) -> None:
        self.journal.say(entry)

    async def desired(self, activity: str, version: str) -> list[str]:
        component = {"id": "firmware", "version": version, "config": [{"key": "image", "value": f"k:{version}"}]}
        payload = {"domains": [{"id": "kettle", "components": [component]}]}
        return await self._send(self.agent.topics.desired, activity, payload)

    async def command(self, activity: str, command: str) -> list[str]:
        return await self._send(self.agent.topics.command, activity, {"command": command})

    async def _send(self, topic: str, activity: str, payload: Any) -> list[str]:
        self.agent.arrived(topic, json.dumps({"activityId": activity, "timestamp": 1, "payload": payload}).encode())
        await self.agent.work()
        return self.said()

    def said(self) -> list[str]:
        """Feedback that was not read yet, as `STATUS component=STATUS`; reports as `state version`."""
        found = []
        while (waiting := self.journal.outbox.oldest()) is not None:
            self.journal.outbox.sent(waiting[0])
            content = json.loads(waiting[1].payload)
            payload = content["payload"]
            if waiting[1].topic == "kettleupdate/currentstate":
                found.append(f"state {payload['softwareNodes'][0]['version']}")
                continue
            assert waiting[1].topic == "kettleupdate/desiredstatefeedback"
            actions = [f"{each['component']['id']}={each['status']}" for each in payload.get("actions", ())]
            found.append(" ".join([payload["status"], *actions]))
        return found


def _nothing(**_: object) -> None:
    pass


Work = Callable[[Device], Coroutine[Any, Any, None]]


@pytest.fixture
def on_kettle() -> Iterator[Callable[[Work], None]]:
    journal = empty_journal()

    def play(work: Work) -> None:
        async def story() -> None:
            await work(Device(journal))

        run(story())

    yield play
    journal.close()


OnKettle = Callable[[Work], None]


def test_an_update_goes_all_the_way(on_kettle: OnKettle) -> None:
    async def work(device: Device) -> None:
        assert await device.desired("x", "2") == ["IDENTIFYING", "IDENTIFIED kettle:firmware=IDENTIFIED"]
        assert device.kettle.firmware == "1"
        said = [
            line for name in ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP") for line in await device.command("x", name)
        ]
        assert said == [
            "DOWNLOADING kettle:firmware=DOWNLOADING",
            "DOWNLOAD_SUCCESS kettle:firmware=DOWNLOAD_SUCCESS",
            "UPDATING kettle:firmware=UPDATING",
            "UPDATE_SUCCESS kettle:firmware=UPDATE_SUCCESS",
            "ACTIVATING kettle:firmware=ACTIVATING",
            "ACTIVATION_SUCCESS kettle:firmware=ACTIVATION_SUCCESS",
            "CLEANUP_SUCCESS kettle:firmware=ACTIVATION_SUCCESS",
            "COMPLETED kettle:firmware=ACTIVATION_SUCCESS",
            "state 2",
        ]
        assert device.kettle.clock == ["2"]
        assert device.journal.overruled() == ("kettle",)

    on_kettle(work)


def test_a_failure_is_rolled_back(on_kettle: OnKettle) -> None:
    async def work(device: Device) -> None:
        await device.desired("x", "2")
        await device.command("x", "DOWNLOAD")
        await device.command("x", "UPDATE")
        device.kettle.fails_at = "ACTIVATE"
        assert (await device.command("x", "ACTIVATE"))[-1] == "ACTIVATION_FAILURE kettle:firmware=ACTIVATION_FAILURE"
        assert (await device.command("x", "ROLLBACK"))[-1] == "ROLLBACK_SUCCESS kettle:firmware=UPDATE_FAILURE"
        assert device.kettle.clock == ["broken 2", "1"]
        assert (await device.command("x", "CLEANUP"))[-2:] == ["INCOMPLETE kettle:firmware=UPDATE_FAILURE", "state 1"]

    on_kettle(work)


def test_a_command_that_was_cut_by_the_end_of_the_process_goes_on(on_kettle: OnKettle) -> None:
    async def work(device: Device) -> None:
        await device.desired("x", "2")
        device.kettle.hangs = True
        asyncio.get_running_loop().call_later(1, device.stopping.set)
        asyncio.get_running_loop().call_later(1, device.agent.interrupt)
        assert await device.command("x", "DOWNLOAD") == ["DOWNLOADING kettle:firmware=DOWNLOADING"]
        device.stopping.clear()
        device.kettle.hangs = False
        device.boot()
        await device.agent.work()
        assert device.said()[-1] == "DOWNLOAD_SUCCESS kettle:firmware=DOWNLOAD_SUCCESS"

    on_kettle(work)


def test_what_takes_the_place_of_an_activity_closes_it(on_kettle: OnKettle) -> None:
    async def work(device: Device) -> None:
        await device.desired("x", "2")
        await device.command("x", "DOWNLOAD")
        assert device.kettle.flashed == "2"
        assert await device.desired("y", "3") == [
            "IDENTIFYING",
            "SUPERSEDED kettle:firmware=DOWNLOAD_SUCCESS",
            "IDENTIFIED kettle:firmware=IDENTIFIED",
        ]
        assert device.kettle.flashed == ""

    on_kettle(work)


def test_a_participant_that_cannot_look_refuses(on_kettle: OnKettle) -> None:
    async def work(device: Device) -> None:
        device.kettle.is_on = False
        assert await device.desired("x", "2") == ["IDENTIFYING", "IDENTIFICATION_FAILED"]

    on_kettle(work)
