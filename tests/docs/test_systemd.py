"""The unit and its drop-in of `examples/systemd`, as systemd itself judges them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.places import ROOT

UNITS = ROOT / "examples/systemd"

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def forbids(folder: Path) -> dict[str, bool]:
    """By setting: whether the unit in a folder forbids what it is about."""
    command = ["systemd-analyze", "security", "--offline=true", "--json=short", folder / "evenkeel.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {each["json_field"]: each["set"] is True for each in json.loads(done.stdout)}


def test_the_drop_in_lets_files_have_other_owners_and_nothing_else(tmp_path: Path) -> None:
    """The capability alone is of no use while the system call is forbidden: the unit forbids @privileged, which has @chown."""
    shutil.copy(UNITS / "evenkeel.service", tmp_path)
    before = forbids(tmp_path)
    assert before["SystemCallFilter_privileged"]
    shutil.copytree(UNITS / "evenkeel.service.d", tmp_path / "evenkeel.service.d")
    after = forbids(tmp_path)
    opened = {name for name, is_forbidden in before.items() if is_forbidden and not after[name]}
    owners = {"CapabilityBoundingSet_CAP_CHOWN_FSETID_SETFCAP", "CapabilityBoundingSet_CAP_DAC_FOWNER_IPC_OWNER"}
    assert opened == {*owners, "SystemCallFilter_privileged"}
