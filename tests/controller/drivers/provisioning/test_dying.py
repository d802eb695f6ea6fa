"""A process that ends right before a call of the system that changes the disk, at each action of an identity. Whoever reads
finds the old pair or the new one, the old file or the new one; the next process comes to where this one wanted to go, and
leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.places import ROOT
from tests.sampling import sampled

from .apart import LATER_S, STORIES, THEIRS, WANTED, Box, Story
from .device import FOLDER
from .killing import killed_after

_NEVER = 10_000


def again(prepared: Path, folder: Path, later_s: float) -> Box:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(prepared, folder, symlinks=True)
    return Box(folder, later_s=later_s)


def check_end(box: Box, before: tuple[bytes, bytes, bytes], story: Story) -> None:
    """All that was wanted is there, and nothing else."""
    found = box.read()
    match story.pair:
        case "new":
            assert (found[0] not in (b"", before[0]), found[1] not in (b"", before[1])) == (True, True)
        case "kept":
            assert found[:2] == before[:2]
        case "none":
            assert found[:2] == (b"", b"")
    assert (box.trouble is not None) == (story.pair == "none"), "a request waits for somebody"
    names = [str(path) for top in ("root", "state") for path in (box.root.parent / top).rglob("*")]
    assert [name for name in names if Path(name).name.startswith(".") or name.endswith("/next")] == []
    pairs = [path.name for path in box.at(f"{FOLDER}/pairs").iterdir()]
    assert len(pairs) == 1
    assert (pairs == ["request"]) == (story.pair == "none")
    assert {stat.S_IMODE(path.stat().st_mode) for path in box.at(FOLDER).rglob("*.key")} <= {0o600}
    if not story.wanted:
        assert found[2] == THEIRS.encode()


@pytest.mark.parametrize("name", STORIES)
def test_a_kill_before_any_call(name: str, tmp_path: Path) -> None:
    story, prepared, folder = STORIES[name], tmp_path / "prepared", tmp_path / "device"
    story.begin(Box(prepared))
    box = again(prepared, folder, story.later_s)
    with killed_after(_NEVER) as watch:
        asyncio.run(box.follow(*story.wanted))
    check_end(box, Box(prepared).read(), story)
    assert watch.done > story.least
    for last in sampled(range(watch.done), 15, f"provisioning {name}"):
        box = again(prepared, folder, story.later_s)
        before, seen = box.read(), set[tuple[bytes, bytes]]()
        theirs = {before[2]}

        def look(box: Box = box, seen: set[tuple[bytes, bytes]] = seen, theirs: set[bytes] = theirs) -> None:
            certificate, key, output = box.read()
            seen.add((certificate, key))
            theirs.add(output)

        with killed_after(last, look):
            asyncio.run(box.follow(*story.wanted))
        look()
        box = Box(folder, later_s=story.later_s)
        asyncio.run(box.follow(*story.wanted))
        look()
        after = box.read()
        assert seen <= {before[:2], after[:2]}
        assert theirs <= {before[2], after[2]}
        check_end(box, before, story)
        if before[2] == THEIRS.encode() and story.wanted:
            box.settle()
            assert box.read()[2] == THEIRS.encode(), "what somebody else has made is put back"


def test_kill_9_of_a_process_with_real_keys(tmp_path: Path) -> None:
    """Few of the moments: each takes two processes."""
    story, prepared, folder = STORIES["rollover"], tmp_path / "prepared", tmp_path / "device"
    first = Box(prepared, is_real=True)
    first.settle(WANTED)
    before, died = first.read(), 0
    environment = {**os.environ, "PYTHONPATH": f".dev:{ROOT}"}
    for last in sampled(range(70), 2, "provisioning, kill -9"):
        again(prepared, folder, 0.0)
        command = [sys.executable, "-m", "tests.controller.drivers.provisioning.apart", str(folder)]
        done = subprocess.run([*command, str(last)], cwd=ROOT, env=environment, capture_output=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        died += done.returncode != 0
        box = Box(folder, is_real=True, later_s=LATER_S)
        between = box.read()
        box.settle(WANTED)
        after = box.read()
        assert between[:2] in (before[:2], after[:2])
        assert before[0] != after[0]
        check_end(box, before, story)
        asyncio.run(box.driver.close())
    assert died >= 1
