"""Pages about identities are rewritten with what their commands say now, on a simulated device.

A block of YAML whose first line names a file below /etc/evenkeel/specs is written there when the page comes to it. Commands
of evenkeel run; other lines of a session, and what stands behind `|`, are of a shell, with the places of the simulated host.
Blocks of `sh` are executed in the folder that the test names, and stay as they are.
Thumbprints and times are the same in each run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
from pathlib import Path

from tests.controller.cli.command import Device
from tests.controller.cli.inside import run_inside
from tests.until import PATIENCE_S

from evenkeel.controller.drivers.provisioning.memory import ROOT as HOST

_BLOCK = re.compile(r"^( *)```(console|yaml|sh)\n(.*?)^\1```\n", re.MULTILINE | re.DOTALL)
_SPECS = "/etc/evenkeel/specs"
_OF_HOST = re.compile(r"(?<![\w/])/(?=etc/|data/)")


class Rewriter:
    """One page on one device. `work`: the folder on the simulated host in which blocks of `sh` are executed."""

    def __init__(self, device: Device, work: str = "/data") -> None:
        self._device = device
        self.host = device.state / HOST
        self._work = self.host / work.lstrip("/")
        self._places = {str(device.specs): _SPECS, str(device.state): "/var/lib/evenkeel"}
        self._marks: dict[str, str] = {}

    def page(self, page: Path) -> str:
        """The page with what its commands say now."""
        return _BLOCK.sub(self._block, page.read_text())

    def _block(self, found: re.Match[str]) -> str:
        indent, language, body = found.groups()
        if language == "yaml":
            head = body.partition("\n")[0].strip().removeprefix("# ")
            if head.startswith(_SPECS):
                (self._device.specs / Path(head).name).write_text(body)
            return found[0]
        if language == "sh":
            self._shell(f"set -e\n{body}", at=self._work)
            return found[0]
        lines = (line.removeprefix(indent) for line in body.splitlines() if line.startswith(f"{indent}$ "))
        said = "".join(f"{line}\n{self._run(line[2:])}" for line in lines)
        return f"{indent}```console\n" + re.sub("^(?=.)", indent, said, flags=re.MULTILINE) + f"{indent}```\n"

    def _run(self, line: str) -> str:
        command, _, rest = line.partition(" | ") if line.startswith("evenkeel ") else ("", "", line)
        said = ""
        if command:
            done = run_inside(shlex.split(command)[1:], self._device.environment())
            assert done.returncode in (0, 2), done.stderr  # 2: a plan has something to do
            said = done.stdout
        if rest:
            said = self._shell(rest, said)
        said = said.replace(f"{self.host}/", "/")
        for there, shown in self._places.items():
            said = said.replace(there, shown)
        said = re.sub(r"\b(?:[0-9A-F]{64}|[0-9A-F]{40}|[0-9A-F]{16}\b)", self._mark, said)
        said = re.sub(r"(from|until|UNTIL=) *\d{4}-\S+Z", _moment, said)
        said = re.sub(r"\b20\d\d-\d\d-\d\d(?=  )", "2027-11-28", said)
        return re.sub(r" \(\d+\.\d s\)", "", re.sub(r" +$", "", said, flags=re.MULTILINE))

    def _shell(self, text: str, given: str = "", at: Path | None = None) -> str:
        """What a shell says to its input, with the places of the simulated host. Its end has to be a good one."""
        done = subprocess.run(
            ["sh", "-c", _OF_HOST.sub(f"{self.host}/", text)],
            cwd=at,
            input=given,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        return done.stdout

    def _mark(self, found: re.Match[str]) -> str:
        """The same digits in each run for the thumbprint that comes next; a part of one belongs to the whole."""
        digits = found[0]
        known = (shown for there, shown in self._marks.items() if there.startswith(digits) or digits.startswith(there))
        shown = next(known, "") or hashlib.sha512(f"{len({*self._marks.values()})}".encode()).hexdigest().upper()
        self._marks.setdefault(digits, shown)
        return shown[: len(digits)]


def _moment(found: re.Match[str]) -> str:
    blanks = found[0][len(found[1]) :].partition("2")[0]
    return f"{found[1]}{blanks}{'2026-11-28T12:00:00.000Z' if found[1] == 'from' else '2027-11-28T13:00:00.000Z'}"
