"""One key of Kanto's with its text, and the reading of such entries as values.

A component of a desired state is a list of keys and texts, and a manifest says the same in another shape; both are entries
here (`KEYS` has them all), each with the path where it stands. `Reading` holds those of one container and reads them by
key: a text that cannot be read becomes a flaw at its place, and the default goes on in its stead, so that every flaw is found.
Error texts are Kanto's own where it has one (container-management.md §1.7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from msgspec import Struct

from evenkeel.specs.problem import Flaw, Path, nearest
from evenkeel.specs.reading.quantity import parse_duration, parse_size

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

NEVER_EMPTY = ("image", "restartPolicy")
"""Keys with one value that Kanto refuses when it is empty."""
EMPTY_BY_DEFAULT = ("memory", "memoryReservation", "memorySwap", "logPath", "hostName", "domainName")
"""Keys whose default is nothing, so that an empty value says just that."""

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
_NUMBER = re.compile(r"[+-]?[0-9]{1,9}")

Choice = TypeVar("Choice", bound=str)
Item = TypeVar("Item")


class Entry(Struct, frozen=True):
    """One key, its text, and the path where the text stands in what was written."""

    key: str
    text: str
    path: Path


class Reading(Struct, frozen=True):
    """The entries of one container by key, the flaws found so far, and the fields of the container they spoil."""

    entries: dict[str, list[Entry]]
    flaws: list[Flaw]
    spoilt: set[str]

    def last(self, key: str) -> Entry | None:
        """The entry that counts; `None` also when it is empty and asks for nothing by that."""
        entry = self.entries[key][-1] if key in self.entries else None
        return None if entry is not None and not entry.text and key not in NEVER_EMPTY else entry

    def fail(self, entry: Entry, message: str, hint: str = "") -> None:
        """Report a text that cannot be read, and spoil the field it is for."""
        self.flaws.append(Flaw(entry.path, message, hint))
        self.spoilt.add(KEYS[entry.key].partition(".")[0])

    def warn(self, entry: Entry, message: str, hint: str = "") -> None:
        """Report a doubt about an entry, which counts all the same."""
        self.flaws.append(Flaw(entry.path, message, hint, warning=True))

    def text(self, key: str) -> str:
        """The unchanged text; "" when it is not given."""
        entry = self.last(key)
        return "" if entry is None else entry.text

    def flag(self, key: str) -> bool:
        """Go's ParseBool (§1.6, note 1)."""
        entry = self.last(key)
        if entry is None or entry.text in _FALSE:
            return False
        if entry.text not in _TRUE:
            self.fail(entry, f"expected true or false, got `{entry.text}`")
        return True

    def number(self, key: str, default: int, negative: str) -> int:
        """A whole number from 0 on. `negative`: the message for one below."""
        entry = self.last(key)
        if entry is None:
            return default
        if not _NUMBER.fullmatch(entry.text):
            self.fail(entry, f"expected a whole number, got `{entry.text}`")
            return default
        number = int(entry.text)
        if number < 0:
            self.fail(entry, negative)
            return default
        return number

    def choice(self, key: str, choices: tuple[Choice, ...], default: Choice, message: str) -> Choice:
        """One of `choices`. `message`: for any other, with `{}` for its text."""
        entry = self.last(key)
        if entry is None:
            return default
        for choice in choices:
            if choice == entry.text:
                return choice
        self.fail(entry, message.format(entry.text), nearest(entry.text, choices))
        return default

    def size(self, key: str, default: int | None, invalid: str) -> int | None:
        """Bytes. `invalid`: the message for a text that is no size, with `{}` for it."""
        entry = self.last(key)
        if entry is None:
            return default
        try:
            return parse_size(entry.text)
        except ValueError as error:
            self.fail(entry, invalid.format(entry.text), str(error))
            return default

    def duration(self, key: str, negative: str) -> timedelta:
        """Whole seconds, as Kanto reads them, or a duration, as Kanto's inventory prints them (§2.8)."""
        entry = self.last(key)
        if entry is None:
            return timedelta(0)
        if entry.text.startswith("-"):
            self.fail(entry, negative)
            return timedelta(0)
        if _NUMBER.fullmatch(entry.text):
            return timedelta(seconds=int(entry.text))
        try:
            return parse_duration(entry.text)
        except ValueError:
            self.fail(entry, f"expected seconds or a duration, got `{entry.text}`", "for example 30 or 1m30s")
            return timedelta(0)

    def each(self, key: str, convert: Callable[[Entry], Item]) -> tuple[Item, ...]:
        """Every entry of a key. A ValueError of `convert` is the message, and its cause, if it has one, the hint."""
        items = []
        for entry in self.entries.get(key, ()):
            try:
                items.append(convert(entry))
            except ValueError as error:
                self.fail(entry, str(error), str(error.__cause__ or ""))
        return tuple(items)
