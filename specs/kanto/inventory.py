"""The containers of an engine → the inventory that Kanto's Containers Update Agent reports (container-management.md
§2.7).

Parameters, their order and when each is left out are Kanto's. Three things are ours: nodes are ordered by name instead
of by chance; a name stands for one node, also while one instance replaces another (the one that is most at work); and
settings of evenkeel's that Kanto has no words for stay readable (`:ro` behind a mount, `memorySwap` of `-1`), so that a
node pasted into a desired state asks for the same container, `restartTimeout` included (§2.8).

The image is the reference in normal form (`docker.io/library/nginx:1`): an engine keeps no other text of it, and it is
the one Kanto's users have to write. A reference without a tag therefore has the version `latest`; in Kanto's inventory
`n/a`.

Kanto's agent owns all containers of its engine; evenkeel shares one. Nodes are the containers that evenkeel created or
was told to adopt, and the system containers, of which only image, state and time of creation are known.

Kanto reports variables and commands as they are, and its report is kept by the broker for every later subscriber. Here
`(hidden)` stands for the value of a variable and for each word of a command; a desired state into which such a report
is pasted is refused for it (`specs.kanto.entries`). A setting lets reports have the values (ADR 0014).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from evenkeel.specs.containers.container import UNLIMITED, Container, Log, Resources, values_from
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, State
from evenkeel.specs.containers.shorthand import device_text, full_mount_text, port_text
from evenkeel.specs.kanto.updateagent import Association, Inventory, KeyValue, SoftwareNode
from evenkeel.specs.reading.quantity import decimal_text
from evenkeel.specs.reading.secrecy import HIDDEN

AGENT_NAME = "Eclipse Kanto Containers Update Agent"

_AT_WORK: tuple[State, ...] = ("running", "paused", "restarting", "exited", "dead", "created")
"""States, the one that a name stands for first."""
_STATUS = {
    "created": "Created",
    "running": "Running",
    "paused": "Paused",
    "restarting": "Exited",
    "exited": "Exited",
    "dead": "Dead",
}
"""Kanto has no word for the pause between two restarts; its containers are `Exited` then."""
_ALIVE = ("created", "running", "paused")

Values = Literal["none", "unmarked", "all"]
"""`unmarked`: but for those that a spec marks as secret."""

_Item = tuple[str, str, bool]
"""Key, value, and whether the item is shown where defaults are left out."""


def inventory(
    domain: str,
    seen: ContainersSeen,
    verbose: bool,
    agent_version: str = "1.0.0",
    system: Collection[str] = (),
    unknown: str = "",
    values: Values = "none",
) -> Inventory:
    """The agent's node, and one for each container of evenkeel's or called as one of `system`.

    `verbose` reports defaults, too. `unknown`: why nothing can be said of containers; the agent's node then says so, or its
    being alone would mean that there are none. `values`: which values of variables and words of commands are said.
    """
    agent = SoftwareNode(
        id=f"{domain}-update-agent",
        version=agent_version,
        name=AGENT_NAME,
        parameters=(KeyValue("domain", domain), *([KeyValue("containersUnknown", unknown)] if unknown else [])),
        type="APPLICATION",
    )
    nodes = [
        SoftwareNode(
            id=f"{domain}:{instance.name}",
            version=image_version(_image(instance)),
            parameters=tuple(
                KeyValue(key, value) for key, value, telling in _parameters(instance, values) if verbose or telling
            ),
            type="CONTAINER",
        )
        for instance in _instances(seen, system)
    ]
    return Inventory((agent, *nodes), tuple(Association(agent.id, node.id) for node in nodes))


def image_version(image: str) -> str:
    """The version that Kanto reads from a reference (§1.8)."""
    last = image.rpartition("/")[2]
    return last.partition("@" if "@" in last else ":")[2] or "n/a"


def go_duration_text(duration: timedelta) -> str:
    """Go's text, needless zeros included: `3m0s`, `1h0m0s`, `1.5s`, `250ms`, `0s`."""
    micros = duration // timedelta(microseconds=1)
    if micros == 0:
        return "0s"
    if micros < 1000:
        return f"{micros}µs"
    if micros < 1_000_000:
        return f"{decimal_text(micros, 1000)}ms"
    minutes, rest = divmod(micros, 60_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}h" if hours else ""
    text += f"{minutes}m" if hours or minutes else ""
    return f"{text}{decimal_text(rest, 1_000_000)}s"


def kanto_size_text(size: int) -> str:
    """The shortest exact text that Kanto reads back; it knows no plain bytes: 64M, 1536M, `1.5K`, `0.0009765625K`."""
    for letter, unit in (("G", 1024**3), ("M", 1024**2)):
        if size and size % unit == 0:
            return f"{size // unit}{letter}"
    whole, rest = divmod(size, 1024)
    return f"{whole}.{rest * 10**10 // 1024:010d}".rstrip("0").rstrip(".") + "K"


def _instances(seen: ContainersSeen, system: Collection[str]) -> list[ContainerSeen]:
    chosen: dict[str, ContainerSeen] = {}
    for instance in seen.containers:
        if instance.container is None and instance.name not in system:
            continue
        other = chosen.get(instance.name)
        if other is None or _standing(instance) < _standing(other):
            chosen[instance.name] = instance
    return [chosen[name] for name in sorted(chosen)]


def _standing(instance: ContainerSeen) -> tuple[int, int, str]:
    """The one at work; of several the one with the plain name, which is the shortest."""
    return _AT_WORK.index(instance.state), len(instance.engine_name), instance.id


def _image(instance: ContainerSeen) -> str:
    return instance.container.image if instance.container is not None else instance.image


def _parameters(instance: ContainerSeen, values: Values) -> Iterator[_Item]:
    image = _image(instance)
    yield "image", image, bool(image)
    if instance.container is not None:
        yield from _asked(instance.container, instance.device_name, values)
        yield from _state(instance, instance.container)
    else:
        yield "status", _STATUS[instance.state], True
        yield "created", _time(instance.created_at), True


def _asked(container: Container, device_name: str, values: Values) -> Iterator[_Item]:
    """The parameters that can be asked for. On the device's network a container has the device's name."""
    on_host = container.network == "host"
    domain = container.domain_name or (f"{container.name}-domain" if on_host else "")
    host = container.host_name or (device_name if on_host else "")
    restart = container.restart
    yield "domainName", domain, domain not in ("", f"{container.name}-domain")
    yield "hostName", host, host not in ("", f"{container.name}-host")
    yield "terminal", _bool(container.terminal), container.terminal
    yield "interactive", _bool(container.interactive), container.interactive
    yield "privileged", _bool(container.privileged), container.privileged
    yield "restartPolicy", restart.policy, restart.policy != "unless-stopped"
    yield "restartMaxRetries", str(restart.max_retries), restart.max_retries != 0
    yield "restartTimeout", go_duration_text(restart.timeout or timedelta(0)), bool(restart.timeout)
    for device in container.devices:
        yield "device", device_text(device), True
    for port in container.ports:
        yield "port", port_text(port), True
    yield "network", container.network, on_host
    for name, address in container.extra_hosts:
        yield "host", f"{name}:{address}", True
    yield from _log(container.log)
    yield from _limits(container.resources)
    for mount in container.mounts:
        yield "mount", full_mount_text(mount), True
    for source in values_from(container):
        yield "env", f"{source.variable}={HIDDEN}", True
    for name, value in container.env:
        is_shown = values == "all" or (values == "unmarked" and name not in container.secrets)
        yield "env", name if value is None else f"{name}={value if is_shown else HIDDEN}", True
    for argument in container.command or ():
        yield "cmd", HIDDEN if values == "none" else argument, True


def _log(log: Log) -> Iterator[_Item]:
    usual = Log()
    yield "logDriver", log.driver, log.driver != usual.driver
    if log.driver == "json-file":
        yield "logMaxFiles", str(log.max_files), log.max_files != usual.max_files
        yield "logMaxSize", kanto_size_text(log.max_size), log.max_size != usual.max_size
        if log.path:
            yield "logPath", log.path, True
    yield "logMode", log.mode, log.mode != usual.mode
    if log.mode == "non-blocking":
        yield "logMaxBufferSize", kanto_size_text(log.max_buffer_size), log.max_buffer_size != usual.max_buffer_size


def _limits(resources: Resources) -> Iterator[_Item]:
    for key, size in (
        ("memory", resources.memory),
        ("memoryReservation", resources.memory_reservation),
        ("memorySwap", resources.memory_swap),
    ):
        if size is not None:
            yield key, "-1" if size == UNLIMITED else kanto_size_text(size), True


def _state(instance: ContainerSeen, container: Container) -> Iterator[_Item]:
    """The parameters of its state. Engines keep the end of the run before; a process that is alive has not ended."""
    running, stopped = instance.state == "running", _was_stopped(instance, container)
    finished = "" if instance.state in _ALIVE else _time(instance.finished_at)
    exit_code = 0 if instance.state in _ALIVE else instance.exit_code
    before = instance.started_at > 0
    yield "status", "Stopped" if stopped else _STATUS[instance.state], True
    yield "finishedAt", finished, bool(finished)
    yield "exitCode", str(exit_code), exit_code != 0
    yield "created", _time(instance.created_at), True
    yield "restartCount", str(instance.restart_count), instance.restart_count != 0
    yield "manuallyStopped", _bool(stopped), stopped
    yield "startedSuccessfullyBefore", _bool(before), before and not running


def _was_stopped(instance: ContainerSeen, container: Container) -> bool:
    """Whether the container was stopped by hand, as far as can be told: an engine would have started it again
    otherwise."""
    if instance.state != "exited":
        return False
    policy = container.restart.policy
    endless = policy == "on-failure" and container.restart.max_retries == 0 and instance.exit_code != 0
    return policy in ("always", "unless-stopped") or endless


def _time(moment_s: float) -> str:
    """RFC 3339 as Go prints it, without trailing zeros; seconds as a float are exact to microseconds only. 0 is ""."""
    if not moment_s:
        return ""
    moment = datetime.fromtimestamp(round(moment_s, 6), UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _bool(value: bool) -> str:
    return "true" if value else "false"
