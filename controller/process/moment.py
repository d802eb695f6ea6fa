"""Files that belong together, as they were at one moment: a certificate and its key that somebody may replace meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from evenkeel.controller.process.replacing import Stamp
from evenkeel.specs.errors import EvenkeelError

_T = TypeVar("_T")
_TRIES = 5


def stamp(path: Path) -> Stamp | None:
    """A stamp that tells that a file is still the same, where its links lead; `None` when there is none. Raises OSError where
    nobody can tell, unlike that of `replacing`: a key that cannot be seen is not a key that is gone."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def stamps(paths: Iterable[Path]) -> tuple[Stamp | None, ...]:
    """The stamps of some files, in their order. Raises OSError."""
    return tuple(stamp(path) for path in paths)


def of_one_moment(paths: tuple[Path, ...], read: Callable[[], _T]) -> tuple[_T, tuple[Stamp | None, ...]]:
    """The result of `read`, and the stamps of these files; when one of them changes meanwhile, it is read again. Raises
    OSError, and what `read` raises for files that stay the same."""
    for _ in range(_TRIES):
        before = stamps(paths)
        try:
            found = read()
        except (OSError, ValueError, EvenkeelError):
            if stamps(paths) == before:
                raise
        else:
            if stamps(paths) == before:
                return found, before
    raise OSError(f"{' and '.join(map(str, paths))} change all the time")
