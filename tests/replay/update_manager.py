"""The recording of Kanto's Update Manager, played to evenkeel on virtual time, between agents that are scripted as there.

An agent, and the owner, answer each message as they did there, after the same time. What evenkeel asks in addition, such as a
ROLLBACK, they answer as in other scenarios. One line of a transcript is one message of the manager; what is sent to it
stands behind `>`, except answers.

Made equal: texts (`…`), because the recording has tokens in their place; the order of agents within one phase and of components
and nodes, which is that of a Go map; names of initial reports. Left out: messages of RUNNING after the first one, because
how many there are depends on milliseconds (`FB-4`, `FB-5` of test_checklist have their rules).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tests.controller.operations.device import Device
from tests.reconcilers.operations.agents import Agent
from tests.virtual import now

from evenkeel.reconcilers.operations.statuses import ANSWERS, WORKING
from evenkeel.specs.operations.conduct import Conduct

from .recording import Line, Recording
from .update_manager_recording import CONTAINERS, NOW, SELF_UPDATE, state_of

_QUIET_S = 60.0
_DOMAINS = {CONTAINERS: "containers", SELF_UPDATE: "self-update"}
_STATES = {
    CONTAINERS: (0.045, ["containers-update-agent", "containers:app1"]),
    SELF_UPDATE: (0.15, ["self-update-update-agent", "self-update:app1"]),
}
_WORKING = {command: status for status, command in WORKING.items()}
_WELL = {command: status for status, (command, _) in ANSWERS.items() if status.endswith("_SUCCESS")}
_BACK = {"ROLLBACK": "UPDATING", "ROLLBACK_SUCCESS": "UPDATE_FAILURE", "INCOMPLETE": "UPDATE_FAILURE"}
"""Status → that of its action, where it is another one."""


class Cue(NamedTuple):
    """A message that is answered. `verb`: a command, `slice` or `state?`; of the owner, the command that is asked about."""

    prefix: str
    activity: str
    verb: str


class Answer(NamedTuple):
    """A message, so many seconds after its cue."""

    after_s: float
    topic: str
    message: Any


class Script:
    """Who answers what in a recording. `stimuli`: the lines that answer nothing, in their order."""

    def __init__(self, recording: Recording) -> None:
        self.stimuli: list[Line] = []
        self._answers: dict[Cue, list[list[Answer]]] = {}
        cued: dict[tuple[str, str, bool], tuple[float, list[Answer]]] = {}
        for line in recording.lines:
            cue = cue_of(line.topic, line.message) if line.kind == "out" else None
            if cue is not None:
                answers: list[Answer] = []
                self._answers.setdefault(cue, []).append(answers)
                cued[cue.prefix, cue.activity, cue.verb == "state?"] = line.at_s, answers
            elif line.kind != "out":
                at_s, answers = self._cued(line, cued)
                answers.append(Answer(line.at_s - at_s, line.topic, line.message))

    def _cued(
        self, line: Line, cued: dict[tuple[str, str, bool], tuple[float, list[Answer]]]
    ) -> tuple[float, list[Answer]]:
        prefix, _, what = line.topic.partition("/")
        is_answer = prefix in _DOMAINS or what == "ownerconsentfeedback"
        is_state = what == "currentstate"
        found = cued.get((prefix, line.message["activityId"], is_state)) if is_answer else None
        if found is None and what == "ownerconsentfeedback":  # of another activity
            found = next((each for (about, _, _), each in reversed(cued.items()) if about == prefix), None)
        if found is None and not (is_state and line.message["activityId"].startswith("initial-")):
            self.stimuli.append(line)
        return found or (0.0, [])

    def answers(self, cue: Cue) -> list[Answer] | None:
        """Those to this message as it is sent for the first time, the second, and so on; `None` when the recording has
        no such message."""
        found = self._answers.get(cue)
        return found.pop(0) if found else None


def cue_of(topic: str, message: Any) -> Cue | None:
    """A message of the manager, when somebody answers such ones."""
    prefix, _, what = topic.partition("/")
    activity = message["activityId"]
    if prefix in _DOMAINS:
        verbs = {"desiredstate": "slice", "currentstate/get": "state?"}
        return Cue(prefix, activity, verbs.get(what) or message["payload"]["command"])
    return Cue(prefix, activity, message["payload"]["command"]) if what == "ownerconsent" else None


class _Bench(Device):
    """A device whose manager has the agents of the recording."""

    def __init__(self, state: Path, recording: Recording) -> None:
        self._script = Script(recording)
        self.stimuli = self._script.stimuli
        self.transcript: list[str] = []
        self._activated: set[tuple[str, str]] = set()
        self._has_booted = False
        flags = dict(each.split("=") for each in recording.note.split())
        asks = {"all": ("DOWNLOAD", "UPDATE", "ACTIVATE"), "UPDATE": ("UPDATE",)}.get(flags.get("asks", ""), ())
        after_s = flags.get("reboots", "never")
        decisions = Conduct(
            reboots=("self-update",) if "reboots" in flags else (),
            rank={"self-update": 1} if "reboots" in flags else {},
            consent=asks,  # type: ignore[arg-type]
            phase_timeout_s=float(flags["phase"]),
            consent_timeout_s=float(flags.get("consent", "30")),
        )
        agents = ["containers"] if flags.get("agents") == "containers" else ["containers", "self-update"]
        super().__init__(
            state,
            [Agent(domain, "kanto") for domain in agents],
            decisions,
            local=(),
            read_timeout_s=2.0,
            running_every_s=float(flags.get("running", "1")),
            state_delay_s=float(flags.get("delay", "1")),
            reboots_after_s=None if after_s == "never" else float(after_s),
        )

    def _booted(self) -> None:
        self._has_booted = True
        super()._booted()

    def _publish_reached(self, topic: str, content: Any) -> None:
        self.transcript += _text(topic, content)
        cue = cue_of(topic, content)
        if cue is None:
            return
        answers = self._script.answers(cue)
        if answers is None:
            answers = list(self._answers(cue)) if cue.prefix in _DOMAINS else []
        for each in answers:
            if each.topic.startswith(f"{cue.prefix}/"):
                asyncio.get_running_loop().call_later(each.after_s, self.send, each.topic, each.message)

    def send(self, topic: str, message: Any) -> None:
        status = message.get("payload", {}).get("status") if isinstance(message.get("payload"), dict) else ""
        if status == "ACTIVATION_SUCCESS":
            self._activated.add((topic.partition("/")[0], message["activityId"]))
        if self.link.hears(topic):
            self.link.deliver(topic, as_sent(message))

    def _answers(self, cue: Cue) -> Iterator[Answer]:
        """Of an agent of the recording, to what it was not asked there."""
        if cue.verb == "state?":
            after_s, names = _STATES[cue.prefix]
            message = {"activityId": cue.activity, "timestamp": NOW, "payload": state_of(cue.prefix, names)}
            yield Answer(after_s, f"{cue.prefix}/currentstate", message)
            return
        if cue.verb == "slice":
            statuses = ["IDENTIFYING", "IDENTIFIED"]
        elif cue.verb == "CLEANUP":
            well = (cue.prefix, cue.activity) in self._activated
            statuses = ["CLEANUP_SUCCESS", "COMPLETED" if well else "INCOMPLETE"]
        else:
            statuses = [_WORKING[cue.verb], _WELL[cue.verb]]
        if cue.verb == "ROLLBACK":
            self._activated.discard((cue.prefix, cue.activity))
        for number, status in enumerate(statuses, 1):
            yield Answer(0.05 * number, f"{cue.prefix}/desiredstatefeedback", self._feedback(cue, status))

    def _feedback(self, cue: Cue, status: str) -> dict[str, Any]:
        """After a reboot nothing is left to do with what was activated."""
        component = {"id": f"{_DOMAINS[cue.prefix]}:app1", "version": "1.0"}
        told = "IDENTIFIED" if cue.verb == "slice" else _BACK.get(status, status)
        is_done = cue.verb == "slice" and self._has_booted and (cue.prefix, cue.activity) in self._activated
        actions = [] if is_done else [{"component": component, "status": told}]
        return {"activityId": cue.activity, "timestamp": NOW, "payload": {"status": status, "actions": actions}}


def as_sent(message: Any) -> str:
    """A message on the wire, with the time at which it is sent."""
    if "__raw__" in message:
        return str(message["__raw__"])
    now_ms = int(now() * 1000)
    return json.dumps(
        {key: now_ms if key.lower() == "timestamp" and value == NOW else value for key, value in message.items()}
    )


def recorded(recording: Recording) -> list[str]:
    """What the original said."""
    stimuli = list(Script(recording).stimuli)
    found: list[str] = []
    for line in recording.lines:
        if stimuli and line is stimuli[0]:
            found.append(_sent(stimuli.pop(0)))
        elif line.kind == "out":
            found += _text(line.topic, line.message)
    return list(_plain(found))


async def played(recording: Recording, state: Path) -> list[str]:
    """What evenkeel says."""
    device = _Bench(state, recording)
    await device.starts()
    try:
        begins_s = asyncio.get_running_loop().time() - device.stimuli[0].at_s
        for line in device.stimuli:
            await device.plays(max(0.0, begins_s + line.at_s - asyncio.get_running_loop().time()))
            device.transcript.append(_sent(line))
            if line.kind != "event":
                device.send(line.topic, line.message)
            elif "broker" in str(line.message):
                device.link.reconnects()
            else:
                await device.ends()
        await device.plays(_QUIET_S)
        if "reboots=never" in recording.note:
            device.transcript.append("> event: somebody reboots the device")
            await device.loses_power()
            await device.plays(_QUIET_S)
    finally:
        await device.dies()
    return list(_plain(device.transcript))


# ── text ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _sent(line: Line) -> str:
    if line.kind == "event":
        return f"> event: {line.message}"
    written = json.dumps(line.message.get("payload", line.message))
    return f"> {line.topic} {line.message.get('activityId', '(none)')} {written}"


def _text(topic: str, message: Any) -> Iterator[str]:
    prefix, _, what = topic.partition("/")
    activity, payload = message["activityId"] or "(none)", message["payload"]
    cue = cue_of(topic, message)
    if prefix in _DOMAINS and cue is not None:
        detail = f" {json.dumps(payload)}" if cue.verb == "slice" else ""
        yield f"    {_DOMAINS[prefix]} ← {cue.verb} [{activity}]{detail}"
    elif cue is not None:
        yield f"{activity} owner? {cue.verb}"
    elif what == "currentstate":
        root, *nodes = (each["id"] for each in payload["softwareNodes"])
        name = "initial-current-state" if activity.startswith("initial-") else activity
        yield f"{name} current state: {', '.join((root, *sorted(nodes)))}"
    else:
        told = sorted(f"{each['component']['id']} {each['status']}" for each in payload.get("actions", ()))
        yield f"{activity} {payload['status']}{': …' if payload.get('message') else ''} ({', '.join(told)})"


def _plain(lines: Iterable[str]) -> Iterator[str]:
    """Without initial reports before all, and without RUNNING that is told again; agents that are told the same, in order."""
    begun, running = False, set[str]()
    kept = list[str]()
    for line in lines:
        begun = begun or line.startswith("> ")
        if (
            begun
            and "state? [initial-" not in line
            and not (" RUNNING (" in line and line.partition(" ")[0] in running)
        ):
            kept.append(line)
        if " RUNNING (" in line:
            running.add(line.partition(" ")[0])
        elif " (" in line and not line.startswith((" ", ">")):
            running.discard(line.partition(" ")[0])
    for _, group in groupby(kept, _same):
        yield from sorted(group)


def _same(line: str) -> object:
    return line.partition(" ← ")[2].partition("{")[0] if line.startswith(" ") else object()
