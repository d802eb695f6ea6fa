"""A container in normal form: the one shape in which desired and observed are compared.

Documents (evenkeel's, Kanto's desired states and manifests) and the reports of engines end up here, through
`specs.containers.normalise`: references expanded, defaults filled in, sizes in bytes, everything without a meaningful
order sorted. So two values are equal when the same is asked for, and a second plan is empty.

Invariants: frozen, hashable, no sets; `None` means "not asked for", never "default".
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

OWN_LABELS = "dev.evenkeel."
"""The beginning of labels that evenkeel itself gives to containers."""

UNLIMITED = -1
"""The value of `Resources.memory_swap` for swap without limit."""

Protocol = Literal["tcp", "udp"]
Propagation = Literal["rprivate", "private", "rshared", "shared", "rslave", "slave"]
Network = Literal["bridge", "host"]
RestartPolicy = Literal["no", "always", "unless-stopped", "on-failure"]
LogDriver = Literal["json-file", "none"]
LogMode = Literal["blocking", "non-blocking"]
PullPolicy = Literal["IfNotPresent", "Always", "Never"]
ImageVolumes = Literal["keep", "discard"]
Condition = Literal["healthy", "started", "completed"]
"""The condition of another container that a container waits for before it starts. `healthy`: the other is proven.
`started`: the process of the other was started. `completed`: the other has ended with exit code 0."""


class Port(Struct, frozen=True, order=True):
    """`host_port`…`host_port_end` on `host_ip` leads to `container_port`; of a range the engine takes one free port."""

    host_port: int
    container_port: int
    host_ip: str = "0.0.0.0"
    host_port_end: int = 0
    protocol: Protocol = "tcp"


USUAL_PROPAGATION: Propagation = "rprivate"


class Mount(Struct, frozen=True):
    """A path of the host inside the container. `propagation`: `None` leaves it to the engine, which takes `rprivate` unless
    that cannot be; so the two are no difference (`reconcilers.containers.compare`)."""

    destination: str
    source: str
    propagation: Propagation | None = None
    read_only: bool = False


class Device(Struct, frozen=True, order=True):
    """A device node of the host inside the container; `permissions` is made of `r`, `w`, `m`."""

    container_path: str
    host_path: str
    permissions: str = "rwm"


class Restart(Struct, frozen=True):
    """The engine's reaction when the process ends. `max_retries` (0: no limit) and `timeout` go with `on-failure`
    only."""

    policy: RestartPolicy = "unless-stopped"
    max_retries: int = 0
    timeout: timedelta | None = None


class Resources(Struct, frozen=True):
    """Limits in bytes; `None` is no limit. `memory_swap` counts memory and swap together; it may be `UNLIMITED`."""

    memory: int | None = None
    memory_reservation: int | None = None
    memory_swap: int | None = None


class Log(Struct, frozen=True):
    """The engine's storage of output. Sizes in bytes; the file fields hold for `json-file`, the buffer for
    `non-blocking`."""

    driver: LogDriver = "json-file"
    max_files: int = 2
    max_size: int = 100 * 1024**2
    path: str = ""
    mode: LogMode = "blocking"
    max_buffer_size: int = 1024**2


class ExecProbe(Struct, frozen=True, tag="exec"):
    """Healthy when the command, run inside the container, exits 0."""

    command: tuple[str, ...]


class HttpProbe(Struct, frozen=True, tag="http"):
    """Healthy when a GET on a port of the container answers 200…399."""

    port: int
    path: str = "/"


class TcpProbe(Struct, frozen=True, tag="tcp"):
    """Healthy when a port of the container accepts a connection."""

    port: int


Probe = ExecProbe | HttpProbe | TcpProbe


class Health(Struct, frozen=True):
    """When a container counts as healthy: `retries` failures in a row after `start_period` mean it does not."""

    probe: Probe
    interval: timedelta = timedelta(seconds=10)
    timeout: timedelta = timedelta(seconds=5)
    retries: int = 3
    start_period: timedelta = timedelta(0)


class Stop(Struct, frozen=True):
    """The end of a container: `signal`, and SIGKILL after `timeout`."""

    signal: str = "SIGTERM"
    timeout: timedelta = timedelta(seconds=10)


KANTO_STOP_TIMEOUT = timedelta(seconds=30)
"""Kanto's default for all containers (`manager.default_ctrs_stop_timeout`, container-management.md §2.5); none of its formats
can ask for another."""


class ValueFrom(Struct, frozen=True, order=True):
    """A variable whose value a document of another domain hands out, which `provisioning` names; `value` is the name of the
    value there. The value itself stands in no container in normal form."""

    variable: str
    provisioning: str
    value: str


class Container(Struct, frozen=True, tag="Container"):
    """One container in normal form. Build it with `specs.containers.normalise.normal_container`, not by hand."""

    domain: ClassVar[str] = "containers"

    name: str
    image: str
    command: tuple[str, ...] | None = None
    env: tuple[tuple[str, str | None], ...] = ()
    """Sorted by name; a value of `None` removes the image's variable of that name."""
    ports: tuple[Port, ...] = ()
    mounts: tuple[Mount, ...] = ()
    devices: tuple[Device, ...] = ()
    network: Network = "bridge"
    extra_hosts: tuple[tuple[str, str], ...] = ()
    """Sorted `(name, address)`; the address may be `host_ip`, `host_ip_<interface>` or `container_<host name>`."""
    host_name: str | None = None
    domain_name: str | None = None
    privileged: bool = False
    capabilities: tuple[str, ...] = ()
    restart: Restart = Restart()
    resources: Resources = Resources()
    log: Log = Log()
    terminal: bool = False
    interactive: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    health: Health | None = None
    stable_for: timedelta = timedelta(seconds=3)
    stop: Stop = Stop()
    depends_on: tuple[str, ...] = ()
    """The names of all that it depends on, under whatever condition, as they were before there were conditions: an older
    evenkeel reads the names, too."""
    conditions: tuple[tuple[str, Condition], ...] | UnsetType = UNSET
    """Sorted `(name, condition)` for those of `depends_on` whose condition is another than `healthy`. Absent where there
    are none, so that older digests name the same content."""
    pull_policy: PullPolicy = "IfNotPresent"
    image_volumes: Literal["discard"] | UnsetType = UNSET
    """Whether the content of the volumes that the image declares is discarded with each instance. Where it is kept the
    field is absent, as before it existed, so that older digests name the same content now."""
    run_once: timedelta | UnsetType = UNSET
    """It runs to its end and is proven by exit code 0, within this time. Absent for one that stays up."""
    secrets: tuple[str, ...] = ()
    """Names of variables whose values are not shown to anybody. It is about showing alone, and makes no difference."""
    values_from: tuple[ValueFrom, ...] | UnsetType = UNSET
    """Further variables, sorted, none of which is in `env`. Absent where there are none, so that older digests name the same
    content."""


def published_port(container: Container, number: int) -> Port | None:
    """The TCP port of the host that leads to this port of a container; `None` when none does, or the engine chooses it."""
    found = (port for port in container.ports if (port.container_port, port.protocol) == (number, "tcp"))
    return next((port for port in found if port.host_port_end in (0, port.host_port)), None)


def values_from(container: Container) -> tuple[ValueFrom, ...]:
    """The variables whose values are handed out."""
    return () if isinstance(container.values_from, UnsetType) else container.values_from


def value_text(source: ValueFrom) -> str:
    """Where a value comes from, for people."""
    return f"from provisioning {source.provisioning}: {source.value}"


def condition_of(container: Container, name: str) -> Condition:
    """The condition under which a container depends on `name`."""
    if isinstance(container.conditions, UnsetType):
        return "healthy"
    return dict(container.conditions).get(name, "healthy")


def runs_once(container: Container) -> bool:
    """Whether it runs to its end, instead of staying up."""
    return time_to_end(container) is not None


def time_to_end(container: Container) -> timedelta | None:
    """The time in which one that runs once has to end; `None` for one that stays up."""
    return None if isinstance(container.run_once, UnsetType) else container.run_once


def container_digest(container: Container) -> str:
    """16 hex digits that name this content; equal content gives equal digests on every machine."""
    from hashlib import sha256  # OpenSSL behind it: a status can do without

    return sha256(content_of(container)).hexdigest()[:16]


def content_of(value: object) -> bytes:
    """The content that digests are made of. A mark that is not set is no part of it, so that containers from before
    there were marks are still as they are asked for. In texts the quotes would be escaped."""
    return msgspec.json.encode(value).replace(b',"secrets":[]', b"")


def check_digest(container: Container) -> str:
    """Names the network check of a container; "" without one. A command is not named: another command needs another
    container."""
    health = container.health
    if health is None or isinstance(health.probe, ExecProbe):
        return ""
    from hashlib import sha256

    return sha256(msgspec.json.encode(health)).hexdigest()[:16]


_LET_GO = " discard"
"""The end of a proof after which the volumes of the image are not found again for a successor."""


def proof_name(container: Container) -> str:
    """The conditions under which a proof of an instance of this container holds: its network check, and what becomes of
    its volumes, because at the proof the engine is told to find them again."""
    return check_digest(container) + (_LET_GO if container.image_volumes == "discard" else "")


def proven_check(proof: str) -> str:
    """The `check_digest` of a proof."""
    return proof.removesuffix(_LET_GO)


def keeps_volumes(proof: str) -> bool:
    """Whether the volumes of an instance with this proof are found again."""
    return not proof.endswith(_LET_GO)


def host_ports(port: Port) -> range:
    """The host ports that `port` may take."""
    return range(port.host_port, max(port.host_port, port.host_port_end) + 1)


_SLACK = timedelta(seconds=30)
"""Time for slow engines and devices, beyond that which a check itself allows."""


def longest_proof(container: Container) -> timedelta:
    """The longest time from a container's start to its proof. Without a verdict by then, the container is disproven."""
    if not isinstance(container.run_once, UnsetType):
        return container.run_once + _SLACK
    if container.health is None:
        return container.stable_for + _SLACK
    health = container.health
    return health.start_period + health.retries * (health.interval + health.timeout) + container.stable_for + _SLACK
