"""Room on the file systems that evenkeel and the engine write to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.engine import engine_facts
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.process.rights import SEE_DISK, unread_remedy
from evenkeel.reconcilers.doctor.disk import Room, of_room
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.errors import EvenkeelError

_DATA = "/data"
"""The partition of Leda's images for everything that outlives an update (leda-image.md §5.3)."""


async def look(device: Device) -> Finding:
    """The state directory, the engine's folder, and /data where it is there."""
    places: dict[str, str] = {}
    if device.given.settings is not None:
        places["state directory"] = device.settings.state
        try:
            facts = await engine_facts(device)
        except EvenkeelError:
            facts = None  # told by the check of the engine
        if facts is not None and facts.root:
            places["engine"] = facts.root
    places["data partition"] = _DATA
    kind = device.settings.engine.kind if device.given.settings is not None else "memory"
    engine = kind if kind != "memory" else ""
    return finding_of(await asyncio.to_thread(lambda: list(_details(places, engine))), "")


def _details(places: dict[str, str], engine: str) -> Iterator[Detail]:
    for name, place in places.items():
        path = Path(place)
        if name == "state directory":
            path = next(each for each in (path, *path.parents) if each.exists())
        try:
            yield of_room(name, _room(path), engine=engine)
        except FileNotFoundError:
            yield Detail(name, "skipped", f"there is no {place} here")
        except OSError as error:
            yield Detail(name, "unknown", f"{place}: {system_words(error)}", unread_remedy(error, SEE_DISK))


def _room(path: Path) -> Room:
    found = os.statvfs(path)
    return Room(
        str(path),
        found.f_bavail * found.f_frsize,
        found.f_blocks * found.f_frsize,
        found.f_favail,
        found.f_files,
        bool(found.f_flag & os.ST_RDONLY),
    )
