"""The current states of all agents as one (update-manager.md §5). Pure.

The states pass as they came. The original loses the associations of an agent without software nodes, and its order is that of a
map (B-17); here everything is kept, in the order of the agents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evenkeel.specs.kanto.updateagent import read_envelope

State = Mapping[str, Sequence[Mapping[str, Any]]]
"""The current state of one agent, by `hardwareNodes`, `softwareNodes` and `associations`."""
_LISTS = ("hardwareNodes", "softwareNodes", "associations")
_INITIAL = "initial-current-state-"


class Report(NamedTuple):
    """A current state as its agent sent it."""

    activity_id: str
    timestamp_ms: int
    state: State

    @property
    def introduces(self) -> bool:
        """Whether an agent sends it because it has just connected (container-management.md §1.3)."""
        return self.activity_id.startswith(_INITIAL)


def initial_name(now_ms: int) -> str:
    """The activity of a report that follows a new connection."""
    return f"{_INITIAL}{now_ms}"


def read_report(payload: bytes, topic: str) -> Report | str:
    """The report in a message, or why it is none. Elements that are no mappings are passed over (B-01)."""
    received = read_envelope(payload, topic, answer=True)
    if received.problems:
        return received.problems[0].message
    value = received.payload if isinstance(received.payload, dict) else {}
    state = {key: tuple(_mappings(value.get(key))) for key in _LISTS if value.get(key)}
    return Report(received.activity_id, received.timestamp_ms, state)


def versions(state: State) -> dict[str, str]:
    """The version of each software node, by its id: `domain:id` for a component."""
    return {each["id"]: _text(each, "version") for each in state.get("softwareNodes", ()) if _text(each, "id")}


def aggregated(domain: str, version: str, states: Mapping[str, State]) -> dict[str, Any]:
    """The inventory of an update manager: its own node, and below it the states of its agents, by their domains."""
    root = f"{domain}-update-manager"
    found: dict[str, list[Mapping[str, Any]]] = {key: [] for key in _LISTS}
    found["softwareNodes"].append({"id": root, "version": version, "name": "Update Manager", "type": "APPLICATION"})
    for agent, state in states.items():
        found["hardwareNodes"].extend(state.get("hardwareNodes", ()))
        found["softwareNodes"].extend(state.get("softwareNodes", ()))
        node = _root_of(agent, state)
        if node:
            found["associations"].append({"sourceId": root, "targetId": node})
        found["associations"].extend(state.get("associations", ()))
    return {key: items for key, items in found.items() if items}


def _root_of(agent: str, state: State) -> str:
    """The id of the node that stands for the agent itself: an application that names its domain, else the first one, because
    Leda's agent names none; "" without nodes."""
    nodes = state.get("softwareNodes", ())
    own = {"key": "domain", "value": agent}
    named = (node for node in nodes if node.get("type") == "APPLICATION" and own in _mappings(node.get("parameters")))
    first = next(named, nodes[0] if nodes else {})
    return _text(first, "id")


def _mappings(items: object) -> Iterator[dict[str, Any]]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield item


def _text(owner: Mapping[str, Any], key: str) -> str:
    found = owner.get(key)
    return found if isinstance(found, str) else ""
