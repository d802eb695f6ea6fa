"""The answers of the Docker Engine API, as far as they are read here: their shapes, which `EngineClient` checks.

An answer of another shape is a failure of the engine, or of a proxy before it, and is never read in part: a text where
a list has to be would otherwise be a list of letters, and the container would differ from its spec. Fields that the
engine may leave out or answer with null are marked so; other keys are ignored.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict


class PublishedPort(TypedDict):
    """A port of a container in the list; without `PublicPort` nothing leads to it from outside."""

    IP: NotRequired[str]
    PrivatePort: NotRequired[int]
    PublicPort: NotRequired[int]
    Type: NotRequired[str]


class ContainerEntry(TypedDict):
    """One of GET /containers/json."""

    Id: str
    Names: NotRequired[list[str] | None]
    Image: NotRequired[str]
    ImageID: NotRequired[str]
    State: NotRequired[str]
    Ports: NotRequired[list[PublishedPort] | None]
    Created: NotRequired[float]
    Labels: NotRequired[dict[str, str] | None]


class Endpoint(TypedDict):
    """The attachment of a container to one network."""

    NetworkID: NotRequired[str]
    EndpointID: NotRequired[str]
    IPAddress: NotRequired[str]
    Links: NotRequired[list[str] | None]
    IPAMConfig: NotRequired[dict[str, object] | None]


class NetworkSettings(TypedDict):
    Networks: NotRequired[dict[str, Endpoint | None] | None]


class HealthResult(TypedDict):
    Start: NotRequired[str]
    ExitCode: NotRequired[int]
    Output: NotRequired[str]


class HealthState(TypedDict):
    Status: NotRequired[str]
    FailingStreak: NotRequired[int]
    Log: NotRequired[list[HealthResult] | None]


class State(TypedDict):
    Status: NotRequired[str]
    Error: NotRequired[str]
    ExitCode: NotRequired[int]
    Pid: NotRequired[int]
    StartedAt: NotRequired[str]
    FinishedAt: NotRequired[str]
    Health: NotRequired[HealthState | None]


class RestartPolicy(TypedDict):
    Name: NotRequired[str]
    MaximumRetryCount: NotRequired[int]


class LogConfig(TypedDict):
    Type: NotRequired[str]
    Config: NotRequired[dict[str, str] | None]


class PortTarget(TypedDict):
    HostIp: NotRequired[str]
    HostPort: NotRequired[str]


class DeviceEntry(TypedDict):
    PathInContainer: str
    PathOnHost: str
    CgroupPermissions: NotRequired[str]


class Limit(TypedDict):
    """One of the kernel's limits for processes."""

    Name: NotRequired[str]


class HostConfig(TypedDict):
    """The part of the host that a container gets; `unspoken` reads more of it."""

    NetworkMode: NotRequired[str]
    PortBindings: NotRequired[dict[str, list[PortTarget] | None] | None]
    Mounts: NotRequired[list[MountAsked] | None]
    Binds: NotRequired[list[str] | None]
    Devices: NotRequired[list[DeviceEntry] | None]
    ExtraHosts: NotRequired[list[str] | None]
    Links: NotRequired[list[str] | None]
    Tmpfs: NotRequired[dict[str, str] | None]
    Privileged: NotRequired[bool]
    AutoRemove: NotRequired[bool]
    CapAdd: NotRequired[list[str] | None]
    RestartPolicy: NotRequired[RestartPolicy | None]
    LogConfig: NotRequired[LogConfig | None]
    Ulimits: NotRequired[list[Limit] | None]
    Memory: NotRequired[int]
    MemorySwap: NotRequired[int]
    MemoryReservation: NotRequired[int | None]


class BindOptions(TypedDict):
    Propagation: NotRequired[str]


class MountAsked(TypedDict):
    """A mount as it was requested."""

    Source: NotRequired[str]
    Target: NotRequired[str]
    BindOptions: NotRequired[BindOptions | None]


class MountEntry(TypedDict):
    """A mount as the engine made it."""

    Type: NotRequired[str]
    Name: NotRequired[str]
    Source: NotRequired[str]
    Destination: str
    Propagation: NotRequired[str]
    RW: NotRequired[bool]


class Healthcheck(TypedDict):
    Test: NotRequired[list[str] | None]
    Interval: NotRequired[int]
    Timeout: NotRequired[int]
    StartPeriod: NotRequired[int]
    Retries: NotRequired[int]


class Config(TypedDict):
    """The process of a container, or of an image."""

    Labels: NotRequired[dict[str, str] | None]
    Image: NotRequired[str]
    Cmd: NotRequired[list[str] | None]
    Entrypoint: NotRequired[list[str] | None]
    Env: NotRequired[list[str] | None]
    User: NotRequired[str]
    WorkingDir: NotRequired[str]
    Hostname: NotRequired[str]
    Domainname: NotRequired[str]
    MacAddress: NotRequired[str]
    Tty: NotRequired[bool]
    OpenStdin: NotRequired[bool]
    Healthcheck: NotRequired[Healthcheck | None]
    StopSignal: NotRequired[str]
    StopTimeout: NotRequired[int | None]
    Volumes: NotRequired[dict[str, object] | None]


class Inspected(TypedDict):
    """GET /containers/{id}/json."""

    Id: str
    Name: str
    Config: Config
    State: State
    HostConfig: HostConfig
    Image: NotRequired[str]
    NetworkSettings: NotRequired[NetworkSettings | None]
    Mounts: NotRequired[list[MountEntry] | None]
    RestartCount: NotRequired[int]
    Created: NotRequired[str]


def endpoints(inspected: Inspected) -> dict[str, Endpoint]:
    """The attachments of a container to networks, by their names."""
    settings: NetworkSettings = inspected.get("NetworkSettings") or {}
    return {name: endpoint or {} for name, endpoint in (settings.get("Networks") or {}).items()}


class ImageEntry(TypedDict):
    """One of GET /images/json."""

    Id: str
    RepoTags: NotRequired[list[str] | None]
    RepoDigests: NotRequired[list[str] | None]
    Labels: NotRequired[dict[str, str] | None]


class ImageInspected(TypedDict):
    """GET /images/{name}/json."""

    Config: NotRequired[Config | None]
    RepoDigests: NotRequired[list[str] | None]


class NetworkEntry(TypedDict):
    """One of GET /networks."""

    Id: str
    Name: str
    Labels: NotRequired[dict[str, str] | None]


class Component(TypedDict):
    Name: NotRequired[str]


class Version(TypedDict):
    """GET /version."""

    Version: str
    Components: NotRequired[list[Component] | None]


class RegistryConfig(TypedDict):
    Mirrors: NotRequired[list[str] | None]


class SystemAnswer(TypedDict):
    """GET /info."""

    MemoryLimit: NotRequired[bool]
    SwapLimit: NotRequired[bool]
    CgroupVersion: NotRequired[str]
    ServerVersion: NotRequired[str]
    DockerRootDir: NotRequired[str]
    Rootless: NotRequired[bool]
    """Podman's word. Docker's is `name=rootless` among the security options."""
    SecurityOptions: NotRequired[list[str] | None]
    RegistryConfig: NotRequired[RegistryConfig | None]


class Descriptor(TypedDict):
    digest: str


class Distribution(TypedDict):
    """GET /distribution/{name}/json."""

    Descriptor: Descriptor


class Created(TypedDict):
    """POST /containers/create."""

    Id: str
    Warnings: NotRequired[list[str] | None]


class Updated(TypedDict):
    """POST /containers/{id}/update."""

    Warnings: NotRequired[list[str] | None]


class ProgressDetail(TypedDict):
    current: NotRequired[int | None]
    total: NotRequired[int | None]


class Volume(TypedDict):
    """POST /volumes/create, of one that is there already, too, and GET /volumes/{name}."""

    Name: str
    Labels: NotRequired[dict[str, str] | None]


class PullLine(TypedDict):
    """One line of POST /images/create."""

    id: NotRequired[str]
    status: NotRequired[str]
    error: NotRequired[str]
    progressDetail: NotRequired[ProgressDetail | None]
