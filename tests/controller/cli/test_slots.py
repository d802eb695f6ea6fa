"""The operating system on the command line: plan, apply, get, describe, and `evenkeel slots` on a simulated device."""

from __future__ import annotations

import json
import re
import signal
import time
from typing import Any

import pytest
from tests.places import ROOT
from tests.until import until

from evenkeel.controller.drivers.slots.choice import SIMULATED
from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots, memory_slots
from evenkeel.controller.drivers.slots.memory.world import Slot

from .command import Device, ended, on_a_terminal, spec

pytestmark = pytest.mark.e2e

BUNDLE = "https://updates.example.com/os.raucb?token=hunter2"


def system(version: str = "2.0", more: str = "") -> str:
    return (
        "apiVersion: evenkeel/v1\nkind: OperatingSystem\nmetadata: {name: os-image}\n"
        f"spec:\n  version: '{version}'\n  bundle: {BUNDLE}\n  health: {{stableFor: 100ms}}\n{more}"
    )


def slots(device: Device) -> MemorySlots:
    """The simulated device, as it is kept."""
    return memory_slots(device.state / SIMULATED)


@pytest.fixture(autouse=True)
def fast(device: Device) -> None:
    """Nobody waits for a simulated download."""
    device.state.mkdir()
    found = slots(device)
    found.world.pace = 0.01
    found.save()


def serve(device: Device, bundle: Bundle, address: str = BUNDLE) -> None:
    """A server has this bundle from now on."""
    found = slots(device)
    found.world.served[address] = bundle
    found.save()


def listed(device: Device) -> dict[str, dict[str, Any]]:
    return {each["label"]: each for each in json.loads(device.run("slots", "-o", "json").stdout)["slots"]}


def test_an_update_from_plan_to_description(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.write(system(), spec("web"))
    plan = device.run("plan", ok=2).stdout
    assert "os\n  ~ slot B   install    os-image   1.0.0 → 2.0   400 MB to fetch" in plan
    assert "slot A (1.0.0) stays as it is and is what a failed boot falls back to" in plan
    assert "↻ reboot   into B, for a time that no reboot has shown yet" in plan
    assert "1 operating system to install, with a reboot. 400 MB to fetch" in plan
    done = device.run("apply", "--yes").stdout
    assert "✓ os-image: the device was rebooted" in done
    assert "✓ os-image: slot B is marked good" in done
    rows = [line.split() for line in device.run("get", "os").stdout.splitlines()]
    assert rows[0] == ["NAME", "VERSION", "BY", "ASKED", "SLOT", "BOOTS", "PROVEN"]
    assert rows[1] == ["os-image", "2.0", "evenkeel", "yes", "B", "now,", "next", "yes"]
    assert [rows[2][index] for index in (0, 1, 3, 4, 5)] == ["-", "1.0.0", "no", "A", "-"]
    told = device.run("describe", "os", "os-image").stdout
    assert "verdict     as asked, and proven" in told
    assert "reboot      the last one took" in told
    assert "hunter2" not in plan + done + told + device.run("describe", "os", "os-image", "-o", "json").stdout
    assert "hunter2" not in device.run("events").stdout
    assert device.run("plan").stdout == "Nothing to do.\n"
    assert "↻ reboot   into A, about 1 s; good only after" in plan_of(device, "3.0")


def plan_of(device: Device, version: str) -> str:
    device.write(system(version), spec("web"))
    return device.run("plan", ok=2).stdout


def test_a_fallback_is_told_as_what_it_is_and_the_container_stays(device: Device) -> None:
    device.write(spec("web"))
    device.run("apply", "--yes")
    device.write(system("1.5"), spec("web"))
    device.run("apply", "--yes")
    serve(device, Bundle("2.0", boots=False))
    device.write(system("2.0"), spec("web", "docker.io/library/nginx:2"))
    done = device.run("apply", "--yes", ok=1)
    assert "the bootloader fell back to slot B (1.5): slot A (2.0) did not boot" in done.stderr
    assert device.engine().running() == {"web": "docker.io/library/nginx:1"}
    assert "[RolledBack]" in device.run("status").stdout or "RolledBack" in device.run("status").stdout
    told = device.run("describe", "os", "os-image").stdout
    assert "the desired revision failed" in told
    assert "failed    the bootloader fell back" in told
    assert listed(device)["B"]["state"] == "booted"


def test_what_a_plan_would_fail_at_is_told_before(device: Device) -> None:
    serve(device, Bundle("2.0", flaw="missing"))
    device.write(system())
    assert (
        "the bundle of 2.0 cannot be had: the server has no such bundle (404 Not Found)"
        in device.run("plan", ok=2).stdout
    )
    serve(device, Bundle("2.0", size=5_000_000_000))
    assert "the bundle of 2.0 needs 5.0 GB, and 4.0 GB are free" in device.run("plan", ok=2).stdout


def test_a_first_revision_that_fails_is_told_by_all_domains(device: Device) -> None:
    """The containers had nothing to do, and still waited for the slots to prove what had failed."""
    serve(device, Bundle("2.0", flaw="missing"))
    device.write(system())
    why = "os-image: the server has no such bundle (404 Not Found)"
    assert f"Not done: {why}" in device.run("apply", "--yes", ok=1).stderr
    assert "not proven" not in device.run("status").stdout


def window_in(hours: int) -> str:
    """A window that opens in so many hours by the clock of the simulated device."""
    hour = (time.gmtime().tm_hour + hours) % 24
    return f"{hour:02}:00-{hour:02}:30"


def test_a_rehearsal_does_not_wait_for_the_window(device: Device) -> None:
    window = window_in(5)
    device.write(system(more=f"  activation: {{window: '{window}'}}\n"))
    assert f"Note: this device is simulated, and does not wait for {window}" in device.run("plan", ok=2).stdout
    done = device.run("apply", "--yes").stdout
    assert f"slot B boots next; this device is simulated, and did not wait for {window}" in " ".join(done.split())
    assert listed(device)["B"]["state"] == "booted"


def test_unknown_names_and_kinds(device: Device) -> None:
    device.write(system())
    device.run("apply", "--yes")
    assert "did you mean `os-image`?" in device.run("describe", "os", "os-imagee", ok=1).stderr
    assert "`evenkeel describe os NAME`" in device.run("describe", "NAME", ok=1).stderr
    assert "did you mean `os`?" in device.run("get", "oss", ok=1).stderr


def test_without_slots_it_is_said_and_all_else_goes_on(device: Device) -> None:
    device.settings(slots={"engine": "none"})
    device.write(spec("web"))
    device.run("apply", "--yes")
    why = "the settings say that this device has no slots (`slots.engine: none`)"
    assert why in device.run("get", "os", ok=1).stderr
    assert why in device.run("slots", ok=1).stderr
    device.write(system(), spec("web"))
    assert why in device.run("plan", ok=1).stderr


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table(device: Device) -> None:
    lines = device.run("slots").stdout.splitlines()
    assert lines[0].split() == ["SLOT", "CLASS", "STATE", "BOOTS", "MARK", "CONTENT", "VERSION", "PROVEN", "DEVICE"]
    assert [line.split()[0] for line in lines[1:]] == ["rescue.0", "A", "B"]
    assert listed(device)["A"]["bootsNext"]
    assert "kind: Slots" in device.run("slots", "-o", "yaml").stdout


def test_marks(device: Device) -> None:
    assert "Plan: 1 slot to mark bad.\n" in device.run("slots", "mark", "bad", "B", "--yes").stdout
    assert listed(device)["B"]["bootStatus"] == "bad"
    assert "slot A is booted, and is never marked bad" in device.run("slots", "mark", "bad", "A", "--yes", ok=1).stderr
    done = device.run("slots", "mark", "active", "rootfs.1", "--yes").stdout
    assert "mark active operating system" in done
    assert "Plan: 1 slot to boot next.\n" in done
    assert listed(device)["B"]["bootsNext"]
    device.run("slots", "mark", "active", "A", "--yes")
    assert listed(device)["A"]["bootsNext"]
    device.run("slots", "mark", "good", "A", "--yes")
    assert "expected one of: `A`, `B`" in device.run("slots", "mark", "good", "C", "--yes", ok=1).stderr
    assert "slot A is marked good" in device.run("events").stdout


def test_nothing_is_done_where_nobody_can_be_asked(device: Device) -> None:
    done = device.run("slots", "mark", "bad", "B", ok=1)
    assert "--yes does it without asking" in done.stderr
    assert "a person marks it bad" in done.stdout
    assert listed(device)["B"]["bootStatus"] == "good"


def test_a_bundle_and_the_other_slot_by_hand(device: Device) -> None:
    serve(device, Bundle("9.9"), "file:///media/stick/os.raucb")
    done = device.run("slots", "install", "/media/stick/os.raucb", "--yes").stdout
    assert "installed 9.9 into slot B" in done
    assert "→ the version of the bundle" in done
    there = listed(device)
    assert (there["B"]["version"], there["B"]["bootsNext"], there["A"]["bootsNext"]) == ("9.9", False, True)
    device.run("slots", "boot-other", "--yes")
    assert listed(device)["B"]["state"] == "booted"


def test_the_progress_of_an_install_by_hand_is_shown(device: Device) -> None:
    serve(device, Bundle("9.9"), "file:///media/stick/os.raucb")
    found = slots(device)
    found.world.pace = 2.0  # a terminal is drawn anew ten times a second
    found.save()
    shown = on_a_terminal(device, "slots", "install", "/media/stick/os.raucb", "--yes", NO_COLOR="1")
    lengths = [len(bar) for bar in re.findall("(━+)[╸ ]+Copying image to rootfs.1", shown)]
    assert lengths == sorted(lengths)
    assert len(set(lengths)) >= 3, shown
    assert listed(device)["B"]["version"] == "9.9"


def test_a_bundle_for_a_slot_of_which_nothing_is_known(device: Device) -> None:
    """RAUC has no record of what the factory has written."""
    found = slots(device)
    found.world.slots["rootfs.1"] = Slot("B", None, 1, "unknown", 0)
    found.save()
    serve(device, Bundle("9.9"), "file:///media/stick/os.raucb")
    assert "installed 9.9 into slot B" in device.run("slots", "install", "/media/stick/os.raucb", "--yes").stdout
    assert listed(device)["B"]["version"] == "9.9"


@pytest.mark.parametrize(
    ("slot", "why"),
    [
        (Slot("B", None, 1, "unknown", 0), "nothing is known of what is in slot B, and it may not boot"),
        (Slot("B", Bundle("2"), 0, "pending"), "the last install into slot B has not ended, and it may not boot"),
        (Slot("B", Bundle("2"), 0, "failed"), "the last install into slot B has failed, and it may not boot"),
        (Slot("B", Bundle("2"), 1), ""),
    ],
)
def test_a_slot_that_may_not_boot_is_warned_of(device: Device, slot: Slot, why: str) -> None:
    found = slots(device)
    found.world.slots["rootfs.1"] = slot
    found.save()
    for words in (("boot-other",), ("mark", "active", "B")):
        plan = " ".join(device.run("slots", *words, ok=1).stdout.split())
        assert why in plan
        assert ("may not boot" in plan) is bool(why)


@pytest.mark.parametrize("words", [("boot-other",), ("mark", "active", "B")])
def test_the_booted_slot_is_marked_before_another_one_is_written_or_booted(
    device: Device, words: tuple[str, ...]
) -> None:
    """A bootloader that tries a slot once has none left after each boot, until one is marked."""
    found = slots(device)
    found.cut_power()
    found.world.mark("bad", "rootfs.1")
    found.save()
    assert {each["bootStatus"] for each in listed(device).values() if each["class"] == "rootfs"} == {"bad"}
    serve(device, Bundle("9.9"), "file:///media/stick/os.raucb")
    done = device.run("slots", "install", "/media/stick/os.raucb", "--yes").stdout
    assert "slot A is marked good first, so that a loss of power boots it" in done
    assert (listed(device)["A"]["bootStatus"], listed(device)["A"]["bootsNext"]) == ("good", True)
    found = slots(device)
    found.cut_power()
    found.save()
    assert (listed(device)["A"]["state"], listed(device)["A"]["bootStatus"]) == ("booted", "bad")
    assert "slot A is marked good before it is left" in device.run("slots", *words, "--yes").stdout
    assert listed(device)["A"]["bootStatus"] == "good"


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (Bundle("9.9", flaw="wrong CA"), "the signature does not hold: self-signed"),
        (
            Bundle("9.9", compatible="Another device"),
            "the bundle is for Another device, and this device is Simulated device",
        ),
        (Bundle("9.8"), "the bundle has version 9.8, and 9.9 is asked for"),
    ],
)
def test_a_bundle_that_is_refused_changes_nothing(device: Device, bundle: Bundle, why: str) -> None:
    serve(device, bundle, "https://x.example/os.raucb")
    before = listed(device)
    done = device.run("slots", "install", "https://x.example/os.raucb", "--expect", "9.9", "--yes", ok=1)
    assert f"Not done: {why}" in done.stderr
    assert listed(device) == before


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("http://x/os.raucb",), "--insecure"),
        (("https://me:hunter2@x/os.raucb",), "put them into a file for `credentials`"),
        (("https://x/os.raucb", "--sha256", "abc"), "expected 64 hexadecimal digits"),
    ],
)
def test_an_address_that_cannot_be(device: Device, words: tuple[str, ...], why: str) -> None:
    done = device.run("slots", "install", *words, "--yes", ok=1)
    assert why in done.stderr
    assert "hunter2" not in done.stderr


def test_what_is_booted_by_hand_is_drift_that_is_told(device: Device) -> None:
    device.write(system())
    device.run("apply", "--yes")
    device.run("slots", "boot-other", "--yes")
    told = "· os-image   1.0.0 in slot A is booted"
    assert "slot A is not marked good yet" in device.run("plan", ok=2).stdout
    assert told in device.run("apply", "--yes", ok=None).stdout + device.run("plan").stdout
    assert listed(device)["A"]["state"] == "booted"


def test_drift_is_repaired_where_the_document_says_so(device: Device) -> None:
    device.write(system(more="  drift: repair\n"))
    device.run("apply", "--yes")
    device.run("slots", "boot-other", "--yes")
    device.run("slots", "mark", "good", "A", "--yes")
    device.run("apply", "--yes")
    assert listed(device)["B"]["state"] == "booted"


def test_a_slot_that_boots_next_by_hand_is_told(device: Device) -> None:
    device.write(system())
    device.run("apply", "--yes")
    assert "boots next" not in device.run("status").stdout
    there = listed(device)
    other = next(name for name, each in there.items() if not each["bootsNext"] and each["class"] != "rescue")
    device.run("slots", "mark", "active", other, "--yes")
    device.run("apply", "--yes")
    told = " ".join(device.run("status").stdout.split())
    assert f"slot {other} (1.0.0) boots next, which evenkeel did not activate" in told


def test_no_slot_is_changed_beside_a_controller(device: Device) -> None:
    device.write(system())
    process = device.start("run")
    until(device.is_settled)
    before = listed(device)
    for words in (("mark", "bad", "A"), ("boot-other",), ("install", "/x.raucb")):
        told = device.run("slots", *words, "--yes", ok=1).stderr
        assert f"a controller (process {process.pid}) is at work here" in told
        assert "to do it by hand, stop it first (`systemctl stop evenkeel`, where it is a service)" in told
    assert listed(device) == before
    assert ended(process, signal.SIGTERM)[0] == 0


def test_the_checks_of_a_simulated_device(device: Device) -> None:
    assert "Nothing is in the way of an update." in device.run("slots", "check").stdout
    found = slots(device)
    found.world.capacity = 1000
    found.save()
    done = device.run("slots", "check", ok=1).stdout
    assert "✗ room for bundles" in done
    assert "remedy: make room, or let `slots.store`" in " ".join(done.split())
    levels = {
        each["about"]: each["level"]
        for each in json.loads(device.run("slots", "check", "-o", "json", ok=1).stdout)["findings"]
    }
    assert levels["room for bundles"] == "error"
    assert levels["rescue slot"] == "ok"


def test_the_checks_where_there_is_no_rauc(device: Device) -> None:
    device.settings(slots={"engine": "rauc", "bus": f"unix:path={device.state}/none"})
    done = device.run("slots", "check", ok=1).stdout
    assert "✗ updater" in done
    assert "✗ system.conf" in done


# ── the how-to ──────────────────────────────────────────────────────────────────────────────────────────────────────────

PAGE = (ROOT / "docs" / "howto" / "operating-system.md").read_text()
EXAMPLE = ROOT / "examples" / "os" / "vehicle.yaml"


def session(command: str) -> str:
    """The output of a command, as the page has it."""
    (found,) = re.findall(rf"\$ {command}\n(.+?)```", PAGE, re.DOTALL)
    return found


def of_example(version: str) -> str:
    """The example with another version, which is proven soon and at any time of the day."""
    text = EXAMPLE.read_text().replace("1.5.0", version).replace("stableFor: 1m", "stableFor: 100ms")
    return re.sub(r"  activation:\n.*\n", "", text).replace("stableFor: 5s", "stableFor: 100ms")


def test_the_page_shows_what_the_commands_say(device: Device) -> None:
    system, _, others = of_example("1.4.2").partition("---\n")
    device.write(others, file="vehicle.yaml")
    device.run("apply", "--yes")
    device.write(f"{system}---\n{others}", file="vehicle.yaml")
    device.run("apply", "--yes")
    whole = EXAMPLE.read_text().replace("stableFor: 5s", "stableFor: 100ms")
    device.write(whole, file="vehicle.yaml")
    plan = device.run("plan", ok=2, COLUMNS="112").stdout
    plan = plan.replace("Note: this device is simulated, and does not wait for 02:00-04:30\n", "")
    assert " ".join(plan.replace("about 1 s", "about 40 s").split()) == " ".join(session("evenkeel plan").split())
    device.write(of_example("1.5.0"), file="vehicle.yaml")
    device.run("apply", "--yes")
    assert device.run("get", "os").stdout == session("evenkeel get os")
    assert device.run("slots").stdout == session("evenkeel slots")
    serve(device, Bundle("1.6.0", boots=False), "https://updates.example.com/vehicle-os-1.6.0.raucb")
    device.write(of_example("1.6.0"), file="vehicle.yaml")
    device.run("apply", "--yes", ok=1)
    told = re.sub(r"since .+? +RolledBack", "since 1 min  RolledBack", device.run("status", COLUMNS="200").stdout)
    (shown,) = re.findall(r"```text\n(Settled .+?)\n    (.+?)\n```", PAGE, re.DOTALL)
    assert re.sub(" +", " ", shown[0]) in re.sub(" +", " ", told)
    assert shown[1] in told


def test_the_examples_are_valid_and_the_page_has_them(device: Device) -> None:
    for example in (EXAMPLE, ROOT / "examples" / "slots" / "os.yaml"):
        assert device.run("validate", str(example)).stderr == ""
    for document in re.findall(r"```yaml\n(apiVersion.+?)```", PAGE, re.DOTALL):
        plain = re.sub(r" *# .*", "", EXAMPLE.read_text())
        assert document.rstrip() in plain
