"""Somebody's turn: a cloud that does not let the device in yet, a renewal that waits, and when a person has it tried again.

The simulated cloud stays from one command to the next one, and knows the devices that the test enters.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest
from tests.until import until

from evenkeel.controller.control.ask import ask_to_look_again
from evenkeel.controller.drivers.provisioning import memory
from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled, Script, SimulatedCloud
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker

from .command import Device, ended
from .test_provision import BY_CERTIFICATE, HUB, ID, SCOPE, shown

pytestmark = pytest.mark.e2e


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """The cloud, at which nobody is entered yet."""
    script = Script()
    monkeypatch.setattr(memory, "SimulatedCloud", lambda: SimulatedCloud(script, is_open=False))
    return script


def enter(script: Script, *pairs: Any) -> None:
    """A person enters thumbprints at the hub."""
    script.devices[HUB, ID] = Enrolled({each["thumbprint"] for each in pairs})


@pytest.fixture
def first(device: Device, script: Script) -> Any:
    """The certificate of a device that is in force and proven; it alone is entered at the hub."""
    string = device.state.parent / "string"
    string.write_text(BY_CERTIFICATE)
    script.devices[HUB, ID] = Enrolled()
    device.run("provision", "--connection-string-file", str(string), "--no-second", "--yes")
    found = shown(device)["certificate"]
    enter(script, found)
    return found


def test_a_rotation_that_the_hub_refuses_is_not_done_and_is_tried_when_a_person_asks(
    device: Device, script: Script, first: Any
) -> None:
    for command in (("provision", "--rotate", "--yes"), ("provision", "--rotate", "--yes"), ("provision", "--yes")):
        done = device.run(*command, ok=1)
        assert "the hub does not let this device in" in done.stderr
        assert "Done" not in done.stdout
        assert "Nothing" not in done.stdout.replace("Nothing to do.", "")
        assert shown(device)["certificate"] == first
    following = shown(device)["next"]
    said = device.run("provision", ok=2).stdout
    assert f"open the device {ID} at {HUB}:\n  Enter it as the secondary thumbprint" in said
    assert following["thumbprint"] in said
    said = device.run("compat", "sdv-provision").stdout
    assert following["thumbprint"] in said
    assert "Once this is entered, `evenkeel provision` connects." in said
    # The person enters it: each of the commands has it tried now.
    enter(script, first, following)
    assert "The next certificate of device is tried again" in device.run("retry").stdout
    assert "nothing to retry" in device.run("retry").stdout
    assert "Done" in device.run("provision", "--yes").stdout
    one = shown(device)
    assert (one["certificate"]["thumbprint"], one["proven"]) == (following["thumbprint"], True)
    assert "Nothing is left to do" in device.run("provision").stdout


@pytest.mark.parametrize("command", ["provision --yes", "provision --rotate --yes"])
def test_a_thumbprint_that_is_entered_is_tried_now(device: Device, script: Script, first: Any, command: str) -> None:
    device.run("provision", "--rotate", "--yes", ok=1)
    following = shown(device)["next"]
    enter(script, first, following)
    device.run(*command.split())
    assert (shown(device)["certificate"]["thumbprint"], shown(device)["next"]) == (following["thumbprint"], None)


def test_a_device_that_is_entered_nowhere_is_tried_so_long_as_asked(device: Device, script: Script) -> None:
    string = device.state.parent / "string"
    string.write_text(BY_CERTIFICATE)
    device.settings(backoff={"first": "100ms", "longest": "1s"})
    given = ("--connection-string-file", str(string), "--no-second", "--yes", "--timeout", "1")
    done = device.run("provision", *given, ok=1)
    assert "Stopped (no end after 1 s)" in done.stderr
    assert "does not let this device in" in done.stdout
    enter(script, shown(device)["next"])
    device.run("provision", "--yes")
    assert shown(device)["proven"]


def test_what_is_in_force_is_shown_when_another_one_has_failed(device: Device, script: Script) -> None:
    script.scopes = {SCOPE: HUB}
    device.run("provision", "--id-scope", SCOPE, "--no-second", "--yes")
    before = shown(device)
    device.run("provision", "--id-scope", "0neWRONG", "--yes", ok=1)
    after = shown(device)
    other = after.pop("askedOtherwise")
    assert {**after, "askedOtherwise": None} == before
    for text in ("azure.dps.idScope otherwise, at ", "provisioning.yaml:", "; that has failed: "):
        assert text in other
    assert {"IN_FORCE=yes", "PROVEN=yes", f"HUB={HUB}"} <= set(
        device.run("identity", "show", "-o", "env").stdout.split()
    )
    assert f"asked for   {other}" in device.run("identity", "show").stdout
    assert "What is in force is let in" in device.run("provision", "--prove", "--yes").stdout
    for command in (("provision",), ("provision", "--yes"), ("provision", "--rotate", "--yes")):
        done = device.run(*command, ok=1)
        assert f"the specs ask for {other}; what was in force stays; `evenkeel retry`" in done.stderr
        assert "portal" not in done.stdout
    assert shown(device)["certificate"] == before["certificate"]
    device.run("provision", "--id-scope", SCOPE, "--yes")
    assert shown(device) == before


@pytest.mark.parametrize(("folder", "why"), [("file", "is no folder"), ("file/certs", "is no folder"), ("", "9999")])
def test_what_cannot_be_made_is_told_before_anything_is_written(
    device: Device, monkeypatch: pytest.MonkeyPatch, folder: str, why: str
) -> None:
    file = device.state / "memory-host" / "file"
    file.parent.mkdir(parents=True)
    file.touch()
    if not folder:
        now = memory.memory_provisioning
        monkeypatch.setattr(memory, "memory_provisioning", lambda state: now(state, now=lambda: 253_400_000_000.0))
    given = ("--no-cloud", "--device-id", "car-7", "--yes", *(("--folder", f"/{folder}") if folder else ()))
    assert why in device.run("provision", *given, ok=1).stderr
    assert list(device.specs.iterdir()) == []
    assert list(file.parent.rglob("*")) == [file]


def test_a_request_takes_the_place_of_a_request_only(device: Device) -> None:
    file = device.state / "memory-host" / "device.key"
    file.parent.mkdir(parents=True)
    file.write_text("-----BEGIN PRIVATE KEY-----")
    done = device.run("provision", "--no-cloud", "--mode", "csr", "--request", "/device.key", "--yes", ok=1)
    assert "/device.key is there, and is no request: it stays" in done.stderr
    assert file.read_text() == "-----BEGIN PRIVATE KEY-----"


def test_what_is_written_and_cannot_be_made_after_all_is_told(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full, as an example."""

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(SimulatedMaker, "self_signed", fails)
    done = device.run("provision", "--no-cloud", "--yes", ok=1)
    file = device.specs / "provisioning.yaml"
    assert f"Note: {file} is written, and goes on asking for this; to take it back, remove {file}." in done.stderr


_CONTROLLER = """
import sys
from pathlib import Path
from evenkeel.controller.cli import main
from evenkeel.controller.drivers.provisioning import memory
from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled, Script, SimulatedCloud

class Cloud(SimulatedCloud):
    async def connect(self, hub):
        self.script.devices[hub.host, hub.device] = Enrolled(set(Path(sys.argv[1]).read_text().split()))
        return await super().connect(hub)

memory.SimulatedCloud = lambda: Cloud(is_open=False)
sys.exit(main(sys.argv[2:]))
"""
"""A controller in a process of its own, whose hub knows the thumbprints in a file."""


def test_a_controller_at_work_tries_a_thumbprint_that_is_entered_now(
    device: Device, first: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered = device.state.parent / "entered"
    entered.write_text(first["thumbprint"])
    monkeypatch.setattr(device, "line", lambda *words: [sys.executable, "-c", _CONTROLLER, str(entered), *words])
    running = device.start("run")
    until(lambda: ask_to_look_again(device.state))
    done = device.run("provision", "--rotate", "--yes", ok=1)
    assert "does not let this device in" in done.stderr
    assert "is in force, and proven" not in done.stdout
    following = shown(device)["next"]
    entered.write_text(f"{first['thumbprint']} {following['thumbprint']}")
    assert "Done: device is in force, and proven" in device.run("provision", "--yes").stdout
    assert shown(device)["certificate"]["thumbprint"] == following["thumbprint"]
    assert ended(running, signal.SIGTERM)[0] == 0
