"""Every setting of a container reaches the engine, is kept by evenkeel itself, or is declared as one that the engine lacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.controller.drivers.containers.docker.recorded_engine import body, recorded_engine

from evenkeel.controller.drivers.containers.docker.kinds import DOCKER, PODMAN, Kind
from evenkeel.controller.drivers.containers.docker.render import SPEC_LABEL, create_body
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.lacks import refused, weakened
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import (
    Container,
    Device,
    ExecProbe,
    Health,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
)
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state

SECOND = timedelta(seconds=1)
MB = 1 << 20
WEB = normal(
    Container(
        "web",
        "web:1",
        ports=(Port(8080, 80),),
        mounts=(Mount("/a", "/b"),),
        devices=(Device("/dev/a", "/dev/b"),),
        restart=Restart("on-failure", 1, SECOND),
        resources=Resources(64 * MB, 32 * MB, 128 * MB),
        log=Log(mode="non-blocking"),
        health=Health(ExecProbe(("/bin/true",))),
    )
)
OTHERS: dict[str, Any] = {
    "image": "docker.io/library/web:2",
    "command": ("serve",),
    "env": (("A", None),),
    "network": "host",
    "extra_hosts": (("db", "container_store"),),
    "host_name": "other",
    "domain_name": "car.example",
    "privileged": True,
    "capabilities": ("CAP_SYS_TIME",),
    "terminal": True,
    "interactive": True,
    "labels": (("a", "1"),),
    "ports.host_ip": "127.0.0.1",
    "ports.host_port": 8081,
    "ports.host_port_end": 8090,
    "ports.container_port": 81,
    "ports.protocol": "udp",
    "mounts.destination": "/c",
    "mounts.source": "/d",
    "mounts.propagation": "rslave",
    "mounts.read_only": True,
    "devices.container_path": "/dev/c",
    "devices.host_path": "/dev/d",
    "devices.permissions": "r",
    "restart.policy": "always",
    "restart.max_retries": 7,
    "restart.timeout": 30 * SECOND,
    "resources.memory": 65 * MB,
    "resources.memory_reservation": 31 * MB,
    "resources.memory_swap": 129 * MB,
    "log.driver": "none",
    "log.max_files": 7,
    "log.max_size": MB,
    "log.path": "/logs",
    "log.mode": "blocking",
    "log.max_buffer_size": 2 * MB,
    "health.probe": ExecProbe(("/bin/sh", "-c", "true && true")),
    "health.interval": 7 * SECOND,
    "health.timeout": 8 * SECOND,
    "health.retries": 9,
    "health.start_period": SECOND,
    "stop.signal": "SIGINT",
    "stop.timeout": 9.5 * SECOND,
}
BY_EVENKEEL = {"stable_for", "depends_on", "conditions", "pull_policy", "image_volumes", "run_once", "secrets"}
"""Nothing of these is the engine's to do."""
NAMED = {"name", "values_from"}
"""The engine's name is an argument beside the body, and values are handed out right before (tests/contract/test_values.py)."""


def settings() -> Iterator[str]:
    for name in Container.__struct_fields__:
        value: Any = getattr(WEB, name)
        first: Any = value[0] if isinstance(value, tuple) and value else value
        if hasattr(first, "__struct_fields__"):
            yield from (f"{name}.{part}" for part in first.__struct_fields__)
        else:
            yield name


def other(path: str) -> Container:
    name, _, part = path.partition(".")
    value = getattr(WEB, name)
    if not part:
        return changed(WEB, **{name: OTHERS[path]})
    if isinstance(value, tuple):
        return changed(WEB, **{name: (changed(value[0], **{part: OTHERS[path]}),)})
    return changed(WEB, **{name: changed(value, **{part: OTHERS[path]})})


def test_every_setting_is_tried() -> None:
    assert set(settings()) == {*OTHERS, *BY_EVENKEEL, *NAMED}


def asked(container: Container, kind: Kind) -> dict[str, Any]:
    body = kind.asked(create_body(container, "evenkeel", lambda interface: "10.0.0.1"))
    return {**body, "Labels": {name: text for name, text in body["Labels"].items() if name != SPEC_LABEL}}


@pytest.mark.parametrize("kind", [DOCKER, PODMAN], ids=["docker", "podman"])
@pytest.mark.parametrize("path", OTHERS)
def test_what_the_engine_is_not_asked_for_is_declared(path: str, kind: Kind) -> None:
    wanted = other(path)
    declared = {*refused(wanted, kind.lacks), *weakened(wanted, kind.lacks)}
    before = {*refused(WEB, kind.lacks), *weakened(WEB, kind.lacks)}
    assert asked(wanted, kind) != asked(WEB, kind) or declared - before


@pytest.mark.parametrize("path", ["log.path", "restart.timeout", "stop.timeout"])
@pytest.mark.parametrize("kind", [DOCKER, PODMAN], ids=["docker", "podman"])
def test_what_neither_engine_can_is_declared(path: str, kind: Kind) -> None:
    bare = changed(WEB, restart=Restart("on-failure"))
    assert len(set(weakened(other(path), kind.lacks)) - set(weakened(bare, kind.lacks))) >= 1


@pytest.mark.parametrize(
    ("keeps", "lack"), [((True, True), ()), ((True, False), ("swap-limits",)), ((False, False), ("memory-limits",))]
)
@pytest.mark.parametrize("limits", [Resources(), Resources(64 * MB)])
async def test_limits_that_the_kernel_does_not_keep_are_declared(
    keeps: tuple[bool, bool], lack: tuple[str, ...], limits: Resources
) -> None:
    """The engine is asked only where that matters."""
    state = desired_state([Document("Container", "web", changed(WEB, resources=limits))])
    look = Containers().look(Containers().select(state), ContainersMemory())
    async with recorded_engine() as engine:
        engine.strange["GET /info"] = body("GET /info", dict(zip(("MemoryLimit", "SwapLimit"), keeps, strict=True)))
        found = await engine.driver.observe(changed(look, here_only=True, checks={}))
        assert found.lacks == (*DOCKER.lacks, *(lack if limits != Resources() else ()))
