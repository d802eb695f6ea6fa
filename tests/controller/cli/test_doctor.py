"""`evenkeel doctor` on simulated devices: where all is well, where nothing is there, and where things are broken."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.engines.machine import free_port
from tests.places import ROOT, let_all_in
from tests.until import PATIENCE_S, until

from evenkeel.controller.doctor.checks import CHECKS
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.file import FILE

from . import guard
from .command import Device, ended, spec
from .inside import run_inside
from .test_dry import everything_in, guarded, imported

pytestmark = pytest.mark.e2e

CRASHER = "docker.io/library/crasher:1"
_AS_NOBODY = """
import contextlib, io, os, sys, tempfile
from evenkeel.controller.cli import main
from evenkeel.controller.doctor import device
device.GATHER_S = 60  # a machine under load
with contextlib.redirect_stdout(io.StringIO()), tempfile.TemporaryDirectory() as none:
    main(sys.argv[1:])
    main(["doctor"])
    main(["doctor", "--state", none])
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main(sys.argv[1:]))
"""
"""The first times are for what it loads, with a cache and without: the interpreter may be in a folder of root's."""


def examined(device: Device, *arguments: str, ok: int | None = 0, **environment: str) -> dict[str, Any]:
    """All checks by name."""
    done = device.run("doctor", "-o", "json", *arguments, ok=ok, **environment)
    report = json.loads(done.stdout)
    assert report["kind"] == "Doctor"
    assert (done.returncode == 1) == (report["state"] in ("failed", "unknown"))
    return {each["name"]: each for each in report["checks"]}


def states(found: dict[str, Any]) -> dict[str, str]:
    return {name: each["state"] for name, each in found.items()}


def details(check: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["state"] for each in check["details"]}


@pytest.fixture(autouse=True)
def no_bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The machine's own bus, where there is one, is none of these devices'."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/system_bus_socket")


def private(device: Device) -> None:
    """Folders as an installation makes them, whatever the umask is."""
    device.specs.chmod(0o755)
    device.config.chmod(0o644)


def test_a_device_that_is_well(device: Device) -> None:
    private(device)
    device.write(spec("web"))
    running = device.start("run")
    until(device.is_settled)
    found = examined(device)
    assert [(each.section, each.name) for each in CHECKS] == [
        (each["section"], each["name"]) for each in found.values()
    ]
    assert details(found["containers"]) == {"web": "ok"}
    assert details(found["controller"])["at work"] == "ok"
    assert {states(found)[name] for name in ("system", "specs", "journal", "permissions", "settings")} == {"ok"}
    assert states(found)["engine"] == "skipped"
    lines = device.run("doctor").stdout.splitlines()
    assert lines[0] == "[Device]"
    assert "  * containers: web         : OK (as asked)" in lines
    assert re.fullmatch(r"\d+ well, \d+ not applicable\.", lines[-1])
    assert "not dry" not in guarded(device, ("doctor",)).stderr
    assert ended(running, signal.SIGTERM)[0] == 0


def test_a_device_on_which_nothing_was_done_yet(device: Device, tmp_path: Path) -> None:
    """No settings file, no specs, no state, no engine: each is told, and nothing of it is a traceback."""
    (tmp_path / "home").mkdir()
    places = ("--state", str(tmp_path / "none" / "state"), "--specs", str(tmp_path / "none" / "specs"))
    address = ("--docker-address", f"unix://{tmp_path}/docker.sock")
    done = run_inside(["doctor", "-o", "json", *places, *address], device.environment(EVENKEEL_CONFIG=""))
    found = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert done.returncode == 1
    assert states(found)["engine"] == "failed"
    assert "there is no such socket" in found["engine"]["evidence"]
    assert states(found)["specs"] == "warning"
    assert {states(found)[name] for name in ("controller", "journal", "containers", "agents")} == {"skipped"}
    assert done.stderr == ""


def test_settings_that_cannot_be_read_are_one_failure_and_no_other_device_is_looked_at(device: Device) -> None:
    device.config.write_text('{"engin": {}, "state": 7}')
    found = examined(device, ok=1)
    assert states(found)["settings"] == "failed"
    assert "engin: unknown key `engin`; did you mean `engine`?" in found["settings"]["evidence"]
    assert {states(found)[name] for name in ("system", "clock", "disk")} <= {"ok", "skipped"}
    others = {name: each for name, each in found.items() if name not in ("settings", "system", "clock", "disk")}
    assert {each["evidence"] for each in others.values()} == {"not looked at, because the settings cannot be read"}
    assert set(states(others).values()) == {"unknown"}


def test_what_is_broken_is_told_with_its_remedy(device: Device, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("hunter2")
    password.chmod(0o644)
    let_all_in(tmp_path)
    device.settings(
        retries=1,
        mqtt={"enabled": True, "broker": "tcp://127.0.0.1:1", "username": "u", "passwordFile": str(password)},
        updateAgent={"enable": True},
        doctor={"can": ["can9"], "hosts": ["127.0.0.1:1"]},
        engine={"network": "mine"},
    )
    private(device)
    device.put_image(CRASHER, Image())
    device.write(spec("web", CRASHER))
    device.run("apply", "--yes")
    world = device.engine()
    world.world.pulled = {each: Image(exits_with=3) for each in world.world.pulled}
    device.specs.chmod(0o777)
    found = examined(device, ok=1)
    failed = {name for name, state in states(found).items() if state == "failed"}
    assert failed >= {"controller", "CAN", "hosts", "broker", "permissions"}
    assert details(found["permissions"])[str(password)] == "failed"
    assert details(found["permissions"])[str(device.specs)] == "failed"
    assert details(found["settings"])["engine.network"] == "warning"
    assert states(found)["agents"] == "unknown"
    text = device.run("doctor", ok=1, COLUMNS="400").stdout
    assert f"      remedy: `chmod o-r {password}`" in text
    assert "hunter2" not in text


def test_a_container_that_is_not_as_asked(device: Device) -> None:
    private(device)
    device.write(spec("web"), spec("wiki"))
    device.run("apply", "--yes")
    engine = device.engine()
    engine.remove("wiki")
    found = examined(device, ok=1)
    assert details(found["containers"]) == {"web": "ok", "wiki": "failed"}
    (wiki,) = (each for each in found["containers"]["details"] if each["name"] == "wiki")
    assert "evenkeel describe container wiki" in wiki["remedy"]


def test_a_journal_that_is_damaged(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    file = device.state / FILE
    content = bytearray(file.read_bytes())
    content[4096 : 4096 * 4] = b"\xff" * 4096 * 3
    file.write_bytes(content)
    found = examined(device, ok=1)
    assert states(found)["journal"] == "failed"
    assert "damaged" in found["journal"]["evidence"]


def test_no_remedy_tells_root_to_become_root(device: Device) -> None:
    """R1: a folder in the place of the journal was `unknown`, with "run this as root", as root."""
    (device.state / FILE).mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(device.state / "docker.sock"))
        silent.listen()
        device.settings(engine={"kind": "docker", "address": f"unix://{device.state}/docker.sock"})
        found = examined(device, ok=1)
    assert (states(found)["journal"], found["journal"]["remedy"][:13]) == ("failed", "move it away:")
    assert (states(found)["engine"], "hangs" in found["engine"]["remedy"]) == ("failed", True)
    assert "as root" not in json.dumps(found)
    assert not [name for name, each in found.items() if each["state"] == "unknown" and not each["remedy"]]


def test_registries_hosts_and_certificates_of_documents(device: Device, tmp_path: Path) -> None:
    """Without any controller before: the state is that of the files. Each registry is told, a slow one hides no other."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        closed, open_ = free_port(), silent.getsockname()[1]
        (tmp_path / "password").write_text("hunter2")
        (tmp_path / "password").chmod(0o600)
        (tmp_path / "ca").write_text("no certificate")
        device.settings(engine={"kind": "docker", "address": f"unix://{tmp_path}/gone.sock"})
        device.write(
            *(
                f"apiVersion: evenkeel/v1\nkind: Registry\nmetadata: {{name: {name}}}\nspec:\n"
                f"  host: 127.0.0.1:{port}\n"
                f"  credentials: {{user: ci, passwordFile: {tmp_path}/{password}}}\n  tls: {{ca: {tmp_path}/{ca}}}\n"
                for name, port, password, ca in (
                    ("closed", closed, "password", "ca"),
                    ("absent", open_, "none", "none"),
                )
            )
        )
        found = examined(device, ok=1)
    assert details(found["registries"]) == {"closed": "failed", "absent": "failed"}
    assert details(found["hosts"]) == {f"127.0.0.1:{closed}": "failed", f"127.0.0.1:{open_}": "ok"}
    assert details(found["certificates"]) == {"registry closed": "failed", "registry absent": "failed"}
    assert details(found["permissions"])[f"{tmp_path}/none"] == "failed"
    assert "hunter2" not in json.dumps(found)


def test_a_spec_that_is_wrong_is_told_with_its_place(device: Device) -> None:
    device.write(spec("web").replace("image", "imagee"))
    found = examined(device, ok=1)
    assert states(found)["specs"] == "failed"
    assert "10-apps.yaml:4:1" in found["specs"]["evidence"]


def test_an_ordinary_user_is_told_what_is_not_for_everybody(device: Device, tmp_path: Path) -> None:
    """Also while a controller is at work, which it was told is not there."""
    device.write(spec("web"))
    running = device.start("run")
    until(device.is_settled)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to("/dev/shm") or folder.is_relative_to("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o005)
    device.state.chmod(0o700)
    environment = device.environment(COLUMNS="300", HOME=str(tmp_path))
    done, health = (
        subprocess.run(
            [sys.executable, "-c", _AS_NOBODY, *words],
            env=environment, text=True, capture_output=True, timeout=PATIENCE_S, cwd="/",
        )
        for words in (("doctor", "-o", "json"), ("compat", "sdv-health"))
    )  # fmt: skip
    assert ended(running, signal.SIGTERM)[0] == 0
    assert "Traceback" not in done.stderr
    assert done.stdout, done.stderr
    found = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert (done.returncode, states(found)["journal"]) == (1, "unknown")
    assert states(found)["controller"] == "unknown"
    for name in ("journal", "controller"):
        assert "root" in found[name]["remedy"], found[name]
    assert "is not at work" not in health.stdout
    assert "WARNING (whether evenkeel, which does its work, is at work cannot be seen: " in health.stdout
    assert not any("broken" in each["evidence"] for each in found.values())


def test_slots_are_told_by_what_the_bootloader_would_do(device: Device) -> None:
    system = "spec: {version: '1.0.0', bundle: 'https://updates.example/1.raucb'}"
    device.write(f"apiVersion: evenkeel/v1\nkind: OperatingSystem\nmetadata: {{name: os}}\n{system}\n")
    found = examined(device, ok=None)
    assert details(found["slots"])["slots"] == "ok", found["slots"]
    assert "fallback" not in details(found["slots"])
    device.run("slots", "mark", "bad", "B", "--yes")
    found = examined(device, ok=None)
    assert details(found["slots"])["fallback"] == "warning"


def test_it_writes_nothing(device: Device, tmp_path: Path) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    before = everything_in(tmp_path)
    done = guarded(device, ("doctor",))
    assert done.returncode != guard.VIOLATION
    assert "not dry" not in done.stderr
    assert everything_in(tmp_path) == before


def test_it_loads_no_more_than_it_looks_at(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    assert imported(device, "doctor", "--help") & {"asyncio", "msgspec", "sqlite3", "logging"} == set()
    heavy = {"rich", "deepdiff", "jinja2", "httpx", "h11", "paho", "watchfiles"}
    assert imported(device, "doctor", ok=1) & heavy == set()


def test_a_host_to_ping_is_no_option(device: Device) -> None:
    assert "--ping: expected the name or the address of a host" in device.run("doctor", "--ping=-f", ok=1).stderr


def test_every_key_of_the_report_is_documented(device: Device) -> None:
    page = (ROOT / "docs" / "reference" / "json.md").read_text()
    section = page.partition("## Doctor")[2]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    report = json.loads(device.run("doctor", "-o", "json", ok=None).stdout)
    keys = {*report, *(key for each in report["checks"] for key in each)}
    keys |= {key for each in report["checks"] for one in each["details"] for key in one}
    assert keys <= named
    assert {each["state"] for each in report["checks"]} <= named
