"""The one way in which evenkeel replaces a file (complete and on the disk, or not at all), and the owner of a
folder."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_atomically(path: Path, content: bytes, mode: int = 0o640, owner: tuple[int, int] | None = None) -> None:
    """Replace `path`; a reader sees the old or the new content, also after a power cut. Folders are made. `owner`: user and
    group of the new file. An OSError names the file, also where the system does not, as when the disk is full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if owner is not None and owner != (os.geteuid(), os.getegid()):
            os.chown(temporary, *owner)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and not error.filename:
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def denied(folder: Path) -> str:
    """The message for a user who may not read or write in a folder of evenkeel's."""
    if os.geteuid() == 0:
        return "permission denied, to root, too; look at how it is mounted, and at SELinux or AppArmor"
    return f"permission denied; run it as root, or as the owner of {folder}"
