"""Output that nobody takes any more: what a command does goes on, and its exit code tells."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.until import until

from .command import Device, ended, spec

pytestmark = pytest.mark.e2e

OLD, NEW = "docker.io/library/nginx:1", "docker.io/library/nginx:2"


@pytest.fixture
def switching(device: Device) -> Device:
    """A device with the old, where the new is asked for: its proof takes a while, and much is said after that."""
    device.write(spec("web", OLD))
    device.run("apply", "--yes")
    device.write(spec("web", NEW).replace("stableFor: 100ms", "stableFor: 1s"))
    return device


def is_converged(device: Device) -> bool:
    engine = device.engine()
    return engine.running() == {"web": NEW} and len(engine.world.containers) == 1


def start(
    device: Device, *arguments: str, out: int, errors: int = subprocess.PIPE, asked: int = subprocess.DEVNULL
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        device.line(*arguments), env=device.environment(), stdin=asked, stdout=out, stderr=errors, text=True
    )


def without_reader(device: Device, *arguments: str) -> subprocess.CompletedProcess[str]:
    reader, writer = os.pipe()
    os.close(reader)
    process = start(device, *arguments, out=writer)
    os.close(writer)
    code, _, errors = ended(process)
    return subprocess.CompletedProcess(arguments, code, "", errors)


def test_a_switch_ends_though_its_reader_goes_away_in_the_middle(switching: Device) -> None:
    process = switching.start("apply", "--yes")
    assert process.stdout is not None
    until(lambda: "web: created" in str(process.stdout and process.stdout.readline()))
    process.stdout.close()
    process.stdout = None
    code, _, errors = ended(process)
    assert is_converged(switching)
    assert code == 0
    assert "rror" not in errors


def test_a_switch_ends_though_its_terminal_is_lost(switching: Device) -> None:
    master, terminal = pty.openpty()
    process = start(switching, "apply", "--yes", out=terminal, errors=terminal)
    os.close(terminal)
    shown = b""
    while b"web: created" not in shown:
        shown += os.read(master, 65536)
    os.close(master)
    assert process.wait(30) == 0
    assert is_converged(switching)


def test_a_switch_ends_though_the_disk_of_its_output_is_full(switching: Device) -> None:
    with Path("/dev/full").open("w") as full:
        code, _, _ = ended(start(switching, "apply", "--yes", out=full.fileno(), errors=full.fileno()))
    assert is_converged(switching)
    assert code == 0


def test_apply_can_be_stopped_when_nobody_hears_that_it_stops(device: Device) -> None:
    device.write(spec("slow", more="health: {tcp: {port: 1}}").replace("stableFor: 100ms", "stableFor: 10m"))
    reader, writer = os.pipe()
    process = start(device, "apply", "--yes", out=writer, errors=writer)
    os.close(writer)
    until(lambda: device.engine().running() != {})
    os.close(reader)
    assert ended(process, signal.SIGTERM)[0] == 1
    assert "~ slow   finish" in device.run("plan", ok=2).stdout


def test_the_first_ctrl_c_ends_the_question(switching: Device) -> None:
    master, terminal = pty.openpty()
    process = start(switching, "apply", out=terminal, errors=terminal, asked=terminal)
    os.close(terminal)
    shown = b""
    while not shown.endswith(b"[y/N]: "):
        shown += os.read(master, 65536)
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().split()[2] == "S")  # it waits for the answer
    process.send_signal(signal.SIGINT)
    while b"Nothing was done." not in shown:
        shown += os.read(master, 65536)
    assert process.wait(30) == 130
    os.close(master)
    assert switching.engine().running() == {"web": OLD}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("status",), 0),
        (("status", "--check"), 1),
        (("events",), 0),
        (("events", "--follow", "-o", "json"), 0),
        (("get", "containers"), 0),
        (("plan",), 2),
        (("validate",), 0),
        (("validate", "/nowhere"), 1),
        (("schema",), 0),
        (("--help",), 0),
    ],
)
def test_a_reader_that_has_enough_is_no_error(switching: Device, arguments: tuple[str, ...], code: int) -> None:
    done = without_reader(switching, *arguments)
    assert done.returncode == code
    assert "rror" not in done.stderr


def test_what_follows_ends_with_its_reader(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    process = device.start("events", "--follow")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    device.write(spec("web"), spec("wiki"))
    device.run("apply", "--yes")
    assert ended(process)[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        *("plan", "status", "events", "schema"),
        *("compat sdv-device-info", "compat sdv-health", "registry list", "slots check", "slots"),
    ],
)
def test_what_could_not_be_written_is_an_error_where_it_is_all_there_is(switching: Device, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        code, _, errors = ended(start(switching, *command.split(), out=full.fileno()))
    assert code == 1
    assert errors.splitlines()[-1] == "error: standard output: No space left on device"


@pytest.mark.parametrize(("closed", "command", "code"), [(">&-", "plan", 2), ("2>&-", "plan", 2), ("<&-", "apply", 1)])
def test_a_stream_may_be_closed_from_the_beginning(switching: Device, closed: str, command: str, code: int) -> None:
    line = ["sh", "-c", f'exec "$@" {closed}', "sh", *switching.line(command)]
    done = subprocess.run(line, env=switching.environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert "internal error" not in done.stderr
    assert ("~ web   recreate" in done.stdout) is (closed != ">&-")
    assert switching.engine().running() == {"web": OLD}


def test_a_pipe_that_somebody_made_non_blocking_gets_everything(device: Device) -> None:
    saying = "from evenkeel.controller.process.streams import secure; secure(); print('x' * 300_000)"
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    process = subprocess.Popen([sys.executable, "-c", saying], env=device.environment(), stdout=writer)
    os.close(writer)
    with os.fdopen(reader) as output:
        assert output.read() == "x" * 300_000 + "\n"
    assert process.wait(30) == 0


def test_what_is_said_when_there_is_somebody_again_arrives(device: Device, tmp_path: Path) -> None:
    saying = """
import sys
from evenkeel.controller.process.streams import secure
secure()
for word in sys.stdin:
    print(word, end="", flush=True)
    print("said", file=sys.stderr, flush=True)
"""
    os.mkfifo(tmp_path / "log")
    reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(tmp_path / "log", os.O_WRONLY)
    process = subprocess.Popen(
        [sys.executable, "-c", saying],
        env=device.environment(),
        text=True,
        stdin=subprocess.PIPE,
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert process.stdin is not None
    assert process.stderr is not None
    for word in ("one", "two", "three"):
        if word == "two":
            os.close(reader)
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        assert process.stderr.readline() == "said\n"
        if word == "two":
            reader = os.open(tmp_path / "log", os.O_RDONLY | os.O_NONBLOCK)
        else:
            assert os.read(reader, 100) == f"{word}\n".encode()
    os.close(reader)
    assert ended(process)[0] == 0
