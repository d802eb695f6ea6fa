"""evenkeel's own documents → a desired state of Leda's Self Update Agent, as far as it has the words.

A message says a version, an address and a checksum, and nothing else (self-update-agent.md §2.1). As with Kanto's, the result
is read again, and each setting that comes back as another one is a flaw that names the loss.
"""

from __future__ import annotations

from typing import Any

from evenkeel.specs.codec import camel, plain
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.leda.desired import Manner, asked_system
from evenkeel.specs.leda.messages import DOMAIN, IMAGE
from evenkeel.specs.problem import Flaw
from evenkeel.specs.slots.system import OperatingSystem

_NO_WORDS = "a desired state of the self update agent has no words for"
_ELSEWHERE = "leave it out, or ask for it in spec files"
_PATHS = {"streams": "stream", "deadline": "boot.deadline", "tries": "boot.tries", "window": "activation.window"}
_OF_THE_AGENT = ("name", "reboot")
"""The agent has one component, and its settings say who reboots."""


def leda_payload(state: DesiredState, flaws: list[Flaw], domain: str = DOMAIN) -> dict[str, Any]:
    """A payload that asks for the same. Flaws have the path `(name, setting that cannot be said)`."""
    components: list[dict[str, Any]] = []
    for document in state.documents:
        if not isinstance(document.wanted, OperatingSystem):
            flaws.append(Flaw((document.name, document.kind), f"{_NO_WORDS} this kind", "ask for it in spec files"))
            continue
        system = document.wanted
        pairs = {"image": system.bundle, "sha256": system.sha256}
        config = [{"key": key, "value": value} for key, value in pairs.items() if value]
        components.append({"id": IMAGE, "version": system.version, "config": config})
        flaws.extend(_lost(system, {"domains": [{"id": domain, "components": components[-1:]}]}, domain))
    return {"domains": [{"id": domain, "components": components}]}


def _lost(system: OperatingSystem, payload: dict[str, Any], domain: str) -> list[Flaw]:
    found: list[Flaw] = []
    asked = asked_system(payload, found, domain, Manner(("https", "http", "file"), system.reboot))
    if asked is None:
        return [Flaw((system.name, "bundle"), each.message, each.hint) for each in found]
    before, after = plain(system), plain(asked.system)
    return [
        Flaw((system.name, *_PATHS.get(key, camel(key)).split(".")), f"{_NO_WORDS} it", _ELSEWHERE)
        for key in before
        if before[key] != after.get(key) and key not in _OF_THE_AGENT
    ]
