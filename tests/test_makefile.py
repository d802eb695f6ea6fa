"""`make setup` on a machine that has less than it needs. Its programs are stand-ins; the Makefile and its shell are real."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tests.places import ROOT
from tests.until import PATIENCE_S

_PYTHON = """#!/bin/bash
# As Debian's: it makes an environment, with a pip that brings uv, only once python3-venv is there.
[ -e {there}/python3-venv ] || exit 1
if [ "$2" = venv ]; then mkdir -p "$3/bin"; ln -s {tools}/python3 "$3/bin/python"; fi
if [ "$2" = pip ]; then ln -s {tools}/uv.real "$(dirname "$0")/uv"; fi
"""
_UV = """#!/bin/bash
if [ "$1" = sync ]; then mkdir .venv; fi
"""
_APT = """#!/bin/bash
if [ "$1" = install ]; then touch {there}/"${{@: -1}}"; fi
"""
_SUDO = """#!/bin/bash
touch {there}/asked
exec "$@"
"""
_ID = """#!/bin/bash
cat {there}/id
"""


class Machine:
    """A fresh clone, and the programs that its machine has."""

    def __init__(self, folder: Path) -> None:
        self.clone, self.there, self.tools = folder / "clone", folder / "there", folder / "tools"
        for each in (self.clone, self.there, self.tools):
            each.mkdir()
        shutil.copy(ROOT / "Makefile", self.clone)
        for name in ("bash", "env", "mkdir", "ln", "touch", "dirname", "cat"):
            (self.tools / name).symlink_to(str(shutil.which(name)))
        for name, text in (("python3", _PYTHON), ("uv.real", _UV), ("sudo", _SUDO), ("id", _ID), ("apt-get", _APT)):
            (self.tools / name).write_text(text.format(there=self.there, tools=self.tools))
            (self.tools / name).chmod(0o755)
        (self.there / "id").write_text("0")

    def setup(self) -> subprocess.CompletedProcess[str]:
        make = shutil.which("make")
        assert make is not None
        line = [make, "setup", f"PATH={self.tools}:{self.clone}/.venv-uv/bin"]
        return subprocess.run(line, cwd=self.clone, env={}, text=True, capture_output=True, timeout=PATIENCE_S)

    def installed(self) -> set[str]:
        return {path.name for path in self.there.iterdir()} - {"id"}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(("user", "asked"), [("0", set()), ("1000", {"asked"})])
def test_what_python_lacks_is_installed(machine: Machine, user: str, asked: set[str]) -> None:
    (machine.there / "id").write_text(user)
    done = machine.setup()
    assert done.returncode == 0, done.stderr
    assert machine.installed() == {"python3-venv", *asked}
    assert (machine.clone / ".venv").is_dir()


def test_a_machine_that_has_uv_is_left_as_it_is(machine: Machine) -> None:
    (machine.tools / "uv").symlink_to("uv.real")
    assert machine.setup().returncode == 0
    assert machine.installed() == set()
    assert (machine.clone / ".venv").is_dir()


def test_without_apt_it_says_what_is_missing(machine: Machine) -> None:
    (machine.tools / "apt-get").unlink()
    done = machine.setup()
    assert done.returncode != 0
    assert "setup: missing: python3-venv (Debian's names), and no apt-get to install them; a uv in PATH" in done.stderr
    assert not (machine.clone / ".venv-uv").exists()
