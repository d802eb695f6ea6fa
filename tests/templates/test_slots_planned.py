"""What a plan says of an operating system."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.problem import Place
from evenkeel.specs.slots.memory import Proof, SlotsMemory
from evenkeel.specs.slots.observed import Abilities, BundleSeen, SlotSeen, SlotsSeen
from evenkeel.specs.slots.system import Health, OperatingSystem, Window
from evenkeel.templates.plan_json import plan_value
from evenkeel.templates.plan_text import plan_lines
from evenkeel.templates.planned import Planned, planned

UNITS = Health(("a.service", "b.service"), ("c", "d", "e"), stable_for=timedelta(seconds=60))
SYSTEM = OperatingSystem("os", "1.5.0", "https://updates.test/os.raucb?signature=secret", health=UNITS)
MEMORY = SlotsMemory(
    proven={"rootfs.0": Proof("1.4.2", "boot-0")}, reached={"os": "1.4.2"}, away_s={"reboot": 40.2}, fetched=()
)
SEEN = SlotsSeen(
    "test",
    ("os",),
    (
        SlotSeen("rootfs.0", "rootfs", "A", state="booted", boot_status="good", content="ok", version="1.4.2"),
        SlotSeen("rootfs.1", "rootfs", "B", boot_status="good", content="ok", version="1.3.0"),
    ),
    "rootfs.0",
    "rootfs.0",
    "boot-1",
    can=Abilities(keeps_primary=True, streams=True),
    sizes={SYSTEM.key: 412_000_000},
)


def plan_of(system: OperatingSystem = SYSTEM, seen: SlotsSeen = SEEN, memory: SlotsMemory = MEMORY) -> Planned:
    slots, document = Slots(), Document("OperatingSystem", "os", system, Place("os.yaml", 5, 3))
    want = slots.select(desired_state([document]))
    return planned(slots.plan(slots.diff(want, seen, memory), seen, memory), seen)


def lines(plan: Planned, width: int = 100) -> list[str]:
    return list(plan_lines([plan], width))


def test_an_update_is_told_slot_by_slot() -> None:
    assert lines(plan_of()) == [
        "slots",
        "  ~ os   install    version   1.4.2 → 1.5.0                                                os.yaml:5",
        "                    into slot B, 412 MB to fetch",
        "                    slot A (1.4.2) stays as it is and is what a failed boot falls back to",
        "                    then a reboot into slot B, about 40 s; good only after 2 units and 3 containers",
        "                    were well for 1m",
        "Plan: 1 to install. 412 MB to fetch.",
    ]


@pytest.mark.parametrize(
    ("health", "words"),
    [
        (Health(), "good only after it was well for 1m"),
        (Health(("a.service",)), "good only after 1 unit was well for 1m"),
        (Health(command=("/bin/true",)), "good only after a command was well for 1m"),
        (Health(("a.service",), ("c",), ("/bin/true",)), "after 1 unit, 1 container and a command were well for 1m"),
    ],
)
def test_what_makes_it_good(health: Health, words: str) -> None:
    text = " ".join(each.strip() for each in lines(plan_of(changed(SYSTEM, health=health))))
    assert words in text


def test_a_reboot_in_a_window_and_by_somebody_else() -> None:
    assert "about 40 s, between 02:00 and 04:30; good" in " ".join(
        each.strip() for each in lines(plan_of(changed(SYSTEM, window=Window(120, 270))))
    )
    assert "then a reboot into slot B by somebody else; good" in " ".join(
        each.strip() for each in lines(plan_of(changed(SYSTEM, reboot="others")))
    )


def test_what_is_there_of_a_bundle_is_not_fetched_again() -> None:
    torn = changed(SEEN, bundles=(BundleSeen(SYSTEM.key, 400_000_000),))
    assert "12 MB to fetch" in lines(plan_of(seen=torn))[2]
    whole = changed(SEEN, bundles=(BundleSeen(SYSTEM.key, 412_000_000, True),))
    assert lines(plan_of(seen=whole))[2].strip() == "into slot B"
    assert "a bundle of unknown size to fetch" in lines(plan_of(seen=changed(SEEN, sizes={})))[2]
    streamed = lines(plan_of(changed(SYSTEM, streams=True)))
    assert streamed[2].strip() == "into slot B, read from its server while it is installed"


def test_a_slot_that_has_it_is_booted() -> None:
    back = lines(plan_of(changed(SYSTEM, version="1.3.0")))
    assert back[1].split()[:3] == ["~", "os", "boot"]
    assert back[-1] == "Plan: 1 to boot."
    assert "falls back" not in " ".join(back)


def test_programs_are_told_the_same_and_no_secret() -> None:
    value = plan_value([plan_of()])
    (subject,) = value["subjects"]
    assert (subject["verb"], subject["slot"], subject["bootedSlot"]) == ("install", "rootfs.1", "rootfs.0")
    assert (subject["reboot"], subject["secondsOfLastReboot"]) == (True, 40.2)
    assert subject["fetch"] == {"bytes": 412_000_000}
    assert "secret" not in str(value)
