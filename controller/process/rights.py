"""Rights to files: those of everybody; and the remedy for what this process may not see: another user. Root is not told to
become root."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from evenkeel.controller.process.causes import chain_of

_AS_ROOT = "run this as root, or as the user of the controller"
_OF_ROOT = "root may not look there, either: look at how it is mounted, and at SELinux or AppArmor"

SEE_DISK = "look at the disk and how it is mounted: `dmesg`, `mount`"


def other_user() -> str:
    """The remedy where permissions are in the way."""
    return _OF_ROOT if os.geteuid() == 0 else _AS_ROOT


def is_denied(error: BaseException) -> bool:
    """Whether permissions are in the way, by the error or one that led to it."""
    return any(isinstance(each, PermissionError) for each in chain_of(error))


def unread_remedy(error: BaseException, otherwise: str = "") -> str:
    """The remedy for a thing that could not be read. `otherwise`: where permissions are not in the way."""
    return other_user() if is_denied(error) else otherwise


def rights_of_all(path: Path, root: Path = Path("/")) -> int:
    """The bits of a file's mode that everybody has; 0 where a folder above it, up to `root`, lets nobody else in. Raises
    OSError."""
    real, top = path.resolve(strict=True), root.resolve()
    folders = (each for each in real.parents if each.is_relative_to(top))
    is_closed = any(not each.stat().st_mode & stat.S_IXOTH for each in folders)
    return 0 if is_closed else real.stat().st_mode & 0o007
