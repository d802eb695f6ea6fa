"""Diff and plan of many components: all equal, and one in a hundred changed."""

from __future__ import annotations

import json
from functools import partial

from bench.measuring import Row, median_ms
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.containers.container import Container, Port
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, desired_state


def measure() -> list[Row]:
    """For 100, 1,000 and 10,000 components."""
    rows = []
    for count in (100, 1_000, 10_000):
        state, seen, memory = world(count)
        text = encode(state)
        reading_ms = median_ms(partial(json.loads, text), times=5)
        budget = "50 ms" if count == 1_000 else ""
        for name, wanted in (("equal", state), ("1 % changed", one_percent(state))):
            spent_ms = median_ms(partial(plan, wanted, seen, memory), times=7)
            compared = f"{spent_ms / reading_ms:.2f} × json.loads of the state"
            rows.append(Row(f"plan of {count:,} components, {name}", spent_ms, "ms", compared, budget))
            budget = ""
    return rows


def plan(state: DesiredState, seen: ContainersSeen, memory: ContainersMemory) -> object:
    """Everything between an observation and a plan."""
    reconciler = Containers()
    want = reconciler.select(state)
    return reconciler.plan(reconciler.diff(want, seen, memory), seen, memory)


def world(count: int) -> tuple[DesiredState, ContainersSeen, ContainersMemory]:
    """So many containers, asked for, there, and proven. The two sides share no object."""
    wanted, there = [_container(i) for i in range(count)], [_container(i) for i in range(count)]
    instances = tuple(
        ContainerSeen(f"id{i}", c.name, c.name, f"sha256:{i % 50}", "running", c) for i, c in enumerate(there)
    )
    images = {c.image: f"sha256:{i % 50}" for i, c in enumerate(there[:50])}
    state = desired_state([Document("Container", c.name, c) for c in wanted])
    return (
        state,
        ContainersSeen("bench", containers=instances, images=images),
        ContainersMemory(proven={i.id: "" for i in instances}),
    )


def one_percent(state: DesiredState) -> DesiredState:
    """The same with one variable changed in every hundredth container."""
    documents = []
    for index, document in enumerate(state.documents):
        wanted = document.wanted
        if index % 100 == 0 and isinstance(wanted, Container):
            document = changed(document, wanted=changed(wanted, env=(*wanted.env, ("NEW", "1"))))
        documents.append(document)
    return desired_state(documents)


def _container(i: int) -> Container:
    return normal(
        Container(
            f"container-{i:05}",
            f"registry.example/vehicle/app-{i % 50}:1.{i % 50}",
            env=(("LEVEL", "info"), ("INDEX", str(i)), ("BROKER", "mqtt:1883")),
            ports=(Port(1024 + i % 60_000, 80),),
        )
    )
