"""Memory, processor and writes of the idle daemon as on a device: the wheel, installed for Debian's Python.

An engine, an update agent on a broker, twenty containers, settings and specs in YAML. Other Python processes share pages with
it, and then PSS counts only a part of them; the interpreter of this bench is another one, so that it shares none of its own.

`python -m bench.footprint WHEEL` measures another wheel than that of this checkout, for a comparison.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.broker import Broker
from tests.engines.dockerd import Dockerd
from tests.engines.images import sleeper
from tests.engines.podman import Podman
from tests.places import ROOT

from bench.daemon import specs_of, until_settled
from bench.engines import ENGINE, make_engine
from bench.measuring import Row, cpu_s, pss_kib, table, written_bytes

DEBIAN = "/usr/bin/python3"
_SETTLED_S = 20
_CHECKED_S = 75
"""By then the journal was looked through, which happens once after it was last written."""
_IDLE_S = 60
_CONFIG = """engine: {{kind: {kind}, address: "{address}"}}
mqtt: {{enabled: true, broker: "tcp://127.0.0.1:{port}", clientId: footprint}}
updateAgent: {{enable: true}}
state: {state}
specs: [{specs}]
"""


def measure(wheel: Path | None = None) -> list[Row]:
    """The second start, the first one, and one without any bytecode. Starts its own engine and broker and ends them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compiled, bare = folder / "compiled", folder / "bare"
        wheel = wheel or _wheel(folder)
        _install(compiled, wheel, "--compile-bytecode")
        _install(bare, wheel)
        (folder / "broker").mkdir()
        broker = Broker(folder / "broker")
        broker.start()
        engine = make_engine()
        try:
            engine.load(sleeper("1"), "sleeper:1")
            return _rows(folder, broker, engine, compiled, bare)
        finally:
            engine.close()
            broker.close()


def _rows(folder: Path, broker: Broker, engine: Dockerd | Podman, compiled: Path, bare: Path) -> list[Row]:
    specs, state, config = folder / "specs", folder / "state", folder / "config.yaml"
    specs.mkdir()
    (specs / "apps.yaml").write_text(specs_of(20))
    config.write_text(_CONFIG.format(kind=ENGINE, address=engine.address, port=broker.port, state=state, specs=specs))
    with _running(compiled, config) as pid:  # makes the containers
        until_settled(state, after=0)
    found = []
    with _running(compiled, config) as pid:
        time.sleep(_CHECKED_S)
        found.append(_memory("idle: memory (PSS)", pid, "30 MiB"))
        cpu, written = cpu_s(pid), written_bytes(pid)
        time.sleep(_IDLE_S)
        spent = (cpu_s(pid) - cpu) / _IDLE_S * 100
        found.append(Row("idle: processor", spent, "% of one core", "", "0.2 %"))
        found.append(Row("idle: written to disk", written_bytes(pid) - written, f"bytes in {_IDLE_S} s", "", "0"))
    for what, environment, budget in (
        ("idle after the first start, nothing parsed before: memory (PSS)", compiled, "30 MiB"),
        ("idle, installed without bytecode and none may be written: memory (PSS)", bare, "30 MiB"),
    ):
        _forget_parsed(state)
        with _running(environment, config) as pid:
            time.sleep(_SETTLED_S)
            found.append(_memory(what, pid, budget))
    return found


def _memory(what: str, pid: int, budget: str) -> Row:
    """PSS is less while another process of the same interpreter runs; the anonymous part tells that."""
    anonymous = f"{pss_kib(pid, 'Pss_Anon') / 1024:.1f} MiB of it anonymous"
    return Row(what, pss_kib(pid) / 1024, "MiB", anonymous, budget)


@contextmanager
def _running(environment: Path, config: Path) -> Iterator[int]:
    """The installed controller, which writes no bytecode; yields its process id."""
    command = [environment / "bin/evenkeel", "--config", config, "run"]
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(command, env=variables, cwd="/", stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(60)


def _forget_parsed(state: Path) -> None:
    for entry in (state / "parsed").iterdir():
        entry.unlink()


def _wheel(folder: Path) -> Path:
    """The wheel of this checkout."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def _install(environment: Path, wheel: Path, *options: str) -> None:
    """An environment of Debian's Python with the wheel, and the locked versions of what it needs."""
    needs = environment.with_suffix(".txt")
    for command in (
        ["uv", "export", "-q", "--locked", "--no-dev", "--no-emit-project", "--no-hashes", "-o", needs],
        ["uv", "venv", "-q", "--python", DEBIAN, environment],
        ["uv", "pip", "install", "-q", *options, "--python", environment / "bin/python", "-r", needs, wheel],
    ):
        subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    sys.stdout.write(table("Footprint", measure(*map(Path, sys.argv[1:2]))))
