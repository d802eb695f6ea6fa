"""Files that evenkeel shares with others: read whole or not at all, and replaced whole.

A symbolic link is not followed: where it leads may belong to somebody who did not ask for a change. Only `replace_named` and
`replace_private` follow one, for a person who has named the file. A file that is replaced keeps its owner, and its mode unless
it is to hold a secret. The next change takes away the file that a killed process has left beside it.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.bounded import read_regular
from evenkeel.specs.errors import Refused

Stamp = tuple[int, int, int, int, int]
"""Device, inode, bytes, and the times of the last change of a file's content and of its entry, in nanoseconds."""
_LEFT = re.compile(r"[a-z0-9_]{8}")
"""The end of the name of a file that is about to take the place of another one."""


def text_of(path: Path) -> str | None:
    """The text of a file; `None` when it is not there. Raises OSError, and Refused when it is none that can be replaced."""
    check_file(path)
    try:
        return read_regular(path).decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise Refused(f"file:{path}", f"{path} is no text in UTF-8, and is not changed") from None


def put_text(path: Path, text: str, mode: int) -> None:
    """Replace a file. `mode`: of one that is not there yet. Raises OSError and Refused."""
    put(path, text.encode(), mode)


def put(path: Path, content: bytes, mode: int) -> None:
    """The same with bytes."""
    found = check_file(path)
    _replace(path, content, mode if found is None else stat.S_IMODE(found.st_mode), found)


def replace_named(path: Path, content: bytes, mode: int) -> None:
    """Replace a file that a person has named: a link stays one. `mode`: of one that is not there yet. A user who may not give
    the file to its owner becomes the owner. Raises OSError and Refused."""
    real = path.resolve()
    found = check_file(real)
    _replace_as_may_be(real, content, mode if found is None else stat.S_IMODE(found.st_mode), found)


def replace_private(path: Path, content: bytes) -> None:
    """The same for a file that is to hold a secret: nobody but its owner may read it."""
    real = path.resolve()
    _replace_as_may_be(real, content, 0o600, check_file(real))


def _replace_as_may_be(path: Path, content: bytes, mode: int, like: os.stat_result | None) -> None:
    try:
        _replace(path, content, mode, like)
    except PermissionError:
        _replace(path, content, mode, None)


def _replace(path: Path, content: bytes, mode: int, like: os.stat_result | None) -> None:
    put_own(path, content, mode, (like.st_uid, like.st_gid) if like is not None else None)


def put_own(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None = None) -> None:
    """Replace a file that evenkeel alone writes, as `write_atomically` does. Raises OSError."""
    sweep(path)
    write_atomically(path, content, mode, owner)


def remove(path: Path) -> None:
    """Remove a file that may be there. Raises OSError."""
    sweep(path)
    with suppress(FileNotFoundError, NotADirectoryError):
        path.unlink()


def sweep(path: Path) -> None:
    """Take away what a process that was killed while it replaced a file has left."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for each in path.parent.iterdir():
            if each.name.startswith(f".{path.name}.") and _LEFT.fullmatch(each.name, len(path.name) + 2):
                each.unlink(missing_ok=True)


def stamp(path: Path | str) -> Stamp | None:
    """A stamp that tells that a file is still the same; `None` when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a settled cycle does this for hundreds of files
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def check_folder(path: Path | str) -> None:
    """Raises Refused for a symbolic link, or no folder, at a path."""
    with suppress(FileNotFoundError, NotADirectoryError):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise Refused(f"file:{path}", f"{path} is {_kind(Path(path))}, where a folder is expected; remove it")


def check_file(path: Path) -> os.stat_result | None:
    """The state of a file; `None` when it is not there. Raises Refused for a symbolic link, or no file, at a path."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(found.st_mode):
        why = f"{path} is {_kind(path)}, which evenkeel neither follows nor replaces; put a file there"
        raise Refused(f"file:{path}", why)
    return found


def _kind(path: Path) -> str:
    if path.is_symlink():
        return f"a symbolic link to {path.readlink()}"
    return "a folder" if path.is_dir() else "no file"
