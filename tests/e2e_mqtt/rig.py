"""A device with `evenkeel run` as a process of its own, that a test stops, kills and starts again."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from tests.controller.cli.inside import run_inside
from tests.e2e.device import SABOTEUR
from tests.places import ROOT
from tests.until import PATIENCE_S

from evenkeel.controller.drivers.containers.memory import MemoryEngine
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.wiring import MEMORY_STORE

_NEVER = (
    "PYTHONDONTWRITEBYTECODE",  # else each process compiles everything
    "NO_COLOR",
    "EVENKEEL_DEBUG",
    "EVENKEEL_STATE",
    "EVENKEEL_CONFIG",
    "NOTIFY_SOCKET",
    "JOURNAL_STREAM",
)


class Device:
    """Specs, state, settings and the controller. `client` names its session at the broker."""

    def __init__(self, folder: Path, port: int, *, domain: str = "containers", client: str = "device") -> None:
        self.folder, self.specs, self.state = folder, folder / "specs", folder / "state"
        self.specs.mkdir(parents=True, exist_ok=True)
        self.config, self.log = folder / "config.json", folder / "run.log"
        self.domain, self._process, self.starts = domain, None, 0
        self.clocks: Sequence[str] = ("",)
        """The time of day at each start, as SABOTEUR takes it; the last one at all later ones."""
        self.inside: Callable[[], Sequence[str]] = tuple
        """The command that runs the program in surroundings of its own, asked for at each start."""
        self._changing = threading.Lock()
        self._settings: dict[str, Any] = {"specs": [str(self.specs)], "state": str(self.state)}
        self._settings["mqtt"] = {"enabled": True, "broker": f"tcp://127.0.0.1:{port}", "clientId": client}
        self._settings["updateAgent"] = {"enable": True, "domain": domain, "reportDebounce": "100ms"}
        self._settings["backoff"] = {"first": "100ms", "longest": "2s"}
        self.settings()

    _process: subprocess.Popen[bytes] | None

    @property
    def held(self) -> Path:
        """While this file is there, the memory engine proves nothing."""
        return self.folder / "held"

    def settings(self, mqtt: dict[str, Any] | None = None, **more: Any) -> None:
        """Other settings from the next start on."""
        self._settings = {**self._settings, **more, "mqtt": {**self._settings["mqtt"], **(mqtt or {})}}
        self.config.write_text(json.dumps(self._settings))

    def write(self, name: str, image: str) -> None:
        """A spec file."""
        spec = {"image": image, "stableFor": "100ms"}
        document = {"apiVersion": "evenkeel/v1", "kind": "Container", "metadata": {"name": name}, "spec": spec}
        (self.specs / f".{name}").write_text(json.dumps(document))
        (self.specs / f".{name}").replace(self.specs / f"{name}.json")

    def start(self, *options: str, dying: int = 0, prompt: bool = True) -> None:
        """Begin to run; with `dying` until its so many-th write to the journal. `prompt`: see tests/prompt.py."""
        program = ["tests.prompt"] if prompt else ["evenkeel.controller"]
        if dying:
            program = ["tests.e2e_mqtt.dying", str(dying)]
        self.starts += 1
        with self.log.open("ab") as log, self._changing:
            self._process = subprocess.Popen(
                [*self.inside(), sys.executable, "-m", *program, "run", *options],
                env=self._clocked(self.starts),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the controller."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.send_signal(how)
            process.wait(PATIENCE_S)
            with self._changing:
                if self._process is process:  # else somebody has started it again meanwhile
                    self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()

    def line(self, *arguments: str) -> list[str]:
        """A command's own line."""
        return [sys.executable, "-m", "evenkeel.controller", *arguments]

    def run(self, *arguments: str, ok: int | None = 0) -> subprocess.CompletedProcess[str]:
        """The command, to its end, in the tests' own process; what goes on (`start`, `watching`) has one of its own."""
        done = run_inside(arguments, self.environment())
        assert ok is None or done.returncode == ok, f"{done.returncode}\n{done.stdout}\n{done.stderr}\n{self.tail()}"
        assert "Traceback" not in done.stderr
        return done

    @contextmanager
    def watching(self, *options: str) -> Iterator[IO[str]]:
        """What `evenkeel watch` prints from the moment at which it hears everything; in the end it is stopped in order."""
        process = subprocess.Popen(
            self.line("watch", *options),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            if line.startswith("connecting to "):  # it took a while
                line = process.stderr.readline()
            assert line.startswith(f"watching {self.domain}update/desiredstatefeedback"), line
            yield process.stdout
            process.terminate()
            assert process.communicate(timeout=PATIENCE_S)[1] == ""
            assert process.returncode == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def status(self) -> Any:
        """Asked again and again, hence without a process for each time."""
        done = run_inside(("status", "-o", "json"), self.environment())
        assert done.returncode == 0, f"{done.stderr}\n{self.tail()}"
        return json.loads(done.stdout)

    def inbox_bytes(self) -> int:
        """How much was taken in and is not dealt with."""
        with closing(sqlite3.connect(f"{(self.state / FILE).as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT total(length(payload)) FROM inbox").fetchone()[0])

    def is_settled(self) -> bool:
        return any(found["name"] == "Settled" and found["holds"] for found in self.status()["conditions"])

    def world(self) -> dict[str, tuple[str, str]]:
        """What the memory engine holds: state and image by the name in the engine."""
        engine = MemoryEngine(store=self.state / MEMORY_STORE)
        running = engine.running()
        return {
            kept.engine_name: ("running" if kept.engine_name in running else "other", kept.container.image)
            for kept in engine.world.containers.values()
            if kept.container is not None
        }

    def running(self) -> dict[str, str]:
        return MemoryEngine(store=self.state / MEMORY_STORE).running()

    def tail(self, lines: int = 25) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _clocked(self, start: int) -> dict[str, str]:
        found = self.environment()
        clock = self.clocks[min(start, len(self.clocks)) - 1]
        return {**found, "PYTHONPATH": f"{SABOTEUR}:{found['PYTHONPATH']}", "EVENKEEL_CLOCK": clock} if clock else found

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _NEVER}
        always = {"PYTHONPATH": f"{ROOT / '.dev'}:{ROOT}", "COLUMNS": "100", "TERM": "dumb"}
        return {**kept, **always, "EVENKEEL_CONFIG": str(self.config), "HELD": str(self.held)}
