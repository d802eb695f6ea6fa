"""The links in the folder of pairs: the roles, each of which points to the folder of a pair, and the names below them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

from evenkeel.controller.drivers.provisioning.room import NEW, sync

Role = Literal["current", "second", "next"]
NAMES: dict[Role, tuple[str, str]] = {
    "current": ("device.crt", "device.key"),
    "second": ("device2.crt", "device2.key"),
}
"""The names of the certificate and of the key of a role, which other programs read (provisioning.md §1)."""


def pointed(folder: Path, role: Role) -> str:
    """Where a role points to; "" when no pair has it."""
    return _target(folder / role)


def point(folder: Path, role: Role, target: str) -> None:
    """Let a role point elsewhere, in one moment. Raises OSError, also when something that is no link is there."""
    if pointed(folder, role) != target:
        _put_link(folder / role, target)


def unpoint(folder: Path, role: Role) -> None:
    """Remove a role: its names show nothing, in one moment."""
    with suppress(FileNotFoundError):
        (folder / role).unlink()
        sync(folder)


def is_name_link(folder: Path, role: Role, name: str) -> bool:
    """Whether a name leads to its role."""
    return _target(folder / name) == _below(role, name)


def has_name_links(folder: Path, role: Role) -> bool:
    """Whether both do."""
    return all(is_name_link(folder, role, name) for name in NAMES.get(role, ()))


def link_names(folder: Path, role: Role) -> None:
    """Let the names lead to their role. They replace files that are there, which have to be the same."""
    for name in NAMES.get(role, ()):
        if not is_name_link(folder, role, name):
            _put_link(folder / name, _below(role, name))


def unlink_names(folder: Path, role: Role) -> None:
    """Remove the names that lead to their role."""
    for name in NAMES.get(role, ()):
        if is_name_link(folder, role, name):
            (folder / name).unlink()
    sync(folder)


def _below(role: Role, name: str) -> str:
    return f"{role}/device.{name.rpartition('.')[2]}"


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
