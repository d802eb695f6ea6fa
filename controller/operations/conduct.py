"""The behaviour of an update manager, and its topics: values that are fixed before it works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.settings.update_manager import Backend
from evenkeel.specs.window import Window


class OperationsConduct(NamedTuple):
    """`domain`: the name of the update manager on the wire. `agents`: domain → seconds for which a report of its state
    is waited for. `decisions`: what the pure part has to know. `running_every_s`: at most about two messages of RUNNING
    are sent in this time; 0 sends none. `state_delay_s`: news from agents are gathered for so long. `reboots_after_s`:
    the pause before a reboot; `None`: somebody else reboots the device. `reboot_window`: the part of the day in which it is
    rebooted; `None`: at any time. `supersedes`: a newer desired state takes the
    place of the one at work; else it waits for its end. `backend`: the way of its backend to it."""

    domain: str
    agents: Mapping[str, float]
    decisions: Conduct = Conduct()
    running_every_s: float = 60.0
    state_delay_s: float = 30.0
    reboots_after_s: float | None = 30.0
    supersedes: bool = False
    version: str = ""
    backend: Backend = "topics"
    reboot_window: Window | None = None


class OperationsTopics(NamedTuple):
    """The topics of an update manager towards its backend (update-manager.md §1.2). Over Things its messages have these names
    until they are published."""

    desired: str
    command: str
    get: str
    answer: str
    state: str
    feedback: str
    question: str


def operations_topics(domain: str) -> OperationsTopics:
    """The topics of an update manager's domain."""
    prefix = topic_prefix(domain)
    desired, state, consent = f"{prefix}/desiredstate", f"{prefix}/currentstate", f"{prefix}/ownerconsent"
    return OperationsTopics(
        desired, f"{desired}/command", f"{state}/get", f"{consent}feedback", state, f"{desired}feedback", consent
    )
