"""Two update agents of two domains on one connection: each has its topics, its mailbox, its activity and its worker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from tests.controller.mqtt.memory_link import MemoryLink
from tests.controller.transaction.two import Engine, FirstMemory, Half, SecondMemory, Two
from tests.virtual import now, run

from evenkeel.controller.agents.agent import UpdateAgent
from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.agents.role import AgentRole
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.ports import Serving
from evenkeel.controller.mqtt.router import Router
from evenkeel.controller.participants.containers.conduct import ContainersConduct
from evenkeel.controller.participants.containers.participant import containers_participant

pytestmark = pytest.mark.virtual


def message(activity: str, payload: dict[str, Any]) -> str:
    return json.dumps({"activityId": activity, "timestamp": 1, "payload": payload})


def desired(activity: str, domain: str, image: str) -> str:
    name, _, version = image.partition(":")
    component = {"id": name, "version": version, "config": [{"key": "image", "value": image}]}
    return message(activity, {"domains": [{"id": domain, "components": [component]}]})


class TwoAgents(Two):
    """The device, with an agent for each domain on a link in memory."""

    def __init__(self, state: Path) -> None:
        self.link = MemoryLink(100_000)
        super().__init__(state, self._serving)

    def _serving(self, controller: Controller) -> Serving:
        router = Router(self.link, self.journal, controller.say, controller.defects)  # type: ignore[arg-type]
        first = self._role(controller, router, Half(FirstMemory, lambda name: name.startswith("a")), self.first)
        second = self._role(controller, router, Half(SecondMemory, lambda name: not name.startswith("a")), self.second)
        return Serving((first, second), router.serve)

    def _role(self, controller: Controller, router: Router, decisions: Half, engine: Engine) -> AgentRole:
        settings = AgentSettings(domain=decisions.domain)
        worker = controller.worker(decisions.domain)
        participant = containers_participant(
            ContainersConduct(decisions.domain),
            self.journal,
            engine,
            decisions,
            worker.cycles,
            controller.stopping,
            worker.signs.looks,
        )
        agent = UpdateAgent(
            settings, self.journal, participant, controller.stopping, controller.say, worker.wake, router.wake, now
        )
        mail = self.journal.mailbox(decisions.domain)
        role = AgentRole(agent, mail, router.wake, controller.defects, name=f"update agent of {decisions.domain}")
        router.add(role)
        return role

    def statuses(self, domain: str) -> list[str]:
        """What was said of activities of a domain, as `activity STATUS`."""
        topic = f"{domain}update/desiredstatefeedback "
        heard = [json.loads(each.removeprefix(topic)) for each in self.link.heard if each.startswith(topic)]
        return [f"{each['activityId']} {each['payload']['status']}" for each in heard]

    def command(self, domain: str, activity: str, command: str) -> None:
        self.link.deliver(f"{domain}update/desiredstate/command", message(activity, {"command": command}))


def test_two_activities_are_open_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        device = TwoAgents(tmp_path)
        work = asyncio.ensure_future(device.controller.run())
        await asyncio.sleep(1)
        device.link.deliver("firstupdate/desiredstate", desired("x", "first", "a:1"))
        device.link.deliver("secondupdate/desiredstate", desired("y", "second", "b:1"))
        await asyncio.sleep(1)
        assert device.statuses("first") == ["x IDENTIFYING", "x IDENTIFIED"]
        assert device.statuses("second") == ["y IDENTIFYING", "y IDENTIFIED"]
        assert {domain: each.id for domain, each in device.journal.activities().items()} == {
            "first": "x",
            "second": "y",
        }

        for command in ("DOWNLOAD", "UPDATE", "ACTIVATE"):
            device.command("second", "y", command)
        device.command("first", "y", "DOWNLOAD")
        await asyncio.sleep(60)
        assert device.statuses("first") == ["x IDENTIFYING", "x IDENTIFIED"], "its activity is another"
        assert device.statuses("second")[-1] == "y ACTIVATION_SUCCESS"
        assert device.running() == ["b:1"]

        for command in ("DOWNLOAD", "UPDATE", "ACTIVATE"):
            device.command("first", "x", command)
        await asyncio.sleep(60)
        assert device.statuses("first")[-1] == "x ACTIVATION_SUCCESS"
        assert device.running() == ["a:1", "b:1"]
        device.controller.stop()
        await work
        device.journal.close()

    run(story())


def test_a_question_is_answered_by_the_agent_that_was_asked(tmp_path: Path) -> None:
    async def story() -> None:
        device = TwoAgents(tmp_path)
        work = asyncio.ensure_future(device.controller.run())
        await asyncio.sleep(1)
        device.link.heard.clear()
        device.link.deliver("secondupdate/currentstate/get", message("q", {}))
        await asyncio.sleep(1)
        (answer,) = device.link.heard
        topic, _, content = answer.partition(" ")
        assert topic == "secondupdate/currentstate"
        assert json.loads(content)["activityId"] == "q"
        device.controller.stop()
        await work
        device.journal.close()

    run(story())


def test_a_full_agent_refuses_while_the_other_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its senders hears of it, but for the one whose activity is open or waits: what becomes of that is told yet."""
    monkeypatch.setattr("evenkeel.controller.journal.mailbox.MOST_WAITING", 2)

    async def story() -> None:
        device = TwoAgents(tmp_path)
        work = asyncio.ensure_future(device.controller.run())
        await asyncio.sleep(1)
        held = asyncio.Event()

        async def hangs(*_: object) -> None:
            await held.wait()

        monkeypatch.setattr(device.first, "observe", hangs)
        flood = [desired(f"x{number % 30}", "first", "a:1") for number in range(31)]
        device.link.deliver("firstupdate/desiredstate", *flood)
        device.link.deliver("secondupdate/desiredstate", desired("y", "second", "b:1"))
        await asyncio.sleep(5)
        assert device.statuses("second") == ["y IDENTIFYING", "y IDENTIFIED"]
        assert device.link.kept == 0
        refused = [each for each in device.statuses("first") if each.endswith("IDENTIFICATION_FAILED")]
        assert refused == [f"x{number} IDENTIFICATION_FAILED" for number in range(2, 30)]
        device.controller.stop()
        held.set()
        await work
        device.journal.close()

    run(story())
