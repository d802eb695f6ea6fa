"""The links in the folder of pairs: the places, each of which points to the folder of a pair, and the names below them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

from evenkeel.controller.drivers.provisioning.room import NEW, sync

Which = Literal["current", "second", "next"]
NAMES: dict[Which, tuple[str, str]] = {
    "current": ("device.crt", "device.key"),
    "second": ("device2.crt", "device2.key"),
}
"""The names of the certificate and of the key of a place, which other programs read (provisioning.md §1)."""


def pointed(folder: Path, which: Which) -> str:
    """Where a place leads to; "" when it is none."""
    return _target(folder / which)


def point(folder: Path, which: Which, target: str) -> None:
    """Let a place lead elsewhere, in one moment. Raises OSError, also when something that is no link is there."""
    if pointed(folder, which) != target:
        _put_link(folder / which, target)


def unpoint(folder: Path, which: Which) -> None:
    """Remove a place: its names show nothing, in one moment."""
    with suppress(FileNotFoundError):
        (folder / which).unlink()
        sync(folder)


def is_name_link(folder: Path, which: Which, name: str) -> bool:
    """Whether a name leads to its place."""
    return _target(folder / name) == _below(which, name)


def has_name_links(folder: Path, which: Which) -> bool:
    """Whether both do."""
    return all(is_name_link(folder, which, name) for name in NAMES.get(which, ()))


def link_names(folder: Path, which: Which) -> None:
    """Let the names lead to their place. Files there are replaced, so that they have to be the same, or absent."""
    for name in NAMES.get(which, ()):
        if not is_name_link(folder, which, name):
            _put_link(folder / name, _below(which, name))


def unlink_names(folder: Path, which: Which) -> None:
    """Remove the names that lead to their place."""
    for name in NAMES.get(which, ()):
        if is_name_link(folder, which, name):
            (folder / name).unlink()
    sync(folder)


def _below(which: Which, name: str) -> str:
    return f"{which}/device.{name.rpartition('.')[2]}"


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # nothing, or no link
        return ""


def _put_link(path: Path, target: str) -> None:
    new = path.parent / f"{NEW}-link"
    new.symlink_to(target)
    new.rename(path)
    sync(path.parent)
