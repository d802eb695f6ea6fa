"""Work on the real disk for a process of its own: it dies, becomes another user, or has no room."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.drivers.files import disk, disk_files
from evenkeel.controller.drivers.files.disk import Disk
from evenkeel.controller.drivers.files.perform import Performer
from evenkeel.controller.units import SimulatedUnits
from evenkeel.specs.files.actions import Switch, Verify, Write
from evenkeel.specs.files.file import File, Form, digest_of
from evenkeel.specs.files.observed import FilesLook, Sought
from evenkeel.specs.plan import Done

from .bench import Bench, asking

_CHANGES = ("mkdir", "write", "fsync", "fchmod", "fchown", "symlink", "rename", "unlink")
DIED = 86
TEMPORARY = ".app.conf.evenkeel-00000000"


class Dying:
    """The module `os`, which ends the process before its call of this number that changes something."""

    def __init__(self, last: int) -> None:
        self._left = last

    def __getattr__(self, name: str) -> object:
        if name in _CHANGES:
            self._left -= 1
            if self._left < 0:
                os._exit(DIED)
        return getattr(os, name)


def first(it: Bench) -> tuple[File, ...]:
    return File("cfg", it.at("app.conf"), "old", notify=("web",)), File("gone", it.at("gone"), "gone")


def then(it: Bench) -> tuple[File, ...]:
    return (
        File("cfg", it.at("app.conf"), "new", mode=0o600, notify=("web",)),
        File("copy", it.at("deep/er/copy"), source=it.at("source"), notify=("reader",)),
        File("over", it.at("theirs"), "ours", overwrite=True, notify=("other",)),
    )


def prepare(folder: Path) -> None:
    """Reach the first state."""
    it = Bench(folder, "disk")
    it.put("source", b"source")
    it.put("theirs", b"theirs")
    follow(it, first(it))
    it.close()


def follow(it: Bench, files: tuple[File, ...]) -> None:
    """Reach a state."""

    async def work() -> None:
        try:
            assert isinstance(await it.converge(asking(*files)), Settled)
        finally:
            await it.driver.close()

    run(work())


def dying(folder: Path, last: int) -> None:
    """On the way from the first state to the second, end before the call of this number."""
    it = Bench(folder, "disk")
    disk.os = Dying(last)  # type: ignore[assignment]
    follow(it, then(it))


def without_room(folder: Path) -> None:
    """Write more than a file may have."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    content = "x" * 5000
    form = Form(digest_of(content.encode()), os.getuid(), os.getgid(), 0o644)
    outcome = Performer(Disk(), f"{folder}/store").perform(Write(f"{folder}/app.conf", TEMPORARY, form, content))
    print(type(outcome).__name__, outcome.message)


def as_nobody(folder: Path) -> None:
    """Look at files and place one, as a user without rights."""

    async def work() -> None:
        engine, path = disk_files(f"{folder}/state", (), SimulatedUnits()), f"{folder}/app.conf"
        look = FilesLook(files=(Sought(path, "own"), Sought(f"{path}2", "other", owner="root")))
        seen = (await engine.observe(look)).files
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        seen = (await engine.observe(look)).files
        for each in seen:
            print(f"{each.subject} {each.uid}:{each.gid} {each.refused}")
        form = Form(digest_of(b"one"), seen[0].uid, seen[0].gid, 0o644)
        for action in (Write(path, TEMPORARY, form, "one"), Switch(path, TEMPORARY, form), Verify(path, form)):
            outcome = await engine.perform(action, lambda *given: None)
            print("Done" if isinstance(outcome, Done) else outcome)
        await engine.close()

    asyncio.run(work())


def main(name: str, folder: Path, *given: str) -> None:
    works: dict[str, Callable[..., None]] = {
        "dying": dying,
        "without_room": without_room,
        "as_nobody": as_nobody,
    }
    works[name](folder, *map(int, given))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
