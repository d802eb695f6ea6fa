"""Kanto's container manifest → a draft of our own document.

A manifest is the JSON that Kanto's deployment manager and Leda's auto-deployer read from a folder, one container to a file,
in either of two spellings: `container_name`, `mount_points`, … or, as the engine writes its own state, `name`, `mounts`, …
(container-management.md §3.1, §3.4; leda-image.md §2). Both programs write every field, so empty texts, empty lists and null
mean "not given", and fields that the engine manages by itself are accepted and ignored.

Deliberate differences from Kanto: a name is required, because without one it makes a new container at every start (B12); a
fixed `container_id` means nothing, because it would forbid every update (B11); `retry_timeout` is in nanoseconds, but a
number that can only mean seconds is read as such, with a warning (B9); `protocol`, which Leda writes and Kanto ignores, is
read; hooks and image decryption are refused rather than left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from evenkeel.specs.desired import Draft
from evenkeel.specs.kanto.entries import container_draft
from evenkeel.specs.kanto.entry import Entry
from evenkeel.specs.kanto.manifest_shape import (
    DriverConfig,
    HostConfig,
    Image,
    IoConfig,
    Limits,
    LogConfig,
    Manifest,
    ModeConfig,
    PortMapping,
    Process,
    RestartPolicy,
)
from evenkeel.specs.name import is_name
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text
from evenkeel.specs.reading.walk import faults

_RUNC = ("io.containerd.runc.v2", "io.containerd.runc.v1", "io.containerd.runtime.v1.linux")
_LEAST_NANOSECONDS = 1_000_000
"""A smaller `retry_timeout` would be less than a millisecond; it is meant in seconds (B9)."""


def is_manifest(value: Mapping[str, object]) -> bool:
    """Whether a document is meant as a container manifest, right or wrong."""
    if "apiVersion" in value or "kind" in value:
        return False
    return any(
        key in value for key in ("container_name", "container_id", "image", "host_config", "mount_points", "io_config")
    )


def manifest_drafts(value: object, flaws: list[Flaw]) -> list[Draft]:
    """The one container that a manifest asks for; none when a flaw prevents it. Flaws have paths of `value`."""
    shape = [_as_meant(flaw) for flaw in faults(value, Manifest)]
    kept: Kept = {}
    try:
        manifest = msgspec.convert(_sound(value, {flaw.path for flaw in shape}, (), kept), Manifest)
    except msgspec.ValidationError:  # the value is no manifest, or not all of its faults were counted
        flaws.extend(shape)
        return []
    meaning: list[Flaw] = []
    name = _name(manifest, meaning)
    _refuse_unsupported(manifest, meaning)
    entries = list(_entries(manifest, meaning))
    draft = container_draft(name or "unknown", entries, (), meaning)
    found = [*shape, *_no_consequences(meaning, shape, kept)]
    flaws.extend(found)
    return [] if draft is None or any(not flaw.warning for flaw in found) else [draft]


Kept = dict[Path, list[int]]
"""By the path of a list from which entries were left out: the original indexes of the others."""


def _as_meant(flaw: Flaw) -> Flaw:
    """The flaw, with the message that fits when a key of Kanto's stands in the wrong place."""
    if flaw.path and flaw.path[-1] == "decrypt_config" and flaw.message.startswith("unknown key"):
        return msgspec.structs.replace(flaw, message="encrypted images are not supported", hint="leave it out")
    return flaw


def _sound(value: Any, faulty: Collection[Path], path: Path, kept: Kept) -> Any:
    """`value` without its faulty parts, so that the meaning of the rest can be checked. In a list an entry with a fault in it
    is left out whole."""
    if isinstance(value, dict):
        sound = {key: (*path, key) for key in value if (*path, key) not in faulty}
        return {key: _sound(value[key], faulty, below, kept) for key, below in sound.items()}
    if isinstance(value, list):
        spoilt = {each[len(path)] for each in faulty if len(each) > len(path) and each[: len(path)] == path}
        if not spoilt:
            return value
        kept[path] = [index for index in range(len(value)) if index not in spoilt]
        return [value[index] for index in kept[path]]
    return value


def _no_consequences(meaning: Iterable[Flaw], shape: Collection[Flaw], kept: Kept) -> Iterator[Flaw]:
    """Flaws of meaning with their original paths. Those that may follow from a part that was left out, because they are at,
    around or beside it, are dropped."""
    spoilt = {flaw.path[:-1] if len(flaw.path) > _DEEP else flaw.path for flaw in shape}
    names = {("container_name",), ("name",)}
    for flaw in meaning:
        path: Path = ()
        for part in flaw.path:
            path = (*path, kept[path][part] if path in kept and isinstance(part, int) else part)
        related = (path[: len(each)] == each or (path and each[: len(path)] == path) for each in spoilt)
        if not any(related) and (path or not spoilt & names):
            yield msgspec.structs.replace(flaw, path=path)


_DEEP = 2
"""A mapping further down, such as limits, is one thing: a fault in it may explain every other flaw of it."""


def _name(manifest: Manifest, flaws: list[Flaw]) -> str:
    key = "container_name" if manifest.container_name else "name"
    name = manifest.container_name or manifest.name or ""
    if manifest.container_name and manifest.name and manifest.container_name != manifest.name:
        flaws.append(Flaw(("name",), f"differs from `container_name`, which is `{name}`", "give one of the two"))
    if not name:
        flaws.append(
            Flaw((), "the key `container_name` is missing", "without a name it would be a new container each time")
        )
    elif not is_name(name):
        hint = "expected letters, digits and _ . -, beginning with a letter, a digit or _"
        flaws.append(Flaw((key,), f"invalid container name format : {name}", hint))
        return ""
    return name


def _refuse_unsupported(manifest: Manifest, flaws: list[Flaw]) -> None:
    if _is_given(manifest.hooks):
        flaws.append(Flaw(("hooks",), "hooks are not supported", "leave them out"))
    if manifest.image and _is_given(manifest.image.decrypt_config):
        flaws.append(Flaw(("image", "decrypt_config"), "encrypted images are not supported", "leave it out"))
    runtime = manifest.host_config.runtime if manifest.host_config else None
    if runtime and runtime not in _RUNC:
        message = f"the runtime {runtime} is not supported; the engine's own is used"
        flaws.append(Flaw(("host_config", "runtime"), message, "leave it out", warning=True))


def _is_given(value: object) -> bool:
    if isinstance(value, dict):
        return any(_is_given(each) for each in value.values())
    return value not in (None, "", [])


def _entries(manifest: Manifest, flaws: list[Flaw]) -> Iterator[Entry]:
    image = manifest.image or Image()
    if not image.name:
        flaws.append(Flaw(("image",), "the containers image configuration is invalid", "give `image.name`"))
    yield from _given(
        ("image", image.name, ("image", "name")),
        ("hostName", manifest.host_name, ("host_name",)),
        ("domainName", manifest.domain_name, ("domain_name",)),
    )
    for key, mounts in (("mount_points", manifest.mount_points), ("mounts", manifest.mounts)):
        for index, mount in enumerate(mounts or ()):
            text = f"{mount.source or ''}:{mount.destination or ''}:{mount.propagation_mode or ''}"
            yield Entry("mount", text, (key, index))
    process = manifest.config or Process()
    yield from _list("env", process.env, ("config", "env"))
    yield from _list("cmd", process.cmd, ("config", "cmd"))
    io = manifest.io_config or IoConfig()
    yield from _given(
        ("interactive", io.open_stdin, ("io_config", "open_stdin")), ("terminal", io.tty, ("io_config", "tty"))
    )
    yield from _host_entries(manifest.host_config or HostConfig(), ("host_config",), flaws)


def _host_entries(host: HostConfig, root: Path, flaws: list[Flaw]) -> Iterator[Entry]:
    yield from _given(
        ("network", host.network_mode, (*root, "network_mode")), ("privileged", host.privileged, (*root, "privileged"))
    )
    yield from _restart(host.restart_policy or RestartPolicy(), (*root, "restart_policy"), flaws)
    yield from _list("host", host.extra_hosts, (*root, "extra_hosts"))
    yield from _list("capability", host.extra_capabilities, (*root, "extra_capabilities"))
    for index, device in enumerate(host.devices or ()):
        parts = (
            device.path_on_host,
            device.path_in_container or device.path_on_host,
            device.cgroup_permissions or "rwm",
        )
        yield Entry("device", ":".join(part or "" for part in parts), (*root, "devices", index))
    for index, port in enumerate(host.port_mappings or ()):
        yield Entry("port", _port_text(port), (*root, "port_mappings", index))
    log = host.log_config or LogConfig()
    driver, mode, limits = (
        log.driver_config or DriverConfig(),
        log.mode_config or ModeConfig(),
        host.resources or Limits(),
    )
    yield from _given(
        ("logDriver", driver.type, (*root, "log_config", "driver_config", "type")),
        ("logMaxFiles", driver.max_files, (*root, "log_config", "driver_config", "max_files")),
        ("logMaxSize", driver.max_size, (*root, "log_config", "driver_config", "max_size")),
        ("logPath", driver.root_dir, (*root, "log_config", "driver_config", "root_dir")),
        ("logMode", mode.mode, (*root, "log_config", "mode_config", "mode")),
        ("logMaxBufferSize", mode.max_buffer_size, (*root, "log_config", "mode_config", "max_buffer_size")),
        ("memory", limits.memory, (*root, "resources", "memory")),
        ("memoryReservation", limits.memory_reservation, (*root, "resources", "memory_reservation")),
        ("memorySwap", limits.memory_swap, (*root, "resources", "memory_swap")),
    )


def _restart(restart: RestartPolicy, root: Path, flaws: list[Flaw]) -> Iterator[Entry]:
    policy, count = restart.type or "unless-stopped", restart.maximum_retry_count
    yield from _given(("restartPolicy", restart.type, (*root, "type")))
    if count and policy != "on-failure":
        message = f"cannot use max retry count when the restart policy is {policy}"
        flaws.append(Flaw((*root, "maximum_retry_count"), message, "use the type on-failure, or 0"))
    else:
        yield from _given(("restartMaxRetries", count, (*root, "maximum_retry_count")))
    timeout, where = restart.retry_timeout or 0, (*root, "retry_timeout")
    if 0 < timeout < _LEAST_NANOSECONDS:
        if policy == "on-failure":
            message = f"read as {timeout} seconds; Kanto reads nanoseconds"
            flaws.append(Flaw(where, message, f"write {timeout}000000000", warning=True))
        yield Entry("restartTimeout", str(timeout), where)
    elif timeout:
        text = duration_text(timedelta(microseconds=timeout // 1000)) if timeout > 0 else str(timeout)
        yield Entry("restartTimeout", text, where)


def _port_text(port: PortMapping) -> str:
    """Kanto's text of it; a number that is missing or 0 gives a text that is refused with its reason."""
    address = f"[{port.host_ip}]" if port.host_ip and ":" in port.host_ip else port.host_ip
    end = f"-{port.host_port_end}" if port.host_port_end and port.host_port_end != port.host_port else ""
    protocol = port.proto or port.protocol
    text = f"{address}:" if address else ""
    text += f"{port.host_port or 0}{end}:{port.container_port or 0}"
    return f"{text}/{protocol}" if protocol else text


def _given(*rows: tuple[str, str | int | None, Path]) -> Iterator[Entry]:
    """Entries for the rows with a value; false is like nothing, because it is every flag's default."""
    for key, value, path in rows:
        if value:
            yield Entry(key, "true" if value is True else str(value), path)


def _list(key: str, texts: tuple[str, ...] | None, path: Path) -> Iterator[Entry]:
    for index, text in enumerate(texts or ()):
        yield Entry(key, text, (*path, index))
