"""`evenkeel run` on a real engine: idle with 20 containers, the latency of a saved file, and a cycle over 50."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.podman import Podman
from tests.engines.proxy import Proxy

from bench.command import EVENKEEL
from bench.engines import ENGINE, footprint, make_engine
from bench.measuring import Row, cpu_s, pss_kib, written_bytes
from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.journal.journal import open_journal, read_journal
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.feedback import Feedback

_IDLE_S = 30
_SAVES = 9
_RESYNC_S = 5
_SPEC = """apiVersion: evenkeel/v1
kind: Container
metadata: {{name: app-{i}}}
spec:
  image: sleeper:1
  env: {{VERSION: "{version}"}}
  pullPolicy: Never
  stableFor: 0s
---
"""


def measure() -> list[Row]:
    """Starts its own engine and ends it."""
    engine = make_engine()
    try:
        engine.load(sleeper("1"), "sleeper:1")
        return [*_idle_and_latency(engine), *_no_op(engine)]
    finally:
        engine.close()


def _idle_and_latency(engine: Dockerd | Podman) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        specs, state = Path(folder, "specs"), Path(folder, "state")
        specs.mkdir()
        (specs / "apps.yaml").write_text(specs_of(20))
        with running(engine.address, specs, state) as process:
            until_settled(state, after=0)
            time.sleep(5)
            cpu, written = cpu_s(process.pid), written_bytes(process.pid)
            time.sleep(_IDLE_S)
            idle = [
                Row("idle, 20 containers: memory (PSS)", pss_kib(process.pid) / 1024, "MiB", "", "30 MiB"),
                Row("idle: processor", (cpu_s(process.pid) - cpu) / _IDLE_S * 100, "% of one core"),
                Row("idle: written to disk", written_bytes(process.pid) - written, f"bytes in {_IDLE_S} s", "", "0"),
            ]
            idle += footprint(engine, process.pid)
        return [*idle, *_save_latency(engine, Path(folder))]


def _save_latency(engine: Dockerd | Podman, folder: Path) -> list[Row]:
    """From the save of a file to the first call of the engine, at once and after idling, when a look has found nothing;
    and to the first entry of the plan that follows."""
    specs, state, config = folder / "specs", folder / "state", folder / "config.yaml"
    config.write_text(f"resync: {_RESYNC_S}s\n")
    calls: dict[bool, list[float]] = {False: [], True: []}
    steps = []
    with (
        Proxy(folder / "proxy.sock", Path(engine.address.removeprefix("unix://"))) as proxy,
        running(proxy.address, specs, state, "--config", str(config)),
    ):
        time.sleep(5)  # it is settled already, and tells nothing
        for version in range(2 * _SAVES):
            idle = version % 2 == 1
            time.sleep(1.5 * _RESYNC_S if idle else 0.5)  # between two resyncs, whose own calls would be taken for it
            last, saved_at = _last(state), time.time()
            (specs / "apps.yaml").write_text(specs_of(20, version=version + 1, changed=1))
            entry = _wait(state, last, "step-started")
            steps.append((entry.at - saved_at) * 1000)
            called_at = next(at_ns / 1e9 for at_ns, _ in proxy.asked_at_ns if at_ns / 1e9 > saved_at)
            calls[idle].append((called_at - saved_at) * 1000)
            until_settled(state, entry.seq)
    return [
        Row("saved file → first call of the engine", statistics.median(calls[False]), "ms", "", "100 ms"),
        Row("the same after idling", statistics.median(calls[True]), "ms", "", "100 ms"),
        Row("saved file → first step at the engine", statistics.median(steps), "ms", "", "250 ms"),
    ]


def _no_op(engine: Dockerd | Podman) -> list[Row]:
    engine.clear()
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_no_op_of(engine, Path(folder)))


async def _no_op_of(engine: Dockerd | Podman, folder: Path) -> list[Row]:
    driver, journal = DockerEngine(engine.address), open_journal(folder / "state")
    desired, _ = desired_from([decode_file(specs_of(50).encode(), "bench.yaml")])
    journal.put("desired", desired, "bench")
    cycles = Cycles(Containers(), driver, journal, lambda entry: None)
    stopping = asyncio.Event()
    while not isinstance(await cycles.run(stopping), Settled):
        pass
    spent, bare = [], []
    for _ in range(15):
        begun = time.perf_counter()
        await cycles.run(stopping)
        spent.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        await driver.observe()
        bare.append((time.perf_counter() - begun) * 1000)
    await driver.close()
    journal.close()
    compared = f"{statistics.median(spent) / statistics.median(bare):.2f} × observing alone"
    return [Row(f"cycle over 50 equal containers on {ENGINE}", statistics.median(spent), "ms", compared)]


def specs_of(count: int, version: int = 0, changed: int = 0) -> str:
    """A file of containers, of which the first `changed` have another version."""
    return "".join(_SPEC.format(i=i, version=version if i < changed else 0) for i in range(count))


@contextmanager
def running(address: str, specs: Path, state: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The controller in a process of its own."""
    command = [*EVENKEEL, "--specs", str(specs), "--state", str(state), "--engine", ENGINE]
    command += ["--docker-address", address, *options, "run"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _last(state: Path) -> int:
    journal = read_journal(state)
    try:
        return journal.last_seq()
    finally:
        journal.close()


def _wait(state: Path, after: int, kind: str, timeout_s: float = 120) -> Feedback:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        journal = read_journal(state)
        try:
            for entry in journal.entries(after):
                if entry.kind == kind:
                    return entry
        finally:
            journal.close()
        time.sleep(0.05)
    raise TimeoutError(f"no {kind} within {timeout_s:g} s")


def until_settled(state: Path, after: int) -> None:
    """Wait for the entry that says so, of those after a number."""
    _wait(state, after, "settled")
