"""The values that identities hand out to containers: one file of evenkeel's in the state directory, for root alone.

    {"documents": {NAME: {"print": PRINT, "values": {VALUE: [TEXT, PRINT]}}}}

The provisioning domain writes it, and the containers' engines read a value when they create a container that asks for it. A
file that is damaged counts as empty: what documents ask for is put there again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.process.replacing import put_own

_MOST_BYTES = 4 * 1024**2
FILE = "provisioning/values.json"
"""Its place below the state directory."""


class Handed(NamedTuple):
    """The values of one document. `print`: that of all of them; `prints`: those of each. The text form shows no value."""

    print: str = ""
    values: Mapping[str, str] = {}
    prints: Mapping[str, str] = {}

    def __repr__(self) -> str:
        return f"Handed({self.print!r}, …)"


class Provided:
    """The file. Raises OSError where it cannot be read or written."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[object, dict[str, Handed]] = (None, {})

    def all(self) -> dict[str, Handed]:
        """By name: the values of each document."""
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return {}
        stamp = found.st_mtime_ns, found.st_ino, found.st_size
        if self._known[0] != stamp:
            self._known = stamp, _parsed(read_regular(self._path, _MOST_BYTES))
        return dict(self._known[1])

    def put(self, name: str, handed: Handed) -> None:
        """Replace the values of a document."""
        self._write({**self.all(), name: handed})

    def forget(self, name: str) -> None:
        """Hand out those of a document no longer."""
        found = self.all()
        if found.pop(name, None) is not None:
            self._write(found)

    def _write(self, documents: Mapping[str, Handed]) -> None:
        self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
        value = {
            name: {"print": each.print, "values": {key: [text, each.prints[key]] for key, text in each.values.items()}}
            for name, each in sorted(documents.items())
        }
        put_own(self._path, json.dumps({"documents": value}, indent=1).encode(), 0o600)


def _parsed(content: bytes) -> dict[str, Handed]:
    try:
        found = json.loads(content)["documents"]
        return {
            name: Handed(
                each["print"],
                {key: text for key, (text, _) in each["values"].items()},
                {key: mark for key, (_, mark) in each["values"].items()},
            )
            for name, each in found.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
