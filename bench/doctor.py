"""`evenkeel doctor` from start to end: on a simulated device, and on one on which every check has something to look at: an
engine, 20 containers, a registry, an identity, slots, a broker, a bus, hosts and a controller at work.

The identity is told to other programs of this machine (/etc/deviceid), and taken back.
"""

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
from tests.engines.machine import alone, free_port
from tests.engines.rauc_double import RaucDouble
from tests.engines.registry import Registry
from tests.engines.systemd_double import FakeUnit, Systemd, Timedated
from tests.until import until

from bench.command import EVENKEEL
from bench.engines import ENGINE, make_engine
from bench.measuring import Row, command_ms

_COUNT, _TIMES = 20, 9
_SPEC = """apiVersion: evenkeel/v1
kind: Container
metadata: {{name: app-{i}}}
spec: {{image: sleeper:1, pullPolicy: Never, stableFor: 0s, stop: {{timeout: 1s}}, ports: [{ports}]}}
"""
_REGISTRY = """apiVersion: evenkeel/v1
kind: Registry
metadata: {{name: lab}}
spec:
  host: {host}
  credentials: {{user: {user}, passwordFile: {folder}/password}}
  tls: {{ca: {ca}}}
"""
_IDENTITY = """apiVersion: evenkeel/v1
kind: Provisioning
metadata: {{name: device}}
spec: {{folder: {folder}/pairs, deviceId: {{value: vehicle-7}}, certificate: {{mode: selfSigned}}}}
"""
_ANNOUNCED = Path("/etc/deviceid")
_BUDGET = "2000 ms"


def measure() -> list[Row]:
    """Starts its own engine, broker and bus, and ends them."""
    bare_ms = command_ms([sys.executable, "-c", "pass"])
    with tempfile.TemporaryDirectory() as folder:
        line = [*EVENKEEL, "--config", str(_settings(Path(folder))), "doctor"]
        simulated_ms = command_ms(line, _TIMES)
    with _device() as line:
        all_ms = command_ms(line, _TIMES, codes=(0, 1))  # no bench has a CAN bus or RAUC's configuration
        checks = json.loads(_output([*line, "-o", "json"]))["checks"]
    slowest = max(checks, key=lambda each: each["seconds"])
    idle = [each["name"] for each in checks if each["state"] == "skipped"]
    if idle:
        raise RuntimeError(f"these checks have nothing to look at: {', '.join(idle)}")
    told = f"{all_ms / bare_ms:.1f} × python -c pass; slowest `{slowest['name']}`, {slowest['seconds'] * 1000:.0f} ms"
    return [
        Row(
            "doctor, a simulated device", simulated_ms, "ms", f"{simulated_ms / bare_ms:.1f} × python -c pass", _BUDGET
        ),
        Row(f"doctor, all {len(checks)} checks, {ENGINE}, {_COUNT} containers", all_ms, "ms", told, _BUDGET),
    ]


def _output(line: list[str]) -> bytes:
    return subprocess.run(line, check=False, capture_output=True).stdout


def _settings(folder: Path, **more: object) -> Path:
    specs, file = folder / "specs", folder / "config.yaml"
    specs.mkdir()
    specs.chmod(0o755)
    (specs / "apps.yaml").write_text(
        "---\n".join(_SPEC.format(i=i, ports=_port(i)) for i in range(_COUNT if more else 0)) or "# none\n"
    )
    file.write_text(json.dumps({"specs": [str(specs)], "state": str(folder / "state"), **more}))
    return file


def _port(i: int) -> str:
    """One of them publishes a port."""
    return f"'127.0.0.1:{free_port()}:80'" if i == 0 else ""


@contextmanager
def _device() -> Iterator[list[str]]:
    """The command on a device with everything, whose controller is at work."""
    engine = make_engine()
    with tempfile.TemporaryDirectory() as name, private_bus() as bus, _announced():
        folder = Path(name)
        for each in ("broker", "registry", "rauc"):
            (folder / each).mkdir()
        registry = Registry(folder / "registry")
        registry.start()
        (folder / "password").write_text(registry.password)
        (folder / "password").chmod(0o600)
        broker = Broker(folder / "broker")
        broker.start()
        doubles = [Systemd(bus.address, {"gpsd.socket": FakeUnit("active", "listening")}).double]
        doubles.append(Timedated(bus.address).double)
        doubles.append(RaucDouble(bus.address, folder / "rauc").double)
        for each in doubles:
            each.start()
        running = None
        try:
            engine.load(sleeper("1"), "sleeper:1")
            file = _settings(
                folder,
                engine={"kind": ENGINE, "address": engine.address},
                slots={"bus": bus.address, "engine": "rauc"},
                registries={"certificates": str(folder / "certs.d")},
                mqtt={"enabled": True, "broker": f"tcp://127.0.0.1:{broker.port}"},
                updateAgent={"enable": True},
                doctor={
                    "can": ["lo"],
                    "units": ["gpsd.socket"],
                    "hosts": [f"127.0.0.1:{broker.port}"],
                    "ping": "127.0.0.1",
                },
            )
            documents = _REGISTRY.format(host=registry.host, user=registry.user, ca=registry.ca, folder=folder)
            (folder / "specs" / "more.yaml").write_text(f"{documents}---\n{_IDENTITY.format(folder=folder)}")
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
            registry.close()
            engine.close()


@contextmanager
def _announced() -> Iterator[None]:
    """Whatever is announced as the id of this machine is there again afterwards."""
    with alone("deviceid"):
        before = _ANNOUNCED.read_bytes() if _ANNOUNCED.exists() else None
        try:
            yield
        finally:
            if before is not None:
                _ANNOUNCED.write_bytes(before)
            else:
                _ANNOUNCED.unlink(missing_ok=True)
