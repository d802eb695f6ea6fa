"""Folders that appear and go as a whole: their files are on the disk before they have their name.

There is one writer at a time (`alone`). A kill leaves the names `NEW` and `GONE`; the writer removes them before it goes on.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from evenkeel.specs.errors import TimedOut

NEW, GONE = ".evenkeel-new", ".evenkeel-gone"
_PATIENCE_S, _PAUSE_S = 30.0, 0.05


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only process of evenkeel that changes a folder; the kernel ends that with the process. A folder that is not there
    is nobody's. Raises TimedOut after 30 s, and OSError."""
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        ends = time.monotonic() + _PATIENCE_S
        while not _locked(opened):
            if time.monotonic() > ends:
                raise TimedOut(
                    f"file:{folder}", f"another process of evenkeel has changed {folder} for {_PATIENCE_S:g} s"
                )
            time.sleep(_PAUSE_S)
        yield
    finally:
        os.close(opened)


def _locked(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def put_folder(folder: Path, content: Mapping[str, tuple[bytes, int]]) -> None:
    """Make a folder with these files, by their names their content and mode; nobody else may enter it, nor the one above.
    Raises OSError."""
    _make(folder.parent)
    new = folder.parent / NEW
    new.mkdir(0o700)
    for name, (each, mode) in content.items():
        _write(new / name, each, mode)
    sync(new)
    new.rename(folder)
    sync(folder.parent)


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Replace one file of such a folder. Raises OSError."""
    new = path.parent.parent / NEW  # beside the folder, where leftovers are looked for
    _write(new, content, mode)
    new.rename(path)
    sync(path.parent)


def remove_folder(folder: Path) -> None:
    """Remove a folder of files. Raises OSError."""
    gone = folder.parent / GONE
    folder.rename(gone)
    sync(folder.parent)
    empty(gone)


def empty(folder: Path) -> None:
    """Remove a folder of files, its keys first: no key lies there without its certificate. Raises OSError."""
    for each in sorted(folder.iterdir(), key=lambda path: path.suffix != ".key"):
        each.unlink()
    folder.rmdir()
    sync(folder.parent)


def sync(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _make(folder: Path) -> None:
    """The folder of the pairs, which is closed to others, in one that need not be."""
    for each in reversed(folder.parents):
        if not each.exists():
            each.mkdir(0o755)
            sync(each.parent)
    if not folder.exists():
        folder.mkdir(0o700)
        sync(folder.parent)
    elif folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def _write(path: Path, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(path, flags, 0o600)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fchmod(file, mode)
        os.fsync(file)
    finally:
        os.close(file)
