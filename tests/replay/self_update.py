"""The recordings of Leda's Self Update Agent, played to evenkeel on a simulated device.

Before each line the device comes to rest. A status that is told again with other per cents counts once, as the original's and
evenkeel's differ with the time. Reports of the current state that nobody asked for are left out, but for the first.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.controller.selfupdate.device import Device, Published

from evenkeel.controller.drivers.slots.memory import Bundle, factory
from evenkeel.reconcilers.agents.activity import is_over

from .recording import Line, Recording

_SERVER = "https://localhost:8443/"
_BUNDLES = {
    "v2.raucb": Bundle("v2", size=40_000),
    "v2-big.raucb": Bundle("v2", size=24 * 1024**2),
    "evil.raucb": Bundle("v2", size=40_000, flaw="wrong CA"),
    "truncated.raucb": Bundle("v2", size=200_000, flaw="truncated"),
    "none.raucb": Bundle("v2", flaw="missing"),
}
_REST_S, _PROOF_S = 30.0, 120.0


def recorded(recording: Recording) -> list[str]:
    """What the original said."""
    found: list[str] = []
    for line in recording.lines:
        if line.kind == "in":
            found.append(_sent(line))
        elif not line.retained:
            _published(line.topic, line.message, found)
    return found


async def played(recording: Recording, state: Path) -> list[str]:
    """What evenkeel says."""
    world = factory("12")
    world.served = {f"{_SERVER}{name}": bundle for name, bundle in _BUNDLES.items()}
    device = Device(state, world)
    device.engine.store.piece_s = 0.01
    await device.starts()
    found, read = list[str](), 0
    for line in recording.lines:
        if line.kind != "in":
            continue
        read = _read(device, read, found)
        found.append(_sent(line))
        device.link.deliver(line.topic, line.payload.decode())
        await asyncio.sleep(_REST_S)
    _read(device, read, found)
    activity = device.journal.mailbox("slots").activity()
    if activity is not None and is_over(activity):  # its end waits for the reboot
        found.append("> event: the device is rebooted")
        await device.reboots()
        await asyncio.sleep(_PROOF_S)
        _read(device, 0, found)
    await device.stops()
    return found


def _read(device: Device, read: int, found: list[str]) -> int:
    fresh: list[Published] = device.link.published[read:]
    for each in fresh:
        assert each.retain == each.topic.endswith("/currentstate")
        _published(each.topic, each.content, found)
    return read + len(fresh)


def _sent(line: Line) -> str:
    what, message = line.topic.removeprefix("selfupdate/"), line.message
    activity = message.get("activityId", "(none)")
    if "__raw__" in message:
        return f"> {what} {message['__raw__']!r}"
    if what == "desiredstate/command":
        return f"> {activity} {message['payload']['command']}"
    return f"> {activity} {what} {json.dumps(message.get('payload', {}))}"


def _published(topic: str, message: Any, found: list[str]) -> None:
    """Add what was published, unless it was said just before."""
    if topic.endswith("/currentstate"):
        _report(message, found)
        return
    lines = list(_feedback(message))
    if found[-len(lines) :] != lines:
        found.extend(lines)


def _report(message: Any, found: list[str]) -> None:
    """The first report stands at the beginning; the original's may come late, because it was started late."""
    activity = message.get("activityId", "")
    if activity and not activity.startswith(("get-", "initial-current-state-")):
        return
    is_asked = activity.startswith("get-")
    nodes = ", ".join(f"{each['id']} {each['type']} {each['name']}" for each in message["payload"]["softwareNodes"])
    version = message["payload"]["softwareNodes"][1]["version"]
    text = f"{activity if is_asked else 'on connection'} current state: {version} ({nodes})"
    if is_asked:
        found.append(text)
    elif not any(line.startswith("on connection") for line in found):
        found.insert(0, text)


def _feedback(message: Any) -> Iterator[str]:
    if "__raw__" in message:
        yield f"(a message of {len(message['__raw__'])} bytes)"
        return
    payload = message["payload"]
    yield f"{message['activityId'] or '(none)'} {payload['status']}: {payload['message']}"
    for action in payload["actions"]:
        component = f"{action['component']['id']} {action['component'].get('version', '')}".strip()
        yield f"    {component} {action['status']}: {action['message']}"
