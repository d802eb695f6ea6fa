"""Running the real command, in a process of its own, on folders of its own."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from tests.places import ROOT
from tests.until import PATIENCE_S

from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.drivers.containers.memory.world import image_id
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.wiring import MEMORY_STORE
from evenkeel.specs.codec import encode
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.documents.decode import decode_file

Kind = TypeVar("Kind")

_ALWAYS = {
    "PYTHONPATH": str(ROOT / ".dev"),
    "COLUMNS": "100",
    "TERM": "xterm",
}
_NEVER = (
    "PYTHONDONTWRITEBYTECODE",  # else each process compiles everything
    "NO_COLOR",
    "EVENKEEL_DEBUG",
    "EVENKEEL_STATE",
    "EVENKEEL_CONFIG",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
)


def spec(name: str, image: str = "docker.io/library/nginx:1", more: str = "") -> str:
    """A spec that is proven soon."""
    lines = "".join(f"  {line}\n" for line in more.splitlines())
    return (
        f"apiVersion: evenkeel/v1\nkind: Container\nmetadata: {{name: {name}}}\n"
        f"spec:\n  image: {image}\n  stableFor: 100ms\n{lines}"
    )


class Device:
    """A device with a memory engine: specs, state, and the command."""

    def __init__(self, folder: Path) -> None:
        self.specs, self.state, self.config = folder / "specs", folder / "state", folder / "config.yaml"
        self.log: Path | None = None
        """A file for the standard error of what is left running, to be read meanwhile."""
        self.specs.mkdir()
        self.settings()
        self._running: list[subprocess.Popen[str]] = []

    def settings(self, **more: object) -> None:
        """Write the settings file."""
        found = {"specs": [str(self.specs)], "state": str(self.state), **more}
        self.config.write_text(json.dumps(found))

    def write(self, *documents: str, file: str = "10-apps.yaml") -> None:
        """What is asked for from now on."""
        (self.specs / ".new").write_text("---\n".join(documents))
        (self.specs / ".new").replace(self.specs / file)

    def put_foreign(
        self, name: str, image: str = "docker.io/library/nginx:1", unspoken: tuple[str, ...] = (), **fields: Any
    ) -> None:
        """Somebody else runs a container; `unspoken` as for the engine."""
        container = normal(Container(name, image, **fields))
        MemoryEngine(store=self.state / MEMORY_STORE).put_foreign(container, unspoken=unspoken)

    def put_image(self, reference: str, behaviour: Image) -> None:
        """An image that was pulled, and how its containers behave."""
        world, number = self.engine().world, 2  # the first is what the registry has
        world.images[reference] = number
        world.pulled[image_id(reference, number)] = behaviour
        write_atomically(self.state / MEMORY_STORE, encode(world), mode=0o600)

    def engine(self) -> MemoryEngine:
        return MemoryEngine(store=self.state / MEMORY_STORE)

    def run(self, *arguments: str, ok: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """The command, to its end."""
        done = subprocess.run(
            self.line(*arguments),
            env=self.environment(**environment),
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        assert ok is None or done.returncode == ok, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def piped(self, *arguments: str, given: str, secret: str, ok: int = 0) -> str:
        """The command with an input, to its end; all that it says, which never has the secret."""
        done = subprocess.run(
            self.line(*arguments),
            env=self.environment(),
            input=given,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        said = done.stdout + done.stderr
        assert done.returncode == ok, said
        assert secret not in said
        return said

    def kept(self) -> str:
        """All cells of the journal as text. A dump by SQLite has bodies in hexadecimal digits, and no secret is found there."""
        with closing(sqlite3.connect(self.state / "journal.sqlite")) as journal:
            tables = journal.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            cells = [cell for (table,) in tables for row in journal.execute(f"SELECT * FROM {table}") for cell in row]
        return "\n".join(cell.decode(errors="replace") if isinstance(cell, bytes) else str(cell) for cell in cells)

    def asked(self, kind: type[Kind]) -> dict[str, Kind]:
        """What the spec files ask for, of one kind, by name."""
        files = (decode_file(file.read_bytes(), str(file)) for file in sorted(self.specs.glob("*.yaml")))
        wanted = {each.name: each.wanted for file in files for each in file.documents}
        return {name: each for name, each in wanted.items() if isinstance(each, kind)}

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """The command, left running."""
        with self.log.open("w") if self.log is not None else nullcontext(subprocess.PIPE) as errors:
            process = subprocess.Popen(
                self.line(*arguments),
                env=self.environment(**environment),
                text=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
        self._running.append(process)
        return process

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "evenkeel.controller", *arguments]

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _NEVER}
        return {**kept, **_ALWAYS, "EVENKEEL_CONFIG": str(self.config), **more}

    def status(self) -> Any:
        return json.loads(self.run("status", "-o", "json").stdout)

    def is_settled(self) -> bool:
        conditions = {found["name"]: found["holds"] for found in self.status()["conditions"]}
        return bool(conditions.get("Settled"))

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str], number: signal.Signals | None = None) -> tuple[int, str, str]:
    """Send a signal and wait for the end: exit code, output, errors."""
    if number is not None:
        process.send_signal(number)
    out, errors = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, errors


def on_a_terminal(device: Device, *arguments: str, **environment: str) -> str:
    """What the command prints on a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        device.line(*arguments), env=device.environment(**environment), stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(master)
    process.wait(90)
    return shown.decode()


Reply = str | Callable[[], str]
"""What is typed, or what happens before that."""


def in_conversation(device: Device, answers: Sequence[tuple[str, Reply]], *arguments: str) -> tuple[int, str]:
    """The command on a terminal of its own, with an answer to each question when that is asked."""
    pid, ours = pty.fork()
    if pid == 0:
        os.execve(device.line()[0], device.line(*arguments), device.environment(NO_COLOR="1"))
    shown, asked = "", 0
    try:
        while select.select([ours], [], [], PATIENCE_S)[0] and (piece := os.read(ours, 65536)):
            shown += piece.decode()
            while asked < len(answers) and answers[asked][0] in shown.split("\0")[-1]:
                shown += "\0"
                reply = answers[asked][1]
                os.write(ours, (reply if isinstance(reply, str) else reply()).encode() + b"\n")
                asked += 1
    except OSError:
        pass  # its end
    else:
        os.kill(pid, signal.SIGKILL)  # it waits for an answer to something else
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(ours)
    assert asked == len(answers), shown
    return code, shown.replace("\0", "")
