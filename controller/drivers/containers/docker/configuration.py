"""The settings of a container, from its inspection → the container in normal form. Pure; the inverse of `render`.

Everything that the engine can tell is taken from the engine, so that a change that somebody made behind evenkeel's back is
drift. Only what no engine keeps (conduct, and which variables and labels were asked for rather than inherited from the
image) is taken from the label that evenkeel wrote at creation. From a container without that label the image's own settings
are subtracted, so that it can be adopted as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, get_args

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.checks import asked_check
from evenkeel.controller.drivers.containers.docker.render import HOST_GATEWAY, OUR_LABELS, prints_from
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
from evenkeel.specs.containers.image import normal_image
from evenkeel.specs.containers.normalise import normal

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp]?)i?b?", re.IGNORECASE)


class Abilities(NamedTuple):
    """Which limits an engine keeps. On a kernel without the cgroup it discards them at creation, with a warning."""

    memory: bool = True
    swap: bool = True


def container_of(
    name: str,
    inspected: answers.Inspected,
    network: str,
    asked: Container | None,
    image_config: answers.Config,
    abilities: Abilities,
) -> Container:
    """The container that an inspection describes. `network`: the user-defined network that stands for mode bridge. `asked`: its
    label, `None` when there is none that can be read; then `image_config`, the `Config` of its image, is subtracted.
    `abilities`: which limits the engine keeps."""
    config, host = inspected["Config"], inspected["HostConfig"]
    on_host = host.get("NetworkMode") == "host"
    base = asked or Container(name=name, image="scratch")
    cmd = tuple(config.get("Cmd") or ())
    inherited = asked is None and list(cmd) == (image_config.get("Cmd") or [])
    container = Container(
        name=name,
        image=image_of(config.get("Image", ""), inspected.get("Image", "")),
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
        conditions=base.conditions,
        pull_policy=base.pull_policy,
        image_volumes=base.image_volumes,
        run_once=base.run_once,
        secrets=base.secrets,
        values_from=base.values_from,
    )
    return normal(container)


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
    for name, _ in prints_from(config.get("Labels") or {}):  # of a container that another version has created
        actual.pop(name, None)
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


def handed_out(config: answers.Config) -> tuple[tuple[str, str | None], ...]:
    """The variables with values that were handed out, as the engine has them: they are no part of the container in normal form,
    and good for nothing but to keep them out of messages."""
    names = {name for name, _ in prints_from(config.get("Labels") or {})}
    return tuple(each for each in map(variable, config.get("Env") or ()) if each[0] in names) if names else ()


def variable(text: str) -> tuple[str, str | None]:
    """An entry of `Env`. A name alone removes the image's variable; the engine keeps it so."""
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
    """Bind mounts alone. The engine tidies paths up (`/a//b/`): a path that was asked for is shown as it was. A propagation
    counts only where it was asked for."""
    words = {(tidy(mount.destination), tidy(mount.source)): mount for mount in asked}
    mounts = []
    for mount in found:
        if mount.get("Type") == "bind":
            destination, source = mount["Destination"], mount.get("Source", "")
            word = words.get((tidy(destination), tidy(source)), Mount(destination, source))
            propagation = (_mode(mount.get("Propagation", "")) or USUAL_PROPAGATION) if word.propagation else None
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
        modes = (mode for option in options.split(",") if (mode := _mode(option)))
        asked.append(Mount(destination, source, next(modes, None)))
    return asked


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

    A limit that the engine cannot keep at all counts as kept: creating the container anew would not help.
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
    """The log of a container. A driver other than json-file and none is drift; it is reported with a path that no spec
    can have."""
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
    """The stop of a container. The engine stores whole seconds, rounded up from the request. The signal of the image
    was not asked for."""
    signal, seconds = config.get("StopSignal") or Stop().signal, config.get("StopTimeout")
    if signal == image_config.get("StopSignal"):
        signal = Stop().signal
    if seconds is None:
        return Stop(signal)
    if signal == asked.signal and 0 <= seconds - asked.timeout.total_seconds() < 1:
        return asked
    return Stop(signal, timedelta(seconds=seconds))


def image_of(text: str, otherwise: str = "") -> str:
    """A reference in normal form; for a text that is none, such as an id, `otherwise` or the text itself."""
    try:
        return normal_image(text)
    except ValueError:
        return otherwise or text
