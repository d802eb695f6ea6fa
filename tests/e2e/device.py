"""A device whose containers a real engine runs, and what tests ask about it without the code under test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from tests.controller.cli.command import ROOT, Device
from tests.controller.cli.inside import DeviceInside
from tests.engines.dockerd import Dockerd
from tests.engines.podman import Podman
from tests.places import DATA
from tests.until import PATIENCE_S, until

from evenkeel.controller.journal.journal import read_journal
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Feedback

SABOTEUR = Path(__file__).parent / "saboteur"
CLOCKS = ("", "0", "2100000000")
"""The time of day at a start, as SABOTEUR takes it: the right one, 1970, and one that is years ahead."""


class DockerDevice(DeviceInside):
    """The command's settings name a Docker engine. `prompt`: as tests/prompt.py has it; `apart`: short commands have processes
    of their own, too."""

    def __init__(self, folder: Path, dockerd: Dockerd | Podman) -> None:
        self.dockerd, self.address, self.prompt, self.apart = dockerd, dockerd.address, False, False
        super().__init__(folder)

    def run(self, *arguments: str, ok: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        if self.prompt or self.apart:
            return Device.run(self, *arguments, ok=ok, **environment)
        return super().run(*arguments, ok=ok, **environment)

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.prompt", *arguments] if self.prompt else super().line(*arguments)

    def environment(self, **more: str) -> dict[str, str]:
        found = super().environment(**more)
        return {**found, "PYTHONPATH": f"{found['PYTHONPATH']}:{ROOT}"}

    def run_at(self, clock: str) -> subprocess.Popen[str]:
        """`evenkeel run`, left running, with one of CLOCKS."""
        paths = f"{SABOTEUR}:{super().environment()['PYTHONPATH']}"
        return self.start("run", PYTHONPATH=paths, EVENKEEL_CLOCK=clock)

    def settings(self, **more: object) -> None:
        engine = {"kind": "docker", "address": self.address}
        super().settings(**{"engine": engine, "backoff": {"first": "100ms", "longest": "2s"}, **more})

    def said(self) -> tuple[Feedback, ...]:
        if self.state.exists():
            with suppress(JournalError), closing(read_journal(self.state)) as journal:  # it may be about to be made
                return journal.entries(0, 100_000)
        return ()

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.said()]

    def until_said(self, kind: str, after: int = 0, timeout_s: float = PATIENCE_S) -> Feedback:
        """The first entry of a kind with a number above `after`."""

        def look() -> list[Feedback]:
            return [entry for entry in self.said() if entry.kind == kind and entry.seq > after]

        return until(look, timeout_s, f"{kind} after {after}")[0]

    def change(self, *documents: str) -> None:
        """Write, and wait until a controller at work has read it."""
        before = self.newest()
        self.write(*documents)
        self.until_said("revision-accepted", before)

    def newest(self) -> int:
        return max((entry.seq for entry in self.said()), default=0)

    def until_settled(self, states: dict[str, str], timeout_s: float = PATIENCE_S) -> None:
        """These containers and no others, in these states, and everything that is desired proven."""

        def look() -> bool:
            with suppress(JournalError), closing(read_journal(self.state)) as journal:
                is_good = journal.digest("desired") == journal.digest("last-good") != ""
                reasons = [condition.reason for condition in journal.conditions() if condition.name == "Settled"]
                return is_good and reasons == ["Converged"] and self.dockerd.containers() == states
            return False

        until(look, timeout_s, f"settled with {states}; there is {self.dockerd.containers()}")

    def check_numbers(self) -> None:
        numbers = [entry.seq for entry in self.said()]
        assert numbers == list(range(1, len(numbers) + 1))


def instances(dockerd: Dockerd | Podman) -> dict[str, list[Any]]:
    """Inspections of evenkeel's containers by the name it gave them."""
    found: dict[str, list[Any]] = {}
    for entry in dockerd.api("GET", "/containers/json", all=True)[1]:
        name = entry["Labels"].get("dev.evenkeel.name")
        if name:
            with suppress(LookupError):
                found.setdefault(name, []).append(dockerd.inspect(entry["Id"]))
    return found


def killing(victims: list[subprocess.Popen[str]], at: int) -> Callable[[str], None]:
    """For a proxy: kills the first of `victims` at the n-th time it is called, and breaks the connection."""
    count = 0

    def kill(asked: str) -> None:
        nonlocal count
        count += 1
        if count == at:
            victims[0].kill()
            victims[0].wait()
            raise ConnectionResetError(f"killed at {asked}")

    return kill


def data(name: str) -> str:
    """The text of a file in tests/data."""
    return (DATA / name).read_text()


def component_images(text: str) -> list[str]:
    """The images that a Kanto desired state names."""
    return [
        item["value"]
        for domain in json.loads(text)["payload"]["domains"]
        for component in domain["components"]
        for item in component["config"]
        if item["key"] == "image"
    ]
