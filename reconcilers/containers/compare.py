"""Two containers in normal form → what differs, in the words of the spec.

Equal components never come here: equality of the whole value is checked first, which is what keeps a plan of thousands of
components fast. Inside a changed one deepdiff finds the paths; lists are compared as mappings by their key (destination,
port, variable), because index differences of reordered lists tell nobody anything.

Fields divide into three: those an engine changes in place (limits, restart policy), those that are evenkeel's own conduct
and never need a new container (`with_conduct_of`), and all others.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from evenkeel.specs.codec import changed, plain
from evenkeel.specs.container import UNLIMITED, USUAL_PROPAGATION, Container, ExecProbe, Mount, Resources, Stop
from evenkeel.specs.quantity import duration_text, size_text
from evenkeel.specs.secrecy import looks_secret
from evenkeel.specs.shorthand import device_text, full_mount_text, port_text

_CONDUCT = ("pull_policy", "depends_on", "stable_for", "image_volumes")


def with_conduct_of(container: Container, other: Container) -> Container:
    """The container with another's conduct. Conduct is read from what is wanted whenever it matters, so that an instance that
    was created under another is as good as new. How long a process may take to end belongs to it, because that is told to
    the engine when it stops it."""
    conduct = {name: getattr(other, name) for name in _CONDUCT}
    return changed(container, **conduct, stop=changed(container.stop, timeout=other.stop.timeout))


InPlace = Literal["all", "finite", "none"]
"""What an engine is able to change without a new container; see `ContainersSeen.in_place`."""

_SIZES = ("resources.", "log.maxSize", "log.maxBufferSize")
HIDDEN = "(hidden)"
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*:)[^@\s]+(@)")


class Field(NamedTuple):
    """One differing value: its path in the words of the spec, and both texts; "" is "not there"."""

    path: str
    old: str
    new: str


def same_identity(wanted: Container, seen: Container) -> bool:
    """Whether `seen` can become `wanted` without being created anew."""
    return identity(wanted) == identity(seen)


def identity(container: Container) -> Container:
    """The container without what changes in place and without conduct."""
    bare = Container(name=container.name, image=container.image)
    native_health = container.health is not None and isinstance(container.health.probe, ExecProbe)
    return changed(
        container,
        restart=bare.restart,
        resources=bare.resources,
        health=container.health if native_health else None,
        stable_for=bare.stable_for,
        depends_on=bare.depends_on,
        pull_policy=bare.pull_policy,
        image_volumes=bare.image_volumes,
        mounts=tuple(map(_with_propagation, container.mounts)),
        stop=Stop(container.stop.signal),
    )


def _with_propagation(mount: Mount) -> Mount:
    """One that asks for none, and one that asks for the usual one, are alike: labels of older containers always have it."""
    return mount if mount.propagation else changed(mount, propagation=USUAL_PROPAGATION)


def in_place_differs(wanted: Container, seen: Container) -> bool:
    """Whether limits or restart policy differ. The retry timeout is not compared: no engine here has one."""
    return wanted.resources != seen.resources or _policy(wanted) != _policy(seen)


def can_update(wanted: Resources, seen: Resources, in_place: InPlace) -> bool:
    """Whether an engine of this ability changes the limits of a running container.

    Docker cannot lift a memory limit, and with unlimited swap it either refuses a new one or keeps the old one in the
    cgroup while it reports the new (measured, docs/engines.md); such a change needs a new container.
    """
    if wanted == seen or in_place == "all":
        return True
    if in_place == "none" or (wanted.memory is None) != (seen.memory is None):
        return False
    return UNLIMITED not in (wanted.memory_swap, seen.memory_swap)


def changes_in_place(path: str, wanted: Container, seen: Container, in_place: InPlace) -> bool:
    """Whether an engine of this ability changes what is at `path` without a new container."""
    if path.startswith("resources."):
        return can_update(wanted.resources, seen.resources, in_place)
    return path.startswith("restart.") and in_place != "none"


def fields(old: Container, new: Container) -> tuple[Field, ...]:
    """Everything that differs but conduct, in order of path. Values of variables that look secret are hidden."""
    from deepdiff import DeepDiff

    before, after = _keyed(old), _keyed(new)
    found = DeepDiff(
        before, after, verbose_level=2, threshold_to_diff_deeper=0, zip_ordered_iterables=True, view="tree"
    )
    paths = {tuple(item.path(output_format="list")) for items in found.values() for item in items}
    leaves = sorted({leaf for path in paths for leaf in (*_leaves(before, path), *_leaves(after, path))})
    return tuple(
        Field(".".join(leaf), _text(leaf, _at(before, leaf)), _text(leaf, _at(after, leaf))) for leaf in leaves
    )


def _policy(container: Container) -> tuple[str, int]:
    return container.restart.policy, container.restart.max_retries


def _keyed(container: Container) -> dict[str, Any]:
    """The container as nested mappings in the words of the spec, without conduct and without what is not there."""
    value: dict[str, Any] = plain(container)
    keyed: dict[str, Any] = {
        "image": container.image,
        "command": shlex.join(container.command) if container.command else None,
        "env": dict(container.env),
        "ports": {port_text(port): port_text(port) for port in container.ports},
        "mounts": {mount.destination: full_mount_text(mount) for mount in container.mounts},
        "devices": {device.container_path: device_text(device) for device in container.devices},
        "network": container.network,
        "extraHosts": {f"{name}:{address}": address for name, address in container.extra_hosts},
        "hostName": container.host_name,
        "domainName": container.domain_name,
        "privileged": container.privileged,
        "capabilities": {name: name for name in container.capabilities},
        "restart": {"policy": container.restart.policy, "maxRetries": container.restart.max_retries},
        "resources": _camel(value["resources"]),
        "log": _camel(value["log"]),
        "terminal": container.terminal,
        "interactive": container.interactive,
        "labels": dict(container.labels),
        "stop": {"signal": container.stop.signal, "timeout": duration_text(container.stop.timeout)},
    }
    if container.health is not None and isinstance(container.health.probe, ExecProbe):
        health = container.health
        keyed["health"] = {
            "exec": shlex.join(health.probe.command) if isinstance(health.probe, ExecProbe) else "",
            "interval": duration_text(health.interval),
            "timeout": duration_text(health.timeout),
            "retries": health.retries,
            "startPeriod": duration_text(health.start_period),
        }
    return {key: item for key, item in keyed.items() if item is not None}


def _camel(value: dict[str, Any]) -> dict[str, Any]:
    def camel(key: str) -> str:
        first, *rest = key.split("_")
        return first + "".join(part.title() for part in rest)

    return {camel(key): item for key, item in value.items() if item is not None}


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The paths of the plain values at and below `path`; deepdiff names a whole mapping when all of it came or went."""
    here = _at(value, path)
    if isinstance(here, dict):
        for key in here:
            yield from _leaves(value, (*path, key))
    elif here is not _ABSENT:
        yield path


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return _ABSENT
        value = value[key]
    return value


_ABSENT = object()


def _text(path: tuple[str, ...], value: Any) -> str:
    if value is _ABSENT:
        return ""
    dotted = ".".join(path)
    if path[0] in ("env", "labels") and looks_secret(path[1]):
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and dotted.startswith(_SIZES):
        return "unlimited" if value == UNLIMITED else size_text(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if value is None:
        return "(removed)"
    if value == "" and path[0] in ("env", "labels"):
        return "(empty)"
    text = _command_text(str(value)) if path in (("command",), ("health", "exec")) else str(value)
    return _PASSWORD_IN_URL.sub(rf"\1{HIDDEN}\2", text)


def _command_text(command: str) -> str:
    """Without the values of options that look secret, written `--token=x`, `--token x` or `TOKEN=x`."""
    shown: list[str] = []
    hide = False
    for word in shlex.split(command):
        name, equals, _ = word.partition("=")
        if hide and not word.startswith("-"):
            shown.append(HIDDEN)
            hide = False
        elif equals and looks_secret(name):
            shown.append(f"{name}={HIDDEN}")
            hide = False
        else:
            shown.append(shlex.quote(word))
            hide = word.startswith("-") and looks_secret(word)
    return " ".join(shown)
