"""`evenkeel doctor` from start to end: on a simulated device, and on one with an engine, 20 containers, a broker, a bus and a
controller at work."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.broker import Broker
from tests.engines.dbus import private_bus
from tests.engines.images import sleeper
from tests.engines.systemd_double import FakeUnit, Systemd, Timedated
from tests.until import until

from bench.command import EVENKEEL
from bench.engines import ENGINE, make_engine
from bench.measuring import Row, command_ms

_COUNT, _TIMES = 20, 9
_SPEC = """apiVersion: evenkeel/v1
kind: Container
metadata: {{name: app-{i}}}
spec: {{image: sleeper:1, pullPolicy: Never, stableFor: 0s, stop: {{timeout: 1s}}}}
"""
_BUDGET = "2000 ms"


def measure() -> list[Row]:
    """Starts its own engine, broker and bus, and ends them."""
    bare_ms = command_ms([sys.executable, "-c", "pass"])
    with tempfile.TemporaryDirectory() as folder:
        line = [*EVENKEEL, "--config", str(_settings(Path(folder))), "doctor"]
        simulated_ms = command_ms(line, _TIMES)
    with _device() as line:
        all_ms = command_ms(line, _TIMES)
        slowest = max(json.loads(_output([*line, "-o", "json"]))["checks"], key=lambda each: each["seconds"])
    told = f"{all_ms / bare_ms:.1f} × python -c pass; slowest `{slowest['name']}`, {slowest['seconds'] * 1000:.0f} ms"
    return [
        Row(
            "doctor, a simulated device", simulated_ms, "ms", f"{simulated_ms / bare_ms:.1f} × python -c pass", _BUDGET
        ),
        Row(f"doctor, {ENGINE}, {_COUNT} containers, broker, agent, systemd", all_ms, "ms", told, _BUDGET),
    ]


def _output(line: list[str]) -> bytes:
    return subprocess.run(line, check=True, capture_output=True).stdout


def _settings(folder: Path, **more: object) -> Path:
    specs, file = folder / "specs", folder / "config.yaml"
    specs.mkdir()
    specs.chmod(0o755)
    (specs / "apps.yaml").write_text(
        "---\n".join(_SPEC.format(i=i) for i in range(_COUNT if more else 0)) or "# none\n"
    )
    file.write_text(json.dumps({"specs": [str(specs)], "state": str(folder / "state"), **more}))
    return file


@contextmanager
def _device() -> Iterator[list[str]]:
    """The command on a device with everything, whose controller is at work."""
    engine = make_engine()
    with tempfile.TemporaryDirectory() as name, private_bus() as bus:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Broker(folder / "broker")
        broker.start()
        doubles = [Systemd(bus.address, {"gpsd.socket": FakeUnit("active", "listening")}).double]
        doubles.append(Timedated(bus.address).double)
        for each in doubles:
            each.start()
        running = None
        try:
            engine.load(sleeper("1"), "sleeper:1")
            file = _settings(
                folder,
                engine={"kind": ENGINE, "address": engine.address},
                slots={"bus": bus.address},
                mqtt={"enabled": True, "broker": f"tcp://127.0.0.1:{broker.port}"},
                updateAgent={"enable": True},
                doctor={"units": ["gpsd.socket"]},
            )
            running = subprocess.Popen([*EVENKEEL, "--config", str(file), "run"], stderr=subprocess.DEVNULL)
            check = [*EVENKEEL, "--config", str(file), "status", "--check"]
            until(lambda: subprocess.run(check, capture_output=True, check=False).returncode == 0)
            yield [*EVENKEEL, "--config", str(file), "doctor"]
        finally:
            if running is not None:
                running.terminate()
                running.wait()
            for each in doubles:
                each.close()
            broker.close()
            engine.close()
