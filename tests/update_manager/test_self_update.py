"""Kanto's Update Manager commands the operating system, and reboots the device, as for a domain with `rebootRequired`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from tests.controller.selfupdate.device import URL, Device, desired, statuses
from tests.virtual import now, run

from evenkeel.controller.drivers.slots.memory import Bundle

from .double import Orchestrator, Published, Verdict

pytestmark = pytest.mark.virtual

_REBOOT_AFTER_S = 30.0


class Vehicle:
    """The device, and the update manager on its broker."""

    def __init__(self, state: Path) -> None:
        self.device = Device(state)
        self.manager = Orchestrator(now, agent="self-update", phase_timeout_s=600.0)
        self._read = 0

    async def starts(self) -> None:
        await self.device.starts()
        self._deliver(self.manager.connect())
        await self._until_idle()

    async def updates(self, activity: str, version: str) -> Verdict:
        """A desired state for the whole device; the update manager's end of it."""
        message = json.loads(desired(activity, version))
        self._deliver(self.manager.hear("deviceupdate/desiredstate", json.dumps(message).encode()))
        await self._until_idle()
        return self.manager.verdicts[-1]

    async def _until_idle(self) -> None:
        async with asyncio.timeout(3600):
            while not self.manager.idle:
                await asyncio.sleep(0.1)
                fresh = self.device.link.published[self._read :]
                self._read += len(fresh)
                for each in fresh:
                    if each.topic in self.manager.subscriptions:
                        self._deliver(self.manager.hear(each.topic, json.dumps(each.content).encode()))
                self._deliver(self.manager.tick())

    def _deliver(self, messages: list[Published]) -> None:
        for message in messages:
            if message.topic.startswith(self.manager.agent_prefix):
                self.device.link.deliver(message.topic, message.payload.decode())


def test_an_update_is_completed_rebooted_and_proven(tmp_path: Path) -> None:
    async def story() -> None:
        vehicle = Vehicle(tmp_path)
        device = vehicle.device
        await vehicle.starts()
        begun_s = asyncio.get_running_loop().time()
        assert (await vehicle.updates("a", "2")).status == "COMPLETED"
        assert asyncio.get_running_loop().time() - begun_s < 60, "it waits for no timeout"
        assert (device.runs, device.primary) == ("1", "B")
        assert vehicle.manager.ignored == ["IDENTIFYING"], "every other status counts where it comes"
        await asyncio.sleep(_REBOOT_AFTER_S)
        device.said()
        await device.reboots()
        await asyncio.sleep(120)
        assert (device.runs, statuses(device.said())) == ("2", ["COMPLETED"])
        await device.stops()

    run(story())


def test_nothing_to_do_is_completed_at_once(tmp_path: Path) -> None:
    """With the original it takes the phase's whole timeout (IDN-12)."""

    async def story() -> None:
        vehicle = Vehicle(tmp_path)
        await vehicle.starts()
        begun_s = asyncio.get_running_loop().time()
        assert (await vehicle.updates("a", "1")).status == "COMPLETED"
        assert asyncio.get_running_loop().time() - begun_s < 10
        await vehicle.device.stops()

    run(story())


def test_a_failed_update_is_cleaned_up(tmp_path: Path) -> None:
    async def story() -> None:
        vehicle = Vehicle(tmp_path)
        vehicle.device.world.served[URL] = Bundle("2", flaw="expired")
        await vehicle.starts()
        assert (await vehicle.updates("a", "2")).status == "INCOMPLETE"
        assert vehicle.device.primary == "A"
        vehicle.device.world.served[URL] = Bundle("2")
        assert (await vehicle.updates("b", "2")).status == "COMPLETED"
        assert vehicle.device.primary == "B"
        await vehicle.device.stops()

    run(story())
