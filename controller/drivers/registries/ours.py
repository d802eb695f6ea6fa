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
from evenkeel.controller.process.replacing import put_text, remove, stamp, sweep, text_of
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


Merge = Callable[[str, Ours], tuple[str, Ours]]
"""The text of a file, in which `entries` may be evenkeel's, with all that is asked for, and nothing else of evenkeel's; and its
entries then. Raises Refused for a text that cannot be changed."""
_TRIES = 10


class SharedFile:
    """A JSON file of others in which evenkeel has entries at some of `keys`. `mode`: of a file that is not there yet.

    Others may change it at any time, also while the engine reads it. So no text is written that was made from another one than
    the file has at that moment; else it is made anew.
    """

    def __init__(self, file: Path, record: Record, keys: Sequence[str], mode: int) -> None:
        self._file, self._record, self._keys, self._mode = file, record, keys, mode

    def change(self, asked: Ours, merged: Merge, load: Callable[[str, Ours], None] | None = None) -> None:
        """Put what is asked for into the file. A key, or a file, that evenkeel has made goes once it is empty, and not before
        the engine goes by the new text, for which `load` waits. When `load` raises Refused or Unavailable, evenkeel's entries
        are the former ones again. Raises OSError, Refused and Unavailable."""
        before = self._record.read()
        if load is not None:
            old, new, after = self._put(asked, merged, before)
            try:
                load(new or "", after)
            except (Refused, Unavailable):
                self._take_back(old, new, before, merged)
                raise
        _, _, after = self._put(asked, merged, self._record.read(), is_last=True)
        self._record.write(after)

    def _put(
        self, asked: Ours, merged: Merge, before: Ours, *, is_last: bool = False
    ) -> tuple[str | None, str | None, Ours]:
        """The text before, the text now, and what is evenkeel's in it. `is_last`: without keys, and a file, that are empty."""
        for _ in range(_TRIES):
            old = text_of(self._file)
            new, after = merged(old or "", replace(asked, entries=before.entries))
            added = (key for key in self._keys if key in json_object(new) and key not in json_object(old or ""))
            made = [*before.made, *added, *([str(self._file)] if old is None and new else [])]
            self._record.write(_either(before, replace(after, made=made)))
            text, left = self._cleaned(new, made) if is_last else (new, made)
            if self._write(old, text):
                return old, text, replace(after, made=list(dict.fromkeys(left)))
        raise self._restless()

    def _take_back(self, old: str | None, new: str | None, before: Ours, merged: Merge) -> None:
        """Make the file the former one. Where others have changed it meanwhile, evenkeel's entries alone become the former
        ones; a file that nobody understands stays."""
        known = self._record.read()
        for _ in range(_TRIES):
            now = text_of(self._file)
            text = old
            if now != new:
                try:
                    text, _ = self._cleaned(merged(now or "", replace(before, entries=known.entries))[0], known.made)
                except Refused:
                    return
            if self._write(now, text):
                return
        raise self._restless()

    def _cleaned(self, text: str, made: Sequence[str]) -> tuple[str | None, list[str]]:
        """The text without what evenkeel has made and what is empty, `None` for no file; and what it has made of the rest."""
        for key in self._keys:
            if key in made and json_object(text).get(key) in ([], {}):
                text = without(text, (key,))
        left = [each for each in made if each not in self._keys or each in json_object(text)]
        if (file := str(self._file)) in left and not json_object(text):
            return None, [each for each in left if each != file]
        return text, left

    def _write(self, old: str | None, new: str | None) -> bool:
        """Whether the file has the new text. It has not where it has another one than the old one meanwhile."""
        if new == old or not (new or old):
            return True
        if text_of(self._file) != old:
            return False
        if new is None:
            remove(self._file)
            return True
        if not self._mode & 0o077 and not self._file.parent.exists():
            close_folder(self._file.parent)
        put_text(self._file, new, self._mode)
        return True

    def _restless(self) -> Unavailable:
        return Unavailable(f"file:{self._file}", f"{self._file} is changed by others all the time")


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
