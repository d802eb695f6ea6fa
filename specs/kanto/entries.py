"""Kanto's words for a container → a container in normal form.

Both shapes of them, the components of desired states and container manifests, are brought here as entries (`entry`), so that
there is one reading, one set of error texts and one way back from a difference to the line that asked for it
(container-management.md §1.6, §1.7).

Error texts are Kanto's own where it has one, because they travel to the same people over the same topics; the hint says
what was expected. Deliberate differences: where Kanto drops or replaces something with a warning in its log (a device, port or
mount it cannot read, a bool or number that is none: defects A9, B24), there is an error, as there is for an unknown key. Wider
than Kanto: `restartTimeout` is also read as the duration that inventories print, and there are `hostName`, `domainName` and
`capability`. Texts of variables and commands are never repeated in a message: they may be secrets. Reports of the current
state do not have them either, so one that is pasted into a desired state is refused: the container would lose them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

import msgspec

from evenkeel.specs.containers.container import (
    KANTO_STOP_TIMEOUT,
    UNLIMITED,
    Container,
    Log,
    LogDriver,
    LogMode,
    Network,
    Resources,
    Restart,
    RestartPolicy,
    Stop,
)
from evenkeel.specs.containers.documents import finished
from evenkeel.specs.containers.shorthand import is_variable_name, parse_extra_host
from evenkeel.specs.desired import Draft
from evenkeel.specs.kanto import items
from evenkeel.specs.kanto.entry import EMPTY_BY_DEFAULT, KEYS, MANY, NEVER_EMPTY, Entry, Reading
from evenkeel.specs.problem import Flaw, Path, path_text
from evenkeel.specs.reading.quantity import size_text


def container_draft(
    name: str, entries: Sequence[Entry], root: Path, flaws: list[Flaw], stop_timeout: timedelta = KANTO_STOP_TIMEOUT
) -> Draft | None:
    """The container that `entries` describe, `None` when a flaw prevents it. All keys must be among `KEYS`; an entry
    for `image` is expected. `root` is the path at which the container begins; flaws have paths of the written form.
    `stop_timeout`: the time that the container's process has to end."""
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.key, []).append(entry)
    reading = Reading(by_key, [], set())
    _warn_of_overridden(reading)
    _warn_of_empty(reading)
    raw = msgspec.structs.replace(_container(name, reading), stop=Stop(timeout=stop_timeout))
    found: list[Flaw] = []
    wanted = finished(raw, found)
    paths = _paths(entries)
    flaws.extend(reading.flaws)
    flaws.extend(
        msgspec.structs.replace(flaw, path=_origin(flaw.path, paths, root))
        for flaw in found
        if flaw.path[0] not in reading.spoilt
    )
    return None if wanted is None or reading.spoilt else Draft("Container", name, wanted, root, paths)


def _warn_of_overridden(reading: Reading) -> None:
    """The last entry of a key counts, as with Kanto, and the author is told that the others do nothing. Their texts are not
    repeated, because they may be secret."""
    for key, entries in reading.entries.items():
        by_name: dict[str, list[Entry]] = {}
        for entry in entries:
            variable = entry.text.partition("=")[0]
            if key == "env" and is_variable_name(variable):
                by_name.setdefault(variable, []).append(entry)
            elif key not in MANY:
                by_name.setdefault("", []).append(entry)
        for variable, (*overridden, last) in by_name.items():
            for entry in overridden:
                name = f"the variable `{variable}`" if "=" in entry.text else "a variable"
                name = name if variable else f"`{key}`"
                hint = f"leave one of them; the last is at {path_text(last.path)}"
                reading.warn(entry, f"{name} is given again further down, and only the last one counts", hint)


def _warn_of_empty(reading: Reading) -> None:
    """An empty value is the default, as with Kanto: templates and generators write them."""
    for key, entries in reading.entries.items():
        if key not in (*MANY, *NEVER_EMPTY, *EMPTY_BY_DEFAULT) and not entries[-1].text:
            reading.warn(entries[-1], f"`{key}` is empty, which means the default", "leave it out, or give a value")


def _named(reading: Reading, key: str, network: Network) -> str | None:
    """A name on the network. On the network of the device it is the device's, and inventories repeat it."""
    entry = reading.last(key)
    if entry is not None and network == "host":
        reading.warn(entry, f"`{key}` has no effect in network mode host, where it is the device's", "leave it out")
        return None
    return entry.text if entry is not None else None


def _container(name: str, reading: Reading) -> Container:
    network = reading.choice("network", get_args(Network), "bridge", "unsupported network mode {}")
    return Container(
        name=name,
        image=_image(reading),
        command=reading.each("cmd", items.word),
        env=reading.each("env", items.variable),
        ports=reading.each("port", lambda entry: items.port(reading, entry)),
        mounts=reading.each("mount", lambda entry: items.mount(reading, entry)),
        devices=reading.each("device", items.device),
        network=network,
        extra_hosts=reading.each("host", lambda entry: parse_extra_host(entry.text)),
        host_name=_named(reading, "hostName", network),
        domain_name=_named(reading, "domainName", network),
        privileged=reading.flag("privileged"),
        capabilities=reading.each("capability", items.capability),
        restart=_restart(reading),
        resources=Resources(
            reading.size("memory", None, "invalid format of memory - {}"),
            reading.size("memoryReservation", None, "invalid format of memory reservation - {}"),
            UNLIMITED
            if reading.text("memorySwap") == "-1"
            else reading.size("memorySwap", None, "invalid format of swap memory - {}"),
        ),
        log=_log(reading),
        terminal=reading.flag("terminal"),
        interactive=reading.flag("interactive"),
    )


def _image(reading: Reading) -> str:
    entry = reading.last("image")
    if entry is not None and not entry.text:
        reading.fail(entry, "the containers image configuration is invalid", "expected registry/repository:tag")
    return entry.text if entry is not None and entry.text else "unknown"


def _restart(reading: Reading) -> Restart:
    unsupported = "unsupported restart policy type {}"
    policy = reading.choice("restartPolicy", get_args(RestartPolicy), "unless-stopped", unsupported)
    retries = reading.number("restartMaxRetries", 0, "restart policy max retry count cannot be negative")
    timeout = reading.duration("restartTimeout", "restart policy retry timeout cannot be negative")
    if policy == "on-failure" or "restart" in reading.spoilt:
        return Restart(policy, retries, timeout or None)
    for key, value in (("restartMaxRetries", retries), ("restartTimeout", timeout)):
        entry = reading.last(key)
        if entry is not None and value:
            message = f"`{key}` has no effect when the restart policy is {policy}"
            reading.warn(entry, message, "use the policy on-failure, or leave it out")
    return Restart(policy)


def _log(reading: Reading) -> Log:
    usual = Log()
    driver = reading.choice("logDriver", get_args(LogDriver), "json-file", "unsupported log driver configuration")
    mode = reading.choice("logMode", get_args(LogMode), "blocking", "unsupported log mode configuration")
    files = reading.number("logMaxFiles", usual.max_files, "max log files cannot be < 1")
    size = reading.size("logMaxSize", usual.max_size, "invalid format of max logs size - {}")
    buffer = reading.size("logMaxBufferSize", usual.max_buffer_size, "invalid format of max buffer size - {}")
    path = reading.text("logPath")
    if (entry := reading.last("logPath")) is not None and path and not path.startswith("/"):
        reading.fail(entry, "expected an absolute path")
    if "log" not in reading.spoilt:
        useless = _log_keys_without_effect(reading, driver, mode)
        defaults = {
            "logMaxFiles": (files, str(usual.max_files), "expected at least 1"),
            "logMaxSize": (size, size_text(usual.max_size), "expected more than nothing"),
            "logMaxBufferSize": (buffer, size_text(usual.max_buffer_size), "expected more than nothing"),
        }
        for key, (given, default, hint) in defaults.items():
            if given == 0 and key not in useless and (entry := reading.last(key)) is not None:
                reading.warn(entry, f"{entry.text} means the default, {default}", hint)
    path = "" if driver == "none" else path
    return Log(driver, files or usual.max_files, size or usual.max_size, path, mode, buffer or usual.max_buffer_size)


def _log_keys_without_effect(reading: Reading, driver: LogDriver, mode: LogMode) -> set[str]:
    """Warn of keys that driver or mode make useless, and return them. The default mode is no request, because verbose
    inventories repeat it."""
    useless: dict[str, tuple[str, str]] = {}
    if mode == "blocking":
        useless["logMaxBufferSize"] = ("the log mode is blocking", "use the mode non-blocking, or leave it out")
    if driver == "none":
        keys = ["logMaxFiles", "logMaxSize", "logPath", "logMaxBufferSize"]
        if mode != "blocking":
            keys.append("logMode")
        useless |= dict.fromkeys(keys, ("the log driver is none", "leave it out"))
    for key, (because, hint) in useless.items():
        if (entry := reading.last(key)) is not None and entry.text:
            reading.warn(entry, f"`{key}` has no effect when {because}", hint)
    return set(useless)


def _paths(entries: Sequence[Entry]) -> dict[str, Path]:
    """For every path below our own `spec` the path of the entry that asked for it; for a group the first entry in it."""
    paths: dict[str, Path] = {}
    for entry in entries:
        field = KEYS[entry.key]
        group = field.partition(".")[0]
        paths.setdefault(group, entry.path)
        if group != field:
            paths[field] = entry.path
        elif entry.key not in MANY:
            paths[group] = entry.path
        elif entry.key in ("env", "host"):
            name = entry.text.partition("=" if entry.key == "env" else ":")[0]
            paths[f"{field}.{name}"] = entry.path
    return paths


def _origin(path: Path, paths: dict[str, Path], root: Path) -> Path:
    while path:
        if path_text(path) in paths:
            return paths[path_text(path)]
        path = path[:-1]
    return root
