"""A device whose backend uses Things: an edge connector, and a backend behind it, that do what a story tells them to.

As in `talk`, and in addition:

* `edge NAMESPACE:NAME`: the connector answers with the ids of that thing; `reconnect`: the broker was away for a moment.
* `ask`, `owner` and `refresh [ID]` are requests of the backend, and each wants an answer. `owner` has the correlation id of the
  newest question.

Right of the arrow: `edge?` is the request for the ids, `+NAMESPACE/NAME` a registration, `204` or `400: text` an answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.controller.operations.talk import DOMAINS, PLAIN, Talk

from evenkeel.specs.operations.conduct import Conduct

THING = "edge:device"
COMMAND = "command///req"


class Thing(Talk):
    """`thing`: the id of the device. The connector answers each request with it as long as `connector` is True."""

    def __init__(self, state: Path, decisions: Conduct = PLAIN, **conduct: Any) -> None:
        self.thing, self.connector, self.correlation, self.requests = THING, True, "", 0
        super().__init__(state, decisions, backend="things", **conduct)

    def _publish_reached(self, topic: str, content: Any) -> None:
        if topic == "edge/thing/request":
            self.said_now.append("edge?")
            if self.connector:
                self.edge(self.thing)
        elif topic.startswith("command///res/"):
            why = content.get("value", {}).get("message", "")
            self.said_now.append(f"{content['status']}{': ' if why else ''}{why}")
        elif topic == "e":
            self._event(content)
        else:
            super()._publish_reached(topic, content)

    def _event(self, content: Any) -> None:
        value, path = content["value"], content["path"]
        if path == "/features/UpdateManager":
            self.said_now.append(f"+{content['topic'].removesuffix('/things/twin/commands/modify')}")
        elif "desiredStateFeedback" in value:
            super()._publish_reached("x/desiredstatefeedback", {**value, "payload": value["desiredStateFeedback"]})
        elif "ownerConsent" in value:
            self.correlation = content["headers"]["correlation-id"]
            super()._publish_reached("x/ownerconsent", {**value, "payload": value["ownerConsent"]})

    def edge(self, device: str, **ids: Any) -> None:
        """The connector tells the ids of the thing."""
        content = {"deviceId": device, "tenantId": "t", "policyId": "p"} | ids
        self.link.deliver("edge/thing/response", json.dumps(content))

    def ask(self, shorts: list[str], name: str = "a") -> None:
        domains = [{"id": DOMAINS.get(short, short), "components": [{"id": "app", "version": "2"}]} for short in shorts]
        self.request("apply", {"activityId": name, "desiredState": {"domains": domains}})

    def request(
        self, subject: str, value: Any, correlation: str | None = "c-1", headers: Any = None, **envelope: Any
    ) -> None:
        """The backend sends a message to the feature."""
        self.requests += 1
        whole: dict[str, Any] = {
            "topic": f"{self.thing.replace(':', '/', 1)}/things/live/messages/{subject}",
            "headers": {"response-required": True, "content-type": "application/json"}
            | ({"correlation-id": correlation} if correlation is not None else {})
            | (headers or {}),
            "path": f"/features/UpdateManager/inbox/messages/{subject}",
            "value": value,
        }
        self.link.deliver(f"{COMMAND}/r{self.requests}/{subject}", json.dumps(whole | envelope))

    async def act(self, what: str) -> list[str]:
        who, _, rest = what.partition(" ")
        if who not in ("edge", "reconnect", "refresh", "owner"):
            return await super().act(what)
        self.said_now.clear()
        if who == "edge":
            self.edge(rest)
        elif who == "reconnect":
            self.link.reconnects()
        elif who == "refresh":
            self.request("refresh", {"activityId": rest or "r"})
        else:
            value = {"activityId": "a", "ownerConsentFeedback": {"status": rest}}
            self.request("consent", value, self.correlation)
        await self.plays(0.02)
        return list(self.said_now)

    def statuses(self, activity: str) -> list[str]:
        """Statuses in order; one that is told again and again counts once."""
        values = [each["value"] for each in self.events("/feedback") if each["value"]["activityId"] == activity]
        told = [value["desiredStateFeedback"]["status"] for value in values]
        return [status for index, status in enumerate(told) if told[index - 1 : index] != [status]]

    def events(self, path: str) -> list[Any]:
        """What the feature has told, by the end of its path."""
        return [each.content for each in self.said("e") if each.content["path"].endswith(path)]

    def states(self) -> list[str]:
        """The activities under which the current state was told."""
        return [each["value"]["activityId"] for each in self.events("/properties")]

    def ignored(self) -> list[str]:
        """What did nothing, and why."""
        return [
            f"{each.place}: {each.message}"
            for each in self.journal.entries(limit=1000)
            if each.kind == "message-ignored"
        ]
