"""Bundles in a folder of the state directory: `KEY.raucb`, and while one is fetched `KEY.raucb.part` with its record.

The folder belongs to evenkeel: what is in it and has no name of this form is never touched.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.slots.observed import BundleSeen
from evenkeel.specs.slots.system import OperatingSystem, shown_bundle

if TYPE_CHECKING:
    from evenkeel.controller.drivers.slots.download import Patience

_ENDING = ".raucb"
_PIECE_BYTES = 4 * 1024**2
_NAME = re.compile(r"([0-9a-f]{32})\.raucb(\.part(\.json)?)?")


class FolderStore:
    """A `Store`."""

    def __init__(self, folder: Path, patience: Patience | None = None) -> None:
        self._folder, self._patience = folder, patience

    def bundles(self) -> Sequence[BundleSeen]:
        found: dict[str, BundleSeen] = {}
        try:
            for path in self._folder.iterdir():
                name = _NAME.fullmatch(path.name)
                if name is None or name[3]:
                    continue
                is_complete = name[2] is None
                if is_complete or name[1] not in found:
                    found[name[1]] = BundleSeen(name[1], path.stat().st_size, is_complete)
        except FileNotFoundError:  # no bundle was ever fetched, or one is discarded at this moment
            pass
        except OSError as error:
            raise self._unavailable(error) from error
        return tuple(found[key] for key in sorted(found))

    def free(self) -> int | None:
        for folder in (self._folder, *self._folder.parents):
            try:
                found = os.statvfs(folder)
            except FileNotFoundError:
                continue
            except OSError:
                return None
            return found.f_bavail * found.f_frsize
        return None

    def path(self, key: str) -> str:
        return str(self._folder / f"{key}{_ENDING}")

    async def fetch(self, system: OperatingSystem, progress: Progress) -> int:
        here = next((each for each in self.bundles() if each.key == system.key and each.is_complete), None)
        if here is not None:
            return here.size
        from evenkeel.controller.drivers.slots.download import PATIENCE, download

        return await download(system, Path(self.path(system.key)), progress, self._patience or PATIENCE)

    async def size(self, system: OperatingSystem) -> int:
        """The bytes of a bundle, as its server tells; 0 when it does not. Raises Refused or Unavailable."""
        from evenkeel.controller.drivers.slots.server import Final, Passing, access, length

        element = f"bundle:{shown_bundle(system.bundle)}"
        try:
            return await length(system, await asyncio.to_thread(access, system))
        except Passing as error:
            raise Unavailable(element, str(error)) from error
        except Final as error:
            raise Refused(element, str(error)) from error

    async def digest(self, system: OperatingSystem) -> str:
        import hashlib  # OpenSSL behind it: a look can do without

        found = hashlib.sha256()
        try:
            path = Path(system.bundle.removeprefix("file://"))
            with await asyncio.to_thread(path.open, "rb") as file:
                while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                    await asyncio.to_thread(found.update, piece)
        except OSError as error:
            raise self._unavailable(error) from error
        return found.hexdigest()

    def discard(self, keys: Sequence[str]) -> None:
        try:
            for key in keys:
                for ending in ("", ".part", ".part.json"):
                    (self._folder / f"{key}{_ENDING}{ending}").unlink(missing_ok=True)
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: OSError) -> Unavailable:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        return Unavailable("store:bundles", f"{error.filename or self._folder}: {reason}")
