"""A backend and Kanto's Update Manager on a real broker: `tests.update_manager.double` with a connection of its own.

Everything that is heard goes through one queue and is dealt with by the thread of the test, one message after the other. So a
test can let somebody die at exactly the n-th message; the Update Manager dies without a good-bye.
"""

from __future__ import annotations

import json
import os
import queue
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.engines.broker import leave
from tests.until import PATIENCE_S
from tests.update_manager.double import Orchestrator, Published, Verdict

from .commanding import ENDS

_READ_TIMEOUT_S = 4.0
"""An agent that has no session yet does not hear that it is asked for its state."""


class Heard(NamedTuple):
    """A message, and whose connection it came on. Without a topic: the connection is made, and all is subscribed to."""

    by: Connection
    topic: str = ""
    payload: bytes = b""


class Connection:
    """A client with a clean session, made again whenever it is lost, until it is closed or killed."""

    def __init__(self, port: int, name: str, topics: tuple[str, ...], heard: queue.Queue[Heard]) -> None:
        self._topics, self._heard = topics, heard
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"{name}-{os.urandom(4).hex()}")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: heard.put(Heard(self))
        self._client.on_message = lambda _, __, message: heard.put(Heard(self, message.topic, bytes(message.payload)))
        self._client.connect_async("127.0.0.1", port, 60)
        self._client.loop_start()

    def _on_connect(self, client: mqtt.Client, _: object, __: object, reason: Any, *___: object) -> None:
        if not reason.is_failure:
            client.subscribe([(topic, 1) for topic in self._topics])

    def publish(self, message: Published) -> None:
        """Waits for a connection, if there is none."""
        self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)

    def kill(self) -> None:
        """The connection ends without a good-bye, and what was not sent yet is lost."""
        self._client.on_subscribe = self._client.on_message = None
        sock = self._client.socket()
        self._client._sock_close()
        if sock is not None:
            sock.close()
        self.close()

    def close(self) -> None:
        self._client.on_disconnect = None
        leave(self._client)


class Backend:
    """Asks for one desired state until it is there, through an Update Manager that may die.

    `passed` is called for every message between Update Manager and agent, with its number from 1 on and its content, before it
    is dealt with, or right after it was sent.
    """

    def __init__(
        self,
        port: int,
        agent: str,
        *,
        phase_timeout_s: float,
        passed: Callable[[int, str], None] = lambda n, what: None,
    ) -> None:
        self.verdicts: list[Verdict] = []
        self.passed = passed
        self.log: list[str] = []
        self.feedback: list[bytes] = []
        """The agent's, as it came."""
        self._port, self._agent, self._phase_timeout_s = port, agent, phase_timeout_s
        self._queue: queue.Queue[Heard] = queue.Queue()
        self._count, self._payload, self._introduced = 0, dict[str, Any](), ""
        self._double, self._manager = self._begin()
        self._self = Connection(port, "backend", (f"{self._double.prefix}/currentstate",), self._queue)
        self._is_ready = {self._self: False, self._manager: False}

    def _begin(self) -> tuple[Orchestrator, Connection]:
        """A new process of the Update Manager."""
        double = Orchestrator(
            time.time,
            domain=f"um{self._agent}",
            agent=self._agent,
            phase_timeout_s=self._phase_timeout_s,
            read_timeout_s=_READ_TIMEOUT_S,
        )
        return double, Connection(self._port, "um", double.subscriptions, self._queue)

    def close(self) -> None:
        self._self.close()
        self._manager.close()

    def kill_manager(self) -> None:
        """It is started again at once, and has forgotten everything."""
        self._manager.kill()
        self._is_ready.pop(self._manager)
        self._double, self._manager = self._begin()
        self._is_ready[self._manager] = False

    def send(self) -> None:
        """The desired state, under the same activity each time."""
        self._self.publish(Published(f"{self._double.prefix}/desiredstate", self._envelope()))

    def _envelope(self) -> bytes:
        return json.dumps(
            {"activityId": "update", "timestamp": int(time.time() * 1000), "payload": self._payload}
        ).encode()

    def bring(self, payload: dict[str, Any], judge: Callable[[Verdict], None], limit_s: float = 4 * PATIENCE_S) -> None:
        """Wait for an agent; from then on its session keeps what it is sent. Ask, and ask again after every failure and
        whenever the Update Manager has begun anew, until COMPLETED is the last word. `judge` is told every verdict at its
        moment."""
        deadline = time.monotonic() + limit_s
        self._work(lambda: self._double.knows_agent and self._double.idle and self._introduced, deadline)
        self._payload, self._count = payload, 0
        self.log.clear()
        self.feedback.clear()
        self.send()

        def is_over() -> bool:
            return bool(self.verdicts) and self.verdicts[-1].status == "COMPLETED" and self._double.idle

        while not is_over():
            known = len(self.verdicts)
            self._work(lambda known=known: len(self.verdicts) > known or is_over(), deadline)
            for verdict in self.verdicts[known:]:
                judge(verdict)
            if self.verdicts[-1].status != "COMPLETED" and len(self.verdicts) > known:
                self.send()

    def hear_out(self, limit_s: float = PATIENCE_S) -> None:
        """Until the agent has said how the activity ended, which it does after its last phase."""
        self._work(lambda: json.loads(self.feedback[-1])["payload"]["status"] in ENDS, time.monotonic() + limit_s)

    def _work(self, done: Callable[[], Any], deadline: float) -> None:
        while not done():
            due = self._double.due_at()
            wait_s = 1.0 if due is None else max(0.0, min(1.0, due - time.time()))
            try:
                self._deal_with(self._queue.get(timeout=wait_s))
            except queue.Empty:
                self._out(self._double.tick())
            assert time.monotonic() < deadline, f"no end in time; {self.story()}"

    def story(self) -> str:
        """What happened, for people."""
        return f"verdicts {[verdict.status for verdict in self.verdicts]}; last {', '.join(self.log[-30:])}"

    def _deal_with(self, heard: Heard) -> None:
        if heard.by not in self._is_ready:
            return  # of a process that is dead
        if not heard.topic:
            self._is_ready[heard.by] = True
            if heard.by is self._manager:
                self._out(self._double.connect())
        elif heard.by is self._self:
            self._hear_manager(heard)
        elif heard.topic == f"{self._double.prefix}/desiredstate":
            self._out(self._double.hear(heard.topic, heard.payload))
        else:
            if heard.topic == f"{self._double.agent_prefix}/desiredstatefeedback":
                self.feedback.append(heard.payload)
            self._pass(heard.topic, heard.payload)
            if heard.by in self._is_ready:  # else it has just died, and has not heard it
                self._out(self._double.hear(heard.topic, heard.payload))

    def _hear_manager(self, heard: Heard) -> None:
        """Under a new name, the current state says that the Update Manager began anew, and has forgotten what it was asked."""
        name = json.loads(heard.payload)["activityId"]
        if name.startswith("initial-current-state-") and name != self._introduced:
            self._introduced = name
            if self._payload:
                self.send()

    def _out(self, messages: list[Published]) -> None:
        manager = self._manager
        for message in messages:
            if self._manager is manager:
                manager.publish(message)
                if message.topic.startswith(f"{self._double.agent_prefix}/"):
                    self._pass(message.topic, message.payload)
        self.verdicts += self._double.verdicts
        self._double.verdicts.clear()

    def _pass(self, topic: str, payload: bytes) -> None:
        content = json.loads(payload).get("payload") or {}
        what = content.get("status") or content.get("command") or topic.rpartition("update/")[2]
        self._count += 1
        self.log.append(what)
        if self._payload:
            self.passed(self._count, what)
