"""The rights to read secrets, and to change specs or the state directory."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

from evenkeel.controller.doctor.checks.named_files import named_files
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.process.rights import SEE_DISK, rights_of_all, unread_remedy
from evenkeel.reconcilers.doctor.permissions import Access, Purpose, of_access
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of

_MOST = 1000


async def look(device: Device) -> Finding:
    """Spec files and their folders, the state directory, the settings file, and the files with secrets that are named."""
    settings = device.settings
    wanted: list[tuple[Purpose, str, bool]] = [
        ("secret", each.path, each.must) async for each in named_files(device) if each.purpose == "secret"
    ]
    wanted.append(("state", settings.state, False))
    if device.given.file:
        wanted.append(("spec", device.given.file, False))
    details = await asyncio.to_thread(lambda: [*_details(wanted), *_specs(settings.specs)])
    return finding_of(details, "none of the files and folders is there")


def _details(wanted: list[tuple[Purpose, str, bool]]) -> Iterator[Detail]:
    """Of each a purpose, a path, and whether it has to be there."""
    for purpose, path, must in wanted:
        try:
            yield of_access(purpose, _access(Path(path)))
        except FileNotFoundError:
            if must:
                yield Detail(path, "failed", "it is named, and not there", "put it there, or correct its name")
        except OSError as error:
            yield _unseen(path, error)


def _specs(places: tuple[str, ...]) -> Iterator[Detail]:
    """A place with all that is in it, as one detail where all of it is well."""
    for place in places:
        path = Path(place)
        try:
            inside = sorted(path.iterdir())[:_MOST] if path.is_dir() else []
            found = [of_access("spec", _access(each)) for each in (path, *inside) if each.exists()]
        except OSError as error:
            yield _unseen(place, error)
            continue
        bad = [each for each in found if each.state != "ok"]
        yield from bad or found[:1]


def _access(path: Path) -> Access:
    folder = path.parent.stat()
    is_open = bool(folder.st_mode & stat.S_IWOTH) and not folder.st_mode & stat.S_ISVTX
    return Access(str(path), path.stat().st_mode, rights_of_all(path), is_open)


def _unseen(path: str, error: OSError) -> Detail:
    return Detail(path, "unknown", system_words(error), unread_remedy(error, SEE_DISK))
