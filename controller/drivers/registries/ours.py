"""Evenkeel's entries in files of others, to tell them from those of others.

It is recorded before it is put there, and forgotten after it was taken away. After a loss of power something may be recorded
that is not there, and nothing of evenkeel's is there that is not recorded.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from evenkeel.controller.drivers.registries.json_text import parsed
from evenkeel.controller.drivers.registries.replacing import stamp, sweep
from evenkeel.controller.drivers.registries.store import close_folder
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.specs.errors import Unavailable


@dataclass
class Ours:
    """`folders`: folders that evenkeel has made. `places`: those of which something may be in a file that is evenkeel's alone,
    or was, when the engine has read it last. `insecure`: places that evenkeel has put among the insecure ones; `mirrors`:
    by place, the mirrors. `entries`: by key of a file of others, the elements that evenkeel has added to its list, or, with
    a secret, the values that it may have there. `made`: the keys, and the files, that evenkeel has made."""

    folders: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    insecure: list[str] = field(default_factory=list)
    mirrors: dict[str, list[str]] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "Ours(…)"


class Record:
    """The record in a file below the store's folder."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._known: tuple[object, Ours] = (None, Ours())

    def read(self) -> Ours:
        """The recorded entries. Raises OSError, and Unavailable when it is damaged."""
        now = stamp(self._file)
        if now is None or self._known[0] != now:
            self._known = now, self._parsed()
        return deepcopy(self._known[1])

    def _parsed(self) -> Ours:
        try:
            found = parsed(self._file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return Ours()
        except ValueError:
            found = {"?": 0}
        if not all(_is_sound(name, found[name]) for name in found):
            why = (
                f"{self._file} is damaged, and nobody can tell what evenkeel has put into the engine's files; remove it"
            )
            raise Unavailable(f"file:{self._file}", f"{why}, and what evenkeel has put there counts as that of others")
        return Ours(**found)

    def write(self, ours: Ours) -> None:
        """Record it, unless it is recorded. Raises OSError."""
        if self.read() != ours:
            close_folder(self._file.parent)
            sweep(self._file)
            write_atomically(self._file, json.dumps(asdict(ours), indent=1).encode(), 0o600)


_NAMES = {each.name for each in fields(Ours)}
_BY_KEY = {"mirrors", "entries"}


def _is_sound(name: str, value: Any) -> bool:
    if name not in _NAMES:
        return False
    if name in _BY_KEY:
        return isinstance(value, dict) and all(map(_is_list, value.values()))
    return _is_list(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
