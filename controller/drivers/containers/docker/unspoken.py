"""Settings of a container of somebody else's that no spec can express. Pure.

A container that evenkeel creates in its place is without them, so the operator who adopts it has to know. By exclusion,
so that new engine options are reported, too: everything in `HostConfig` is told that is neither read by `configuration`
nor an engine's default. Only names and numbers are told, because commands and options may hold secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.places import volumes_of
from evenkeel.specs.reading.quantity import size_text

_SPOKEN = frozenset(
    (
        *(
            "Binds",
            "Mounts",
            "VolumesFrom",
            "VolumeDriver",
            "Tmpfs",
            "LogConfig",
            "NetworkMode",
            "PortBindings",
            "Links",
        ),
        *("RestartPolicy", "CapAdd", "ExtraHosts", "Privileged", "Devices"),
        *("Memory", "MemorySwap", "MemoryReservation"),
        *("ContainerIDFile", "ConsoleSize", "Isolation", "Cgroup", "MaskedPaths", "ReadonlyPaths"),
    )
)
"""Keys of `HostConfig` that a spec can express, that are told below in other words, or that are an engine's notes."""
_ORDINARY: Mapping[str, tuple[object, ...]] = {
    "CgroupnsMode": ("host", "private"),
    "IpcMode": ("private", "shareable"),
    "MemorySwappiness": (-1,),
    "PidsLimit": (-1,),
    "Runtime": ("runc", "io.containerd.runc.v2"),
    "ShmSize": (64 << 20,),
}
"""Defaults of engines that are not empty."""
_WORDS = {
    "AutoRemove": "removal by the engine when it ends (--rm; going back from a failed update creates it anew)",
    "CapDrop": "dropped capabilities",
    "Init": "an init process",
    "NanoCpus": "cpus",
    "PublishAllPorts": "a host port for each port of its image",
    "ReadonlyRootfs": "a read-only root file system",
    "SecurityOpt": "security options",
    "ShmSize": "shared memory of",
}
_ROOT = ("", "0", "root", "0:0", "root:root")


def unspoken(inspected: answers.Inspected, network: str, image_config: answers.Config) -> tuple[str, ...]:
    """The settings that would be lost, in words; empty for an ordinary container. `network` and `image_config` as for
    `parse.parse_container`."""
    config, host = inspected["Config"], inspected["HostConfig"]
    found = (
        *_of_process(config, image_config),
        *_of_storage(inspected, image_config),
        *_of_network(inspected, network),
        *_of_host(host),
    )
    return tuple(dict.fromkeys(found))


def _of_process(config: answers.Config, image_config: answers.Config) -> Iterator[str]:
    entrypoint = config.get("Entrypoint") or []
    if entrypoint != (image_config.get("Entrypoint") or []):
        yield f"entrypoint {entrypoint[0]}" if entrypoint else "an empty entrypoint"
    user = config.get("User") or ""
    if user != (image_config.get("User") or "") and not {user, image_config.get("User") or ""} <= set(_ROOT):
        yield f"user {user or 'root'}"
    folder = config.get("WorkingDir") or "/"
    if folder != (image_config.get("WorkingDir") or "/"):
        yield f"working directory {folder}"
    check = config.get("Healthcheck") or {}
    kind = (check.get("Test") or ["CMD"])[0]
    if kind != "CMD" and check != (image_config.get("Healthcheck") or {}):
        yield "a health check that is switched off" if kind == "NONE" else "a health check by a shell"
    if address := config.get("MacAddress"):
        yield f"MAC address {address}"


def _of_storage(inspected: answers.Inspected, image_config: answers.Config) -> Iterator[str]:
    """A new container gets the volumes that the old one has because of its image; the content of others stays
    behind."""
    carried = {place for place, _ in volumes_of(inspected, image_config)}
    for mount in inspected.get("Mounts") or ():
        kind, place = mount.get("Type"), mount.get("Destination")
        if kind == "volume" and place in carried:
            continue
        if kind == "volume":
            yield f"volume {mount.get('Name') or '(without a name)'} at {place}"
        elif kind != "bind":
            yield f"{kind} at {place}"
    for place in inspected["HostConfig"].get("Tmpfs") or ():
        yield f"tmpfs at {place}"


def _of_network(inspected: answers.Inspected, network: str) -> Iterator[str]:
    host = inspected["HostConfig"]
    if str(host.get("NetworkMode")).startswith("container:"):
        yield "the network of another container"
    for name, endpoint in answers.endpoints(inspected).items():
        if name not in ("bridge", "host", network):
            yield f"network {name}"
        for address in (endpoint.get("IPAMConfig") or {}).values():
            if isinstance(address, str) and address:
                yield f"fixed address {address}"
    for link in host.get("Links") or ():
        yield f"link to {link.partition(':')[0].removeprefix('/')}"
    for port in host.get("PortBindings") or ():
        if port.lower().partition("/")[2] not in ("", "tcp", "udp"):
            yield f"port {port}"


def _of_host(host: answers.HostConfig) -> Iterator[str]:
    log = host.get("LogConfig") or {}
    driver = log.get("Type") or "json-file"
    if driver not in ("json-file", "none"):
        yield f"log driver {driver}"
    else:
        known = ("max-file", "max-size", "mode", "max-buffer-size")
        yield from (f"log option {name}" for name in log.get("Config") or {} if name not in known)
    privileged = bool(host.get("Privileged"))
    if host.get("MaskedPaths") == [] and not privileged:
        yield "unmasked system paths"
    for key, value in host.items():
        if key in _SPOKEN or not value or value in _ORDINARY.get(key, ()):
            continue
        if key == "SecurityOpt" and privileged and value == ["label=disable"]:  # the engine's own doing
            continue
        words = _WORDS.get(key) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", key).lower()
        yield f"{words} {_text(key, value)}".rstrip()


def _text(key: str, value: object) -> str:
    """A value in short; only the names of options and mappings."""
    if key == "NanoCpus" and isinstance(value, int):
        return f"{value / 1e9:g}"
    if key == "ShmSize" and isinstance(value, int):
        return size_text(value)
    if isinstance(value, bool):
        return ""
    if isinstance(value, Mapping):
        return ", ".join(value)
    if isinstance(value, list):
        names = [each.get("Name") or each.get("Path") if isinstance(each, Mapping) else each for each in value]
        return ", ".join(str(name).partition("=")[0] for name in names if name)
    return str(value)
