"""Kanto's Update Manager (dfd2129), as a device with one update agent sees it: `/work/shared/protocol/update-manager.md` (§).

A state machine without I/O and without a clock of its own. `connect` and `hear` say what is to be published; `due_at` says
when `tick` has to be called next. The tests connect it to a virtual broker or to mosquitto. It does what the original was
seen to do, its defects included, because an agent has to work with those:

* Nothing is kept over a restart (§3.7). The session is a clean one: what is published while it is away is lost (§1.4).
* One operation at a time. Desired states that come meanwhile wait their turn, also those of the same activity (B-02).
* Five waits, each with the whole `phase_timeout_s` (§3.3). A wait that ends without its signal ends the operation:
  IDENTIFICATION_FAILED in the first, INCOMPLETE in the next three, no word at all in the last (B-05). No CLEANUP follows.
* A status counts only in the states of §3.4; `baseline` is not read, and commands never name one (§2.4). A failed phase is
  answered with CLEANUP at once. COMPLETED before its turn lets the wait run to its end (B-10). SUPERSEDED is not known.
* The current state is asked for on every connect and after every operation (§5). Until the answer or `read_timeout_s` no
  command leaves (§3.1).

Left out: owner consent, ROLLBACK (only a refused consent sends it), reboot, Things, and RUNNING feedback. With a single agent
the barriers of §3.2 hold nothing back.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

WAITS = ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP", "")
"""The signals that are waited for in turn; the last wait is for the end (§3.3)."""
PHASES = {
    "DOWNLOAD": ("DOWNLOADING", "DOWNLOAD_SUCCESS", "DOWNLOAD_FAILURE", "IDENTIFIED", "UPDATE"),
    "UPDATE": ("UPDATING", "UPDATE_SUCCESS", "UPDATE_FAILURE", "DOWNLOAD_SUCCESS", "ACTIVATE"),
    "ACTIVATE": ("ACTIVATING", "ACTIVATION_SUCCESS", "ACTIVATION_FAILURE", "UPDATE_SUCCESS", "CLEANUP"),
}
"""Statuses of the agent at work, well and badly; the state in which they count; the signal that a success gives (§3.4)."""
_FAILED = ("DOWNLOAD_FAILURE", "UPDATE_FAILURE", "ACTIVATION_FAILURE")
_OVER = ("CLEANUP_SUCCESS", "CLEANUP_FAILURE")
_QUESTION = "currentstate/get"


class Published(NamedTuple):
    """A message for the broker, QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


class Verdict(NamedTuple):
    """The end of one operation as the backend hears it. `status` is "" when it hears none (B-05)."""

    activity: str
    status: str
    message: str


@dataclass
class _Operation:
    """`domain`: the state of the agent's domain. `failed`: the end will be INCOMPLETE (§3.5)."""

    activity: str
    deadline: float
    status: str = "IDENTIFYING"
    domain: str = "IDENTIFYING"
    wait: int = 0
    failed: bool = False
    actions: dict[str, dict[str, Any]] = field(default_factory=dict)


class Orchestrator:
    """One process of it, connected from `connect` on. `now` in seconds; `verdicts` are the ends of its operations."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        domain: str = "device",
        agent: str = "containers",
        phase_timeout_s: float = 600.0,
        read_timeout_s: float = 60.0,
    ) -> None:
        self.prefix, self.agent_prefix = _prefix(domain), _prefix(agent)
        self.subscriptions = (
            f"{self.prefix}/desiredstate",
            f"{self.agent_prefix}/currentstate",
            f"{self.agent_prefix}/desiredstatefeedback",
        )
        self.verdicts: list[Verdict] = []
        self.ignored: list[str] = []
        """Statuses of the open activity that did not count where they came."""
        self._now, self._domain, self._agent = now, domain, agent
        self._phase_timeout_s, self._read_timeout_s = phase_timeout_s, read_timeout_s
        self._operation: _Operation | None = None
        self._applied = ""
        self._waiting: deque[tuple[str, dict[str, Any]]] = deque()
        self._question: tuple[str, float] | None = None
        """What the current state was asked for under, and until when that is waited for."""
        self._held: list[Published] = []
        """For the agent, until that question is over."""
        self._state: Any = None
        self._out: list[Published] = []

    # ── what happens ───────────────────────────────────────────────────────────────────────────────────────────

    def connect(self) -> list[Published]:
        """Connected, and all topics are subscribed to: the first time, or after a connection was lost."""
        self._ask(f"initial-current-state-{self._ms()}")
        return self._take()

    def hear(self, topic: str, payload: bytes) -> list[Published]:
        """A message of one of the `subscriptions`."""
        envelope = json.loads(payload)
        activity, content = envelope.get("activityId", ""), envelope.get("payload") or {}
        if topic == f"{self.prefix}/desiredstate":
            self._waiting.append((activity, content))
            self._begin_next()
        elif topic == f"{self.agent_prefix}/currentstate":
            self._state = content
            if self._question is not None and self._question[0] == activity != "":
                self._end_question()
        elif self._operation is not None and activity == self._applied == self._operation.activity:
            self._feedback(self._operation, content)
        return self._take()

    def due_at(self) -> float | None:
        """When `tick` is needed, at the latest."""
        moments = [self._operation.deadline] if self._operation is not None else []
        return min([*moments, *([self._question[1]] if self._question is not None else [])], default=None)

    def tick(self) -> list[Published]:
        """What has become due."""
        if self._question is not None and self._now() >= self._question[1]:
            self._end_question()
        operation = self._operation
        if operation is not None and self._now() >= operation.deadline:
            awaited = WAITS[operation.wait]
            ends = {0: "IDENTIFICATION_FAILED", len(WAITS) - 1: ""}
            why = f"failed to wait for command '{awaited}' signal: not received in {self._phase_timeout_s:g} s"
            self._end(operation, ends.get(operation.wait, "INCOMPLETE"), why)
        return self._take()

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do and waits for nothing."""
        return self._operation is None and self._question is None and not self._waiting

    @property
    def knows_agent(self) -> bool:
        """Whether the agent has reported its state, now or before."""
        return self._state is not None

    # ── the operation ──────────────────────────────────────────────────────────────────────────────────────────

    def _begin_next(self) -> None:
        """§3.2: serial, and an operation lasts until the inventory after it was published."""
        if self._operation is not None or self._question_is_of_an_operation() or not self._waiting:
            return
        activity, content = self._waiting.popleft()
        wanted = [domain for domain in content.get("domains", ()) if domain.get("id") == self._agent]
        if not wanted:  # §3.7, B-08: under no activity
            self._say("", {"status": "INCOMPLETE", "message": "no supported domain"})
            self.verdicts.append(Verdict("", "INCOMPLETE", "no supported domain"))
            self._ask(activity)
            return
        self._operation = _Operation(activity, self._now() + self._phase_timeout_s)
        self._applied = activity
        self._say(activity, {"status": "IDENTIFYING"})
        self._tell_agent("desiredstate", activity, _slice(content, wanted[-1], self._agent))

    def _feedback(self, operation: _Operation, content: dict[str, Any]) -> None:
        """§3.4. Actions are merged whatever the status is."""
        status = content.get("status", "")
        for action in content.get("actions", ()):
            operation.actions[action["component"]["id"]] = action
        if status == "IDENTIFIED":
            self._identified(operation, content)
        elif status == "IDENTIFICATION_FAILED" and operation.domain == "IDENTIFYING":
            self._end(operation, "IDENTIFICATION_FAILED", f"[{self._agent}]: {content.get('message', '')}")
        elif status in ("COMPLETED", "INCOMPLETE") and operation.domain not in _OVER:
            operation.failed = operation.failed or status == "INCOMPLETE"
            self._cleaned_up(operation, "CLEANUP_SUCCESS" if status == "COMPLETED" else "CLEANUP_FAILURE")
        elif status in _OVER and operation.domain in ("ACTIVATION_SUCCESS", *_FAILED):
            self._cleaned_up(operation, status)
        elif not self._phase(operation, status):
            self.ignored.append(status)

    def _identified(self, operation: _Operation, content: dict[str, Any]) -> None:
        if operation.status != "IDENTIFYING" or operation.domain == "IDENTIFIED":
            self.ignored.append("IDENTIFIED")
            return
        self._say(operation.activity, {"status": "IDENTIFIED", **self._actions(operation)})
        if not content.get("actions"):
            operation.domain = "CLEANUP_SUCCESS"
            self._end(operation, "COMPLETED", "")
            return
        operation.domain, operation.status = "IDENTIFIED", "RUNNING"
        self._signal(operation, "DOWNLOAD")

    def _phase(self, operation: _Operation, status: str) -> bool:
        """Whether the status counted as one of a phase."""
        for working, well, badly, counts_in, signal in PHASES.values():
            if status in (working, well, badly):
                if operation.status != "RUNNING" or operation.domain != counts_in:
                    return False
                if status == well:
                    operation.domain = well
                    self._signal(operation, signal)
                elif status == badly:
                    operation.domain, operation.failed = badly, True
                    self._tell_agent("desiredstate/command", operation.activity, {"command": "CLEANUP"})
                return True
        return False

    def _signal(self, operation: _Operation, command: str) -> None:
        """The wait for this command is over: it is sent, and the next wait begins."""
        operation.wait, operation.deadline = WAITS.index(command) + 1, self._now() + self._phase_timeout_s
        self._tell_agent("desiredstate/command", operation.activity, {"command": command})

    def _cleaned_up(self, operation: _Operation, state: str) -> None:
        """§3.5. A failure ends any wait, a success only the last one; in another one nothing counts any more (B-10)."""
        operation.domain = state
        if operation.failed:
            self._end(operation, "INCOMPLETE", "not everything completed")
        elif operation.wait == len(WAITS) - 1:
            self._end(operation, "COMPLETED", "")
        else:
            operation.status = "COMPLETED"

    def _end(self, operation: _Operation, status: str, why: str) -> None:
        if status:
            message = {"message": why} if why else {}
            self._say(operation.activity, {"status": status, **message, **self._actions(operation)})
        self.verdicts.append(Verdict(operation.activity, status, why))
        self._operation = None
        self._ask(operation.activity)

    # ── the current state ──────────────────────────────────────────────────────────────────────────────────────

    def _ask(self, activity: str) -> None:
        self._tell_agent(_QUESTION, activity, None)
        self._question = (activity, self._now() + self._read_timeout_s)

    def _question_is_of_an_operation(self) -> bool:
        return self._question is not None and not self._question[0].startswith("initial-current-state-")

    def _end_question(self) -> None:
        """Answered, or not in time: the aggregate is published with what there is (§5)."""
        assert self._question is not None
        (activity, _), self._question = self._question, None
        held, self._held = self._held, []
        own = {"id": f"{self._domain}-update-manager", "name": "Update Manager", "type": "APPLICATION"}
        nodes = [own, *(self._state or {}).get("softwareNodes", ())]
        self._out.append(self._message(f"{self.prefix}/currentstate", activity, {"softwareNodes": nodes}, retain=True))
        self._out += held
        self._begin_next()

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────

    def _tell_agent(self, topic: str, activity: str, payload: Any) -> None:
        message = self._message(f"{self.agent_prefix}/{topic}", activity, payload)
        (self._out if self._question is None or topic == _QUESTION else self._held).append(message)

    def _say(self, activity: str, payload: dict[str, Any]) -> None:
        self._out.append(self._message(f"{self.prefix}/desiredstatefeedback", activity, payload))

    def _actions(self, operation: _Operation) -> dict[str, Any]:
        """§2.6: in its own feedback the update manager knows no activation."""
        actions = [
            {**action, "status": action["status"].replace("ACTIVATING", "UPDATING").replace("ACTIVATION", "UPDATE")}
            for action in operation.actions.values()
        ]
        return {"actions": actions} if actions else {}

    def _message(self, topic: str, activity: str, payload: Any, *, retain: bool = False) -> Published:
        envelope = {"activityId": activity, "timestamp": self._ms(), "payload": payload}
        return Published(topic, json.dumps(envelope).encode(), retain)

    def _take(self) -> list[Published]:
        out, self._out = self._out, []
        return out

    def _ms(self) -> int:
        return int(self._now() * 1000)


def _prefix(domain: str) -> str:
    """§1.1."""
    bare = domain.replace("-", "")
    return bare if bare.endswith("update") else f"{bare}update"


def _slice(content: dict[str, Any], domain: dict[str, Any], name: str) -> dict[str, Any]:
    """§2.3: one domain, and of the baselines the components that are of it."""
    baselines = []
    for baseline in content.get("baselines", ()):
        own = [each for each in baseline.get("components", ()) if each.startswith(f"{name}:")]
        if own:
            baselines.append({**baseline, "components": own})
    slim = {key: value for key, value in domain.items() if value}  # empty lists are left out (§2.2)
    return {"domains": [slim], **({"baselines": baselines} if baselines else {})}
