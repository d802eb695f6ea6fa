"""`sdv-health` with evenkeel behind it: the sections and labels of the original, and the right behaviour where that is broken.

The names of the tests are those of docs/compatibility.md (provisioning.md §7).
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.broker import Broker
from tests.engines.dbus import private_bus
from tests.engines.systemd_double import FakeUnit, Systemd
from tests.until import PATIENCE_S, until

from evenkeel.controller.cli.options import NO_DEVICE
from evenkeel.controller.doctor import leda
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.process.listeners import listening

from .command import Device, ended, on_a_terminal, spec
from .inside import run_inside

pytestmark = pytest.mark.e2e

TITLES = [
    *("SDV Info", "CAN Status", "SDV Ports", "SDV Services", "SDV Optional Services"),
    *("Kanto CM Containers", "Kanto CM Containers (OPTIONAL)", "SDV Connectivity"),
]
NOTE = "Note: `evenkeel doctor` looks at more, says the remedies, and has an exit code for scripts\n"
NOWHERE = {"enabled": True, "broker": "tcp://127.0.0.1:1"}


class Health:
    """The command on a device with a home of its own."""

    def __init__(self, device: Device, home: Path) -> None:
        self.device, self.home = device, home
        (home / ".config").mkdir(parents=True)
        self.conf("")

    def conf(self, text: str) -> None:
        (self.home / ".config" / "sdv.conf").write_text(text)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = self.device.environment(HOME=str(self.home), COLUMNS="300")
        done = run_inside(["compat", "sdv-health", *arguments], environment)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        return done

    def lines(self, *arguments: str) -> dict[str, str]:
        """The label and the detail of each line by its name."""
        found = re.findall(r"^  \* (.+?) +: (.+)$", self.run(*arguments).stdout, re.MULTILINE)
        return dict(found)


@pytest.fixture
def health(device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Health:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/system_bus_socket")
    device.settings(mqtt=NOWHERE, updateAgent={"enable": True})
    return Health(device, tmp_path / "home")


@pytest.fixture
def units(health: Health) -> Iterator[dict[str, FakeUnit]]:
    """Units of a systemd that is there."""
    found: dict[str, FakeUnit] = {}
    with private_bus() as bus:
        systemd = Systemd(bus.address, found).double
        systemd.start()
        health.device.settings(slots={"bus": bus.address}, mqtt=NOWHERE, updateAgent={"enable": True})
        yield found
        systemd.close()


def test_sections_labels_and_layout_are_those_of_the_original(health: Health) -> None:
    done = health.run("--frob")
    assert re.findall(r"^\[(.+)\]$", done.stdout, re.MULTILINE) == TITLES
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith("[")]
    assert all(re.fullmatch(r"  \* .{23,} : (OK|N/A|WARNING|FAILED!)( \(.+\))?", line) for line in lines), lines
    assert done.stderr == f"{NOTE}Note: {NO_DEVICE}\n"
    assert "remedy" not in done.stdout
    assert "      remedy: " in health.run("-v").stdout


def test_colours_are_for_terminals(health: Health) -> None:
    home = {"HOME": str(health.home), "COLUMNS": "300"}
    assert "\x1b[" not in health.run("--ansi").stdout
    assert "\x1b[" in on_a_terminal(health.device, "compat", "sdv-health", **home)


def test_help_is_for_people_and_looks_at_nothing(health: Health) -> None:
    done = health.run("--help")
    assert done.stdout.startswith("Usage: sdv-health [options]\n")
    assert done.stderr == ""


def test_sdv_conf_is_read_and_not_executed(health: Health, tmp_path: Path) -> None:
    health.conf(f"SDV_CAN=can7\nKANTO_CM_CONTAINERS=web\nSDV_PING_HOST=$(touch {tmp_path}/executed)\n")
    done = health.run()
    assert not (tmp_path / "executed").exists()
    assert "sdv.conf: line 3: the value of SDV_PING_HOST needs a shell, and nothing is executed" in done.stderr
    lines = health.lines()
    assert lines["can7"] == "FAILED! (there is no such interface)"
    assert lines["web"] == "WARNING (NOT FOUND)"
    assert "databroker" not in lines


def test_a_unit_that_is_started_when_it_is_called_may_idle(health: Health, units: dict[str, FakeUnit]) -> None:
    health.conf("SDV_SERVICES='containerd rauc crashed'\nSDV_SERVICES_OPT='sshd.socket other'\n")
    units["containerd.service"] = FakeUnit()
    units["rauc.service"] = FakeUnit("inactive", "dead", bus_name="de.pengutronix.rauc")
    units["crashed.service"] = FakeUnit("failed", "failed", bus_name="org.crashed")
    units["other.service"] = FakeUnit("inactive", "dead")
    lines = health.lines()
    assert lines["containerd"] == "OK (active (running))"
    assert lines["rauc"] == "OK (inactive (dead); it is started when it is needed)"
    assert lines["crashed"] == "FAILED! (failed (failed))"
    assert lines["sshd.socket"] == "N/A (not on this device)"
    assert lines["other"] == "N/A (inactive (dead))"


def test_evenkeel_stands_in_the_place_of_what_it_replaces(health: Health, units: dict[str, FakeUnit]) -> None:
    lines = health.lines()
    assert lines["container-management"] == "FAILED! (evenkeel does its work, and is not at work)"
    health.device.write(spec("web"))
    running = health.device.start("run")
    until(health.device.is_settled)
    lines = health.lines()
    for name in ("container-management", "kanto-update-manager", "Kanto CM", "sua"):
        assert lines[name] == "OK (evenkeel does its work, and is at work)"
    assert lines["containerd"] == "FAILED! (not there)"
    assert ended(running, signal.SIGTERM)[0] == 0


def test_a_container_that_nobody_asks_for_is_no_warning(health: Health) -> None:
    """The original warns of `cloudconnector`, which its own image switches off."""
    health.device.write(spec("databroker"))
    health.device.run("apply", "--yes")
    lines = health.lines()
    assert lines["databroker"] == "OK (Running)"
    assert lines["cloudconnector"] == "N/A (NOT FOUND, and not asked for)"
    engine = health.device.engine()
    engine.remove("databroker")
    assert health.lines()["databroker"] == "WARNING (NOT FOUND)"


def test_no_host_is_asked_that_nobody_has_named(health: Health) -> None:
    lines = health.lines()
    assert lines["Ping [Internet]"].startswith("N/A (neither")
    assert lines["DNS Lookup [Internet]"].startswith("N/A (no registry")
    health.device.settings(mqtt=NOWHERE, updateAgent={"enable": True}, doctor={"hosts": ["no.such.host.invalid:1"]})
    assert health.lines()["DNS Lookup [Internet]"] == "FAILED! (not known: no.such.host.invalid)"


def test_a_port_is_compared_as_a_number(tmp_path: Path) -> None:
    """The original finds 22 in 2222."""
    head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    row = "   0: 0100007F:08AE 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0 100 0 0 10 0\n"
    (tmp_path / "tcp").write_text(head + row)
    (found,) = listening(tmp_path)
    assert (found.port, found.address, found.inode) == (2222, "127.0.0.1", "4242")
    assert leda._port("OpenSSH", 22, {found.port}).state == "failed"


def test_the_cloud_connector_is_heard(health: Health, mosquitto: Callable[..., Broker], tmp_path: Path) -> None:
    broker = mosquitto(users={"car": "hunter2"})
    status = json.dumps({"connected": True, "timestamp": 1_795_824_000})
    tool = [
        "mosquitto_pub",
        "-p",
        str(broker.port),
        *("-u", "car", "-P", "hunter2"),
        "-r",
        "-q",
        "1",
        "-t",
        "edge/connection/remote/status",
        "-m",
        status,
    ]
    subprocess.run(tool, check=True, timeout=PATIENCE_S)
    (tmp_path / "password").write_text("hunter2\n")
    (tmp_path / "password").chmod(0o600)
    access = {"username": "car", "passwordFile": str(tmp_path / "password")}
    mqtt = {"enabled": True, "broker": f"tcp://127.0.0.1:{broker.port}", **access}
    health.device.settings(mqtt=mqtt, updateAgent={"enable": True})
    lines = health.lines()
    assert lines["Cloud Connector"] == "OK (connected since 2026-11-28T00:00:00.000Z)"
    assert lines["Device ID:"] == "WARNING (Connector did not respond)"


@pytest.mark.parametrize(
    "status",
    ["NaN", "1" + "0" * 400, "1e15", "-Infinity", '"soon"', "true", "[]"],
)
def test_a_time_that_is_none_is_told_as_such(status: str) -> None:
    """R1: one retained message of anybody's ended the command with an internal error."""
    found = leda._status(f'{{"connected": true, "timestamp": {status}}}'.encode())
    assert found.evidence == "connected since an unknown time"


def test_a_section_that_is_broken_costs_no_other(health: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leda, "_status", lambda content: {}["hunter2"])
    monkeypatch.setattr(leda, "_can", lambda name: {}["hunter2"])
    shown = health.run().stdout
    assert re.findall(r"^\[(.+)\]$", shown, re.MULTILINE) == TITLES
    assert "the section is broken: KeyError at " in shown
    assert "hunter2" not in shown


def test_logs_are_without_what_a_spec_marks_as_secret(health: Health) -> None:
    image = "docker.io/library/loud:1"
    health.device.put_image(image, Image(output="one\ntwo hunter2"))
    health.device.write(spec("databroker", image, more="env: {PIN: {value: hunter2, secret: true}}"))
    health.device.run("apply", "--yes")
    shown = health.run("-l", "3").stdout
    assert "[databroker]\none\ntwo (env.PIN)\n" in shown
    assert "hunter2" not in shown


def test_there_is_a_line_without_settings_too(health: Health) -> None:
    health.device.config.write_text("{")
    shown = health.run().stdout
    assert re.findall(r"^\[(.+)\]$", shown, re.MULTILINE) == TITLES
    assert "not looked at, because the settings cannot be read" in shown
