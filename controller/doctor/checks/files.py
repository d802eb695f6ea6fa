"""Files with secrets that documents of the kind File copy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.specs.files.file import File

_DOMAIN = "files"


async def files(device: Device) -> AsyncIterator[NamedFile]:
    """The sources. Of a copy the mode is asked for, and another one is a difference."""
    asked: Mapping[str, File] = device.documents(_DOMAIN)
    for each in asked.values():
        if each.secret:
            yield NamedFile(f"file {each.name}", each.source, "secret")
