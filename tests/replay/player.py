"""Play a recording to an update agent, and write down what both say.

Each line is sent after the lines before it were answered. Where the recording sends one while a phase is at work, or several
at once, they are sent like that here, too. What happened outside of MQTT is done to the device: the controller is killed and
started, the broker is away, somebody uses the engine's own command line.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tests.controller.agents.harness import Device

from .recording import Line, Recording
from .transcript import Transcript

Hands = Mapping[int, Callable[[], Awaitable[None]]]
"""What somebody does to the engine that the recording does not say: number of the line before which it is done → doing it."""

REGISTRY = "localhost:5000"
"""Of the recorded images."""
_WORKING = {"IDENTIFYING", "DOWNLOADING", "UPDATING", "ACTIVATING", "ROLLBACK"}
_AT_ONCE_S = 0.1
_LOOK_EVERY_S = 0.05


def recorded(recording: Recording) -> Transcript:
    """What the original said."""
    transcript = Transcript()
    for line in recording.lines:
        _write(transcript, line)
    return transcript


async def replayed(
    recording: Recording, device: Device, hands: Hands, registry: str = REGISTRY, *, paced: bool
) -> Transcript:
    """What evenkeel says. `registry`: where the images are here; in what is written down they are where they were in the
    recording. `paced`: between two lines passes as much time as in the recording, also where nothing is waited for."""
    player = _Player(device, registry)
    before: Line | None = None
    at_work = False
    for number, line in enumerate(recording.lines):
        if line.retained:
            continue
        if line.kind == "out":
            if line.topic.endswith("/desiredstatefeedback"):
                at_work = line.message["payload"]["status"] in _WORKING
            before = line
            continue
        pause_s = line.at_s - before.at_s if before is not None else 0.0
        if not (before is not None and before.kind == line.kind == "in" and pause_s < _AT_ONCE_S):
            if at_work:
                await player.works()
            else:
                await player.rests()
            if paced or at_work:
                await asyncio.sleep(pause_s)
                player.wakes()
            if not at_work:
                await player.rests()
        if number in hands:
            await hands[number]()
            player.wakes()
            await player.rests()
        before = line
        await player.plays(line, _until_next_s(recording, number) if paced else 0.0)
    await player.rests()
    return player.transcript


def _until_next_s(recording: Recording, number: int) -> float:
    later = recording.lines[number + 1 : number + 2]
    return later[0].at_s - recording.lines[number].at_s if later else 0.0


class _Player:
    def __init__(self, device: Device, registry: str) -> None:
        self.device, self.transcript, self._registry = device, Transcript(), registry
        self._work: asyncio.Task[None] | None = None
        self._online = True
        self._alive = True
        self._status = ""
        self._activities: set[str] = set()

    def wakes(self) -> None:
        """The worker does what there is to do."""
        if self._alive and (self._work is None or self._work.done()):
            self._work = asyncio.create_task(self.device.settle())

    async def rests(self) -> None:
        """When the worker has nothing left to do."""
        while self._work is not None:
            await self._work
            self._work = None
            if self._alive and self.device.journal.mailbox("containers").incoming() is not None:
                self.wakes()
        self._read()

    async def works(self) -> None:
        """When it has been said that a phase is at work, or there is no work left."""
        while self._work is not None and not self._work.done():
            self._read()
            if self._status in _WORKING:
                return
            await asyncio.sleep(_LOOK_EVERY_S)
        self._read()

    async def plays(self, line: Line, connects_after_s: float) -> None:
        """A message is sent, or an event happens. Whoever has lost the broker tries again after a while."""
        self._read()
        _write(self.transcript, line)
        if line.kind == "event":
            await self._event(line.message, connects_after_s)
            return
        if line.topic.endswith("/desiredstate") and isinstance(line.message, dict):
            self._activities.add(str(line.message.get("activityId", "")))
        if not self._alive or not self._online:
            return
        payload = line.payload.replace(REGISTRY.encode(), self._registry.encode())
        self.device.agent.arrived(line.topic, payload)
        await self.device.agent.reports.answer()
        self.wakes()

    async def _event(self, what: str, connects_after_s: float) -> None:
        match what:
            case "daemon killed" | "daemon told to stop":
                self.device.die()
                self._alive = False
            case "daemon ended":
                pass
            case "daemon started":
                if not self._alive:
                    self.device.boot()
                self._alive = True
                await self._connects()
            case "broker stopped":
                self._online = False
            case "broker started":
                self._online = True
                await asyncio.sleep(connects_after_s)
                await self._connects()
            case _:
                raise AssertionError(f"nobody knows how to play {what!r}")

    async def _connects(self) -> None:
        if self._alive and self._online:
            await self.device.agent.reports.introduce()
            self.wakes()

    def _read(self) -> None:
        """Take what was published since, as far as there is a broker, and pass over reports that nobody asked for."""
        mail = self.device.journal.mailbox("containers")
        while self._alive and self._online and (waiting := mail.outbox.oldest()) is not None:
            number, sent = waiting
            mail.outbox.sent(number)
            message: dict[str, Any] = json.loads(sent.payload.replace(self._registry.encode(), REGISTRY.encode()))
            self._status = message["payload"].get("status", self._status)
            unasked = message["activityId"] in self._activities or message["activityId"].startswith("current-state-")
            if not (unasked and sent.topic.endswith("/currentstate")):
                self.transcript.published(sent.topic, message)


def _write(transcript: Transcript, line: Line) -> None:
    match line.kind:
        case "in":
            transcript.sent(line.topic, line.message)
        case "event":
            transcript.event(line.message)
        case "out" if not line.retained:
            transcript.published(line.topic, line.message)
