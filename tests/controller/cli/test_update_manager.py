"""`evenkeel update-manager` as a process: its command line, its secrets, and a device without anything else on it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from tests.until import PATIENCE_S, until

from evenkeel.controller.journal.journal import read_journal
from evenkeel.controller.wiring import MEMORY_STORE
from evenkeel.specs.codec import plain

from .command import Device, ended, spec

pytestmark = pytest.mark.e2e

NOWHERE = "tcp://127.0.0.1:1"
IN_FILE, IN_VARIABLE, ON_LINE = "zq7-in-the-file", "zq7-in-a-variable", "zq7-on-the-line"


@pytest.fixture
def um(device: Device) -> Path:
    """The config.json of a device without settings of evenkeel."""
    device.config.write_text("{}")
    file = device.config.with_name("um.json")
    connection = {"broker": NOWHERE, "username": "device", "password": IN_FILE}
    file.write_text(json.dumps({"domain": "vehicle", "thingsEnabled": False, "connection": connection}))
    return file


def processes(running: subprocess.Popen[str]) -> str:
    """The command lines of a process and its children, as everybody sees them."""
    folder = Path("/proc", str(running.pid))
    children = (folder / "task" / str(running.pid) / "children").read_text().split()
    return "".join(Path("/proc", each, "cmdline").read_text() for each in (str(running.pid), *children))


def started(
    device: Device, *words: str, until_told: str = "no connection to the broker", **variables: str
) -> subprocess.Popen[str]:
    """The command, at work."""
    log = device.log = device.config.with_name("log")
    process = device.start("update-manager", *words, **variables)
    until(lambda: until_told in log.read_text())
    return process


def stopped(device: Device, process: subprocess.Popen[str]) -> str:
    """What it has logged to its end."""
    code, out, _ = ended(process, signal.SIGTERM)
    assert device.log is not None
    told = device.log.read_text()
    assert (code, out) == (0, ""), told
    assert "Traceback" not in told
    return told


def test_it_runs_as_an_update_manager_alone(device: Device, um: Path) -> None:
    device.write(spec("web"))
    process = started(device, "-config-file", str(um), "--state", str(device.state), "-log-level=DEBUG")
    told = stopped(device, process)
    assert "starting as an update manager alone domain=vehicle broker=tcp://127.0.0.1:1" in told
    assert "simulates" not in told
    assert not (device.state / MEMORY_STORE).exists()


def test_own_settings_bring_domains_of_this_device(device: Device, um: Path) -> None:
    device.settings(updateAgent={"enable": True}, mqtt={"enabled": True})
    device.write(spec("web"))
    process = started(device, f"--config-file={um}")
    until(lambda: device.engine().running() != {})
    assert "update manager alone" not in stopped(device, process)


@pytest.mark.parametrize(
    ("words", "variables", "secret"),
    [
        ([], {}, IN_FILE),
        ([], {"MQTT_CONN_PASSWORD": IN_VARIABLE}, IN_VARIABLE),
        (["-mqtt-conn-password", ON_LINE], {"MQTT_CONN_PASSWORD": IN_VARIABLE}, ON_LINE),
    ],
)
def test_the_broker_is_given_the_password(
    device: Device, um: Path, words: list[str], variables: dict[str, str], secret: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        server.settimeout(PATIENCE_S)
        device.log = device.config.with_name("log")
        line = ("-config-file", str(um), "--state", str(device.state), "-mqtt-conn-broker", address, *words)
        process = device.start("update-manager", *line, **variables)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(PATIENCE_S)
            hello = connection.recv(4096)
        assert hello[:1] == b"\x10", "a CONNECT"
        assert hello.endswith(b"\x00\x06device" + len(secret).to_bytes(2, "big") + secret.encode())
        stopped(device, process)


def test_no_output_has_a_password(device: Device, um: Path) -> None:
    """In the file and in a variable: nowhere. On the command line: only where its user has put it."""
    said = ""
    line = ("-config-file", str(um), "--state", str(device.state), "--verbose")
    for variables in ({}, {"MQTT_CONN_PASSWORD": IN_VARIABLE}):
        process = started(device, *line, **variables)
        said += processes(process) + stopped(device, process)
    told = stopped(device, started(device, *line, "-mqtt-conn-password", ON_LINE))
    assert told.count("all users of this machine can read a password on a command line") == 1
    said += told
    for words in (
        ("-config-file", str(um), "-mqtt-conn-password=", ON_LINE),
        ("-config-file", str(um), "-mqtt-conn-password", ON_LINE, "-nonsense"),
        ("-config-file", str(um), "-mqtt-conn-password", ON_LINE, "-phase-timeout=0"),
    ):
        done = device.run("update-manager", *words, ok=1, MQTT_CONN_PASSWORD=IN_VARIABLE)
        said += done.stdout + done.stderr
    for words in (("migrate", str(um)), ("migrate", str(um), "--to", str(um.with_name("new")))):
        done = device.run(*words)
        said += done.stdout + done.stderr
    with closing(read_journal(device.state)) as journal:
        kept = (*journal.entries(limit=1000), *journal.conditions())
        said += json.dumps([plain(each) for each in kept])
    assert "Error" in said
    for secret in (IN_FILE, IN_VARIABLE, ON_LINE):
        assert secret not in said
    assert um.with_name("new").joinpath("mqtt-password").read_text() == f"{IN_FILE}\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-things-enabled", "false"], "write `-things-enabled=true` or `-things-enabled=false`"),
        (["--cfg-file", "/c"], "there is no flag `-cfg-file`; did you mean `-config-file`?"),
        (["-ecu-read-timeout=1s"], "there is no agent `ecu`"),
        (["-config-file", "/nowhere"], "there is no such file"),
    ],
)
def test_cfg_9_a_wrong_command_line_ends_it(device: Device, um: Path, words: list[str], told: str) -> None:
    done = device.run("update-manager", "-config-file", str(um), *words, ok=1)
    assert told in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("flag", ["-help", "--help", "-h"])
def test_help_has_every_flag(device: Device, flag: str) -> None:
    said = device.run("update-manager", flag).stdout
    for word in ("-config-file", "-domains", "-DOMAIN-read-timeout", "-owner-consent-commands", "-mqtt-conn-ca-cert"):
        assert f"\n  {word} " in said
    assert "$MQTT_CONN_PASSWORD" in said


def test_cfg_9_version(device: Device) -> None:
    assert device.run("update-manager", "-version").stdout.startswith("evenkeel ")


def test_migrated_settings_are_those_in_force(device: Device, um: Path) -> None:
    device.run("migrate", str(um), "--to", str(um.with_name("new")))
    config = um.with_name("new") / "config.yaml"
    found = json.loads(device.run("settings", "-o", "json", EVENKEEL_CONFIG=str(config)).stdout)
    assert found["updateManager"]["domain"] == "vehicle"
    assert found["updateManager"]["agents"] == {"containers": {"rebootRequired": False, "readTimeout": "1m"}}
    assert "updateManager.phaseTimeout" in device.run("settings", EVENKEEL_CONFIG=str(config)).stdout
