"""The world of the memory engine: images, containers and a network, as values, and the script for it."""

from __future__ import annotations

import asyncio
import hashlib
import math
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from evenkeel.controller.drivers.containers.memory.volumes import Places, Volume
from evenkeel.specs.codec import decode
from evenkeel.specs.containers.container import Container, host_ports
from evenkeel.specs.containers.image import parse_image
from evenkeel.specs.containers.observed import State
from evenkeel.specs.errors import DriverError
from evenkeel.specs.plan import (
    Action,
    Outcome,
)

BY_NAME, DISCONNECTED = 0, -1
FOREIGN = "foreign-"


@dataclass(frozen=True)
class Image:
    """The image that a registry offers under a reference, and the behaviour of its containers.

    `pull`: whether it can be fetched, does not exist, or is out of reach now. `exits_with`: the exit code with which
    its process ends after `exits_after_s`; `None` runs for ever. `stops_with`: the exit code with which it ends when it
    is asked to; `None` ignores the signal. `flaps`: where its engine starts it again, it is seen up between two ends,
    each time for as long as the first time. `start_error`: why no engine can start it.

    `healthy`: the result of its health checks; `answers`: the status of the answer to a GET of a path, where it is
    another than 200; `newest_check`: the newest result of a check that has not failed often enough to be unhealthy.
    `volumes`: the places that it declares. `output`: the output of its process; `check_output`: that of its check's
    command when it fails, with `check_exit`.
    """

    size: int = 20_000_000
    version: int = 1
    pull: Literal["ok", "missing", "unreachable"] = "ok"
    exits_with: int | None = None
    exits_after_s: float = 0.1
    flaps: bool = False
    stops_with: int | None = 143
    start_error: str = ""
    healthy: bool = True
    answers: dict[str, int] = field(default_factory=dict)
    newest_check: Literal["passed", "failed", "none yet"] = "passed"
    volumes: tuple[str, ...] = ()
    output: str = ""
    check_output: str = ""
    check_exit: int = 0


@dataclass(frozen=True)
class WorldContainer:
    """One container of the world. Times are seconds since the epoch; 0 is never. `up_at` is the time of its start by
    the clock of the event loop, which nobody sets. `network`: the number of the network that it is on; `BY_NAME` until
    it is first started, `DISCONNECTED` when it was disconnected. `other_volumes`, `vanishes` and `holds`: as in
    `ContainerSeen`."""

    id: str
    engine_name: str
    image_id: str
    container: Container | None
    state: State = "created"
    image: str = ""
    exit_code: int = 0
    error: str = ""
    restart_count: int = 0
    created_at: float = 0.0
    started_at: float = 0.0
    up_at: float = 0.0
    finished_at: float = 0.0
    unspoken: tuple[str, ...] = ()
    network: int = BY_NAME
    volumes: Places = ()
    other_volumes: Places = ()
    vanishes: bool = False
    holds: str = ""
    handed: tuple[tuple[str, str], ...] = ()
    """The variables whose values were handed out, with these."""
    prints: tuple[tuple[str, str], ...] = ()
    """The prints of these values."""
    was_killed: bool = False
    """Whether the container ended because the engine was asked to end it, or because the engine ended."""


@dataclass
class World:
    """Local images (reference → version of it), pulled content (image id → its behaviour), containers by id, and
    volumes by name. `network` is the number of the network that stands for mode bridge, 0 while there is none;
    `networks` were made so far."""

    images: dict[str, int] = field(default_factory=dict)
    pulled: dict[str, Image] = field(default_factory=dict)
    containers: dict[str, WorldContainer] = field(default_factory=dict)
    created: int = 0
    network: int = 0
    networks: int = 0
    volumes: dict[str, Volume] = field(default_factory=dict)


@dataclass
class Script:
    """Latencies in seconds, the rate of pulls in bytes a second, and failures: `failures` are consulted before every
    action and each may end it with its outcome instead; `unreachable` ends every call. `absent`: paths of the host that
    are not there, which a mount needs at the creation and a device at the start. `tells_ends`: the exit code of a
    container that was started again can be heard."""

    observe_s: float = 0.0
    perform_s: float = 0.0
    pull_rate: float = 100_000_000.0
    failures: list[Callable[[Action], Outcome | None]] = field(default_factory=list)
    unreachable: bool = False
    absent: set[str] = field(default_factory=set)
    tells_ends: bool = True
    shut_registry: bool = False
    """Images that are not in the catalogue do not exist."""


DEVICE_NAME = "device"


def stored_world(store: Path) -> World:
    """The world in a file; DriverError when it is none."""
    try:
        return decode(store.read_bytes(), World)
    except ValueError as error:
        why = f"is damaged and holds no simulated world; `rm {shlex.quote(str(store))}` begins with an empty one"
        raise DriverError(f"file:{store}", why) from error


def foreign_id(name: str) -> str:
    """The id of a container that somebody else runs. Its first twelve characters tell it from all others, as an engine's do."""
    return f"{hashlib.sha256(name.encode()).hexdigest()[:12]}-{FOREIGN}{name}"


def uptime() -> float:
    """Seconds on the clock of the event loop; outside of one, on the clock that real loops have."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()


def up_s(kept: WorldContainer) -> float:
    """For how many seconds its process is up. A start before that of the machine counts from the latter."""
    now = uptime()
    return now - kept.up_at if kept.up_at <= now else now


def restarts(kept: WorldContainer, image: Image) -> int:
    """The number of times that a container that keeps ending was started again by now, after waits that double each
    time, as Docker's do."""
    return max(1, int(math.log2(1 + up_s(kept) / max(image.exits_after_s, 0.1))))


def after_ends(kept: WorldContainer, image: Image) -> tuple[State, int]:
    """The state of a container that its engine starts again, and how often it was started again: at most as often as its
    policy allows. One that flaps waits for as long as it is up."""
    if not image.flaps:
        count, most = restarts(kept, image), kept.container.restart.max_retries if kept.container is not None else 0
        return ("exited", most) if 0 < most < count else ("restarting", count)
    turns = int(up_s(kept) / image.exits_after_s)  # 1: the container has ended once and waits
    return ("restarting", (turns + 1) // 2) if turns % 2 else ("running", turns // 2)


def taken_port(kept: WorldContainer, other: WorldContainer) -> str:
    """The engine's message about a port that another container holds; "" when there is none."""
    for wanted in kept.container.ports if kept.container else ():
        for held in other.container.ports if other.container else ():
            if wanted.protocol == held.protocol and len(host_ports(wanted)) == 1 == len(host_ports(held)):
                same_address = wanted.host_ip == held.host_ip or "0.0.0.0" in (wanted.host_ip, held.host_ip)
                if same_address and wanted.host_port == held.host_port:
                    return f"port {wanted.host_port} is already allocated, by {other.engine_name}"
    return ""


def image_id(ref: str, version: int) -> str:
    return "sha256:" + hashlib.sha256(f"{ref} {version}".encode()).hexdigest()


def repo_digest(ref: str, version: int) -> str:
    parsed = parse_image(ref)
    digest = parsed.digest or "sha256:" + hashlib.sha256(f"manifest {ref} {version}".encode()).hexdigest()
    return f"{parsed.registry}/{parsed.repository}@{digest}"


def made_up_size(ref: str) -> int:
    return 5_000_000 + int(hashlib.sha256(ref.encode()).hexdigest()[:6], 16) * 4
