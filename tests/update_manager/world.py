"""A backend, Kanto's Update Manager, a broker and a device with evenkeel's agent and a memory engine, in virtual time.

Everything talks by messages over the broker only, one at a time and in order. `World.deaths` says which of them die at which
message; messages are counted from 1, in the order in which the broker hands them to agent or Update Manager. The dead come
back after a while, and the backend sends its desired state again.

`World.run` returns when the backend is content: COMPLETED was the last word, or it has heard so many failures that it gives
up. Every word is compared with the engine's world at the moment at which it is said; what is not true is a `lie`.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from itertools import repeat
from typing import Any, Literal, NamedTuple

from tests.controller.agents.harness import COMMAND, DESIRED, GET, Device, PowerLoss
from tests.virtual import now

from evenkeel.controller.cycle.endings import Progressed, Retrying

from .double import Orchestrator, Published, Verdict

Who = Literal[
    "manager", "agent", "agent at work", "agent and manager", "broker", "broker with its disk", "engine", "engine for long",
    "everything",
]  # fmt: skip
_HANDOVER_S, DOWN_S = 0.002, 3.0
AWAY_S: Mapping[str, float] = {"engine": 30.0, "engine for long": 200.0, "everything": 20.0}
"""For how long the engine is away; the agent waits two minutes for it."""
_RESYNC_S = 60.0
PHASE_TIMEOUT_S = 600.0
_MOST_SENT = 4
"""Then it gives up."""
_ENDS = ("COMPLETED", "INCOMPLETE", "IDENTIFICATION_FAILED", "SUPERSEDED")
FOREIGN = "foreign"
"""The container that somebody else runs on the device."""
LONGEST_S = 4 * 3600.0


class Death(NamedTuple):
    """Who dies when this message is about to be handed over."""

    message: int
    who: Who


class Handed(NamedTuple):
    """A message that the broker handed over: to whom, and its status, command or topic."""

    to: str
    what: str


class Wanted(NamedTuple):
    """The end that a story has to have. `before` and `after`: what has to run, names → images. `fails`: the new version is
    no good, and `before` stays."""

    before: Mapping[str, str]
    after: Mapping[str, str]
    fails: bool = False


class LiveDevice(Device):
    """A device that tells when it has done something."""

    on_pulse: Callable[[], None] = staticmethod(lambda: None)

    def pulse(self, where: str) -> None:
        self.on_pulse()
        super().pulse(where)


class _Message(NamedTuple):
    topic: str
    payload: bytes
    packet: int = 0
    duplicate: bool = False


class World:
    """One story. `desired`: the payload that the backend asks for."""

    def __init__(self, device: LiveDevice, desired: dict[str, Any], wanted: Wanted, *deaths: Death) -> None:
        self.device, self.wanted, self.deaths = device, wanted, list(deaths)
        self.handed: list[Handed] = []
        self.verdicts: list[Verdict] = []
        self.lies: list[str] = []
        self.gaps: dict[str, float] = {}
        """Names → for how long no instance of it ran at a stretch."""
        self.words: list[str] = []
        """The agent's words that open an activity (IDENTIFIED) and end it."""
        self.clocks: Iterator[float] = repeat(0.0)
        """By how much the clock of the device is ahead, from each message to the next."""
        self._desired = desired
        self._manager: Orchestrator | None = None
        self._broker_up = self._agent_up = True
        self._to_agent: deque[_Message] = deque()
        self._to_manager: deque[_Message] = deque()
        self._managers_own: deque[Published] = deque()
        """What the Update Manager could not publish yet."""
        self._sent, self._packet, self._engine_back_at = 0, 0, 0.0
        self._news, self._awake, self._cut = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._worker: asyncio.Task[None] | None = None
        self._pending: list[asyncio.Task[None]] = []
        self._stopped_at: dict[str, float] = {}

    # ── the story ──────────────────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        """To the end. AssertionError when there is none in time."""
        self.device.on_pulse = self._look
        self._start_worker()
        self._start_manager()
        try:
            await self._settled(lambda: self._manager is not None and self._manager.idle)
            self.handed.clear()
            self._send()
            await self._settled(self._is_content)
            await self._settled(lambda: not self._pending and self._manager is not None and self._manager.idle)
            self._watch()
        finally:
            tasks = [*self._pending, *([self._worker] if self._worker is not None else [])]
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError, PowerLoss):
                    await task
            self._worker = None

    async def _settled(self, done: Callable[[], bool]) -> None:
        """Hand messages over until nothing is under way and `done`."""
        end = now() + LONGEST_S
        while True:
            for task in [task for task in self._pending if task.done()]:
                self._pending.remove(task)
                task.result()
            if await self._hand_over():
                continue
            if done():
                return
            assert now() < end, f"no end within {LONGEST_S:g} s: {self.story()}"
            await self._rest()

    async def _rest(self) -> None:
        """Until somebody has news or the Update Manager has waited long enough."""
        due = self._manager.due_at() if self._manager is not None else None
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), LONGEST_S if due is None else max(0.0, due - now()))
        self._news.clear()
        if self._manager is not None:
            self._managers_own += self._manager.tick()

    def story(self) -> str:
        """What happened, for people."""
        last = [f"{each.to}<{each.what}" for each in self.handed[-40:]]
        return f"{self.deaths}; verdicts {self.verdicts}; last {', '.join(last)}"

    def in_force(self) -> list[tuple[str, str]]:
        """Names and images of what the device keeps up from now on."""
        state = self.device.journal.revision("desired")
        return [(each.name, getattr(each.wanted, "image", "")) for each in state.documents] if state is not None else []

    # ── the broker ─────────────────────────────────────────────────────────────────────────────────────────────

    async def _hand_over(self) -> bool:
        """One message on its way; False when there is none that can go."""
        await asyncio.sleep(_HANDOVER_S)
        if not self._broker_up:
            return False
        if self._managers_own:
            self._publish(self._managers_own.popleft())
            return True
        if self._agent_up and (found := self.device.journal.outbox.oldest()) is not None:
            number, message = found
            if self._manager is not None:  # a clean session: nobody keeps it for one who is away
                self._to_manager.append(_Message(message.topic, message.payload))
            self._judge_agent(message.topic, message.payload)
            self.device.journal.outbox.sent(number)
            return True
        if self._manager is not None and self._to_manager:
            if not self._dies(Handed("manager", _what(self._to_manager[0]))):
                message = self._to_manager.popleft()
                self._managers_own += self._manager.hear(message.topic, message.payload)
            return True
        if self._agent_up and self._to_agent:
            if not self._dies(Handed("agent", _what(self._to_agent[0]))):
                await self._hand_to_agent(self._to_agent.popleft())
            return True
        return False

    async def _hand_to_agent(self, message: _Message) -> None:
        """Acknowledged when it is stored; if the power is lost before, it comes again."""
        agent = self.device.agent
        try:
            agent.arrived(message.topic, message.payload, packet=message.packet, duplicate=message.duplicate)
            await agent.reports.answer()
        except PowerLoss:
            self._to_agent.appendleft(message._replace(duplicate=True))
            self._begin(self._agent_dies())
            return
        self._cut.set()
        self._awake.set()

    def _publish(self, message: Published) -> None:
        manager = self._manager
        if message.topic in (DESIRED, COMMAND, GET):
            self._packet += 1
            self._to_agent.append(_Message(message.topic, message.payload, self._packet))
        elif manager is not None and message.topic == f"{manager.prefix}/desiredstatefeedback":
            self._judge_manager(manager)
        elif json.loads(message.payload)["activityId"].startswith("initial-") and self._sent:
            self._send()  # the Update Manager began anew, and has forgotten what it was asked for

    def _dies(self, handed: Handed) -> bool:
        """Count the message that is about to be handed over. True when somebody dies of it first; it is counted once."""
        self.handed.append(handed)
        self.device.clock_is_ahead_s = next(self.clocks)
        dying = [death for death in self.deaths if death.message == len(self.handed)]
        for death in dying:
            self._die(death.who, handed)
        return bool(dying)

    # ── death ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _die(self, who: Who, handed: Handed) -> None:
        if who in ("manager", "agent and manager", "everything"):
            self._begin(self._manager_dies())
        if who in ("agent", "agent and manager", "everything"):
            self._begin(self._agent_dies(unacknowledged=handed.to == "agent"))
        if who == "agent at work":
            self.device.cuts = [len(self.device.pulses) + 1]
        if who == "everything":
            self.device.boots += 1
        if who in ("broker", "everything"):
            self._begin(self._broker_dies(keeps=False))
        if who == "broker with its disk":
            self._begin(self._broker_dies(keeps=True))
        if who in AWAY_S:
            self._begin(self._engine_dies(AWAY_S[who]))
        if who not in ("manager", "agent and manager", "everything"):  # else it is sent when the manager is back
            self._begin(self._send_again(DOWN_S + 1.0 + AWAY_S.get(who, 0.0)))

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        task.add_done_callback(lambda _: self._news.set())
        self._pending.append(task)

    async def _manager_dies(self) -> None:
        self._manager = None
        self._to_manager.clear()
        self._managers_own.clear()
        await asyncio.sleep(DOWN_S)
        self._start_manager()

    def _start_manager(self) -> None:
        self._manager = Orchestrator(now, phase_timeout_s=PHASE_TIMEOUT_S)
        if self._broker_up:
            self._managers_own += self._manager.connect()
        self._news.set()

    async def _agent_dies(self, *, unacknowledged: bool = False) -> None:
        """The power is lost. `unacknowledged`: it had stored the message, and the broker does not know that."""
        if not self._agent_up:
            return
        self._agent_up, self.device.cuts = False, []
        if unacknowledged:
            message = self._to_agent[0]
            self.device.agent.arrived(message.topic, message.payload, packet=message.packet)
            self._to_agent[0] = message._replace(duplicate=True)
        self.device.die()
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError, PowerLoss, Exception):  # its journal is gone
                await self._worker
        await asyncio.sleep(DOWN_S)
        self.device.boot()
        self._agent_up = True
        self._start_worker()
        if self._broker_up:
            await self._introduce()

    async def _introduce(self) -> None:
        """The agent is connected, and says what there is."""
        try:
            await self.device.agent.reports.introduce()
        except PowerLoss:
            self._begin(self._agent_dies())

    async def _broker_dies(self, *, keeps: bool) -> None:
        """`keeps`: sessions and what waits in them survive."""
        self._broker_up = False
        self._to_manager.clear()  # a clean session, in any case
        if not keeps:
            self._to_agent.clear()
        else:  # handed over, perhaps, and not acknowledged
            self._to_agent = deque(message._replace(duplicate=True) for message in self._to_agent)
        await asyncio.sleep(DOWN_S)
        self._broker_up = True
        if self._agent_up:
            await self._introduce()
        if self._manager is not None:
            self._managers_own += self._manager.connect()
        self._news.set()

    async def _engine_dies(self, away_s: float) -> None:
        """Its containers run on, as Docker's do with live-restore."""
        self.device.engine.script.unreachable = True
        self._engine_back_at = now() + away_s
        await asyncio.sleep(away_s)
        self.device.engine.script.unreachable = False

    # ── the agent ──────────────────────────────────────────────────────────────────────────────────────────────

    def _start_worker(self) -> None:
        self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        """What the controller's worker does."""
        device = self.device
        try:
            while True:
                self._awake.clear()
                self._cut.clear()
                await device.agent.work()
                ending = await device.cycles.run(self._cut)
                wait_s = {Progressed: 0.0, Retrying: 5.0}.get(type(ending), _RESYNC_S)
                due_s = device.agent.due_in_s()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), wait_s if due_s is None else min(wait_s, due_s))
        except PowerLoss:
            self._worker = None
            self._begin(self._agent_dies())

    # ── the backend ────────────────────────────────────────────────────────────────────────────────────────────

    def _send(self) -> None:
        self._sent += 1
        envelope = {"activityId": "update", "timestamp": int(now() * 1000), "payload": self._desired}
        if self._manager is not None:
            message = _Message(f"{self._manager.prefix}/desiredstate", json.dumps(envelope).encode())
            self._to_manager.append(message)
        self._news.set()

    async def _send_again(self, after_s: float) -> None:
        """Those who died are back, and nobody knows how far they had come."""
        await asyncio.sleep(after_s)
        self._send()

    def _is_content(self) -> bool:
        """The last word was COMPLETED; after a failure it sends again, and gives up in the end."""
        manager = self._manager
        if self._pending or manager is None or not manager.idle or not self.verdicts:
            return False
        if self.verdicts[-1].status == "COMPLETED" or self._sent >= (2 if self.wanted.fails else _MOST_SENT):
            return True
        self._send()
        return False

    # ── the truth ──────────────────────────────────────────────────────────────────────────────────────────────

    def _judge_manager(self, manager: Orchestrator) -> None:
        """Its new verdicts. One after a wait that timed out says nothing about the device, and follows no CLEANUP; and
        IDENTIFICATION_FAILED says that nothing was done, whatever had been done before."""
        for verdict in manager.verdicts:
            self.verdicts.append(verdict)
            if verdict.status == "COMPLETED":
                self._compare("manager: COMPLETED", self.wanted.after)
            elif verdict.status == "INCOMPLETE" and "signal" not in verdict.message:
                self._compare(f"manager: {verdict.status}, {verdict.message}", self.wanted.before)
        manager.verdicts.clear()

    def _judge_agent(self, topic: str, payload: bytes) -> None:
        """What it says of each component at the end of a phase, and of all at the end of an activity."""
        if topic != f"{DESIRED}feedback":
            return
        feedback = json.loads(payload)["payload"]
        status = feedback["status"]
        if status in _ENDS:
            if status != "IDENTIFICATION_FAILED" and self.words[-1:] != ["IDENTIFIED"]:
                self.lies.append(f"agent: {status}, but nothing was open; at message {len(self.handed)}")
            self.words.append(status)
        elif status == "IDENTIFIED" and self.words[-1:] != ["IDENTIFIED"]:
            self.words.append(status)
        if status == "COMPLETED":
            self._compare("agent: COMPLETED", self.wanted.after)
        elif status == "ACTIVATION_SUCCESS":
            self._compare("agent: ACTIVATION_SUCCESS", self.wanted.after, also=self.wanted.before.keys())
        elif status in ("CLEANUP_SUCCESS", "INCOMPLETE"):
            well = not any(each["status"].endswith("_FAILURE") for each in feedback.get("actions", ()))
            cleaned = not any(each["status"] == "REMOVAL_FAILURE" for each in feedback.get("actions", ()))
            if cleaned:
                self._compare(f"agent: {status}", self.wanted.after if well else self.wanted.before)

    def _compare(self, said: str, expected: Mapping[str, str], also: Collection[str] = ()) -> None:
        """Whether exactly `expected` runs, and perhaps `also` what is not removed yet. An engine that is away tells nothing."""
        if self.device.engine.script.unreachable:
            return
        found = {name: image for name, image in self.device.running().items() if not name.startswith(FOREIGN)}
        if {name: image for name, image in found.items() if name in expected or name not in also} != expected:
            self.lies.append(f"{said}: {dict(expected)} should run, but {found} do; at message {len(self.handed)}")

    def _look(self) -> None:
        """Something has happened on the device."""
        self._news.set()
        self._watch()

    def _watch(self) -> None:
        """Measure for how long nothing ran that ran before and is wanted after."""
        running = {self._subject(name) for name in self.device.running()}
        for name in self.wanted.before.keys() & self.wanted.after.keys():
            if name not in running:
                self._stopped_at.setdefault(name, now())
            elif name in self._stopped_at:
                gap_s = now() - self._stopped_at.pop(name)
                self.gaps[name] = max(gap_s, self.gaps.get(name, 0.0))

    def _subject(self, engine_name: str) -> str:
        kept = next(each for each in self.device.kept().values() if each.engine_name == engine_name)
        return kept.container.name if kept.container is not None else engine_name


def _what(message: _Message) -> str:
    content = json.loads(message.payload).get("payload") or {}
    return content.get("status") or content.get("command") or message.topic.rpartition("update/")[2]
