"""The behaviour of an update agent, and its topics: values that are fixed before it works."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

from evenkeel.reconcilers.agents.wires import Language, kanto
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.kanto.topics import topic_prefix


class AgentSettings(NamedTuple):
    """The behaviour of the agent. `domain`: its name on the wire. `alone_after`: the time without a command after which
    the agent commands itself; `None` is never. `language`: its messages."""

    domain: str = "containers"
    operation_timeout: timedelta = timedelta(hours=1)
    alone_after: timedelta | None = None
    language: Language = kanto(Manner(takes_unknown_keys=True))


class Topics(NamedTuple):
    """The topics of one agent. `refused` is no topic of the broker: in the inbox, this topic marks a desired state that
    was refused when it arrived."""

    desired: str
    command: str
    get: str
    state: str
    feedback: str
    refused: str


def topics_of(domain: str) -> Topics:
    """The topics of a domain's agent (container-management.md §1.1)."""
    prefix = topic_prefix(domain)
    desired, state = f"{prefix}/desiredstate", f"{prefix}/currentstate"
    return Topics(desired, f"{desired}/command", f"{state}/get", state, f"{desired}feedback", f"{desired}#refused")
