"""What the Docker Engine API answers → observations. Pure; the other half of `render`.

Everything that the engine can tell is taken from the engine, so that what somebody changed behind evenkeel's back is
drift. Only what no engine keeps (conduct, and which variables and labels were asked for rather than inherited from the
image) is taken from the label that evenkeel wrote at creation. Of a container without that label the image's own settings
are subtracted, so that it can be adopted as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from evenkeel.controller.drivers.docker.render import HOST_GATEWAY, NAME_LABEL, SPEC_LABEL, asked_from
from evenkeel.specs.container import (
    UNLIMITED,
    Container,
    Device,
    ExecProbe,
    Health,
    Log,
    Mount,
    Port,
    Propagation,
    Resources,
    Restart,
    RestartPolicy,
    Stop,
)
from evenkeel.specs.image import normal_image, parse_image
from evenkeel.specs.normalise import normal
from evenkeel.specs.observed import ContainerSeen, HealthSeen, State

_STATES: dict[str, State] = {
    "created": "created",
    "running": "running",
    "paused": "paused",
    "restarting": "restarting",
    "exited": "exited",
    "removing": "dead",
    "dead": "dead",
}
_HEALTH: dict[str, HealthSeen] = {"starting": "starting", "healthy": "healthy", "unhealthy": "unhealthy"}
_OUR_LABELS = (NAME_LABEL, SPEC_LABEL)


def is_ours(entry: Mapping[str, Any]) -> bool:
    """Whether an entry of the container list was created by evenkeel."""
    return NAME_LABEL in (entry.get("Labels") or {})


def entry_name(entry: Mapping[str, Any]) -> str:
    """The engine's name of an entry of the container list; of several (legacy links) the plain one."""
    names = [name.removeprefix("/") for name in entry.get("Names") or () if name.count("/") == 1]
    return names[0] if names else str(entry["Id"])[:12]


def parse_foreign(entry: Mapping[str, Any]) -> ContainerSeen:
    """A container of others, from the list alone."""
    name = entry_name(entry)
    return ContainerSeen(
        id=entry["Id"],
        name=name,
        engine_name=name,
        image_id=entry.get("ImageID", ""),
        state=_STATES.get(entry.get("State", ""), "dead"),
        image=_image(entry.get("Image", "")),
        created_at=float(entry.get("Created") or 0),
    )


def parse_container(
    inspected: Mapping[str, Any], network: str, image_config: Mapping[str, Any] | None = None
) -> ContainerSeen:
    """A container of evenkeel's, or one to adopt, from its inspection.

    `network`: the user-defined network that stands for mode bridge. `image_config`: the `Config` of its image, needed for a
    container without evenkeel's label.
    """
    config, state = inspected["Config"], inspected["State"]
    labels = config.get("Labels") or {}
    engine_name = str(inspected["Name"]).removeprefix("/")
    name = labels.get(NAME_LABEL) or engine_name
    asked = asked_from(labels)
    networks = inspected.get("NetworkSettings", {}).get("Networks") or {}
    return ContainerSeen(
        id=inspected["Id"],
        name=name,
        engine_name=engine_name,
        image_id=inspected.get("Image", ""),
        state=_STATES.get(state.get("Status", ""), "dead"),
        container=normal(_container(name, inspected, network, asked, image_config or {})),
        image=_image(config.get("Image", "")),
        health=_HEALTH.get((state.get("Health") or {}).get("Status", ""), "none"),
        exit_code=state.get("ExitCode") or 0,
        error=state.get("Error") or "",
        restart_count=inspected.get("RestartCount") or 0,
        created_at=parse_time(inspected.get("Created", "")),
        started_at=parse_time(state.get("StartedAt", "")),
        finished_at=parse_time(state.get("FinishedAt", "")),
        address=next((each["IPAddress"] for each in networks.values() if each.get("IPAddress")), ""),
    )


def parse_images(entries: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], dict[str, str]]:
    """References and repository digests of local images, both in normal form, to image ids."""
    images: dict[str, str] = {}
    digests: dict[str, str] = {}
    for entry in entries:
        for tag in entry.get("RepoTags") or ():
            if tag != "<none>:<none>":
                images[_image(tag)] = entry["Id"]
        for digest in entry.get("RepoDigests") or ():
            if not digest.startswith("<none>"):
                ref = parse_image(digest)
                digests[f"{ref.registry}/{ref.repository}@{ref.digest}"] = entry["Id"]
    return images, digests


def parse_time(text: str) -> float:
    """Docker's RFC 3339 with nanoseconds → epoch seconds; 0 for its zero time."""
    if not text or text.startswith("0001-"):
        return 0.0
    whole, _, rest = text.removesuffix("Z").partition(".")
    try:
        moment = datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
    return moment + (float(f"0.{rest}") if rest.isdigit() else 0.0)


def _container(
    name: str,
    inspected: Mapping[str, Any],
    network: str,
    asked: Container | None,
    image_config: Mapping[str, Any],
) -> Container:
    config, host = inspected["Config"], inspected["HostConfig"]
    on_host = host.get("NetworkMode") == "host"
    base = asked or Container(name=name, image="scratch")
    cmd = tuple(config.get("Cmd") or ())
    inherited = asked is None and list(cmd) == (image_config.get("Cmd") or [])
    return Container(
        name=name,
        image=_image(config.get("Image", "")),
        command=None if inherited or (asked is not None and asked.command is None) else cmd,
        env=_env(config, asked, image_config),
        ports=_ports(host.get("PortBindings") or {}),
        mounts=tuple(_mount(mount) for mount in inspected.get("Mounts") or () if mount.get("Type") == "bind"),
        devices=tuple(
            Device(device["PathInContainer"], device["PathOnHost"], device.get("CgroupPermissions") or "rwm")
            for device in host.get("Devices") or ()
        ),
        network="host" if on_host else "bridge",
        extra_hosts=base.extra_hosts if asked else _extra_hosts(inspected, network),
        host_name=config.get("Hostname") if asked and asked.host_name else None,
        domain_name=(config.get("Domainname") or None) if asked and asked.domain_name else None,
        privileged=bool(host.get("Privileged")),
        capabilities=tuple(host.get("CapAdd") or ()),
        restart=_restart(host.get("RestartPolicy") or {}, base.restart.timeout),
        resources=_resources(host),
        log=_log(host.get("LogConfig") or {}, base.log),
        terminal=bool(config.get("Tty")),
        interactive=bool(config.get("OpenStdin")),
        labels=_labels(config, asked, image_config),
        health=_health(config.get("Healthcheck") or {}, base.health, image_config),
        stable_for=base.stable_for,
        stop=_stop(config, base.stop),
        depends_on=base.depends_on,
        pull_policy=base.pull_policy,
    )


def _env(
    config: Mapping[str, Any], asked: Container | None, image_config: Mapping[str, Any]
) -> tuple[tuple[str, str | None], ...]:
    actual: dict[str, str | None] = dict(_variable(text) for text in config.get("Env") or ())
    if asked is not None:
        return tuple((name, actual.get(name)) for name, _ in asked.env)
    inherited: dict[str, str | None] = dict(_variable(text) for text in image_config.get("Env") or ())
    return tuple((name, value) for name, value in actual.items() if inherited.get(name, "\0") != value)


def _labels(
    config: Mapping[str, Any], asked: Container | None, image_config: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    actual: dict[str, str] = config.get("Labels") or {}
    if asked is not None:
        return tuple((name, actual[name]) for name, _ in asked.labels if name in actual)
    inherited: dict[str, str] = image_config.get("Labels") or {}
    return tuple(
        (name, value) for name, value in actual.items() if name not in _OUR_LABELS and inherited.get(name) != value
    )


def _variable(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _ports(bindings: Mapping[str, Sequence[Mapping[str, str]] | None]) -> tuple[Port, ...]:
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


def _mount(mount: Mapping[str, Any]) -> Mount:
    propagation: Propagation = "rprivate"
    for mode in get_args(Propagation):
        if mode == mount.get("Propagation"):
            propagation = mode
    return Mount(mount["Destination"], mount["Source"], propagation, not mount.get("RW", True))


def _extra_hosts(inspected: Mapping[str, Any], network: str) -> tuple[tuple[str, str], ...]:
    hosts = []
    for text in inspected["HostConfig"].get("ExtraHosts") or ():
        name, _, address = text.partition(":")
        hosts.append((name, "host_ip" if address == HOST_GATEWAY else address))
    endpoint = (inspected.get("NetworkSettings", {}).get("Networks") or {}).get(network) or {}
    for text in endpoint.get("Links") or ():
        target, _, name = text.partition(":")
        hosts.append((name, f"container_{target}"))
    return tuple(hosts)


def _restart(policy: Mapping[str, Any], timeout: timedelta | None) -> Restart:
    name: RestartPolicy = "no"
    for known in get_args(RestartPolicy):
        if known == policy.get("Name"):
            name = known
    return Restart(name, policy.get("MaximumRetryCount") or 0, timeout)


def _resources(host: Mapping[str, Any]) -> Resources:
    """0 and -1 both mean "no limit" for memory and reservation; without a memory limit swap means nothing."""
    memory = host.get("Memory") or 0
    reservation = host.get("MemoryReservation") or 0
    swap = host.get("MemorySwap") or 0
    return Resources(
        memory if memory > 0 else None,
        reservation if reservation > 0 else None,
        None if memory <= 0 else UNLIMITED if swap < 0 else swap or None,
    )


def _log(log: Mapping[str, Any], asked: Log) -> Log:
    """A driver that evenkeel has no word for is drift: it is reported as one that nobody asks for."""
    config = log.get("Config") or {}
    if log.get("Type") == "none":
        return Log(driver="none")
    return Log(
        driver="json-file",
        max_files=int(config.get("max-file", Log().max_files)),
        max_size=_bytes(config.get("max-size", ""), Log().max_size),
        path=asked.path,
        mode="non-blocking" if config.get("mode") == "non-blocking" else "blocking",
        max_buffer_size=_bytes(config.get("max-buffer-size", ""), Log().max_buffer_size),
    )


def _bytes(text: str, default: int) -> int:
    """Docker's size options: a number with an optional unit, decimal as Docker reads it."""
    units = {"k": 1000, "m": 1000**2, "g": 1000**3}
    number = text.lower().rstrip("b").rstrip("kmg")
    if not number.replace(".", "", 1).isdigit():
        return default
    unit = text.lower().rstrip("b")[len(number) :]
    return int(float(number) * units.get(unit, 1))


def _health(check: Mapping[str, Any], asked: Health | None, image_config: Mapping[str, Any]) -> Health | None:
    """Probes over the network are evenkeel's own; a command is the engine's. The image's own check is not asked for."""
    if asked is not None and not isinstance(asked.probe, ExecProbe):
        return asked
    test = check.get("Test") or []
    if len(test) < 2 or test[0] != "CMD" or (asked is None and check == (image_config.get("Healthcheck") or {})):
        return None
    return Health(
        ExecProbe(tuple(test[1:])),
        interval=_duration(check.get("Interval")),
        timeout=_duration(check.get("Timeout")),
        retries=check.get("Retries") or Health(ExecProbe(())).retries,
        start_period=_duration(check.get("StartPeriod")),
    )


def _duration(nanoseconds: int | None) -> timedelta:
    return timedelta(microseconds=(nanoseconds or 0) // 1000)


def _stop(config: Mapping[str, Any], asked: Stop) -> Stop:
    """The engine counts whole seconds, rounded up when it was asked."""
    signal, seconds = config.get("StopSignal") or Stop().signal, config.get("StopTimeout")
    if seconds is None:
        return Stop(signal)
    if signal == asked.signal and 0 <= seconds - asked.timeout.total_seconds() < 1:
        return asked
    return Stop(signal, timedelta(seconds=seconds))


def _image(text: str) -> str:
    try:
        return normal_image(text)
    except ValueError:
        return text
