"""docs/howto/provisioning.md is executed: its sessions are what the commands say, on a simulated device."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path

import pytest
from tests.controller.cli.command import Device
from tests.controller.cli.inside import run_inside
from tests.places import ROOT

PAGE = ROOT / "docs" / "howto" / "provisioning.md"


@pytest.mark.e2e
def test_the_sessions_of_the_page_are_what_the_commands_say(tmp_path: Path) -> None:
    assert rewritten(tmp_path) == PAGE.read_text()


def rewritten(folder: Path) -> str:
    """The page with what its commands say now."""
    device = Device(folder)
    places = {str(device.specs): "/etc/evenkeel/specs", str(device.state): "/var/lib/evenkeel"}
    marks: dict[str, str] = {}

    def mark(found: re.Match[str]) -> str:
        """The same digits in each run for the thumbprint that comes next."""
        length = len(found[0])
        known = next((shown for there, shown in marks.items() if there[:length] == found[0]), "")
        if not known:
            known = marks[found[0]] = hashlib.sha512(f"{len(marks)}".encode()).hexdigest().upper()[:length]
        return known[:length]

    def run(line: str) -> str:
        done = run_inside(shlex.split(line)[1:], device.environment())
        assert done.returncode == 0, done.stderr
        said = done.stdout
        for there, shown in places.items():
            said = said.replace(there, shown)
        said = re.sub(r"\b(?:[0-9A-F]{64}|[0-9A-F]{40}|[0-9A-F]{16}(?=…))", mark, said)
        said = re.sub(r"(from|until|UNTIL=) *\d{4}-\S+Z", _moment, said)
        return re.sub(r" \(\d+\.\d s\)", "", re.sub(r" +$", "", said, flags=re.MULTILINE))

    def session(found: re.Match[str]) -> str:
        lines = (line for line in found[1].splitlines() if line.startswith("$ "))
        return "```console\n" + "".join(f"{line}\n{run(line[2:])}" for line in lines) + "```\n"

    page = re.sub(r"^```console\n(.*?)^```\n", session, PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    device.close()
    return page


def _moment(found: re.Match[str]) -> str:
    blanks = found[0][len(found[1]) :].partition("2")[0]
    return f"{found[1]}{blanks}{'2026-11-28T12:00:00.000Z' if found[1] == 'from' else '2027-11-28T13:00:00.000Z'}"
