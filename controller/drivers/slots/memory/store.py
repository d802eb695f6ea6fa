"""The store of a simulated device, and the servers from which it is filled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from evenkeel.controller.drivers.slots.memory.world import Bundle, Fuse, Stored, World
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.reading.quantity import rough_size_text
from evenkeel.specs.slots.observed import BundleSeen
from evenkeel.specs.slots.system import OperatingSystem, shown_bundle

FOLDER = "/simulated/bundles/"
_PIECES = 8
_STALL_S = 60.0


class MemoryStore:
    """A `Store`. `piece_s`: seconds for an eighth of a download. `fuse`: as in `world.Fuse`."""

    def __init__(self, world: World, save: Callable[[], None]) -> None:
        self._world, self._save = world, save
        self.piece_s = 0.2
        self.fuse: Fuse = lambda moment: None

    def bundles(self) -> Sequence[BundleSeen]:
        found = sorted(self._world.store.items())
        return [BundleSeen(key, each.size, each.size == each.bundle.size) for key, each in found]

    def free(self) -> int:
        return self._world.capacity - sum(each.size for each in self._world.store.values())

    def path(self, key: str) -> str:
        return f"{FOLDER}{key}"

    async def fetch(self, system: OperatingSystem, progress: Progress) -> int:
        shown = shown_bundle(system.bundle)
        bundle = self._world.served.get(system.bundle, Bundle(system.version))
        _answer(shown, bundle)
        stored = self._world.store.get(system.key)
        size = stored.size if stored is not None and stored.bundle == bundle else 0
        if bundle.size - size > self.free():
            needs, has = rough_size_text(bundle.size - size), rough_size_text(self.free())
            raise Unavailable(shown, f"the bundle needs {needs}, and {has} are free")
        while size < bundle.size:
            await asyncio.sleep(self.piece_s)
            size = min(bundle.size, size + bundle.size // _PIECES + 1)
            if bundle.flaw == "stalls" and size > bundle.size // 2:
                await asyncio.sleep(_STALL_S)
                raise TimedOut(shown, f"nothing of the bundle has come for {_STALL_S:g} s")
            self._world.store[system.key] = Stored(bundle, size)
            self._save()
            self.fuse("fetching")
            progress(f"fetching {shown}", size, bundle.size)
            if bundle.flaw == "cuts" and size < bundle.size:
                raise Unavailable(shown, "the server has ended the connection before the end of the bundle")
        if bundle.flaw == "other digest" and system.sha256:
            del self._world.store[system.key]
            self._save()
            raise Refused(shown, f"the bundle has another SHA-256 than {system.sha256[:12]}…, which is asked for")
        return bundle.size

    async def size(self, system: OperatingSystem) -> int:
        bundle = self._world.served.get(system.bundle, Bundle(system.version))
        _answer(shown_bundle(system.bundle), bundle)
        return bundle.size

    async def digest(self, system: OperatingSystem) -> str:
        bundle = self._world.served.get(system.bundle, Bundle(system.version))
        return "f" * 64 if bundle.flaw == "other digest" else system.sha256

    def discard(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._world.store.pop(key, None)
        self._save()


def _answer(shown: str, bundle: Bundle) -> None:
    """Raise the fault of a server."""
    match bundle.flaw:
        case "missing":
            raise Refused(shown, "the server has no such bundle (404 Not Found)")
        case "denied":
            raise Refused(shown, "the server does not let us have the bundle (401 Unauthorized)")
        case "untrusted":
            raise Refused(shown, "the certificate of the server is not trusted")
        case "unreachable":
            raise Unavailable(shown, "the server does not answer")
        case _:
            return
