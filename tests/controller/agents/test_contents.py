"""What waiting messages say is decoded once, as long as there are few of them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.controller.agents.harness import COMMANDS, DESIRED, Device, asked, desired_state
from tests.virtual import run

from evenkeel.controller.agents import contents
from evenkeel.reconcilers.agents import wires
from evenkeel.specs.kanto import updateagent

pytestmark = pytest.mark.virtual


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A word for each time that a message is decoded."""
    times: list[str] = []

    def counting(word: str, read: Any) -> Any:
        def reading(*given: Any) -> Any:
            times.append(word)
            return read(*given)

        return reading

    monkeypatch.setattr(wires, "read_request", counting("desired", wires.read_request))
    monkeypatch.setattr(updateagent, "read_command", counting("command", updateagent.read_command))
    return times


def test_each_message_of_an_activity_is_decoded_once(decoded: list[str]) -> None:
    async def work() -> None:
        device = Device()
        await device.bring("x", asked("lamp"))
        assert decoded == ["desired", *["command"] * len(COMMANDS)]

    run(work())


def test_messages_that_wait_together_are_decoded_once(decoded: list[str]) -> None:
    async def work() -> None:
        device = Device()
        for name in ("x", "y", "z"):
            device.agent.arrived(DESIRED, desired_state(name, asked("lamp")))
        await device.agent.work()
        assert decoded == ["desired"] * 3

    run(work())


def test_a_refused_desired_state_is_decoded_once(decoded: list[str]) -> None:
    async def work() -> None:
        device = Device()
        await device.send(DESIRED, desired_state("x", asked("not a name")))
        assert decoded == ["desired"]

    run(work())


def test_after_a_restart_a_message_is_decoded_once_more(decoded: list[str]) -> None:
    async def work() -> None:
        device = Device()
        device.agent.arrived(DESIRED, desired_state("x", asked("lamp")))
        device.reboot()
        await device.agent.work()
        assert decoded == ["desired"] * 2

    run(work())


def test_of_a_flood_little_is_kept(decoded: list[str]) -> None:
    """Those behind are summed up when they arrive, and most are never looked at again."""

    async def work() -> None:
        device = Device()
        count = 200
        for number in range(count):
            device.agent.arrived(DESIRED, desired_state(f"x{number}", asked("lamp"), config=(("pad", "x" * 5000),)))
        kept = device.agent._contents._kept
        assert sum(size for size, _ in kept.values()) <= contents._MOST_KEPT
        await device.agent.work()
        assert len(decoded) <= count + 12, "the oldest and the newest were looked at"

    run(work())
