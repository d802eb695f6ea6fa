"""The fields in which two containers in normal form differ, in the words of the spec.

Equal components never come here: equality of the whole value is checked first, which is what keeps a plan of thousands
of components fast. Inside a changed one deepdiff's report gives the paths with both values; lists are compared as
mappings by their key (destination, port, variable), because index differences of reordered lists mean nothing to
people.

Fields divide into three: those an engine changes in place (limits, restart policy), those that are evenkeel's own
conduct and never need a new container (`with_conduct_of`), and all others.

Differences are printed, stored and sent, so they have the names of variables and the places of words in commands, and
not the values. Only `fields(…, show_values=True)` has values, for one terminal (`reconcilers.containers.reveal`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from evenkeel.specs.codec import camel, changed, plain
from evenkeel.specs.containers.container import (
    UNLIMITED,
    USUAL_PROPAGATION,
    Container,
    ExecProbe,
    Mount,
    Resources,
    Stop,
    host_ports,
    runs_once,
    value_text,
    values_from,
)
from evenkeel.specs.containers.difference import ALTERABLE
from evenkeel.specs.containers.shorthand import device_text, full_mount_text, port_text
from evenkeel.specs.reading.quantity import duration_text, size_text
from evenkeel.specs.reading.secrecy import HIDDEN, looks_secret, without_password

_CONDUCT = ("pull_policy", "depends_on", "conditions", "stable_for", "image_volumes", "secrets")


def with_conduct_of(container: Container, other: Container) -> Container:
    """The container with another's conduct. Conduct is read from the wanted container whenever it matters, so that an
    instance that was created under another is as good as new. The time that a process is given to end belongs to it,
    because the engine is told when it stops it. Whether it runs once is no conduct, for how long it may is."""
    conduct = {name: getattr(other, name) for name in _CONDUCT}
    if runs_once(container) and runs_once(other):
        conduct["run_once"] = other.run_once
    return changed(container, **conduct, stop=changed(container.stop, timeout=other.stop.timeout))


InPlace = Literal["all", "finite", "none"]
"""The ability of an engine to change settings without a new container; see `ContainersSeen.in_place`."""

_SIZES = ("resources.", "log.maxSize", "log.maxBufferSize")
_MOST_WORDS = 8
"""The most differing words of a command whose places are listed."""


class _Source(str):
    """The text of where a value comes from. It is no value, and may be shown."""

    __slots__ = ()


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
        conditions=bare.conditions,
        run_once=timedelta(0) if runs_once(container) else bare.run_once,
        pull_policy=bare.pull_policy,
        image_volumes=bare.image_volumes,
        secrets=bare.secrets,
        mounts=tuple(map(_with_propagation, container.mounts)),
        stop=Stop(container.stop.signal),
    )


def _with_propagation(mount: Mount) -> Mount:
    """The mount with a propagation. None and the usual one are alike, because labels of older containers always have
    it."""
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
    """Whether an engine of this ability changes the value at `path` without a new container."""
    if path == "resources.memory":  # memory alone, whatever becomes of its swap
        return can_update(Resources(wanted.resources.memory), Resources(seen.resources.memory), in_place)
    if path == "resources.memorySwap":
        return can_update(wanted.resources, seen.resources, in_place)
    return path.startswith(ALTERABLE) and in_place != "none"


def fields(old: Container, new: Container, *, show_values: bool = False) -> tuple[Field, ...]:
    """Everything that differs but conduct, in order of path. Values of variables and words of commands are `HIDDEN`.

    `show_values`: except for those that a spec marks or that look secret.
    """
    from deepdiff import DeepDiff
    from deepdiff.helper import notpresent

    before, after = _keyed(old), _keyed(new)
    _drop_equal(before, after)  # most values are, and deepdiff would take them apart to the last leaf, too
    report = DeepDiff(
        before, after, verbose_level=2, threshold_to_diff_deeper=0, zip_ordered_iterables=True, view="tree"
    )
    values: dict[tuple[str, ...], tuple[Any, Any]] = {}
    for entry in (entry for entries in report.values() for entry in entries):
        one, other = (_ABSENT if value is notpresent else value for value in (entry.t1, entry.t2))
        values.update(_leaves(tuple(entry.path(output_format="list")), one, other))
    secret = {*old.secrets, *new.secrets} if show_values else None
    differing = [
        Field(".".join(path), *(_text(path, value, secret) for value in both))
        for path, both in sorted(values.items(), key=lambda each: each[0])
    ]
    for path, words in (("command", _command), ("health.exec", _check)):
        differing.extend(_word_fields(path, words(old), words(new), show_values=show_values))
    return tuple(sorted(differing, key=lambda field: in_order(field.path.partition("[")[0])))


def in_order(path: str) -> list[list[str | int]]:
    """A key that sorts paths as people count: `env.V2` before `env.V10`."""
    return [
        [int(each) if each.isdecimal() else each for each in re.split(r"([0-9]+)", part)] for part in path.split(".")
    ]


def _policy(container: Container) -> tuple[str, int]:
    return container.restart.policy, container.restart.max_retries


def _keyed(container: Container) -> dict[str, Any]:
    """The container as nested mappings in the words of the spec, without conduct and without fields that are not
    given."""
    keyed: dict[str, Any] = {
        "image": container.image,
        "env": dict(container.env) | {each.variable: _Source(value_text(each)) for each in values_from(container)},
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
        "resources": _given(plain(container.resources)),
        "log": _given(plain(container.log)),
        "terminal": container.terminal,
        "interactive": container.interactive,
        "labels": dict(container.labels),
        "runOnce": True if runs_once(container) else None,
        "stop": {"signal": container.stop.signal, "timeout": duration_text(container.stop.timeout)},
    }
    if container.health is not None and isinstance(container.health.probe, ExecProbe):
        health = container.health
        keyed["health"] = {
            "interval": duration_text(health.interval),
            "timeout": duration_text(health.timeout),
            "retries": health.retries,
            "startPeriod": duration_text(health.start_period),
        }
    return {key: item for key, item in keyed.items() if item is not None}


def _drop_equal(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Remove the items that are the same in both, also from the mappings within."""
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        if old == new:
            del before[key], after[key]
        elif isinstance(old, dict) and isinstance(new, dict):
            _drop_equal(old, new)


def _given(value: dict[str, Any]) -> dict[str, Any]:
    return {camel(key): item for key, item in value.items() if item is not None}


def _leaves(path: tuple[str, ...], old: Any, new: Any) -> Iterator[tuple[tuple[str, ...], tuple[Any, Any]]]:
    """The plain values of one entry of deepdiff's report, by path. An entry is a whole mapping when all of it came or
    went."""
    if not isinstance(old, dict) and not isinstance(new, dict):
        yield path, (old, new)
        return
    before, after = (value if isinstance(value, dict) else {} for value in (old, new))
    for key in {**before, **after}:
        yield from _leaves((*path, key), before.get(key, _ABSENT), after.get(key, _ABSENT))


_ABSENT = object()


def _text(path: tuple[str, ...], value: Any, secret: Collection[str] | None) -> str:
    """`secret`: the variables that are marked as such; `None` hides the value of every variable."""
    if value is _ABSENT:
        return ""
    dotted = ".".join(path)
    if value is None:
        return "(removed)"
    if isinstance(value, _Source):
        return str(value)
    if path[0] == "env" and (secret is None or path[1] in secret):
        return HIDDEN
    if path[0] in ("env", "labels") and looks_secret(path[1]):
        return HIDDEN
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and dotted.startswith(_SIZES):
        return "unlimited" if value == UNLIMITED else size_text(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if value == "" and path[0] in ("env", "labels"):
        return "(empty)"
    return without_password(str(value)) if path[0] in ("env", "labels") else str(value)


def _command(container: Container) -> tuple[str, ...]:
    return container.command or ()


def _check(container: Container) -> tuple[str, ...]:
    probe = container.health.probe if container.health is not None else None
    return probe.command if isinstance(probe, ExecProbe) else ()


def _word_fields(path: str, old: Sequence[str], new: Sequence[str], *, show_values: bool) -> Iterator[Field]:
    """The places of words that came, went or changed, counted from 0 as in errors; the whole command where it came or
    went, or hardly a word of it is left. Words before the first and after the last that differ count as the same; between
    them a word is the same when it stands at its place in both."""
    if old == new:
        return
    before, after = _shown_words(old, show_values=show_values), _shown_words(new, show_values=show_values)
    first = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    same = 0
    while same < min(len(old), len(new)) - first and old[-1 - same] == new[-1 - same]:
        same += 1
    end_old, end_new = len(old) - same, len(new) - same
    differing = [
        index
        for index in range(first, max(end_old, end_new))
        if index >= min(end_old, end_new) or old[index] != new[index]
    ]
    if not old or not new or len(differing) > _MOST_WORDS:
        yield Field(path, *(" ".join(words) if show_values else HIDDEN if words else "" for words in (before, after)))
        return
    for index in differing:
        gone, come = before[index] if index < end_old else "", after[index] if index < end_new else ""
        yield Field(f"{path}[{index}]", gone, come)


def _shown_words(command: Sequence[str], *, show_values: bool) -> list[str]:
    """The words for people: all hidden, or without the values of options that look secret, written `--token=x`,
    `--token x` or `TOKEN=x`."""
    if not show_values:
        return [HIDDEN] * len(command)
    shown: list[str] = []
    hide = False
    for word in command:
        name, equals, _ = word.partition("=")
        if hide and not word.startswith("-"):
            shown.append(HIDDEN)
            hide = False
        elif equals and looks_secret(name):
            shown.append(f"{name}={HIDDEN}")
            hide = False
        else:
            shown.append(without_password(shlex.quote(word)))
            hide = word.startswith("-") and looks_secret(word)
    return shown


def collide(one: Container, other: Container) -> bool:
    """Whether both take a host port, so that only one of them can run."""
    return any(
        a.protocol == b.protocol
        and (a.host_ip == b.host_ip or {a.host_ip, b.host_ip} & {"0.0.0.0", "::"})
        and set(host_ports(a)).intersection(host_ports(b))
        for a in one.ports
        for b in other.ports
    )
