"""docs/howto/doctor.md is executed: its sessions are what the commands say on a simulated device. It tells of every check."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.cli.command import Device, spec
from tests.places import ROOT, let_all_in
from tests.until import PATIENCE_S

from evenkeel.controller.doctor.checks import CHECKS

PAGE = ROOT / "docs" / "howto" / "doctor.md"
REGISTRY = (
    "apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {name: lab}\n"
    "spec: {host: 'lab.example:5000', credentials: {user: ci, passwordFile: /etc/evenkeel/registry-password}}\n"
)
CHANGING = ("system", "clock: time", "disk: ", "units", "clock: synch")
"""Lines that tell of the machine of the test."""


def test_every_check_has_a_row() -> None:
    rows = re.findall(
        r"^\| `([^`]+)` \| .* \| .*\|$", PAGE.read_text().partition("## What is looked at")[2], re.MULTILINE
    )
    assert rows == [each.name for each in CHECKS]


@pytest.mark.e2e
def test_the_sessions_of_the_page_are_what_the_commands_say(tmp_path: Path) -> None:
    assert rewritten(tmp_path) == PAGE.read_text()


def rewritten(folder: Path) -> str:
    """The page with what its commands say now."""
    device = Device(folder)
    etc = folder / "etc"
    places = {
        "/etc/evenkeel/specs": str(device.specs),
        "/var/lib/evenkeel": str(device.state),
        "/etc/evenkeel/config.yaml": str(device.config),
        "/etc/evenkeel": str(etc),
        "/tmp/report": str(folder / "report"),
    }
    etc.mkdir()
    let_all_in(etc)
    for name in ("mqtt-password", "registry-password"):
        (etc / name).write_text("secret")
        (etc / name).chmod(0o644 if name.startswith("mqtt") else 0o600)
    device.specs.chmod(0o755)
    written = re.search(r"```yaml\n(# /etc/evenkeel/config.yaml\n.*?)```", PAGE.read_text(), re.DOTALL)
    assert written is not None
    text = f"specs: [/etc/evenkeel/specs]\nstate: /var/lib/evenkeel\n{written[1]}"

    def there(line: str) -> str:
        for shown, place in places.items():
            line = line.replace(shown, place)
        return line

    device.config.write_text(there(text))
    device.config.chmod(0o644)
    device.write(spec("web"), there(REGISTRY))
    device.run("apply", "--yes")

    def run(line: str) -> str:
        command = there(line).replace("evenkeel doctor", f"{sys.executable} -m evenkeel.controller doctor")
        environment = device.environment(COLUMNS="130", DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={folder}/bus")
        done = subprocess.run(
            ["sh", "-c", command], env=environment, text=True, capture_output=True, timeout=PATIENCE_S
        )
        assert "Traceback" not in done.stderr
        said = re.sub(r"^Note: this is the memory engine.*\n", "", done.stdout + done.stderr, flags=re.MULTILINE)
        said = re.sub(r"is sound, \d+ kB", "is sound, 48 kB", said)
        for shown, place in places.items():
            said = said.replace(place, shown)
        return "".join(kept(said.splitlines(keepends=True)))

    def session(found: re.Match[str]) -> str:
        lines = (line for line in found[1].splitlines() if line.startswith("$ "))
        return "```console\n" + "".join(f"{line}\n{run(line[2:])}" for line in lines) + "```\n"

    page = re.sub(r"^```console\n(.*?)^```\n", session, PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)
    device.close()
    return page


def kept(lines: list[str]) -> Iterator[str]:
    """The lines that are the same on every machine."""
    goes = False
    for line in lines:
        if line.startswith("  * "):
            goes = line.removeprefix("  * ").startswith(CHANGING)
        elif not line.startswith("      "):
            goes = bool(re.fullmatch(r"\d+ (failed|unknown|with|well|not).*\n", line))
        if not goes:
            yield line
