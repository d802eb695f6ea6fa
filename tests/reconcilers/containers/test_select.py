"""Whose containers are whose: names that settings keep from everybody, and names that they keep from messages."""

from __future__ import annotations

from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import Document, SystemContainers, desired_state


def test_what_is_kept_from_messages_belongs_to_whoever_asks_for_it() -> None:
    containers = Containers(protected=("engine",), reserved=("agent", "gateway"))
    web, agent = (Document("Container", name, Container(name, f"{name}:1")) for name in ("web", "agent"))
    own = Document("SystemContainers", "s", SystemContainers(("mine",)))
    assert containers.select(desired_state([web])).system == ("agent", "engine", "gateway")
    assert containers.select(desired_state([web, agent, own])).system == ("engine", "gateway", "mine")
