"""Kanto's edge connector with a backend behind it, scripted: an MQTT client that is not evenkeel's."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.engines.broker import leave
from tests.until import PATIENCE_S

from .commanding import send_at_once

_TOPICS = ("edge/thing/request", "command///res/#", "e")


class Connector:
    """It answers every request with the same ids. Its session ends with its connection, as that of the original."""

    def __init__(self, port: int, device: str = "edge:device", tenant: str = "t") -> None:
        self._ids = {"deviceId": device, "tenantId": tenant, "policyId": "p"}
        self._thing = device.replace(":", "/", 1)
        self._news, self._up = threading.Condition(), threading.Event()
        self._heard: list[tuple[str, Any]] = []
        self._sent = 0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "connector")
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_socket_open = send_at_once
        self._client.connect("127.0.0.1", port, 60)
        self._client.loop_start()
        assert self._up.wait(PATIENCE_S), "the connector cannot connect"

    def close(self) -> None:
        leave(self._client)

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(topic, 1) for topic in _TOPICS])

    def _on_subscribe(self, *_: object) -> None:
        self._publish("edge/thing/response", self._ids)
        self._up.set()

    def _on_message(self, client: object, user: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == "edge/thing/request":
            self._publish("edge/thing/response", self._ids)
        with self._news:
            self._heard.append((message.topic, json.loads(message.payload) if message.payload else None))
            self._news.notify_all()

    def _publish(self, topic: str, content: Any) -> None:
        self._client.publish(topic, json.dumps(content), qos=1)

    def send(self, subject: str, value: Any, correlation: str = "c") -> int:
        """Send the feature a message; the status of its answer."""
        self._sent += 1
        whole = {
            "topic": f"{self._thing}/things/live/messages/{subject}",
            "headers": {"response-required": True, "correlation-id": correlation},
            "path": f"/features/UpdateManager/inbox/messages/{subject}",
            "value": value,
        }
        topic = f"command///res/r{self._sent}/"
        self._publish(f"command///req/r{self._sent}/{subject}", whole)
        found = self.until(lambda: [each for name, each in self.heard() if name.startswith(topic)], f"answer {topic}")
        return int(found[0]["status"])

    def heard(self) -> list[tuple[str, Any]]:
        with self._news:
            return list(self._heard)

    def events(self, path: str) -> list[Any]:
        """What the feature has told, by the end of its path."""
        return [each for topic, each in self.heard() if topic == "e" and each["path"].endswith(path)]

    def statuses(self, activity: str) -> list[str]:
        """Statuses in order; one that is told again and again counts once."""
        values = [each["value"] for each in self.events("/feedback") if each["value"]["activityId"] == activity]
        told = [value["desiredStateFeedback"]["status"] for value in values]
        return [status for index, status in enumerate(told) if told[index - 1 : index] != [status]]

    def until(self, look: Callable[[], Any], what: str, limit_s: float = PATIENCE_S) -> Any:
        """The first answer that is true, looked for whenever something was heard."""
        deadline = time.monotonic() + limit_s
        with self._news:
            while not (found := look()):
                assert self._news.wait(deadline - time.monotonic()), f"{what}: not within {limit_s:g} s; {self._heard}"
        return found
