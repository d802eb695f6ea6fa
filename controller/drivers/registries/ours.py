"""Evenkeel's entries in files of others, to tell them from those of others.

It is recorded before it is put there, and forgotten after it was taken away. After a loss of power something may be recorded
that is not there, and nothing of evenkeel's is there that is not recorded.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from evenkeel.controller.drivers.registries.store import close_folder
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.process.replacing import put_text, remove, stamp, sweep
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.reading.json_edit import json_object, without


@dataclass(frozen=True)
class Ours:
    """`folders`: folders that evenkeel has made. `places`: those of which something may be in a file that is evenkeel's alone,
    or was, when the engine has read it last. `insecure`: places that evenkeel has put among the insecure ones; `mirrors`:
    by place, the mirrors. `entries`: by key of a file of others, the elements that evenkeel has added to its list, or, with
    a secret, the values that it may have there. `made`: the keys, and the files, that evenkeel has made."""

    folders: Sequence[str] = field(default_factory=list)
    places: Sequence[str] = field(default_factory=list)
    insecure: Sequence[str] = field(default_factory=list)
    mirrors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    entries: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: Sequence[str] = field(default_factory=list)

    def __repr__(self) -> str:
        return "Ours(…)"


_NO_FILE = (errno.EISDIR, errno.EINVAL, errno.ELOOP, errno.EFBIG)
"""Errors of something that is no file of evenkeel's."""


class Record:
    """The record in a file below the store's folder."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._known: tuple[object, Ours] = (None, Ours())

    def read(self) -> Ours:
        """The recorded entries. Raises OSError, and Unavailable when it is damaged."""
        now = stamp(self.file)
        if now is None or self._known[0] != now:
            self._known = now, self._parsed()
        return self._known[1]

    def _parsed(self) -> Ours:
        try:
            found = json_object(read_regular(self.file).decode())
        except (FileNotFoundError, NotADirectoryError):
            return Ours()
        except ValueError:
            found = {"?": 0}
        except OSError as error:
            if error.errno not in _NO_FILE:
                raise
            found = {"?": 0}
        if not all(_is_sound(name, found[name]) for name in found):
            why = (
                f"{self.file} is damaged, and nobody can tell what evenkeel has put into the engine's files; remove it"
            )
            raise Unavailable(f"file:{self.file}", f"{why}, and what evenkeel has put there counts as that of others")
        return Ours(**found)

    def write(self, ours: Ours) -> None:
        """Record it, unless it is recorded. Raises OSError."""
        if self.read() != ours:
            close_folder(self.file.parent)
            sweep(self.file)
            write_atomically(self.file, json.dumps(asdict(ours), indent=1).encode(), 0o600)


class SharedFile:
    """A JSON file of others in which evenkeel has entries at some of `keys`. `mode`: of a file that is not there yet."""

    def __init__(self, file: Path, record: Record, keys: Sequence[str], mode: int) -> None:
        self._file, self._record, self._keys, self._mode = file, record, keys, mode

    def change(self, old: str | None, new: str, after: Ours, load: Callable[[], None] | None = None) -> None:
        """Replace a text, `None` for no file, by a `new` one, which has the entries `after`. A key, or a file, that evenkeel
        has made goes once it is empty, and not before the engine goes by the new text, for which `load` waits. When `load`
        raises Refused or Unavailable, the former text comes back. Raises OSError, Refused and Unavailable."""
        before, file = self._record.read(), str(self._file)
        made = [
            *before.made,
            *(key for key in self._keys if key in json_object(new) and key not in json_object(old or "")),
        ]
        made += [file] if old is None and new else []
        self._record.write(_either(before, replace(after, made=made)))
        if load is not None:
            self._write(old, new)
            try:
                load()
            except (Refused, Unavailable):
                self._write(new, old)
                raise
            old = new or old
        text: str | None = new
        for key in (each for each in self._keys if each in made and json_object(new).get(each) in ([], {})):
            text = without(text or "", (key,))
        left = [each for each in made if each not in self._keys or each in json_object(text or "")]
        if file in left and not json_object(text or ""):
            text = None
            left.remove(file)
        self._write(old, text)
        self._record.write(replace(after, made=list(dict.fromkeys(left))))

    def _write(self, old: str | None, new: str | None) -> None:
        if new is None:
            remove(self._file)
        elif new != (old or ""):
            if not self._mode & 0o077 and not self._file.parent.exists():
                close_folder(self._file.parent)
            put_text(self._file, new, self._mode)


def _either(one: Ours, other: Ours) -> Ours:
    """The entries that may be evenkeel's while one becomes the other."""

    def of_both(these: Mapping[str, Sequence[str]], those: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        keys = dict.fromkeys((*those, *these))
        return {key: list(dict.fromkeys((*those.get(key, ()), *these.get(key, ())))) for key in keys}

    return replace(
        other,
        insecure=sorted({*one.insecure, *other.insecure}),
        mirrors=of_both(one.mirrors, other.mirrors),
        entries=of_both(one.entries, other.entries),
        made=list(dict.fromkeys((*one.made, *other.made))),
    )


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
