"""The recording of Kanto's Update Manager between scripted agents, read from `tests/data/recordings`.

It is one text, with a line for each message: seconds, topic, activity and a summary of the payload. Here each scenario is
a recording as those of the agents are, and every summary a message again. What a summary does not tell, stands in `_WRITTEN`.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

from tests.places import DATA

from .recording import Line, Recording

UPDATE_MANAGER = "update-manager"
OWN, CONTAINERS, SELF_UPDATE = "vehicleupdate", "containersupdate", "selfupdate"
_TO_MANAGER = ("desiredstate", "desiredstate/command", "currentstate/get", "ownerconsentfeedback")
_LINE = re.compile(r"\s*(\d+\.\d+) q1 (\S+) (?:\[(.*?)\] (.*)|RAW '(.*)')$")
_FEEDBACK = re.compile(r"(\w+) (?:msg=(?:'(.*?)'|\"(.*?)\") )?A=(.*)$")
NOW = 1
"""A timestamp that is the time at which the message is sent."""
_ONE = {"domains": [{"ID": "containers", "Components": [{"Id": "app1", "VERSION": "1"}]}]}
_WRITTEN: dict[str, dict[str, Any]] = {
    "missing-payload": {"activityId": "act-e3", "timestamp": NOW},
    "case-insensitive-keys": {"ActivityID": "act-e5", "TimeStamp": NOW, "PAYLOAD": _ONE},
    "timestamp-string": {"activityId": "act-e6", "timestamp": "1", "payload": {"domains": [{"id": "containers"}]}},
    "no-activityid": {"timestamp": NOW, "payload": {"domains": [{"id": "containers"}]}},
}
"""Scenario → the desired state as it stood on the wire (update-manager.md §2.2)."""
_EMPTY = "single-domain-success"
"""It was published before the manager had connected: nobody heard it."""
_WHOLE = {"e7": "current-state"}
"""Files whose scenarios build upon one another → the name of their whole."""
_TERMINATED, _WHILE = "e16", ("identifying", "downloading", "waiting-for-its-reboot", "asking-the-owner")
"""The file in which the manager is told to end, and at what it was each time."""
_THINGS = ("e13", "things")
"""About Eclipse Ditto's messages, not the topics of an update manager: the file that `test_things` plays, and the scenario of
e14 in which the broker is restarted. Of that one the recording has no contents, and nothing that the manager says after
the restart, because the original says nothing any more (B-12). What evenkeel says then is `test_thg_8`."""
_SETTINGS: tuple[tuple[str, str], ...] = (
    ("approve-after-phase-timeout", "phase=2 consent=6 asks=all"),
    ("never-answered", "phase=2 consent=6 asks=all"),
    ("interval-0s", "phase=3 running=0 delay=0"),
    ("interval-5s-cleanup-lost-stale-running-with-old-activityid", "phase=1 running=5"),
    ("terminated-while-waiting-for-its-reboot", "phase=3 reboots=4"),
    ("terminated-while-asking-the-owner", "phase=3 consent=3 asks=UPDATE"),
    ("reboot", "phase=3 reboots=2"),
    ("self-update-with-zero-actions-no-reboot", "phase=3 reboots=2"),
    ("two-domain-success-reboot-required-but-disabled", "phase=3 reboots=never"),
    ("mqtt", "phase=3 agents=containers"),
)
_FILES = {"e4": "phase=2", "e5": "phase=3 consent=1.5 asks=all"}
_OLD, _WITHOUT_TIME = "SW=old", "SW=nots"


@cache
def scenarios() -> dict[str, Recording]:
    """All scenarios, by name."""
    text = lzma.decompress((DATA / f"recordings/{UPDATE_MANAGER}.txt.xz").read_bytes()).decode()
    files = re.split(r"^#{16} scenario file (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(sorted((each.name, each) for file in zip(files[::2], files[1::2], strict=True) for each in _of(*file)))


def _of(file: str, text: str) -> Iterator[Recording]:
    if file in _WHOLE:
        yield _scenario(_WHOLE[file], file, text)
        return
    if file == _TERMINATED:
        for moment, lines in zip(_WHILE, text.split("UM exit rc 0\n"), strict=False):
            yield _scenario(f"terminated-while-{moment}", file, f"{lines}--- told to end\n")
        return
    parts = re.split(r"^#{4,5} (.+)\n", text, flags=re.MULTILINE)[1:]
    for title, lines in zip(parts[::2], parts[1::2], strict=True):
        name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\[\w+\]$", "", title).lower()).strip("-")
        if name != _EMPTY and file not in _THINGS and name not in _THINGS:
            yield _scenario(name, file, lines)


def _scenario(name: str, file: str, text: str) -> Recording:
    settings = dict(_SETTINGS).get(name) or _FILES.get(file, "phase=3")
    lines, at_s = list[Line](), 0.0
    for written in text.split("\n==========")[0].splitlines():
        found = _LINE.match(written)
        if found:
            at_s = float(found[1])
            lines.append(_line(name, at_s, *found.groups()[1:]))
        elif written == "--- broker restart":
            lines.append(Line(at_s, "event", "", "the broker is started again", False))
        elif written == "--- told to end":
            lines.append(Line(at_s, "event", "", "the manager is told to end, and begins anew", False))
    return Recording(name, settings, tuple(lines))


def _line(name: str, at_s: float, topic: str, activity: str | None, summary: str | None, raw: str | None) -> Line:
    what = topic.removeprefix(f"{OWN}/")
    is_in = what in _TO_MANAGER or (
        not topic.startswith(OWN) and topic.endswith(("/desiredstatefeedback", "/currentstate"))
    )
    kind: Literal["in", "out"] = "in" if is_in else "out"
    if raw is not None:
        return Line(at_s, kind, topic, {"__raw__": raw}, False)
    if what == "desiredstate" and name in _WRITTEN:
        return Line(at_s, kind, topic, _WRITTEN[name], False)
    assert activity is not None
    assert summary is not None
    message = {
        "activityId": "" if activity == "None" else activity,
        "timestamp": NOW,
        "payload": _payload(topic, summary),
    }
    if summary == _OLD:
        message["timestamp"] = 1000
    elif summary == _WITHOUT_TIME:
        del message["timestamp"]
    return Line(at_s, kind, topic, message, False)


def _payload(topic: str, summary: str) -> Any:
    if topic.endswith("/currentstate"):
        return _state(topic, summary)
    if topic.endswith("feedback"):
        found = _FEEDBACK.match(summary)
        assert found is not None, summary
        actions = [_action(*each.split("=")) for each in found[4].split(",") if each]
        text = {"message": found[2] or found[3]} if found[2] or found[3] else {}
        return {"status": found[1], **text, **({"actions": actions} if actions else {})}
    return json.loads(summary)


def _action(component: str, status: str) -> dict[str, Any]:
    return {"component": {"id": component, "version": "1.0"}, "status": status}


def _state(topic: str, summary: str) -> Any:
    if not summary.startswith("SW="):
        return json.loads(summary)
    names = [each for each in summary.removeprefix("SW=").split(",") if each]
    if not names:
        hardware = [{"id": "h", "addressable": True}]
        return {"hardwareNodes": hardware, "associations": [{"sourceId": "h", "targetId": "x"}]}
    return state_of(topic.partition("/")[0], names)


def state_of(prefix: str, names: list[str]) -> dict[str, Any]:
    """The current state of an agent: its own node, and its components."""
    domain = {CONTAINERS: "containers", SELF_UPDATE: "self-update"}.get(prefix, "")
    parameters = [{"key": "domain", "value": domain}]
    root = {"id": names[0], "version": "1.0", "name": "A", "parameters": parameters, "type": "APPLICATION"}
    return {"softwareNodes": [root, *({"id": each, "version": "1.0", "type": "CONTAINER"} for each in names[1:])]}
