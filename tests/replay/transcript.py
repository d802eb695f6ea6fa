"""A conversation as text, so that two of them can be compared: one block for each message, with what differs from run to run
made equal.

Made equal: times, ids of containers, the order of nodes in an inventory, and which of several unwanted containers is
destroyed first; all of these are by chance in the original. Left out: `progress`, and the reports of the current state that
evenkeel publishes without being asked. How often a container was restarted is a measured value: `restartCount=n`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]

_IDS = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<id>"),
    (re.compile(r"(endpoint) \S+ \(<id>\)"), r"\1 <name> (<id>)"),
)
_TIMES = ("created", "finishedAt")
_LONGEST_SENT = 400


class Transcript:
    """Written line by line while the conversation goes on."""

    def __init__(self) -> None:
        self.blocks: list[list[str]] = []
        self.key_orders: set[tuple[str, tuple[str, ...]]] = set()
        """Of every mapping that was published: where it stood, and its keys as they stood in it."""
        self._wanted: dict[str, frozenset[str]] = {}
        self._renamed: dict[str, dict[str, tuple[str, str]]] = {}
        self._last: Message = {}

    def sent(self, topic: str, message: object) -> None:
        """A message to the agent."""
        what = topic.rpartition("/")[2]
        payload = message.get("payload") if isinstance(message, dict) else None
        activity = message.get("activityId", "") if isinstance(message, dict) else ""
        if what == "command" and isinstance(payload, dict) and "command" in payload:
            baseline = f" of {payload['baseline']}" if "baseline" in payload else ""
            text = f"{activity} {payload['command']}{baseline}"
        elif what == "get" and isinstance(message, dict) and "__raw__" not in message:
            text = f"{activity} current state?"
        elif isinstance(message, dict) and "activityId" in message and isinstance(payload, dict):
            text = f"{activity} {what} {_json(payload)}"
        else:
            text = f"{what} {_json(message)}"
        if what == "desiredstate" and isinstance(activity, str):
            self._wanted[activity] = frozenset(_components(payload))
            self._renamed.pop(activity, None)
        self._segment([f"> {text[:_LONGEST_SENT]}"])

    def event(self, text: str) -> None:
        """Something outside of MQTT."""
        self._segment([f"> event: {text}"])

    def published(self, topic: str, message: Message) -> None:
        """A message of the agent. What it says of the current state upon a connection is not ordered against what it says
        about an activity, and both recorder and agent connect again when a broker was away."""
        self.key_orders.update(_key_orders("", message))
        if not topic.endswith("/currentstate"):
            self.blocks.append(list(self._feedback(message)))
        elif not message["activityId"].startswith("initial-current-state-"):
            self.blocks.append(list(_state(message["activityId"], message["payload"])))
        elif message != self._last:
            self._last = message
            place = next(at for at in range(len(self.blocks), -1, -1) if at == 0 or self.blocks[at - 1][0][0] == ">")
            self.blocks.insert(place, list(_state("initial-current-state", message["payload"])))

    def _segment(self, block: list[str]) -> None:
        self._last = {}
        self.blocks.append(block)

    def _feedback(self, message: Message) -> Iterator[str]:
        activity, payload = message["activityId"], message["payload"]
        baseline = f" of {payload['baseline']}" if "baseline" in payload else ""
        text = f": {_plain(payload['message'])}" if "message" in payload else ""
        yield f"{activity or '(none)'} {payload['status']}{baseline}{text}"
        for subject, action in self._actions(activity, payload.get("actions", ())):
            said = f": {_plain(action['message'])}" if "message" in action else ""
            yield f"    {subject} {action['status']}{said}"

    def _actions(self, activity: str, actions: Sequence[Message]) -> list[tuple[str, Message]]:
        """Actions by `id version`. Those about what is not wanted any more stand at the end; the first of them is called as
        the one whose name comes first, and so on, because the original's order is one of chance."""
        wanted = self._wanted.get(activity, frozenset())
        first = [_component(action) for action in actions if _component(action)[0] not in wanted]
        names = self._renamed.setdefault(activity, {}) if first else {}
        if not names:
            names.update(zip((name for name, _ in first), sorted(first), strict=True))
        ordinary = [
            (" ".join(_component(action)).rstrip(), action) for action in actions if _component(action)[0] in wanted
        ]
        unwanted = [
            (" ".join(names.get(name, (name, version))), action)
            for action in actions
            for name, version in [_component(action)]
            if name not in wanted
        ]
        return ordinary + sorted(unwanted, key=lambda each: each[0])

    @property
    def lines(self) -> list[str]:
        """All of it."""
        return [line for block in self.blocks for line in block]


def _key_orders(place: str, value: object) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(value, Mapping):
        yield place, tuple(value)
        for key, inner in value.items():
            yield from _key_orders(f"{place}.{key}", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _key_orders(place, inner)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _components(payload: object) -> Iterator[str]:
    """Ids with the domain in front, as actions have them."""
    domains = payload.get("domains") if isinstance(payload, dict) else None
    for domain in domains if isinstance(domains, list) else ():
        components = domain.get("components")
        for component in components if isinstance(components, list) else ():
            yield f"{domain['id']}:{component['id']}"


def _component(action: Message) -> tuple[str, str]:
    return action["component"]["id"], action["component"].get("version", "")


def _state(title: str, payload: Message) -> Iterator[str]:
    yield f"{title} current state"
    targets = sorted(f"{each['sourceId']} → {each['targetId']}" for each in payload.get("associations", ()))
    yield from sorted(f"    {_node(node)}" for node in payload["softwareNodes"])
    if targets:
        yield f"    {', '.join(targets)}"


def _node(node: Message) -> str:
    head = [node["id"], node.get("version", ""), node["type"], node.get("name", "")]
    values = ", ".join(_parameter(each) for each in node["parameters"])
    return f"{' '.join(filter(None, head))}: {values}"


def _parameter(parameter: Message) -> str:
    key = parameter["key"]
    if "value" not in parameter:
        return str(key)
    if key in _TIMES:
        return f"{key}=<time>"
    return f"{key}=n" if key == "restartCount" and parameter["value"] != "0" else f"{key}={parameter['value']}"


def _plain(text: str) -> str:
    for pattern, replacement in _IDS:
        text = pattern.sub(replacement, text)
    return text.replace("\n", " ⏎ ")
