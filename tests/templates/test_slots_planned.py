"""Plans of the operating system as text and as JSON: what an operator reads before a device reboots."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenkeel.specs.codec import changed
from evenkeel.specs.plan import Change, Plan
from evenkeel.specs.problem import Place
from evenkeel.specs.slots.difference import SlotsDifference
from evenkeel.specs.slots.observed import BundleSeen, SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import BUNDLES, Health, OperatingSystem
from evenkeel.specs.slots.system import SYSTEM as SLOTS
from evenkeel.specs.window import Window
from evenkeel.templates.plan_json import plan_value
from evenkeel.templates.plan_text import plan_lines
from evenkeel.templates.planned import planned

HEALTH = Health(("a.service", "b.service"), ("c1", "c2", "c3", "c4", "c5"), (), timedelta(seconds=60))
SYSTEM = OperatingSystem("os-image", "1.5.0", "https://updates.example.com/os.raucb?token=hunter2", health=HEALTH)
SEEN = SlotsSeen(
    "rauc 1.8",
    slots=(SlotSeen("rootfs.0", "rootfs", "A", state="booted"), SlotSeen("rootfs.1", "rootfs", "B")),
    booted="rootfs.0",
    primary="rootfs.0",
    sizes={SYSTEM.key: 412_000_000},
)
UPDATE = SlotsDifference(
    "os-image",
    "install",
    "1.4.2 runs",
    (Change("os-image", "version", "1.4.2", "1.5.0", "another version runs"),),
    Place("/etc/evenkeel/specs/os.yaml", 5, 3),
    system=SYSTEM,
    target="rootfs.1",
    target_label="B",
    runs="rootfs.0",
    runs_label="A",
    before="1.4.2",
    fetch=True,
    install=True,
    activate=True,
    reboot=True,
    reboot_s=40.2,
)


def text(*differences: SlotsDifference, seen: SlotsSeen = SEEN, width: int = 100) -> str:
    return "\n".join(plan_lines([planned(Plan("slots", differences), seen)], width))


def test_the_example_of_the_issue() -> None:
    assert text(UPDATE, width=98) == (
        """\
os
  ~ slot B   install    os-image   1.4.2 → 1.5.0   412 MB to fetch                       os.yaml:5
                        slot A (1.4.2) stays as it is and is what a failed boot falls back to
  ↻ reboot   into B, about 40 s; good only after 2 units and 5 containers were healthy for 60 s
Plan: 1 operating system to install, with a reboot. 412 MB to fetch."""
    )


@pytest.mark.parametrize("width", [72, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = changed(UPDATE, subject="an-operating-system-with-a-long-name", target_label="system-in-the-second-slot")
    lines = text(UPDATE, long, width=width).splitlines()
    assert [line for line in lines if len(line) > width] == []
    assert "412 MB to fetch" in " ".join(" ".join(lines).split())


def test_what_is_there_of_a_bundle_is_not_fetched_again() -> None:
    seen = changed(SEEN, bundles=(BundleSeen(SYSTEM.key, 12_000_000),))
    assert "400 MB to fetch, 12 MB are there" in text(UPDATE, seen=seen)
    assert plan_value([planned(Plan("slots", (UPDATE,)), seen)])["summary"]["fetchBytes"] == 400_000_000


def test_a_size_that_nobody_knows() -> None:
    told = text(UPDATE, seen=changed(SEEN, sizes={}))
    assert "a bundle of unknown size to fetch" in " ".join(told.split())
    assert told.endswith("1 bundle of unknown size to fetch.")


def test_a_bundle_that_is_streamed() -> None:
    assert "412 MB to stream" in text(changed(UPDATE, fetch=False, streams=True))


def test_a_slot_that_has_the_system_already_is_only_activated() -> None:
    told = text(changed(UPDATE, fetch=False, install=False))
    assert "~ slot B   activate   os-image   1.4.2 → 1.5.0" in told
    assert "fetch" not in told


def test_a_first_reboot_at_night_by_others() -> None:
    system = changed(SYSTEM, window=Window(120, 270), reboot="others", health=Health())
    told = " ".join(text(changed(UPDATE, system=system, reboot_s=None)).split())
    assert (
        "↻ reboot into B when somebody else reboots the device between 02:00 and 04:30, for a time that no reboot has "
        "shown yet; good only after it was up for 60 s"
    ) in told


@pytest.mark.parametrize(
    ("health", "told"),
    [
        (Health(("a.service",)), "good only after 1 unit was healthy for 60 s"),
        (Health(("a.service", "b.service"), stable_for=timedelta(minutes=5)), "after 2 units were healthy for 5 min"),
        (Health(command=("/bin/x", "hunter2")), "good only after a command was healthy for 60 s"),
        (Health(("a.service",), ("c",), ("/bin/x",)), "after 1 unit, 1 container and a command were healthy for 60 s"),
    ],
)
def test_what_has_to_hold_before_it_is_good(health: Health, told: str) -> None:
    found = text(changed(UPDATE, system=changed(SYSTEM, health=health)), width=160)
    assert told in found
    assert "hunter2" not in found


def test_a_system_that_is_booted_and_not_proven() -> None:
    finish = changed(UPDATE, verb="finish", why="it is not proven yet", runs="rootfs.1", runs_label="B", before="1.5.0")
    finish = changed(finish, fetch=False, install=False, activate=False, reboot=False, prove=True, keys=("1" * 32,))
    told = text(finish)
    assert "~ slot B   finish     os-image   1.5.0   it is not proven yet" in told
    assert "good only after 2 units and 5 containers were healthy for 60 s, and is marked good then" in " ".join(
        told.split()
    )
    assert "a stored bundle is removed at the end" in told
    assert "reboot" not in told
    assert told.endswith("Plan: 1 to finish.")


def test_what_is_set_right_first() -> None:
    told = text(
        changed(
            UPDATE, settle="rootfs.0", settle_label="A", restore=True, is_repair=True, why="somebody has booted 1.4.2"
        )
    )
    order = [told.index(each) for each in ("somebody has", "let boot next again first", "marked good first", "stays")]
    assert order == sorted(order)


def test_a_slot_that_is_given_up() -> None:
    bad = SlotsDifference(
        "os-image",
        "finish",
        "slot B has failed, and the bootloader may boot it",
        system=SYSTEM,
        target="rootfs.0",
        target_label="A",
        target_version="1.5.0",
        runs="rootfs.0",
        runs_label="A",
        before="1.5.0",
        bads=(("rootfs.1", "B"),),
    )
    told = text(bad, width=120)
    assert "~ slot A   finish     os-image   1.5.0   slot B has failed, and the bootloader may boot it" in told
    assert "- slot B   mark bad   the bootloader does not boot it any more" in told
    assert "falls back" not in told


def test_a_slot_that_was_activated_for_nobody() -> None:
    why = "slot B was activated, and nobody asks for its system any more"
    left = SlotsDifference(SLOTS, "finish", why, runs="rootfs.0", runs_label="A", before="1.4.2", restore=True)
    assert f"~ slot A   finish     {SLOTS}   1.4.2   {why}" in text(left, width=160)


def test_the_way_back_leads_over_a_trusted_slot() -> None:
    back = changed(UPDATE, fetch=False, install=False, target_version="1.4.1", why="1.4.2 runs; slot A is not proven")
    told = text(back)
    assert "~ slot B   activate   os-image   1.4.2 → 1.4.1" in told
    assert "1.4.2 runs; slot A is not proven" in told


def test_what_is_only_told_is_told_as_in_every_domain() -> None:
    kept = SlotsDifference("os-image", "keep", "it runs 1.4.1, which evenkeel did not boot", asked=UPDATE.asked)
    blocked = SlotsDifference("os-image", "blocked", "no slot can be written", asked=UPDATE.asked)
    left = SlotsDifference(BUNDLES, "remove", "nobody needs it", keys=("1" * 32,))
    told = text(kept, blocked, left)
    assert "· os-image         it runs 1.4.1, which evenkeel did not boot" in told
    assert "! os-image         blocked    no slot can be written" in told
    assert "- stored bundles   remove     nobody needs it" in told


def test_the_updater_chooses_where_several_slots_are_free() -> None:
    """As under the rescue system: nobody can tell it which one to write."""
    rescue = changed(UPDATE, runs="rescue.0", runs_label="rescue.0", before="", why="an unknown version runs")
    free = changed(rescue, rivals=("rootfs.0",))
    told = text(free, width=120)
    assert "~ slot A or B   install    os-image   1.5.0   412 MB to fetch" in told
    assert "the updater chooses the slot, because both of them are free" in told
    assert "↻ reboot        into the slot that was written, about 40 s; good only after" in told
    (subject,) = plan_value([planned(Plan("slots", (free,)), SEEN)])["subjects"]
    assert subject["slot"] == {"name": "rootfs.1", "label": "B"}
    assert subject["rivals"] == [{"name": "rootfs.0", "label": "A"}]
    assert "chooses" not in text(rescue)


def test_the_same_for_programs() -> None:
    (subject,) = plan_value([planned(Plan("slots", (UPDATE,)), SEEN)])["subjects"]
    assert {key: subject[key] for key in ("version", "slot", "runs", "fetch", "install", "reboot", "health")} == {
        "version": "1.5.0",
        "slot": {"name": "rootfs.1", "label": "B"},
        "runs": {"name": "rootfs.0", "label": "A", "version": "1.4.2"},
        "fetch": {"bundle": "https://updates.example.com/os.raucb", "bytes": 412_000_000, "streams": False},
        "install": True,
        "reboot": {"seconds": 40.2, "by": "self", "window": None},
        "health": {
            "units": ["a.service", "b.service"],
            "containers": ["c1", "c2", "c3", "c4", "c5"],
            "command": False,
            "stableFor": "1m",
        },
    }


def test_no_secret_of_an_address_is_shown() -> None:
    assert "hunter2" not in text(UPDATE, width=200)
    assert "hunter2" not in str(plan_value([planned(Plan("slots", (UPDATE,)), SEEN)]))


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.1, "0.1 s"), (0.5, "0.5 s"), (60, "60 s"), (90, "90 s"), (150, "150 s"), (300, "5 min")]
)
def test_the_time_of_the_health_is_exact(seconds: float, told: str) -> None:
    health = Health(("a.service",), (), (), timedelta(seconds=seconds))
    system = changed(SYSTEM, health=health)
    assert f"good only after 1 unit was healthy for {told}" in text(changed(UPDATE, system=system))
