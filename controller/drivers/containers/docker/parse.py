"""What the Docker Engine API answers → observations. Pure; the other half of `render`.

Everything that the engine can tell is taken from the engine, so that what somebody changed behind evenkeel's back is
drift. Only what no engine keeps (conduct, and which variables and labels were asked for rather than inherited from the
image) is taken from the label that evenkeel wrote at creation. Of a container without that label the image's own settings
are subtracted, so that it can be adopted as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, get_args

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.checks import asked_check, health_of, newest_check
from evenkeel.controller.drivers.containers.docker.places import other_volumes_of, volumes_of
from evenkeel.controller.drivers.containers.docker.published import published
from evenkeel.controller.drivers.containers.docker.refusals import shown
from evenkeel.controller.drivers.containers.docker.render import (
    HOLDS_LABEL,
    HOST_GATEWAY,
    NAME_LABEL,
    OUR_LABELS,
    OWNER_LABEL,
    asked_from,
)
from evenkeel.controller.drivers.containers.docker.unspoken import unspoken
from evenkeel.reconcilers.containers.volumes import tidy
from evenkeel.specs.containers.container import (
    UNLIMITED,
    USUAL_PROPAGATION,
    Container,
    Device,
    Log,
    Mount,
    Port,
    Propagation,
    Resources,
    Restart,
    RestartPolicy,
    Stop,
)
from evenkeel.specs.containers.image import DIGEST_PATTERN, normal_image, parse_image
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, State

_STATES: dict[str, State] = {
    "created": "created",
    "running": "running",
    "paused": "paused",
    "restarting": "restarting",
    "exited": "exited",
    "removing": "dead",
    "dead": "dead",
}
_TASK_IS_LEFT = re.compile(r"\btask [0-9a-f]{64}: already exists")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)


class Abilities(NamedTuple):
    """Which limits an engine keeps. On a kernel without the cgroup it discards them at creation, with a warning."""

    memory: bool = True
    swap: bool = True


_ALL = Abilities()


def is_ours(entry: answers.ContainerEntry, owner: str = "") -> bool:
    """Whether an entry of the container list was created by this evenkeel: by `owner`, or by one that did not say."""
    labels = entry.get("Labels") or {}
    return NAME_LABEL in labels and is_owner(labels.get(OWNER_LABEL, ""), owner)


def is_owner(label: str, owner: str) -> bool:
    """Whether a label names this owner, or none. An evenkeel of before wrote its state directory as it was spelled: a link
    to it, or a way around, leads to the same place. What is no path is a name from the settings."""
    return label in ("", owner) or (label.startswith("/") and os.path.realpath(label) == owner)


def entry_name(entry: answers.ContainerEntry) -> str:
    """The engine's name of an entry of the container list; of several (legacy links) the plain one."""
    names = [name.removeprefix("/") for name in entry.get("Names") or () if name.count("/") == 1]
    return names[0] if names else str(entry["Id"])[:12]


def subject_of(entry: answers.ContainerEntry) -> str:
    """The name that evenkeel gave an entry of the container list, or that it has in the engine."""
    return str((entry.get("Labels") or {}).get(NAME_LABEL) or entry_name(entry))


def parse_foreign(entry: answers.ContainerEntry) -> ContainerSeen:
    """A container of others, from the list alone. One whose tag names another image now is listed with its image's id, which
    reads like a repository with a tag."""
    name, image = entry_name(entry), entry.get("Image", "")
    return ContainerSeen(
        id=entry["Id"],
        name=name,
        engine_name=name,
        image_id=entry.get("ImageID", ""),
        state=_STATES.get(entry.get("State", ""), "dead"),
        image=image if re.fullmatch(DIGEST_PATTERN, image) else _image(image),
        created_at=float(entry.get("Created") or 0),
        owner=(entry.get("Labels") or {}).get(OWNER_LABEL, ""),
        ports=published(entry.get("Ports") or ()),
    )


def parse_container(
    inspected: answers.Inspected,
    network: str,
    image_config: answers.Config | None = None,
    abilities: Abilities = _ALL,
    subject: str = "",
) -> ContainerSeen:
    """A container of evenkeel's, or one to adopt, from its inspection. KeyError, TypeError or ValueError for what no
    engine should say.

    `network`: the user-defined network that stands for mode bridge. `image_config`: the `Config` of its image, needed for a
    container without a label that can be read. `abilities`: what to make of limits that are not there.
    `subject`: the name that it was adopted under; the engine's name of such a one changes in a switch.
    """
    config, state = inspected["Config"], inspected["State"]
    labels = config.get("Labels") or {}
    engine_name = str(inspected["Name"]).removeprefix("/")
    name = subject or labels.get(NAME_LABEL) or engine_name
    asked = asked_from(labels)
    container = normal(_container(name, inspected, network, asked, image_config or {}, abilities))
    return ContainerSeen(
        id=inspected["Id"],
        name=name,
        engine_name=engine_name,
        image_id=inspected.get("Image", ""),
        state="dead" if cannot_be_started(state.get("Error") or "") else _STATES.get(state.get("Status", ""), "dead"),
        container=container,
        image=_image(config.get("Image", "")),
        health=health_of(state),
        check=newest_check(state, container.health),
        exit_code=state.get("ExitCode") or 0,
        error=shown(state.get("Error") or "", container),
        restart_count=inspected.get("RestartCount") or 0,
        created_at=parse_time(inspected.get("Created", "")),
        started_at=parse_time(state.get("StartedAt", "")),
        finished_at=parse_time(state.get("FinishedAt", "")),
        address=next(filter(None, (each.get("IPAddress") for each in answers.endpoints(inspected).values())), ""),
        owner=labels.get(OWNER_LABEL, ""),
        unspoken=unspoken(inspected, network, image_config or {}) if asked is None else (),
        device_name=config.get("Hostname") or "" if inspected["HostConfig"].get("NetworkMode") == "host" else "",
        volumes=volumes_of(inspected, image_config or {}),
        other_volumes=other_volumes_of(inspected, image_config or {}) if asked is None else (),
        vanishes=bool(inspected["HostConfig"].get("AutoRemove")),
        holds=labels.get(HOLDS_LABEL, ""),
    )


def cannot_be_started(error: str) -> bool:
    """Whether a container can never be started again, as this failure of its start tells: the engine was killed in the
    middle of an earlier start, and what that had begun is left over below it (measured, 20.10; only a reboot ends it)."""
    return _TASK_IS_LEFT.search(error) is not None


def lost_limits(inspected: answers.Inspected) -> bool:
    """Whether a container has not the limits it was created with: somebody changed them, or the engine cannot keep them."""
    asked = asked_from(inspected["Config"].get("Labels") or {})
    if asked is None or asked.resources.memory is None:
        return False
    host = inspected["HostConfig"]
    lost_swap = (asked.resources.memory_swap or 0) > 0 > (host.get("MemorySwap") or 0)
    return not host.get("Memory") or lost_swap


def parse_images(entries: Sequence[answers.ImageEntry]) -> tuple[dict[str, str], dict[str, str]]:
    """References and repository digests of local images, both in normal form, to image ids."""
    images: dict[str, str] = {}
    digests: dict[str, str] = {}
    for entry in entries:
        for tag in entry.get("RepoTags") or ():
            if tag != "<none>:<none>":
                images[_image(tag)] = entry["Id"]
        for digest in entry.get("RepoDigests") or ():
            with suppress(ValueError):  # `<none>@…`, or of a kind that nobody can ask for here
                ref = parse_image(digest)
                digests[f"{ref.registry}/{ref.repository}@{ref.digest}"] = entry["Id"]
    return images, digests


def parse_time(text: str) -> float:
    """RFC 3339 with nanoseconds → epoch seconds; 0 for the engine's zero time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() if moment.year > 1 else 0.0


def _container(
    name: str,
    inspected: answers.Inspected,
    network: str,
    asked: Container | None,
    image_config: answers.Config,
    abilities: Abilities,
) -> Container:
    config, host = inspected["Config"], inspected["HostConfig"]
    on_host = host.get("NetworkMode") == "host"
    base = asked or Container(name=name, image="scratch")
    cmd = tuple(config.get("Cmd") or ())
    inherited = asked is None and list(cmd) == (image_config.get("Cmd") or [])
    return Container(
        name=name,
        image=_image(config.get("Image", ""), inspected.get("Image", "")),
        command=None if inherited or (asked is not None and asked.command is None) else cmd,
        env=_env(config, asked, image_config),
        ports=_ports(host.get("PortBindings") or {}),
        mounts=_mounts(inspected.get("Mounts") or (), base.mounts if asked else _asked_mounts(host)),
        devices=tuple(
            Device(device["PathInContainer"], device["PathOnHost"], device.get("CgroupPermissions") or "rwm")
            for device in host.get("Devices") or ()
        ),
        network="host" if on_host else "bridge",
        extra_hosts=base.extra_hosts if asked else _extra_hosts(inspected, network),
        host_name=_host_name(inspected, asked),
        domain_name=(config.get("Domainname") or None) if asked is None or asked.domain_name else None,
        privileged=bool(host.get("Privileged")),
        capabilities=tuple(host.get("CapAdd") or ()),
        restart=_restart(host.get("RestartPolicy") or {}, base.restart.timeout),
        resources=_resources(host, base.resources, abilities),
        log=_log(host.get("LogConfig") or {}, base.log),
        terminal=bool(config.get("Tty")),
        interactive=bool(config.get("OpenStdin")),
        labels=_labels(config, asked, image_config),
        health=asked_check(config.get("Healthcheck") or {}, asked, image_config),
        stable_for=base.stable_for,
        stop=_stop(config, base.stop, image_config),
        depends_on=base.depends_on,
        pull_policy=base.pull_policy,
        image_volumes=base.image_volumes,
        secrets=base.secrets,
    )


def _host_name(inspected: answers.Inspected, asked: Container | None) -> str | None:
    """`None` for the one that the engine gave: the short id, or the host's own or another container's."""
    name: str | None = inspected["Config"].get("Hostname")
    if asked is not None:
        return name if asked.host_name else None
    mode = str(inspected["HostConfig"].get("NetworkMode"))
    given = mode == "host" or mode.startswith("container:") or name == inspected["Id"][:12]
    return None if given else name or None


def _env(
    config: answers.Config, asked: Container | None, image_config: answers.Config
) -> tuple[tuple[str, str | None], ...]:
    actual = dict(variable(text) for text in config.get("Env") or ())
    if asked is not None:
        return tuple((name, actual.get(name)) for name, _ in asked.env)
    inherited = dict(variable(text) for text in image_config.get("Env") or ())
    return tuple((name, value) for name, value in actual.items() if name not in inherited or inherited[name] != value)


def _labels(
    config: answers.Config, asked: Container | None, image_config: answers.Config
) -> tuple[tuple[str, str], ...]:
    actual: dict[str, str] = config.get("Labels") or {}
    if asked is not None:
        return tuple((name, actual[name]) for name, _ in asked.labels if name in actual)
    inherited: dict[str, str] = image_config.get("Labels") or {}
    return tuple(
        (name, value) for name, value in actual.items() if name not in OUR_LABELS and inherited.get(name) != value
    )


def variable(text: str) -> tuple[str, str | None]:
    """A name alone removes the image's variable; the engine keeps it so."""
    name, equals, value = text.partition("=")
    return name, value if equals else None


def _ports(bindings: Mapping[str, list[answers.PortTarget] | None]) -> tuple[Port, ...]:
    ports = []
    for key, targets in bindings.items():
        number, _, protocol = key.partition("/")
        for target in targets or ():
            first, _, last = (target.get("HostPort") or "0").partition("-")
            ports.append(
                Port(
                    host_port=int(first or 0),
                    host_port_end=int(last or first or 0),
                    container_port=int(number),
                    host_ip=target.get("HostIp") or "0.0.0.0",
                    protocol="udp" if protocol == "udp" else "tcp",
                )
            )
    return tuple(ports)


def _mounts(found: Sequence[answers.MountEntry], asked: Sequence[Mount]) -> tuple[Mount, ...]:
    """Bind mounts alone. The engine tidies paths up (`/a//b/`): one that was asked for is shown as it was. A propagation that
    nobody asked for is the engine's own affair."""
    words = {(tidy(mount.destination), tidy(mount.source)): mount for mount in asked}
    mounts = []
    for mount in found:
        if mount.get("Type") == "bind":
            destination, source = mount["Destination"], mount.get("Source", "")
            word = words.get((tidy(destination), tidy(source)), Mount(destination, source))
            propagation = _propagation(mount) if word.propagation else None
            mounts.append(Mount(word.destination, word.source, propagation, not mount.get("RW", True)))
    return tuple(mounts)


def _asked_mounts(host: answers.HostConfig) -> list[Mount]:
    """The mounts that somebody else asked the engine for."""
    asked = [
        Mount(
            each.get("Target", ""),
            each.get("Source", ""),
            _mode((each.get("BindOptions") or {}).get("Propagation", "")),
        )
        for each in host.get("Mounts") or ()
    ]
    for text in host.get("Binds") or ():
        source, _, rest = text.partition(":")
        destination, _, options = rest.partition(":")
        asked.append(Mount(destination, source, _mode_among(options.split(","))))
    return asked


def _mode_among(options: Sequence[str]) -> Propagation | None:
    for option in options:
        if (mode := _mode(option)) is not None:
            return mode
    return None


def _propagation(mount: answers.MountEntry) -> Propagation:
    return _mode(mount.get("Propagation", "")) or USUAL_PROPAGATION


def _mode(text: str) -> Propagation | None:
    return next((mode for mode in get_args(Propagation) if mode == text), None)


def _extra_hosts(inspected: answers.Inspected, network: str) -> tuple[tuple[str, str], ...]:
    hosts = []
    for text in inspected["HostConfig"].get("ExtraHosts") or ():
        name, _, address = text.partition(":")
        hosts.append((name, "host_ip" if address == HOST_GATEWAY else address))
    for text in answers.endpoints(inspected).get(network, {}).get("Links") or ():
        target, _, name = text.partition(":")
        hosts.append((name, f"container_{target}"))
    return tuple(hosts)


def _restart(policy: answers.RestartPolicy, timeout: timedelta | None) -> Restart:
    name: RestartPolicy = "no"
    for known in get_args(RestartPolicy):
        if known == policy.get("Name"):
            name = known
    return Restart(name, policy.get("MaximumRetryCount") or 0, timeout)


def _resources(host: answers.HostConfig, asked: Resources, abilities: Abilities) -> Resources:
    """0 and -1 both mean "no limit" for memory and reservation; without a memory limit swap means nothing.

    What the engine cannot keep at all counts as kept: creating it anew would not help.
    """
    if not abilities.memory:
        return asked
    memory = host.get("Memory") or 0
    reservation = host.get("MemoryReservation") or 0
    swap: int | None = host.get("MemorySwap") or 0
    if not abilities.swap:
        swap = asked.memory_swap if asked.memory == memory else None
    elif memory <= 0:
        swap = None
    elif swap is not None and swap < 0:
        swap = UNLIMITED
    return Resources(memory if memory > 0 else None, reservation if reservation > 0 else None, swap or None)


def _log(log: answers.LogConfig, asked: Log) -> Log:
    """A driver that evenkeel has no word for is drift: it is reported as one that nobody can ask for."""
    driver, config = log.get("Type") or "json-file", log.get("Config") or {}
    if driver != "json-file":
        return Log(driver="none", path="" if driver == "none" else f"({driver})")
    files = str(config.get("max-file", ""))
    return Log(
        driver="json-file",
        max_files=int(files) if files.isdecimal() else Log().max_files,
        max_size=_bytes(config.get("max-size", ""), 1000, Log().max_size),
        path=asked.path,
        mode="non-blocking" if config.get("mode") == "non-blocking" else "blocking",
        max_buffer_size=_bytes(config.get("max-buffer-size", ""), 1024, Log().max_buffer_size),
    )


def _bytes(text: str, kilo: int, default: int) -> int:
    """Docker's size options: a number with an optional unit; file sizes are decimal, buffers binary (go-units)."""
    found = _SIZE.fullmatch(text)
    return int(float(found[1]) * kilo ** " kmgtp".index(found[2].lower() or " ")) if found else default


def _stop(config: answers.Config, asked: Stop, image_config: answers.Config) -> Stop:
    """The engine counts whole seconds, rounded up when it was asked. The signal of an image is nobody's wish."""
    signal, seconds = config.get("StopSignal") or Stop().signal, config.get("StopTimeout")
    if signal == image_config.get("StopSignal"):
        signal = Stop().signal
    if seconds is None:
        return Stop(signal)
    if signal == asked.signal and 0 <= seconds - asked.timeout.total_seconds() < 1:
        return asked
    return Stop(signal, timedelta(seconds=seconds))


def _image(text: str, otherwise: str = "") -> str:
    """The normal form; for what is no reference, such as an id, `otherwise` or the text itself."""
    try:
        return normal_image(text)
    except ValueError:
        return otherwise or text
