"""Stories of an update manager as lines: what it is sent, and what it says then.

    ask c s             → IDENTIFYING | c slice | s slice
    c IDENTIFIED        →
    s IDENTIFIED        → IDENTIFIED | RUNNING | c DOWNLOAD | s DOWNLOAD

`c` and `s` are the agents of `containers` and `self-update`, which say nothing by themselves. Left of the arrow:

* `ask DOMAIN…`: a desired state `a`; `ask [b] …` has another name.
* `c STATUS`: feedback with one action of that status; `c STATUS -` has none, `c STATUS: text` a message, `c [b] STATUS` another
  name.
* `owner STATUS`: an answer to the question; `owner [b] STATUS`.
* `cancel COMMAND`, `wait SECONDS`, `restart`.

Right of it everything that the manager publishes until the next line, but for questions for current states, and reports of
these. Feedback is its status, with `: text` when it has one, and with `[b]` in front when it is not about `a`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.controller.operations.device import Device
from tests.reconcilers.operations.agents import Agent
from tests.virtual import now, run

from evenkeel.specs.operations.conduct import Conduct

_SHORT = {"containersupdate": "c", "selfupdate": "s"}
DOMAINS = {"c": "containers", "s": "self-update"}
PREFIXES = {short: prefix for prefix, short in _SHORT.items()}
_NAMED = re.compile(r"(?:\[(\w*)\] ?)?(.*)")
_MOMENT_S = 0.02
PLAIN = Conduct()


class Talk(Device):
    """A device with an update manager whose agents are of other devices, and say what a story tells them to."""

    def __init__(self, state: Path, decisions: Conduct = PLAIN, **conduct: Any) -> None:
        agents = [Agent(domain, "kanto") for domain in DOMAINS.values()]
        self.said_now: list[str] = []
        settings = {"running_every_s": 0.001, "state_delay_s": 1.0, "reboots_after_s": None} | conduct
        super().__init__(state, agents, decisions, (), read_timeout_s=2.0, **settings)

    def _publish_reached(self, topic: str, content: Any) -> None:
        prefix, _, what = topic.partition("/")
        payload, name = content["payload"], content["activityId"]
        about = "" if name == "a" else f"[{name}] "
        if prefix in _SHORT and what == "currentstate/get":
            self.tell_state(_SHORT[prefix], name)
        elif prefix in _SHORT:
            self.said_now.append(f"{about}{_SHORT[prefix]} {payload.get('command', 'slice')}")
        elif what == "ownerconsent":
            self.said_now.append(f"{about}owner? {payload['command']}")
        elif what == "desiredstatefeedback":
            text = payload.get("message", "")
            self.said_now.append(f"{about}{payload['status']}{': ' if text else ''}{text}")

    def deliver(self, topic: str, name: str | None, payload: Any, **envelope: Any) -> None:
        """Somebody publishes, with the present time."""
        content = {"activityId": name, "timestamp": int(now() * 1000), "payload": payload} | envelope
        self._deliver(topic, {key: value for key, value in content.items() if value is not None or key == "payload"})

    def tell_state(self, short: str, name: str, nodes: list[dict[str, Any]] | None = None, **envelope: Any) -> None:
        """An agent reports its current state."""
        domain = DOMAINS[short]
        root = {
            "id": f"{domain}-agent",
            "type": "APPLICATION",
            "parameters": [{"key": "domain", "value": domain}],
        }
        payload = {"softwareNodes": [root, {"id": f"{domain}:app", "version": "1"}] if nodes is None else nodes}
        self.deliver(f"{PREFIXES[short]}/currentstate", name, payload, **envelope)

    def ask(self, shorts: list[str], name: str = "a") -> None:
        """A desired state for these domains; of one that is none of the letters under its own name."""
        domains = [{"id": DOMAINS.get(short, short), "components": [{"id": "app", "version": "2"}]} for short in shorts]
        self.deliver("vehicleupdate/desiredstate", name, {"domains": domains})

    async def act(self, what: str) -> list[str]:
        """The left side of a line; what the manager publishes then."""
        self.said_now.clear()
        who, _, rest = what.partition(" ")
        found = _NAMED.match(rest)
        assert found is not None
        name, rest = found[1] if found[1] is not None else "a", found[2]
        if who == "ask":
            self.ask(rest.split(), name)
        elif who in DOMAINS:
            self._tell_status(who, name, rest)
        elif who == "owner":
            self.deliver("vehicleupdate/ownerconsentfeedback", name, {"status": rest})
        elif who == "cancel":
            self.deliver("vehicleupdate/desiredstate/command", name, {"command": rest})
        elif who == "restart":
            await self.restarts()
        else:
            assert who == "wait", who
            await self.plays(float(rest))
        await self.plays(_MOMENT_S)
        return list(self.said_now)

    def _tell_status(self, short: str, name: str, text: str) -> None:
        status, _, message = text.removesuffix("-").strip().partition(": ")
        component = {"id": f"{DOMAINS[short]}:app", "version": "2"}
        payload: dict[str, Any] = {"status": status}
        if message:
            payload["message"] = message
        if not text.endswith(" -"):
            payload["actions"] = [{"component": component, "status": status}]
        self.deliver(f"{PREFIXES[short]}/desiredstatefeedback", name, payload)

    def payloads(self, topic: str) -> list[Any]:
        """What was published on a topic."""
        return [each.content["payload"] for each in self.said(topic)]


def tell(state: Path, story: str, decisions: Conduct = PLAIN, **conduct: Any) -> Talk:
    """A whole story: every line has to come out as it stands there. The device afterwards."""

    async def whole() -> Talk:
        talk = Talk(state, decisions, **conduct)
        await talk.starts()
        try:
            for number, line in enumerate(filter(None, map(str.strip, story.splitlines())), 1):
                what, _, expected = (part.strip() for part in line.partition("→"))
                said = " | ".join(await talk.act(what))
                assert said == expected, f"line {number}: {what} → {said}"
        finally:
            await talk.dies()
        return talk

    return run(whole())


ONE = """
ask c            → IDENTIFYING | c slice
c IDENTIFIED     → IDENTIFIED | RUNNING | c DOWNLOAD
"""
"""One domain, in DOWNLOAD."""
ONE_UPDATES = f"{ONE}c DOWNLOAD_SUCCESS → RUNNING | c UPDATE\n"
ONE_ACTIVATES = f"{ONE_UPDATES}c UPDATE_SUCCESS → RUNNING | c ACTIVATE\n"
ONE_CLEANS_UP = f"{ONE_ACTIVATES}c ACTIVATION_SUCCESS → RUNNING | c CLEANUP\n"
TWO = """
ask c s          → IDENTIFYING | c slice | s slice
c IDENTIFIED     →
s IDENTIFIED     → IDENTIFIED | RUNNING | c DOWNLOAD | s DOWNLOAD
"""
"""Two domains, in DOWNLOAD."""
TWO_UPDATE = f"""{TWO}
c DOWNLOAD_SUCCESS → RUNNING
s DOWNLOAD_SUCCESS → RUNNING | c UPDATE | s UPDATE
"""
TWO_ACTIVATE = f"""{TWO_UPDATE}
c UPDATE_SUCCESS   → RUNNING
s UPDATE_SUCCESS   → RUNNING | c ACTIVATE | s ACTIVATE
"""
TWO_CLEAN_UP = f"""{TWO_ACTIVATE}
c ACTIVATION_SUCCESS → RUNNING
s ACTIVATION_SUCCESS → RUNNING | c CLEANUP | s CLEANUP
"""
