"""The real file system: what it refuses, what wakes the domain, and a process that ends before any of its calls."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.places import ROOT
from tests.virtual import run

from evenkeel.controller.cycle.endings import Retrying, Settled
from evenkeel.controller.drivers.files import disk_files
from evenkeel.controller.drivers.files.disk import Disk
from evenkeel.controller.units import SimulatedUnits
from evenkeel.reconcilers.files import Files
from evenkeel.specs.files.actions import Write
from evenkeel.specs.files.file import File, Form, digest_of, temporary_name
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FilesLook, Sought
from evenkeel.specs.plan import Retry

from .bench import FAST, asking, bench


def seen_at(path: Path, state: Path, **given: Any) -> Any:
    engine = disk_files(str(state), given.pop("specs", ()), SimulatedUnits())
    look = FilesLook(files=(Sought(str(path), "cfg", **given),))

    async def scenario() -> Any:
        try:
            return (await engine.observe(look)).files[0]
        finally:
            await engine.close()

    return asyncio.run(scenario())


def test_a_folder_of_specs_takes_no_file(tmp_path: Path) -> None:
    specs = tmp_path / "specs"
    specs.mkdir()
    found = seen_at(specs / "app.yaml", tmp_path / "state", specs=[str(specs)])
    assert found.refused == f"{specs} holds specs, where no file is placed"


def test_a_device_a_pipe_and_a_socket_are_special(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert seen_at(tmp_path / "pipe", tmp_path / "state").kind == "special"
    found = seen_at(tmp_path / "x", tmp_path / "state", source=str(tmp_path / "pipe"))
    assert found.source.why == "is no file"


def test_a_link_loop_as_source_is_told(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found = seen_at(tmp_path / "x", tmp_path / "state", source=str(tmp_path / "loop"))
    assert found.source.why == "cannot be read: too many levels of symbolic links"


def test_a_link_of_the_system_on_the_way_is_refused_with_its_target() -> None:
    target = Path("/proc/self").readlink()
    found = seen_at(Path("/proc/self/mem/x"), Path("/nowhere"))
    assert found.refused == f"/proc/self is a symbolic link to {target}; write the path without it"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_what_the_disk_refuses_is_told_and_waited_for(code: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object, **more: object) -> None:
        raise OSError(code, os.strerror(code))

    async def work() -> None:
        try:
            if kind == "memory":
                it.disk.fails = code
            else:
                monkeypatch.setattr(Disk, "rename", refuse)
            ending = await it.converge(asking(File("cfg", it.at("app.conf"), "hunter2")))
            assert isinstance(ending, Retrying)
            why, _, hint = ending.why.partition("; where evenkeel is a service, its unit has to ")
            assert why == f"cfg: {it.at('app.conf')}: {os.strerror(code).lower()}"
            assert {errno.EROFS: "ReadWritePaths=", errno.EPERM: "SystemCallFilter=@chown"}.get(code, "") in hint
            assert bool(hint) == (code in (errno.EROFS, errno.EPERM))
            assert "app.conf" not in it.tree()
            if kind == "memory":
                it.disk.fails = None
            monkeypatch.undo()
            assert isinstance(await it.converge(asking(File("cfg", it.at("app.conf"), "hunter2"))), Settled)
            assert it.tree() == {"app.conf": "0644 hunter2"}
        finally:
            await it.driver.close()

    with bench(kind) as it:
        run(work())


def in_a_process(name: str, folder: Path) -> list[str]:
    """What a function of `apart` prints in a process of its own."""
    command = [sys.executable, "-m", "tests.controller.drivers.files.apart", name, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": f".dev:{ROOT}"}, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_file_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    assert in_a_process("without_room", tmp_path) == [f"Failed {tmp_path}/app.conf: file too large"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_root_it_gives_nothing_away() -> None:
    with tempfile.TemporaryDirectory(dir=FAST) as folder:
        os.chown(folder, 65534, 65534)
        own, other, *done = in_a_process("as_nobody", Path(folder))
        assert own == "own 65534:65534 "
        assert other == "other 0:65534 only root can give a file another owner, and evenkeel is the user 65534"
        assert done == ["Done", "Done", "Done"]
        assert (Path(folder) / "app.conf").read_text() == "one"


def test_a_content_that_was_damaged_in_the_store_is_not_placed(tmp_path: Path) -> None:
    digest = digest_of(b"right")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / digest).write_bytes(b"wrong")
    engine = disk_files(str(tmp_path), (), SimulatedUnits())
    form = Form(digest, os.getuid(), os.getgid(), 0o644)
    path = str(tmp_path.parent / "app.conf")

    async def scenario() -> None:
        outcome = await engine.perform(Write(path, temporary_name("app.conf", form), form), lambda *given: None)
        assert isinstance(outcome, Retry)
        await engine.close()

    asyncio.run(scenario())
    assert not list((tmp_path / "files").iterdir())
    assert not Path(path).exists()


def test_a_change_at_a_path_wakes_and_nothing_else_does(tmp_path: Path) -> None:
    (tmp_path / "app.conf").write_text("one")

    async def scenario() -> None:
        engine = disk_files(str(tmp_path / "state"), (), SimulatedUnits())
        nudges = engine.nudges()
        first = asyncio.ensure_future(anext(nudges))
        await engine.observe(FilesLook())
        await asyncio.sleep(0.2)
        assert not first.done()
        await engine.observe(FilesLook(files=(Sought(str(tmp_path / "app.conf"), "cfg"),)))
        await asyncio.sleep(0.5)
        (tmp_path / "neighbour").write_text("two")
        await asyncio.sleep(0.5)
        assert not first.done()
        (tmp_path / "new").write_text("edited")
        (tmp_path / "new").rename(tmp_path / "app.conf")
        async with asyncio.timeout(30):
            await first
        await nudges.aclose()  # type: ignore[attr-defined]
        await engine.close()

    asyncio.run(scenario())


def test_without_files_there_is_no_thread(tmp_path: Path) -> None:
    import threading

    async def scenario() -> None:
        engine = disk_files(str(tmp_path), (), SimulatedUnits())
        before = threading.active_count()
        seen = await engine.observe(Files().look(None, FilesMemory()))
        assert (seen.files, threading.active_count()) == ((), before)

    asyncio.run(scenario())
