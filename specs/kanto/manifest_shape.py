"""The shape of Kanto's container manifest: every key of both spellings, without their meaning.

Every key may be left out or null, because the programs that write manifests write every field (container-management.md
§3.1, §3.4; leda-image.md §2). An unknown key is a fault.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class Image(Struct, frozen=True, forbid_unknown_fields=True):
    """The image of the container."""

    name: str | None = None
    decrypt_config: Any = None


class MountPoint(Struct, frozen=True, forbid_unknown_fields=True):
    """A path of the host inside the container."""

    source: str | None = None
    destination: str | None = None
    propagation_mode: str | None = None


class PortMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """A port of the host that leads to one of the container."""

    container_port: int | None = None
    host_port: int | None = None
    host_port_end: int | None = None
    host_ip: str | None = None
    proto: str | None = None
    protocol: str | None = None


class DeviceMapping(Struct, frozen=True, forbid_unknown_fields=True):
    """A device node of the host inside the container."""

    path_on_host: str | None = None
    path_in_container: str | None = None
    cgroup_permissions: str | None = None


class RestartPolicy(Struct, frozen=True, forbid_unknown_fields=True):
    """`retry_timeout` is in nanoseconds."""

    type: str | None = None
    maximum_retry_count: int | None = None
    retry_timeout: int | None = None


class DriverConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The destination of output."""

    type: str | None = None
    max_files: int | None = None
    max_size: str | None = None
    root_dir: str | None = None


class ModeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The way of output to its destination."""

    mode: str | None = None
    max_buffer_size: str | None = None


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The keeping of output."""

    driver_config: DriverConfig | None = None
    mode_config: ModeConfig | None = None


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes with a unit."""

    memory: str | None = None
    memory_reservation: str | None = None
    memory_swap: str | None = None


class HostConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The part of the host that the container shares."""

    devices: tuple[DeviceMapping, ...] | None = None
    network_mode: str | None = None
    privileged: bool | None = None
    restart_policy: RestartPolicy | None = None
    runtime: str | None = None
    extra_hosts: tuple[str, ...] | None = None
    extra_capabilities: tuple[str, ...] | None = None
    port_mappings: tuple[PortMapping, ...] | None = None
    log_config: LogConfig | None = None
    resources: Limits | None = None


class IoConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Only `open_stdin` and `tty` describe the container, the rest an attached client."""

    open_stdin: bool | None = None
    tty: bool | None = None
    attach_stderr: Any = None
    attach_stdin: Any = None
    attach_stdout: Any = None
    stdin_once: Any = None


class Process(Struct, frozen=True, forbid_unknown_fields=True):
    """The process of the container."""

    env: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Both spellings at once. Keys of type `Any` belong to the engine and are ignored, except `hooks`."""

    container_name: str | None = None
    name: str | None = None
    image: Image | None = None
    host_name: str | None = None
    domain_name: str | None = None
    mount_points: tuple[MountPoint, ...] | None = None
    mounts: tuple[MountPoint, ...] | None = None
    config: Process | None = None
    host_config: HostConfig | None = None
    io_config: IoConfig | None = None
    hooks: Any = None
    container_id: Any = None
    id: Any = None
    resolv_conf_path: Any = None
    hosts_path: Any = None
    hostname_path: Any = None
    network_settings: Any = None
    state: Any = None
    created: Any = None
    restart_count: Any = None
    manually_stopped: Any = None
    started_successfully_before: Any = None
