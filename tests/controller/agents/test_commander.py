"""Who commands an agent, on a real broker, with an agent that answers as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.engines.broker import Broker

from evenkeel.controller.agents.commander import Commander, connected
from evenkeel.controller.mqtt import MqttLink
from evenkeel.specs.errors import TimedOut
from evenkeel.specs.kanto.heard import Heard
from evenkeel.specs.settings.mqtt import MqttSettings

Mosquitto = Callable[..., Broker]


def link(broker: Broker, client: str, *topics: str) -> MqttLink:
    settings = MqttSettings(enabled=True, broker=f"tcp://127.0.0.1:{broker.port}", client_id=client)
    return MqttLink(settings, topics, lasting=False)


@asynccontextmanager
async def agent(broker: Broker) -> AsyncIterator[None]:
    """Completes whatever it is asked for, at once, and hears what is asked while it is here."""

    async def answer() -> None:
        async for message in it.messages():
            await message.done()
            asked: dict[str, Any] = json.loads(message.payload)
            answer = {**asked, "payload": {"status": "COMPLETED"}}
            await it.publish("containersupdate/desiredstatefeedback", json.dumps(answer).encode())

    async with link(broker, "agent", "containersupdate/desiredstate") as it:
        await connected(it, "broker:it", 60)
        answering = asyncio.create_task(answer())
        yield
        answering.cancel()


async def test_a_commander_that_gave_up_once_commands_again(mosquitto: Mosquitto) -> None:
    broker = mosquitto()
    told: list[Heard] = []
    async with link(broker, "manager") as it:
        commander = Commander(it)
        await connected(it, "broker:it", 60)
        with pytest.raises(TimedOut, match=r"no end after 0\.2 s; nobody answered"):
            await commander.carry_out("a1", {"domains": []}, drive=True, on_feedback=told.append, limit_s=0.2)
        async with agent(broker):
            for activity in ("a2", "a3"):
                end = await commander.carry_out(
                    activity, {"domains": []}, drive=True, on_feedback=told.append, limit_s=60
                )
                assert (end.activity_id, end.status) == (activity, "COMPLETED")
    assert [heard.activity_id for heard in told] == ["a2", "a3"]
