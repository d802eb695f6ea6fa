"""The table of the parts that name files with secrets and certificates: a domain adds a line."""

from __future__ import annotations

from collections.abc import AsyncIterator

from evenkeel.controller.doctor.checks import files, identities, registries, settings_files, slots
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import Files, NamedFile

SOURCES: tuple[Files, ...] = (
    settings_files.files,
    registries.files,
    identities.files,
    files.files,
    slots.files,
)


async def named_files(device: Device) -> AsyncIterator[NamedFile]:
    """All files that are named, each path and purpose once."""
    known = set[tuple[str, str]]()
    for source in SOURCES:
        async for each in source(device):
            if each.path and (each.path, each.purpose) not in known:
                known.add((each.path, each.purpose))
                yield each
