"""docs/howto/registries.md is executed: its sessions are what the commands say, on a simulated device."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from tests.controller.cli.command import Device
from tests.controller.cli.inside import run_inside
from tests.places import ROOT
from tests.until import PATIENCE_S

PAGE = ROOT / "docs" / "howto" / "registries.md"
KANTO = "/etc/container-management/config.json"


@pytest.mark.e2e
def test_the_sessions_of_the_page_are_what_the_commands_say(tmp_path: Path) -> None:
    assert rewritten(tmp_path) == PAGE.read_text()


def rewritten(folder: Path) -> str:
    """The page with what its commands say now."""
    device = Device(folder)
    places = {
        "/etc/evenkeel/specs": str(device.specs),
        "/var/lib/evenkeel": str(device.state),
        "/etc/evenkeel": str(folder / "etc"),
        KANTO: str(folder / "kanto" / "config.json"),
    }
    (folder / "etc").mkdir()
    (folder / "kanto").mkdir()
    (folder / "etc" / "registry-password").write_text("the first one")
    (folder / "kanto" / "config.json").write_text("{}")

    def run(line: str) -> str:
        for shown, there in places.items():
            line = line.replace(shown, there)
        if line.startswith("evenkeel "):
            done = run_inside(shlex.split(line)[1:], device.environment(EVENKEEL_KANTO_CONFIG=places[KANTO]))
        else:
            done = subprocess.run(["sh", "-c", line], text=True, capture_output=True, timeout=PATIENCE_S)
        assert done.returncode in (0, 2), done.stderr
        said = re.sub(r"^Note: this is the memory engine.*\n", "", done.stderr + done.stdout, flags=re.MULTILINE)
        for shown, there in places.items():
            said = said.replace(there, shown)
        if line.endswith("registry list"):
            said = re.sub(r" {2,}", "  ", said)  # columns are as wide as the folders of this test
        return re.sub(r" \(\d+\.\d s\)", "", re.sub(r" +$", "", said, flags=re.MULTILINE))

    def session(found: re.Match[str]) -> str:
        lines = (line for line in found[1].splitlines() if line.startswith("$ "))
        return "```console\n" + "".join(f"{line}\n{run(line[2:])}" for line in lines) + "```\n"

    page = re.sub(r"^```console\n(.*?)^```\n", session, PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    device.close()
    return page
