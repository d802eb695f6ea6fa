"""A plan is dry: under a guard that fails on any write and on any call to the engine that is not a read.

And it is light: what a command does not need, it does not import.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.until import until

from evenkeel.specs.containers.container import Port

from . import guard
from .command import Device, ended, spec

pytestmark = pytest.mark.e2e

READING = [
    ("plan",),
    ("plan", "-o", "json"),
    ("plan", "-o", "yaml"),
    ("plan", "--allow-empty"),
    ("status",),
    ("get", "containers"),
    ("get", "files"),
    ("events",),
    ("validate",),
    ("schema",),
]


def guarded(device: Device, *commands: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, str(guard.__file__), json.dumps(commands)]
    return subprocess.run(line, env=device.environment(), text=True, capture_output=True, timeout=110)


def everything_in(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file with its date and content, and every folder. Not SQLite's index of readers' locks, which is no content."""
    return {
        str(path): (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in (folder, *folder.rglob("*"))
        if path.exists() and path.suffix != ".sqlite-shm"
    }


@pytest.mark.parametrize("before", ["nothing", "settled", "changed", "failed", "killed"])
def test_reading_commands_write_nothing(device: Device, before: str, tmp_path: Path) -> None:
    device.write(spec("web"))
    if before != "nothing":
        device.run("apply", "--yes")
    if before == "changed":
        device.write(spec("web", "docker.io/library/nginx:2"), spec("wiki"))
    if before == "failed":
        device.settings(retries=1)
        device.put_foreign("squatter", ports=(Port(8080, 80),))
        device.write(spec("web"), spec("wiki", more='ports: ["8080:80"]'))
        device.run("apply", "--yes", ok=1)
    if before == "killed":
        process = device.start("run")
        until(lambda: device.status()["controller"]["atWork"])
        ended(process, signal.SIGKILL)
        device.write(spec("web", "docker.io/library/nginx:2"))
    found = everything_in(tmp_path)
    about_one = [("describe", "container", "web")] if before != "nothing" else []
    done = guarded(device, *READING, *about_one)
    assert "not dry" not in done.stderr
    assert done.returncode in (0, 2), done.stderr
    assert everything_in(tmp_path) == found


def test_a_plan_beside_a_controller_at_work_disturbs_nothing(device: Device) -> None:
    device.write(spec("web"))
    process = device.start("run")
    until(device.is_settled)
    assert guarded(device, ("plan",)).stdout == "Nothing to do.\n"
    assert "Converged" in guarded(device, ("status",)).stdout
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("arguments", [("apply", "--yes"), ("run",), ("retry",), ("adopt", "web", "--to-remove")])
def test_the_guard_bites(device: Device, arguments: tuple[str, ...]) -> None:
    device.put_foreign("web")
    device.write(spec("other", more='ports: ["8080:80"]'))
    if arguments == ("retry",):
        device.settings(retries=1)
        device.write(spec("a"))
        device.run("apply", "--yes")
        device.put_foreign("squatter", ports=(Port(8080, 80),))
        device.write(spec("a", more='ports: ["8080:80"]'))
        device.run("apply", "--yes", ok=1)
    done = guarded(device, arguments)
    assert done.returncode == guard.VIOLATION
    assert "not dry: " in done.stderr


# --- what is imported ------------------------------------------------------------------------------------------------

_SCRIPT = """
import json, sys
from evenkeel.controller.cli import main
code = main(sys.argv[1:])
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})), file=sys.stderr)
sys.exit(code)
"""
HEAVY = {"rich", "deepdiff", "jinja2", "ruamel", "httpx", "h11", "paho", "watchfiles"}
INSTANT = [(), ("--help",), ("plan", "--help"), ("status",), ("events",), ("retry",)]


@pytest.fixture
def settled(device: Device) -> Device:
    """All is as asked, the specs are parsed and kept, and there is no settings file to read."""
    device.write(spec("web"))
    device.run("apply", "--yes")
    return device


def imported(device: Device, *arguments: str, ok: int = 0) -> set[str]:
    """The top-level modules that the command has loaded at its end."""
    given = ("--state", str(device.state), "--specs", str(device.specs), *arguments)
    environment = device.environment()
    del environment["EVENKEEL_CONFIG"]
    done = subprocess.run([sys.executable, "-c", _SCRIPT, *given], env=environment, text=True, capture_output=True)
    assert done.returncode == ok, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", INSTANT, ids=" ".join)
def test_instant_commands_load_no_asyncio(settled: Device, arguments: tuple[str, ...]) -> None:
    assert imported(settled, *arguments) & (HEAVY | {"asyncio", "logging", "ssl", "subprocess"}) == set()


def test_help_loads_no_command(settled: Device) -> None:
    assert imported(settled, "--help") & {"msgspec", "sqlite3"} == set()


def test_a_plan_of_equal_state_loads_nothing_to_compare_draw_or_parse_with(settled: Device) -> None:
    assert imported(settled, "plan") & HEAVY == set()


_SLOTS = _SCRIPT.replace(
    'name.partition(".")[0] for name in sys.modules',
    'name for name in sys.modules if "slots" in name or "dbus" in name',
)


def test_nothing_of_slots_is_loaded_where_no_system_is_asked_for(settled: Device) -> None:
    """But the nouns, which the codec has to know, and the decisions, which say that there is nothing to do."""

    def loaded(*arguments: str) -> set[str]:
        given = ("--state", str(settled.state), "--specs", str(settled.specs), *arguments)
        done = subprocess.run(
            [sys.executable, "-c", _SLOTS, *given], env=settled.environment(), text=True, capture_output=True
        )
        assert done.returncode == 0, done.stderr
        named = json.loads(done.stderr.splitlines()[-1])
        known = ("evenkeel.specs.", "evenkeel.reconcilers.slots", "evenkeel.controller.slots_wiring")
        known += ("evenkeel.controller.cli.subjects.slots",)  # the words of `get`
        return {each for each in named if not each.startswith(known)}

    assert loaded("plan") == loaded("apply", "--yes") == set()
    assert loaded("status") == loaded("get", "containers") == set()
