"""A control unit with an update agent of its own: an MQTT client that is not evenkeel's, with a scripted agent behind it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.controller.operations.device import feedback_payload, report_payload
from tests.engines.broker import leave
from tests.reconcilers.operations.agents import Agent
from tests.until import PATIENCE_S

from evenkeel.specs.operations.events import AgentFeedback

from .commanding import send_at_once


class ControlUnit:
    """Connected to a broker. Its session ends with its connection, so that it misses what is said meanwhile; it introduces
    itself with each connection, as Kanto's agents do."""

    def __init__(self, port: int, agent: Agent) -> None:
        self.agent, self._port = agent, port
        self._prefix = f"{agent.domain.replace('-', '')}update"
        self._start()

    def _start(self) -> None:
        self._up = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, f"{self.agent.domain}-unit")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_socket_open = send_at_once
        self._client.connect("127.0.0.1", self._port, 60)
        self._client.loop_start()
        assert self._up.wait(PATIENCE_S), "the control unit cannot connect"

    def close(self) -> None:
        leave(self._client)

    def restart(self) -> None:
        """The process begins anew, and what it was about is forgotten as its kind does."""
        self.close()
        self.agent.restart()
        self._start()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        topics = ("desiredstate", "desiredstate/command", "currentstate/get")
        client.subscribe([(f"{self._prefix}/{topic}", 1) for topic in topics])

    def _on_subscribe(self, *_: object) -> None:
        self._report(f"initial-current-state-{_now_ms()}")
        self._up.set()

    def _on_message(self, client: object, user: object, message: mqtt.MQTTMessage) -> None:
        content, topic = json.loads(message.payload), message.topic.removeprefix(f"{self._prefix}/")
        if topic == "currentstate/get":
            self._report(content["activityId"])
        elif topic == "desiredstate":
            self.tell(content["activityId"], self.agent.slice())
        else:
            self.tell(content["activityId"], self.agent.command(content["payload"]["command"]))

    def tell(self, id_: str, all_of_it: Iterable[AgentFeedback]) -> None:
        """Feedback about an activity."""
        for told in all_of_it:
            self._publish("desiredstatefeedback", id_, feedback_payload(told))

    def _report(self, id_: str) -> None:
        self._publish("currentstate", id_, report_payload(self.agent), retain=True)

    def _publish(self, topic: str, id_: str, payload: dict[str, Any], *, retain: bool = False) -> None:
        content = {"activityId": id_, "timestamp": _now_ms(), "payload": payload}
        self._client.publish(f"{self._prefix}/{topic}", json.dumps(content), qos=1, retain=retain)


def _now_ms() -> int:
    return time.time_ns() // 10**6
