"""A process that ends right before any call of the system that changes the disk. The next process finishes what it began; all
that was changed is proven, so that who uses it is told; nothing temporary is left."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.places import ROOT
from tests.sampling import THOROUGH

from .apart import DIED, follow, prepare, then
from .bench import Bench, asking

CALLS = range(0, 200, 1 if THOROUGH else 3)


def test_every_call_may_be_the_last(tmp_path: Path) -> None:
    folder, prepared = tmp_path / "device", tmp_path / "prepared"
    folder.mkdir()
    prepare(folder)
    shutil.copytree(folder, prepared)
    died = 0
    for last in CALLS:
        shutil.rmtree(folder)
        shutil.copytree(prepared, folder)
        command = [sys.executable, "-m", "tests.controller.drivers.files.apart", "dying", str(folder), str(last)]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": f".dev:{ROOT}"}, capture_output=True)
        assert done.returncode in (0, DIED), done.stderr
        goes_on(folder)
        if done.returncode == 0:
            break
        died += 1
    assert died >= 5


def goes_on(folder: Path) -> None:
    it = Bench(folder, "disk")
    try:
        follow(it, then(it))
        assert it.tree() == {
            "app.conf": "0600 new",
            "deep/er/copy": "0644 source",
            "source": "0644 source",
            "theirs": "0644 ours",
        }
        assert set(it.memory().placed) == {it.at("app.conf"), it.at("deep/er/copy"), it.at("theirs")}
        assert all(each.proven for each in it.memory().placed.values())
        assert it.stored() == {"source", "theirs"}
        assert not asyncio.run(it.plan(asking(*then(it)))).differences
    finally:
        it.close()
