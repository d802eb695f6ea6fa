"""An Update Manager for tests: an MQTT client of its own, not evenkeel's, that commands activities and hears everything.

Its session outlives connections, so that a broker that is killed loses nothing that it had acknowledged. It commands as
Kanto's does: the next phase when the last one's terminal status is there; the same message again is no news.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from tests.engines.broker import leave
from tests.places import DATA
from tests.until import PATIENCE_S

NEXT = {
    "IDENTIFIED": "DOWNLOAD",
    "DOWNLOAD_SUCCESS": "UPDATE",
    "UPDATE_SUCCESS": "ACTIVATE",
    "ACTIVATION_SUCCESS": "CLEANUP",
}
BACK = {"DOWNLOAD_FAILURE": "ROLLBACK", "UPDATE_FAILURE": "ROLLBACK", "ACTIVATION_FAILURE": "ROLLBACK"}
BACK |= {"ROLLBACK_SUCCESS": "CLEANUP", "ROLLBACK_FAILURE": "CLEANUP"}
ENDS = ("COMPLETED", "INCOMPLETE", "IDENTIFICATION_FAILED", "SUPERSEDED")
IN_PROGRESS = ("DOWNLOADING", "UPDATING", "ACTIVATING", "ROLLBACK")


class Said(NamedTuple):
    """One message of feedback, without its time."""

    status: str
    actions: tuple[tuple[str, str], ...]
    message: str = ""

    def __str__(self) -> str:
        return " ".join([self.status, *(f"{name}={status}" for name, status in self.actions)])


def component(name: str, image: str, **config: str) -> dict[str, Any]:
    entries = [{"key": "image", "value": image}, *({"key": key, "value": value} for key, value in config.items())]
    return {"id": name, "version": image.rpartition(":")[2], "config": entries}


def asking(*components: dict[str, Any], domain: str = "containers") -> dict[str, Any]:
    return {"domains": [{"id": domain, "config": [], "components": list(components)}]}


def combined(image: str, version: str = "", bundle: str = "") -> dict[str, Any]:
    """The seed's combined message with another image, and another bundle; without a version, the container alone."""
    payload: dict[str, Any] = json.loads((DATA / "leda-combined.json").read_text())["payload"]
    system, containers = payload["domains"]
    (os_image,), (hello,) = system["components"], containers["components"]
    hello["config"][0]["value"], os_image["version"], os_image["config"][0]["value"] = image, version, bundle
    if not version:
        payload["domains"].remove(system)
    return payload


class Manager:
    """Connected to a broker; `domain` is the agent's."""

    def __init__(self, port: int, domain: str = "containers", **access: Any) -> None:
        self.prefix = f"{domain}update"
        self._news, self._up = threading.Condition(), threading.Event()
        self._heard: list[tuple[str, dict[str, Any]]] = []
        client_id = f"manager-{os.urandom(4).hex()}"
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
        self.client.reconnect_delay_set(1, 1)
        self.client.max_inflight_messages_set(1)
        if user := access.get("user"):
            self.client.username_pw_set(*user)
        if tls := access.get("tls"):
            self.client.tls_set(*tls)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._up.set()
        self.client.on_message = self._on_message
        self.client.on_socket_open = send_at_once
        self.client.connect(access.get("host", "127.0.0.1"), port, 60)
        self.client.loop_start()
        assert self._up.wait(PATIENCE_S), "the manager cannot connect"

    def close(self) -> None:
        leave(self.client)

    def wait_for_agent(self) -> None:
        """Until an agent has reported its state: then it hears what is sent, now and later."""
        self.until(self.states, "the report of a new connection")

    # ── saying ─────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, activity: str, payload: dict[str, Any]) -> None:
        self._publish("desiredstate", activity, payload)

    def command(self, activity: str, command: str) -> None:
        self._publish("desiredstate/command", activity, {"command": command})

    def ask_state(self, activity: str) -> None:
        self._publish("currentstate/get", activity, {})

    def answer(self, activity: str, status: str) -> None:
        """The owner answers an update manager."""
        self._publish("ownerconsentfeedback", activity, {"status": status})

    def _publish(self, topic: str, activity: str, payload: dict[str, Any]) -> None:
        envelope = {"activityId": activity, "timestamp": time.time_ns() // 10**6, "payload": payload}
        self.client.publish(f"{self.prefix}/{topic}", json.dumps(envelope), qos=1)

    # ── hearing ────────────────────────────────────────────────────────────────────────────────────────────────

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(f"{self.prefix}/{each}", 1) for each in _TOPICS])

    def _on_message(self, client: object, user: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self._heard.append((message.topic, json.loads(message.payload)))
            self._news.notify_all()

    def states(self) -> list[dict[str, Any]]:
        """The current states that were reported, the newest last."""
        with self._news:
            return [value for topic, value in self._heard if topic == f"{self.prefix}/currentstate"]

    def questions(self, activity: str) -> list[str]:
        """The commands for which an update manager has asked the owner."""
        with self._news:
            heard = [value for topic, value in self._heard if topic == f"{self.prefix}/ownerconsent"]
        return [value["payload"]["command"] for value in heard if value["activityId"] == activity]

    def said(self, activity: str) -> list[Said]:
        """Feedback as it came; a message that came twice (QoS 1: the same to the millisecond) is one."""
        topic = f"{self.prefix}/desiredstatefeedback"
        with self._news:
            found = [value for name, value in self._heard if name == topic and value["activityId"] == activity]
        return [said_in(value) for index, value in enumerate(found) if value not in found[:index]]

    def until(self, look: Callable[[], Any], what: str, limit_s: float = PATIENCE_S) -> Any:
        """The first answer that is true, looked for whenever something was heard."""
        deadline = time.monotonic() + limit_s
        with self._news:
            while not (found := look()):
                assert self._news.wait(deadline - time.monotonic()), f"{what}: not within {limit_s:g} s; {self._tail()}"
        return found

    def hear(self, activity: str, status: str, limit_s: float = PATIENCE_S) -> Said:
        """The first message with that status."""
        return self.until(
            lambda: next((said for said in self.said(activity) if said.status == status), None),
            f"{activity} {status}",
            limit_s,
        )

    def drive(
        self,
        activity: str,
        payload: dict[str, Any],
        on: Callable[[Said], None] = lambda said: None,
        limit_s: float = PATIENCE_S,
    ) -> list[Said]:
        """Ask and command to the end; `on` is told every message, before it is answered. All that was said."""
        self.ask(activity, payload)
        return self.follow(activity, on, limit_s)

    def follow(
        self, activity: str, on: Callable[[Said], None] = lambda said: None, limit_s: float = PATIENCE_S
    ) -> list[Said]:
        answered, done = list[Said](), set[str]()
        while True:
            more = self.until(lambda: self.said(activity)[len(answered) :], f"more of {activity}", limit_s)
            for said in more:
                answered.append(said)
                on(said)
                if said.status in ENDS:
                    return self.said(activity)
                command = (NEXT | BACK).get(said.status, "")
                if command and command not in done and (said.actions or said.status != "IDENTIFIED"):
                    done.add(command)
                    self.command(activity, command)

    def _tail(self) -> str:
        return "; ".join(f"{value['activityId']} {value['payload'].get('status', '')}" for _, value in self._heard[-8:])


def send_at_once(client: object, user: object, sock: Any) -> None:
    """As every connection of Go's, in which Kanto's is written: a command does not wait for the acknowledgement of a
    packet before it."""
    with socket.socket(fileno=os.dup(sock.fileno())) as own:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


_TOPICS = ("desiredstatefeedback", "currentstate", "ownerconsent")


def said_in(value: dict[str, Any]) -> Said:
    payload = value["payload"]
    actions = tuple((item["component"]["id"].partition(":")[2], item["status"]) for item in payload.get("actions", ()))
    return Said(payload["status"], actions, payload.get("message", ""))


def told(said: Sequence[Said]) -> list[str]:
    """What was said, in order; work in progress that was said again, because it was begun again or went on, is said once."""
    lines: list[str] = []
    for each in said:
        line = str(each)
        if not (lines and line == lines[-1] and each.status in IN_PROGRESS):
            lines.append(line)
    return lines
