"""The doctor on a device with a real Docker, a real broker and a real bus, on which systemd and timedated are doubles.

One device for all: it is well, and then one thing after the other breaks.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.controller.cli.command import ended, spec
from tests.engines.broker import Broker
from tests.engines.dbus import private_bus
from tests.engines.dockerd import Dockerd
from tests.engines.machine import free_port
from tests.engines.systemd_double import FakeUnit, Systemd, Timedated
from tests.until import until

from .device import DockerDevice

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@pytest.fixture
def units() -> dict[str, FakeUnit]:
    """Those of a device: RAUC idles, and sockets wait."""
    idle = FakeUnit("inactive", "dead", bus_name="org.freedesktop.idle")
    return {"idle.service": idle, "gpsd.socket": FakeUnit("active", "listening"), "evenkeel.service": FakeUnit()}


@pytest.fixture
def address(units: dict[str, FakeUnit]) -> Iterator[str]:
    with private_bus() as bus:
        doubles = [Systemd(bus.address, units).double, Timedated(bus.address).double]
        for each in doubles:
            each.start()
        yield bus.address
        for each in doubles:
            each.close()


def examined(device: DockerDevice, ok: int) -> dict[str, Any]:
    report = json.loads(device.run("doctor", "-o", "json", ok=ok).stdout)
    return {each["name"]: each for each in report["checks"]}


def details(check: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["state"] for each in check["details"]}


def test_a_device_with_everything(
    clean_dockerd: Dockerd, mosquitto: Callable[..., Broker], units: dict[str, FakeUnit], address: str, tmp_path: Path
) -> None:
    device, port = DockerDevice(tmp_path, clean_dockerd), free_port()
    password = tmp_path / "password"
    password.write_text("right")
    password.chmod(0o600)
    broker = mosquitto(users={"car": "right"})
    device.settings(
        slots={"bus": address},
        mqtt={
            "enabled": True,
            "broker": f"tcp://127.0.0.1:{broker.port}",
            "username": "car",
            "passwordFile": str(password),
        },
        updateAgent={"enable": True},
        doctor={"units": ["idle.service", "gpsd.socket"], "hosts": [f"127.0.0.1:{broker.port}"]},
    )
    device.config.chmod(0o644)
    device.specs.chmod(0o755)
    device.write(spec("web", "web:1", f'stop: {{timeout: 1s}}\nports: ["127.0.0.1:{port}:80"]'))
    running = device.start("run")
    device.until_settled({"web": "running"})
    until(lambda: device.run("status", "--check", ok=None).returncode == 0)

    begun = time.monotonic()
    found = examined(device, ok=0)
    assert time.monotonic() - begun < 60
    assert found["engine"]["evidence"].startswith("docker ")
    assert "API 1." in found["engine"]["evidence"]
    for name in ("engine", "containers", "ports", "broker", "agents", "hosts", "journal", "permissions", "clock"):
        assert found[name]["state"] == "ok", found[name]
    assert details(found["ports"]) == {f"web {port}/tcp": "ok"}
    assert details(found["agents"]) == {"containers": "ok"}
    assert details(found["disk"])["engine"] == "ok"
    assert details(found["units"]) == {
        "evenkeel.service": "ok",
        "mosquitto.service": "skipped",  # this broker is none of systemd's
        "idle.service": "ok",
        "gpsd.socket": "ok",
    }
    assert details(found["clock"])["synchronisation"] == "ok"

    running.send_signal(signal.SIGSTOP)  # an agent that does not answer, though its lock is held
    units["gpsd.socket"].active = "failed"
    password.write_text("wrong")
    found = examined(device, ok=1)
    assert details(found["units"])["gpsd.socket"] == "failed"
    assert found["broker"]["state"] == "failed"
    assert "refused by the broker" in found["broker"]["evidence"]
    assert found["agents"]["state"] == "unknown"
    assert found["controller"]["state"] == "warning"
    password.write_text("right")
    assert details(examined(device, ok=1)["agents"]) == {"containers": "failed"}
    running.send_signal(signal.SIGCONT)
    assert ended(running, signal.SIGTERM)[0] == 0

    broker.stop()
    clean_dockerd.api("POST", "/containers/web/stop", t=1)
    found = examined(device, ok=1)
    assert found["broker"]["state"] == "failed"
    assert details(found["hosts"])[f"127.0.0.1:{broker.port}"] == "failed"
    assert details(found["containers"]) == {"web": "failed"}
    assert details(found["ports"]) == {f"web {port}/tcp": "skipped"}
    shown = device.run("compat", "sdv-health").stdout
    assert "  * Cloud Connector         : FAILED! (the broker: connection refused)" in shown
    device.settings(engine={"kind": "docker", "address": f"unix://{tmp_path}/gone.sock"}, slots={"bus": address})
    found = examined(device, ok=1)
    assert (found["engine"]["state"], found["containers"]["state"]) == ("failed", "unknown")
    device.close()
