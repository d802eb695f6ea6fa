"""The written form of containers: the shapes behind `kind: Container` and `kind: SystemContainers`.

These types hold shape only (keys, types, ranges, texts that match a pattern) and the prose that editors show.
`specs.containers.normalise` has the meaning of the values, the defaults, and the combinations that contradict each
other. Short text forms (`"8080:80"`) and long forms (mappings) are both accepted wherever Kanto users are used to the
short one.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from evenkeel.specs.containers.container import (
    Condition,
    ImageVolumes,
    LogDriver,
    LogMode,
    Network,
    Propagation,
    Protocol,
    PullPolicy,
    RestartPolicy,
)
from evenkeel.specs.documents.written import AbsolutePath, Duration, Name, Size, Text
from evenkeel.specs.reading.quantity import SWAP_PATTERN
from evenkeel.specs.values import ValueName

PortNumber = Annotated[int, Meta(ge=1, le=65535)]


class PortSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A port of the host that leads to a port of the container."""

    host_port: Annotated[PortNumber, Meta(description="The port on the host, or the first of a range.")]
    container_port: Annotated[PortNumber, Meta(description="The port inside the container.")]
    host_port_end: (
        Annotated[PortNumber, Meta(description="The last of a range; the engine takes a free one.")] | UnsetType
    ) = UNSET
    host_ip: (
        Annotated[Text, Meta(description="IPv4 or IPv6 address, or `localhost`. Default: `0.0.0.0`.")] | UnsetType
    ) = UNSET
    protocol: Protocol = "tcp"


class MountSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A path of the host inside the container."""

    source: Annotated[AbsolutePath, Meta(description="The path on the host.")]
    destination: Annotated[AbsolutePath, Meta(description="The path inside the container.")]
    propagation: Annotated[
        Propagation | None,
        Meta(description="Sent to the engine only when given; it takes `rprivate` unless that cannot be."),
    ] = None
    read_only: bool = False


class DeviceSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A device node of the host inside the container."""

    host_path: Annotated[AbsolutePath, Meta(description="The device on the host.")]
    container_path: (
        Annotated[AbsolutePath, Meta(description="Its path inside the container. Default: the same.")] | UnsetType
    ) = UNSET
    permissions: Annotated[str, Meta(pattern="^[rwm]{1,3}$", description="Made of `r`, `w` and `m`.")] = "rwm"


class RestartSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The engine's reaction when the container's process ends."""

    policy: (
        Annotated[RestartPolicy, Meta(description="Default: `unless-stopped`; with `runOnce` it is `no`.")] | UnsetType
    ) = UNSET
    max_retries: Annotated[
        int, Meta(ge=0, le=1_000_000, description="With `on-failure`: how often; 0 is without limit.")
    ] = 0
    timeout: (
        Annotated[
            Duration,
            Meta(description="With `on-failure`: longest wait between two tries, where the engine has such a limit."),
        ]
        | UnsetType
    ) = UNSET


class ResourcesSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Limits. Another value changes in place; a `memory` or `unlimited` swap that comes or goes needs a new container."""

    memory: Annotated[Size, Meta(description="Most memory the container may use; at least `3M`.")] | UnsetType = UNSET
    memory_reservation: (
        Annotated[Size, Meta(description="The memory that it keeps when memory is short; less than `memory`.")]
        | UnsetType
    ) = UNSET
    memory_swap: (
        Annotated[
            str,
            Meta(
                pattern=SWAP_PATTERN,
                description="Memory and swap together, or `unlimited`. Default: twice `memory`.",
            ),
        ]
        | UnsetType
    ) = UNSET


class LogSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How the engine keeps the container's output."""

    driver: LogDriver = "json-file"
    max_files: Annotated[int, Meta(ge=1, le=10_000, description="How many files are kept.")] = 2
    max_size: Annotated[Size, Meta(description="Size at which a file is rotated.")] = "100M"
    path: (
        Annotated[AbsolutePath, Meta(description="Folder for the files, where the engine lets one choose.")] | UnsetType
    ) = UNSET
    mode: LogMode = "blocking"
    max_buffer_size: Annotated[
        Size, Meta(description="With `non-blocking`: the buffer, beyond which output is dropped.")
    ] = "1M"


class HttpProbeSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A GET that must answer 200 to 399."""

    port: Annotated[PortNumber, Meta(description="A port of the container.")]
    path: Annotated[AbsolutePath, Meta(description="The path to ask for.")] = "/"


class TcpProbeSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A port that must accept a connection."""

    port: Annotated[PortNumber, Meta(description="A port of the container.")]


class HealthSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """When the container counts as healthy. Give exactly one of `exec`, `http`, `tcp`."""

    exec: (
        Annotated[tuple[str, ...], Meta(min_length=1, description="A command inside the container that must exit 0.")]
        | UnsetType
    ) = UNSET
    http: HttpProbeSpec | UnsetType = UNSET
    tcp: TcpProbeSpec | UnsetType = UNSET
    interval: Duration = "10s"
    timeout: Duration = "5s"
    retries: Annotated[int, Meta(ge=1, le=1000, description="Failures in a row that make it unhealthy.")] = 3
    start_period: Annotated[Duration, Meta(description="Time to start in which failures do not count.")] = "0s"


class StopSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How the container is asked to end."""

    signal: Annotated[str, Meta(pattern=r"^(SIG[A-Z0-9+-]+|[1-9]\d?)$", description="A signal name or number.")] = (
        "SIGTERM"
    )
    timeout: Annotated[Duration, Meta(description="Time until SIGKILL.")] = "10s"


class DependencySpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A container that has to be there before, and how far."""

    name: Annotated[Name, Meta(description="The name of a container, or of a system container.")]
    condition: Annotated[
        Condition,
        Meta(
            description="`healthy`: it is proven. `started`: its process was started. `completed`: it has `runOnce`, and has "
            "ended with exit code 0."
        ),
    ] = "healthy"


class RunOnceSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How a container runs to its end."""

    timeout: Annotated[Duration, Meta(description="Time in which it has to end.")] = "10m"


class ValueFromSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A value that an identity hands out."""

    provisioning: Annotated[Name, Meta(description="The name of a document of kind `Provisioning`.")]
    value: Annotated[ValueName, Meta(description="The name of the value, as for the templates of `outputs`.")]


class VariableSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A variable with a word about its value. Give exactly one of `value`, `valueFrom`."""

    value: Annotated[str, Meta(description="The value.")] | UnsetType = UNSET
    value_from: (
        Annotated[
            ValueFromSpec,
            Meta(
                description="The value that an identity hands out when the container is created. Another value needs a new "
                "container. Nobody is shown the value."
            ),
        ]
        | UnsetType
    ) = UNSET
    secret: Annotated[bool, Meta(description="Nobody is shown the value, whatever they ask for.")] = False


class ContainerSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A container that shall run on this device."""

    image: Annotated[Text, Meta(description="Image reference; `@sha256:…` pins it.")]
    pull_policy: Annotated[
        PullPolicy,
        Meta(
            description="`Always` also follows a tag that is pushed again: its registry is asked every 5 minutes, and at once"
            " by `evenkeel apply` and `systemctl reload`."
        ),
    ] = "IfNotPresent"
    command: Annotated[tuple[str, ...], Meta(description="Arguments that replace the image's own.")] | UnsetType = UNSET
    env: Annotated[
        dict[str, str | VariableSpec | None] | tuple[str, ...],
        Meta(
            description="Variables: a mapping (null removes one of the image's; `{value: …, secret: true}` shows the value "
            "to nobody; `{valueFrom: {provisioning: NAME, value: connectionString}}` takes a value of an identity), or a list "
            "of `NAME=value`."
        ),
    ] = {}
    ports: Annotated[
        tuple[str | PortSpec, ...],
        Meta(description="`[hostIP:]hostPort[-end]:containerPort[/protocol]`, or the long form."),
    ] = ()
    mounts: Annotated[
        tuple[str | MountSpec, ...],
        Meta(description="`source:destination[:propagation][:ro]`, or the long form."),
    ] = ()
    image_volumes: Annotated[
        ImageVolumes,
        Meta(
            description="The data in volumes that the image declares and `mounts` does not have: `keep` it, also when the "
            "container is replaced or removed, or `discard` it then."
        ),
    ] = "keep"
    devices: Annotated[
        tuple[str | DeviceSpec, ...],
        Meta(description="`hostPath[:containerPath[:permissions]]`, or the long form."),
    ] = ()
    network: Annotated[Network, Meta(description="`host` shares the host's network.")] = "bridge"
    extra_hosts: Annotated[
        dict[str, str] | tuple[str, ...],
        Meta(
            description="Names to addresses, or `name:address`. Addresses may be `host_ip`, `host_ip_<interface>` "
            "or `container_<host name>`."
        ),
    ] = {}
    host_name: (
        Annotated[Text, Meta(description="At most 63 characters. Default: `<name>-host`, as with Kanto.")] | UnsetType
    ) = UNSET
    domain_name: Annotated[Text, Meta(description="Default: `<name>-domain`, as with Kanto.")] | UnsetType = UNSET
    privileged: Annotated[bool, Meta(description="All rights on the host; excludes `devices` and `capabilities`.")] = (
        False
    )
    capabilities: Annotated[
        tuple[Text, ...], Meta(description="Extra Linux capabilities, for example `CAP_NET_ADMIN`.")
    ] = ()
    restart: RestartSpec = RestartSpec()
    resources: ResourcesSpec = ResourcesSpec()
    log: LogSpec = LogSpec()
    terminal: Annotated[bool, Meta(description="Give the process a terminal.")] = False
    interactive: Annotated[bool, Meta(description="Keep its standard input open.")] = False
    health: HealthSpec | UnsetType = UNSET
    stable_for: Annotated[Duration, Meta(description="How long it must stay up, or healthy, to count as proven.")] = (
        "3s"
    )
    stop: StopSpec = StopSpec()
    depends_on: Annotated[
        tuple[Name | DependencySpec, ...],
        Meta(
            description="Containers that must be proven, or system containers that must run, before this one starts: names, "
            "or `{name: …, condition: …}`."
        ),
    ] = ()
    run_once: Annotated[
        bool | RunOnceSpec,
        Meta(
            description="It runs to its end, and is proven by exit code 0. It is kept then, and runs again when it is "
            "replaced. `{timeout: …}` is the time in which it has to end; with `true` it is 10m."
        ),
    ] = False


class SystemContainersSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Containers that are never touched, whoever created them and whatever is asked."""

    names: Annotated[tuple[Name, ...], Meta(description="Names of containers.")]
