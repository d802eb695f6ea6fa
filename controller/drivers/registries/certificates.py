"""Certificates where engines look for them: `<folder>/<host[:port]>/`, in which `evenkeel.crt` are authorities, and
`evenkeel.cert` and `evenkeel.key` are what the device shows (registries.md §3.1). Other files there are those of others.

A certificate and its key have to change together, because engines refuse a pair that does not fit. So one file has both, and
`evenkeel.key` is a link to it: engines take out of each file what they look for. Nobody can make two names at once. So the link
is there whenever the certificate is: it comes first, and goes last.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.distribution.trust import OF_DOCUMENTS
from evenkeel.controller.drivers.registries.ours import Ours, Record
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import Stamp, check_file, check_folder, put, remove, stamp, sweep

_CA, _PAIR, _KEY = OF_DOCUMENTS, "evenkeel.cert", "evenkeel.key"
_BETWEEN = b"\n# evenkeel: the key of the certificate above\n"
_LONE = b"# a link to no certificate\n"
_NEW_KEY = f".{_KEY}.evenkeel"
"""A link that is about to take the place of another file; the form is that of `sweep`."""


class Trust(NamedTuple):
    """PEM. The text form shows nothing."""

    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""

    def __repr__(self) -> str:
        return "Trust(…)"


class Certificates:
    """The certificates of all hosts below one folder."""

    def __init__(self, folder: Path, record: Record) -> None:
        self._folder, self._record = folder, record
        self._names = Recall[tuple[str, ...]]()
        self._strange = set[str]()
        """The hosts with something at the name of a file of evenkeel's that was none, or could not be read, the last time."""

    def stamps(self, place: str) -> tuple[Stamp | None, ...]:
        """The stamps of the files that `of` reads, and of their folder, which changes whenever a file comes or goes; none for a
        place with a path."""
        if "/" in place:
            return ()
        folder = f"{self._folder}/{place}"
        of_folder = stamp(folder)
        names = self._names.result(place, None, (of_folder,), lambda: _names_in(folder))
        return of_folder, *(stamp(f"{folder}/{name}") for name in names)

    def of(self, host: str) -> Trust:
        """Those of a host that are evenkeel's. A file that cannot be read counts as none: `check` and `put` tell why, and the
        other hosts have theirs."""
        folder = self._folder / host
        self._strange.discard(host)
        certificate, _, key = self._content(host, _PAIR).partition(_BETWEEN)
        if _is_folder(folder / _KEY):
            self._strange.add(host)
        if certificate and not _is_link(folder / _KEY):
            key = b""  # half: engines refuse it
        elif not certificate and host not in self._strange and _is_link(folder / _KEY):
            key = _LONE  # half of a change, which is to be finished
        return Trust(self._content(host, _CA), certificate, key)

    def _content(self, host: str, name: str) -> bytes:
        try:
            return read_regular(self._folder / host / name)
        except (FileNotFoundError, NotADirectoryError):
            return b""
        except OSError:
            self._strange.add(host)
            return b""

    def check(self, host: str, folder_is_sound: Callable[[Path], None] = check_folder) -> None:
        """Raises Refused when none can be put there for a host, as far as `of` has seen its files, and OSError.
        `folder_is_sound`: `check_folder`, for the one that all hosts have in common."""
        folder_is_sound(self._folder)
        check_folder(f"{self._folder}/{host}")
        if host in self._strange:
            for name in (_CA, _PAIR, *((_KEY,) if _is_folder(self._folder / host / _KEY) else ())):
                check_file(self._folder / host / name)

    def put(self, host: str, values: Values) -> None:
        """Put those of a host there, and no others of evenkeel's. Raises OSError and Refused."""
        asked = Trust(values.ca, values.certificate, values.key)
        if asked == self.of(host):
            return
        folder = self._folder / host
        if not any(asked):
            self._take_away(folder)
            return
        self.check(host)
        self._make(folder)
        if asked.certificate:
            if not _is_link(folder / _KEY):
                sweep(folder / _KEY)
                (folder / _NEW_KEY).symlink_to(_PAIR)
                (folder / _NEW_KEY).replace(folder / _KEY)
                _sync(folder)
            put(folder / _PAIR, asked.certificate + _BETWEEN + asked.key, 0o600)
        else:
            _remove(folder, _PAIR, _KEY)
        if asked.ca:
            put(folder / _CA, asked.ca, 0o644)
        else:
            _remove(folder, _CA)

    def _make(self, folder: Path) -> None:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        if missing:
            ours = self._record.read()
            known = [*ours.folders, *(str(each) for each in reversed(missing))]
            self._record.write(_with_folders(ours, known))
            for each in reversed(missing):
                each.mkdir(0o755)
                _sync(each.parent)

    def _take_away(self, folder: Path) -> None:
        _remove(folder, _PAIR, _KEY, _CA)
        ours = self._record.read()
        made = [each for each in ours.folders if folder.is_relative_to(each)]
        gone = []
        for each in sorted(made, key=len, reverse=True):
            with suppress(OSError):
                Path(each).rmdir()
            if not Path(each).exists():
                gone.append(each)
        self._record.write(_with_folders(ours, [each for each in ours.folders if each not in gone]))


def _names_in(folder: str) -> tuple[str, ...]:
    """The names that are there, links that lead nowhere among them."""
    return tuple(name for name in (_CA, _PAIR, _KEY) if os.path.lexists(f"{folder}/{name}"))


def _with_folders(ours: Ours, folders: Sequence[str]) -> Ours:
    return replace(ours, folders=list(dict.fromkeys(folders)))


def _is_link(path: Path) -> bool:
    return path.is_symlink() and str(path.readlink()) == _PAIR


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _remove(folder: Path, *names: str) -> None:
    for name in names:
        with suppress(IsADirectoryError):  # none of evenkeel's
            remove(folder / name)
    with suppress(FileNotFoundError, NotADirectoryError):
        _sync(folder)


def _sync(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
