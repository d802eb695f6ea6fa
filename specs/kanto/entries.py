"""Kanto's words for a container → a container in normal form.

A component of a desired state is a list of keys and texts, and a container manifest says the same in another shape. Both are
brought here as `Entry` values, each with the path where it stands, so that there is one reading, one set of error texts
and one way back from a difference to the line that asked for it (container-management.md §1.6, §1.7).

Error texts are Kanto's own where it has one, because they travel to the same people over the same topics; the hint says
what was expected. Deliberate differences: what Kanto drops or replaces with a warning in its log (a device, port or mount
it cannot read, a bool or number that is none: defects A9, B24) is an error, and so is an unknown key. Wider than Kanto:
`restartTimeout` is also read as the duration that inventories print, and there are `hostName`, `domainName` and `capability`.
Texts of variables and commands are never repeated in a message: they may be secrets. Reports of the current state do not have
them either, so one that is pasted into a desired state is refused: it would take them away from the container.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TypeVar, get_args

import msgspec
from msgspec import Struct

from evenkeel.specs.containers.container import (
    KANTO_STOP_TIMEOUT,
    NAME_PATTERN,
    UNLIMITED,
    Container,
    Device,
    Log,
    LogDriver,
    LogMode,
    Mount,
    Network,
    Port,
    Resources,
    Restart,
    RestartPolicy,
    Stop,
)
from evenkeel.specs.containers.documents import finished
from evenkeel.specs.containers.shorthand import (
    from_root,
    has_parts,
    is_variable_name,
    parse_device,
    parse_extra_host,
    parse_mount,
    parse_port,
    parse_variable,
    port_text,
)
from evenkeel.specs.desired import Draft
from evenkeel.specs.problem import Flaw, Path, nearest, path_text
from evenkeel.specs.reading.quantity import parse_duration, parse_size, size_text
from evenkeel.specs.reading.secrecy import HIDDEN, shown_name

KEYS = {
    "image": "image",
    "terminal": "terminal",
    "interactive": "interactive",
    "privileged": "privileged",
    "restartPolicy": "restart.policy",
    "restartMaxRetries": "restart.maxRetries",
    "restartTimeout": "restart.timeout",
    "device": "devices",
    "port": "ports",
    "network": "network",
    "host": "extraHosts",
    "mount": "mounts",
    "env": "env",
    "cmd": "command",
    "logDriver": "log.driver",
    "logMaxFiles": "log.maxFiles",
    "logMaxSize": "log.maxSize",
    "logPath": "log.path",
    "logMode": "log.mode",
    "logMaxBufferSize": "log.maxBufferSize",
    "memory": "resources.memory",
    "memoryReservation": "resources.memoryReservation",
    "memorySwap": "resources.memorySwap",
    "hostName": "hostName",
    "domainName": "domainName",
    "capability": "capabilities",
}
"""Every key, and the path of the same thing below our own `spec`."""

MANY = ("device", "port", "host", "mount", "env", "cmd", "capability")
"""Keys of which every entry counts; of the others the last one does."""

_NEVER_EMPTY = ("image", "restartPolicy")
"""Of the keys with one value those that Kanto refuses when they are empty."""
_NO_WORD = ("memory", "memoryReservation", "memorySwap", "logPath", "hostName", "domainName")
"""Nothing is what these default to, so that an empty value says just that."""

REPORTED = (
    "status",
    "finishedAt",
    "exitCode",
    "created",
    "restartCount",
    "manuallyStopped",
    "startedSuccessfullyBefore",
)
"""Keys that only inventories use; ignored, so that a node of one can be pasted into a desired state."""

_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_FALSE = ("0", "f", "F", "FALSE", "false", "False")
_NOT_SHOWN = f"`{HIDDEN}` stands in reports for what is not shown"
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")

Choice = TypeVar("Choice", bound=str)
Item = TypeVar("Item")


class Entry(Struct, frozen=True):
    """One key, its text, and the path where the text stands in what was written."""

    key: str
    text: str
    path: Path


class _Reading(Struct, frozen=True):
    """The entries of one container by key, the flaws found so far, and the fields of the container they spoil."""

    entries: dict[str, list[Entry]]
    flaws: list[Flaw]
    spoilt: set[str]

    def last(self, key: str) -> Entry | None:
        """The entry that counts; `None` also when it is empty and asks for nothing by that."""
        entry = self.entries[key][-1] if key in self.entries else None
        return None if entry is not None and not entry.text and key not in _NEVER_EMPTY else entry

    def fail(self, entry: Entry, message: str, hint: str = "") -> None:
        self.flaws.append(Flaw(entry.path, message, hint))
        self.spoilt.add(KEYS[entry.key].partition(".")[0])

    def warn(self, entry: Entry, message: str, hint: str = "") -> None:
        self.flaws.append(Flaw(entry.path, message, hint, warning=True))


def is_name(text: str) -> bool:
    """Whether a container may be called that (§1.7)."""
    return re.fullmatch(NAME_PATTERN, text) is not None


def container_draft(
    name: str, entries: Sequence[Entry], root: Path, flaws: list[Flaw], stop_timeout: timedelta = KANTO_STOP_TIMEOUT
) -> Draft | None:
    """The container that `entries` describe, `None` when a flaw prevents it. All keys must be among `KEYS`; an entry for
    `image` is expected. `root` is where the container begins; flaws get paths of what was written. `stop_timeout`: how long
    its process may take to end."""
    by_key: dict[str, list[Entry]] = {}
    for entry in entries:
        by_key.setdefault(entry.key, []).append(entry)
    reading = _Reading(by_key, [], set())
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


def _warn_of_overridden(reading: _Reading) -> None:
    """The last entry counts, as with Kanto: whoever wrote two has to hear which one does nothing. What they say is not
    repeated, it may be secret."""
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


def _warn_of_empty(reading: _Reading) -> None:
    """An empty value is the default, as with Kanto: templates and generators write them."""
    for key, entries in reading.entries.items():
        if key not in (*MANY, *_NEVER_EMPTY, *_NO_WORD) and not entries[-1].text:
            reading.warn(entries[-1], f"`{key}` is empty, which means the default", "leave it out, or give a value")


def _named(reading: _Reading, key: str, network: Network) -> str | None:
    """A name on the network, which on that of the device is the device's; inventories repeat that."""
    entry = reading.last(key)
    if entry is not None and network == "host":
        reading.warn(entry, f"`{key}` has no effect in network mode host, where it is the device's", "leave it out")
        return None
    return entry.text if entry is not None else None


def _container(name: str, reading: _Reading) -> Container:
    network = _choice(reading, "network", get_args(Network), "bridge", "unsupported network mode {}")
    return Container(
        name=name,
        image=_image(reading),
        command=_each(reading, "cmd", _word),
        env=_each(reading, "env", _variable),
        ports=_each(reading, "port", lambda entry: _port(reading, entry)),
        mounts=_each(reading, "mount", lambda entry: _mount(reading, entry)),
        devices=_each(reading, "device", _device),
        network=network,
        extra_hosts=_each(reading, "host", lambda entry: parse_extra_host(entry.text)),
        host_name=_named(reading, "hostName", network),
        domain_name=_named(reading, "domainName", network),
        privileged=_flag(reading, "privileged"),
        capabilities=_each(reading, "capability", _capability),
        restart=_restart(reading),
        resources=Resources(
            _size(reading, "memory", None, "invalid format of memory - {}"),
            _size(reading, "memoryReservation", None, "invalid format of memory reservation - {}"),
            UNLIMITED
            if _text(reading, "memorySwap") == "-1"
            else _size(reading, "memorySwap", None, "invalid format of swap memory - {}"),
        ),
        log=_log(reading),
        terminal=_flag(reading, "terminal"),
        interactive=_flag(reading, "interactive"),
    )


def _image(reading: _Reading) -> str:
    entry = reading.last("image")
    if entry is not None and not entry.text:
        reading.fail(entry, "the containers image configuration is invalid", "expected registry/repository:tag")
    return entry.text if entry is not None and entry.text else "unknown"


def _restart(reading: _Reading) -> Restart:
    policy = _choice(
        reading, "restartPolicy", get_args(RestartPolicy), "unless-stopped", "unsupported restart policy type {}"
    )
    retries = _number(reading, "restartMaxRetries", 0, "restart policy max retry count cannot be negative")
    timeout = _retry_timeout(reading)
    if policy == "on-failure" or "restart" in reading.spoilt:
        return Restart(policy, retries, timeout or None)
    for key, value in (("restartMaxRetries", retries), ("restartTimeout", timeout)):
        entry = reading.last(key)
        if entry is not None and value:
            message = f"`{key}` has no effect when the restart policy is {policy}"
            reading.warn(entry, message, "use the policy on-failure, or leave it out")
    return Restart(policy)


def _retry_timeout(reading: _Reading) -> timedelta:
    """Whole seconds, as Kanto reads them, or a duration, as Kanto's inventory prints them (§2.8)."""
    entry = reading.last("restartTimeout")
    if entry is None:
        return timedelta(0)
    if entry.text.startswith("-"):
        reading.fail(entry, "restart policy retry timeout cannot be negative")
        return timedelta(0)
    if _NUMBER.fullmatch(entry.text):
        return timedelta(seconds=int(entry.text))
    try:
        return parse_duration(entry.text)
    except ValueError:
        reading.fail(entry, f"expected seconds or a duration, got `{entry.text}`", "for example 30 or 1m30s")
        return timedelta(0)


def _log(reading: _Reading) -> Log:
    usual = Log()
    driver = _choice(reading, "logDriver", get_args(LogDriver), "json-file", "unsupported log driver configuration")
    mode = _choice(reading, "logMode", get_args(LogMode), "blocking", "unsupported log mode configuration")
    files = _number(reading, "logMaxFiles", usual.max_files, "max log files cannot be < 1")
    size = _size(reading, "logMaxSize", usual.max_size, "invalid format of max logs size - {}")
    buffer = _size(reading, "logMaxBufferSize", usual.max_buffer_size, "invalid format of max buffer size - {}")
    path = _text(reading, "logPath")
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


def _log_keys_without_effect(reading: _Reading, driver: LogDriver, mode: LogMode) -> set[str]:
    """Warn of what driver or mode have no use for. The default mode is no request: verbose inventories repeat it."""
    useless: dict[str, tuple[str, str]] = {}
    if mode == "blocking":
        useless["logMaxBufferSize"] = ("the log mode is blocking", "use the mode non-blocking, or leave it out")
    if driver == "none":
        keys = [
            "logMaxFiles",
            "logMaxSize",
            "logPath",
            "logMaxBufferSize",
            *(["logMode"] if mode != "blocking" else []),
        ]
        useless |= dict.fromkeys(keys, ("the log driver is none", "leave it out"))
    for key, (because, hint) in useless.items():
        if (entry := reading.last(key)) is not None and entry.text:
            reading.warn(entry, f"`{key}` has no effect when {because}", hint)
    return set(useless)


def _text(reading: _Reading, key: str) -> str:
    entry = reading.last(key)
    return "" if entry is None else entry.text


def _flag(reading: _Reading, key: str) -> bool:
    """Go's ParseBool (§1.6, note 1)."""
    entry = reading.last(key)
    if entry is None or entry.text in _FALSE:
        return False
    if entry.text not in _TRUE:
        reading.fail(entry, f"expected true or false, got `{entry.text}`")
    return True


def _number(reading: _Reading, key: str, default: int, negative: str) -> int:
    entry = reading.last(key)
    if entry is None:
        return default
    if not _NUMBER.fullmatch(entry.text):
        reading.fail(entry, f"expected a whole number, got `{entry.text}`")
        return default
    number = int(entry.text)
    if number < 0:
        reading.fail(entry, negative)
        return default
    return number


def _choice(reading: _Reading, key: str, choices: tuple[Choice, ...], default: Choice, message: str) -> Choice:
    entry = reading.last(key)
    if entry is None:
        return default
    for choice in choices:
        if choice == entry.text:
            return choice
    reading.fail(entry, message.format(entry.text), nearest(entry.text, choices))
    return default


def _size(reading: _Reading, key: str, default: int | None, invalid: str) -> int | None:
    """Bytes."""
    entry = reading.last(key)
    if entry is None:
        return default
    try:
        return parse_size(entry.text)
    except ValueError as error:
        reading.fail(entry, invalid.format(entry.text), str(error))
        return default


def _shown(text: str) -> str:
    """What is no port, mount or device, as it may be told (ADR 0014): in parts, or the number of a port."""
    return text if has_parts(text) or (text.isdecimal() and len(text) <= 5) else HIDDEN


def _each(reading: _Reading, key: str, convert: Callable[[Entry], Item]) -> tuple[Item, ...]:
    """Every entry of a key; an error's text is the message and what it came from, if anything, the hint."""
    items = []
    for entry in reading.entries.get(key, ()):
        try:
            items.append(convert(entry))
        except ValueError as error:
            reading.fail(entry, str(error), str(error.__cause__ or ""))
    return tuple(items)


def _word(entry: Entry) -> str:
    if entry.text == HIDDEN:
        raise ValueError(_NOT_SHOWN) from ValueError("give the word itself")
    return entry.text


def _variable(entry: Entry) -> tuple[str, str | None]:
    if entry.text.partition("=")[2] == HIDDEN:
        raise ValueError(_NOT_SHOWN) from ValueError("give the value itself")
    try:
        return parse_variable(entry.text)
    except ValueError as error:
        name, equals, _ = entry.text.partition("=")
        shown = shown_name(name) if name and equals else ""
        raise ValueError(f"invalid environmental variable declaration provided : {shown}") from error


def _port(reading: _Reading, entry: Entry) -> Port:
    try:
        port, warning = parse_port(entry.text)
    except ValueError as error:
        raise ValueError(f"Incorrect port mapping configuration {_shown(entry.text)}") from error
    if warning:
        reading.warn(entry, warning, f"write {port_text(port)}")
    return port


def _mount(reading: _Reading, entry: Entry) -> Mount:
    text = from_root(entry.text)
    try:
        mount = parse_mount(text)
    except ValueError as error:
        parts = entry.text.split(":")
        if not 2 <= len(parts) <= 3:
            message = f"Incorrect number of parameters of the mount point {_shown(entry.text)}"
        elif not parts[0] or not parts[1]:
            message = "source and destination must be set for a mount point"
        elif not parts[0].startswith("/") or not parts[1].startswith("/"):
            message = f"incorrect path of the mount point {entry.text}"
        else:
            message = "propagation mode must be set to one of the supported modes"
        raise ValueError(message) from error
    if text != entry.text:
        message = f"the destination is relative; read as {mount.destination}, as with Kanto"
        reading.warn(entry, message, f"write {mount.destination}")
    return mount


def _device(entry: Entry) -> Device:
    try:
        return parse_device(entry.text)
    except ValueError as error:
        host, colon, rest = entry.text.partition(":")
        if colon and not (host and rest.partition(":")[0]):
            raise ValueError(
                "both path on the host and in the container must be specified for a device mapping"
            ) from error
        raise ValueError(f"incorrect configuration value for device mapping {_shown(entry.text)}") from error


def _capability(entry: Entry) -> str:
    if not entry.text:
        raise ValueError("expected the name of a capability, for example CAP_NET_ADMIN")
    return entry.text


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
