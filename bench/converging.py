"""`evenkeel apply` of many containers whose image is there, beside Docker Compose on the same engine, which proves nothing.

Each pair is measured one after the other in one run. Away times are those that evenkeel measures itself: from the stop of
the old instance to the end of the start of the new one.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.podman import Podman
from tests.engines.proxy import Proxy

from bench.command import EVENKEEL
from bench.compose import Compose, compose_command
from bench.engines import ENGINE, make_engine
from bench.measuring import Row
from evenkeel.controller.journal.journal import read_journal
from evenkeel.specs.containers.memory import ContainersMemory

_COUNTS = (10, 30, 50)
_CALLS_OF = (10, 50, 200)
_CHAINS = (10, 30)
_PROOF_S = 3.0
_SPEC = """apiVersion: evenkeel/v1
kind: Container
metadata: {{name: app-{i}}}
spec: {{image: "sleeper:1", env: {{VERSION: "{version}"}}, pullPolicy: Never{depends}}}
---
"""


def measure() -> list[Row]:
    """Starts its own engine and ends it."""
    engine = make_engine()
    try:
        engine.load(sleeper("1"), "sleeper:1")
        rows = [row for count in _COUNTS for row in _times(engine, count)]
        rows += [_calls(engine, count) for count in _CALLS_OF]
        return [*rows, *_chains(engine)]
    finally:
        engine.close()


def _times(engine: Dockerd | Podman, count: int) -> list[Row]:
    engine.clear()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        composed_s: dict[str, float] = {}
        if compose_command():
            compose = Compose(folder, engine.address, count, "sleeper:1")
            composed_s = {version: compose.up_s(version) for version in ("1", "2")}
            compose.down()
        spent_s = {version: _apply_s(engine.address, folder, count, version) for version in ("1", "2")}
        away = _away_s(folder / "state")
    return [
        *(
            _beside(f"apply, {count} {what}, proven", spent_s[version], composed_s.get(version))
            for version, what in (("1", "new"), ("2", "recreated"))
        ),
        Row(f"away, each of {count}: median", statistics.median(away), "s", "", "1 s"),
        Row(f"away, each of {count}: most", max(away), "s", "", "2 s"),
    ]


def _beside(what: str, spent_s: float, composed_s: float | None) -> Row:
    """A row with the ratio to Compose, which proves nothing, and one proof."""
    if composed_s is None:
        return Row(what, spent_s, "s", "", "1.0 ×")
    ratio = spent_s / (composed_s + _PROOF_S)
    compared = f"{ratio:.2f} × (`docker-compose up -d`, {composed_s:.1f} s, + {_PROOF_S:g} s of proof)"
    return Row(what, spent_s, "s", compared, "1.0 ×")


def _calls(engine: Dockerd | Podman, count: int) -> Row:
    return Row(f"engine calls per container, {count} new", _calls_each(engine, count), "", "", "15")


def _chains(engine: Dockerd | Podman) -> list[Row]:
    """Calls in chains of dependencies: linear when a container of a long chain takes as many as one of a short chain."""
    short, *longer = _CHAINS
    of_short = _calls_each(engine, short, chain=True)
    rows = [Row(f"engine calls per container in a chain of {short}", of_short, "", "", "15")]
    for count in longer:
        calls = _calls_each(engine, count, chain=True)
        compared = f"{calls / of_short:.2f} × those in a chain of {short}"
        rows.append(Row(f"engine calls per container in a chain of {count}", calls, "", compared, "1.1 ×"))
    return rows


def _calls_each(engine: Dockerd | Podman, count: int, *, chain: bool = False) -> float:
    engine.clear()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        socket = Path(engine.address.removeprefix("unix://"))
        with Proxy(folder / "proxy.sock", socket) as proxy:
            _apply_s(proxy.address, folder, count, "1", chain=chain)
            return len(proxy.asked) / count


def _apply_s(address: str, folder: Path, count: int, version: str, *, chain: bool = False) -> float:
    specs = folder / "specs"
    specs.mkdir(exist_ok=True)
    texts = (
        _SPEC.format(i=i, version=version, depends=f", dependsOn: [app-{i - 1}], stableFor: 0s" if chain and i else "")
        for i in range(count)
    )
    (specs / "apps.yaml").write_text("".join(texts))
    command = [*EVENKEEL, "--specs", str(specs), "--state", str(folder / "state"), "--engine", ENGINE]
    command += ["--docker-address", address, "apply", "--yes"]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, check=False)
    spent_s = time.monotonic() - begun
    if done.returncode:
        raise RuntimeError(f"apply ended with {done.returncode}: {done.stderr.decode()}")
    return spent_s


def _away_s(state: Path) -> list[float]:
    journal = read_journal(state)
    try:
        return list(journal.memories.of(ContainersMemory).switch_s.values())
    finally:
        journal.close()
