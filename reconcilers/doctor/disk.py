"""Whether there is room: for an image beside the one that it replaces, for the journal, and for a bundle.

A warning leaves time to act: below a tenth free, file systems become slow and a pull of the next release may not fit. It is a
failure where hardly any image fits, or where the journal may soon not be written.
"""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.doctor.finding import Detail
from evenkeel.specs.reading.quantity import rough_size_text

LEAST_BYTES = 64 * 1024**2
"""Hardly any image is smaller, and a journal with its log may take 10 MB."""
LOW_BYTES = 1024**3
"""More than this is room enough, however small a part of a large disk it is."""
_LOW_PART, _LEAST_INODES = 0.10, 0.01
_LOW_INODES = 0.05


class Room(NamedTuple):
    """A file system, as statvfs(3) tells of it for a user without special rights. `inodes` is 0 where there is no fixed number
    of them. `is_readonly`: it is mounted so."""

    path: str
    free: int
    size: int
    free_inodes: int
    inodes: int
    is_readonly: bool = False


def of_room(name: str, room: Room, *, writes: bool = True, engine: str = "") -> Detail:
    """`writes`: something has to be written there. `engine`: `docker` or `podman`, "" for neither."""
    prune = f"`{engine} image prune`, " if engine else ""
    remedy = f"remove what is not needed: {prune}`journalctl --vacuum-size=50M`; then look at `df` and `df -i`"
    free = f"{rough_size_text(room.free)} of {rough_size_text(room.size)} free at {room.path}"
    if writes and room.is_readonly:
        return Detail(
            name, "failed", f"{room.path} is mounted read-only", "mount it to be written, and look at `dmesg`"
        )
    if room.inodes and room.free_inodes < room.inodes * _LOW_INODES:
        told = f"{room.free_inodes:,} of {room.inodes:,} inodes free at {room.path}"
        return Detail(name, "failed" if room.free_inodes < room.inodes * _LEAST_INODES else "warning", told, remedy)
    if room.free < LEAST_BYTES:
        return Detail(name, "failed", free, remedy)
    if room.free < LOW_BYTES and room.free < room.size * _LOW_PART:
        return Detail(name, "warning", free, remedy)
    return Detail(name, "ok", free)
