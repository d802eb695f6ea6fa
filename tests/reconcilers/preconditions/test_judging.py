"""Preconditions that hold, and the reasons of those that do not. Faults have the column that a person would point at."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from evenkeel.reconcilers.preconditions.judging import judge, unmet
from evenkeel.reconcilers.preconditions.reading import read
from evenkeel.specs.preconditions.observed import Observed
from evenkeel.specs.preconditions.precondition import Clause, Fault, Precondition

from .device import PRESENT

EXAMPLE = "AND(device.mode=MAINTENANCE,OR(device.battery>75,device.pluggedIn=true))"
"""Kanto's own."""

HOLD = [
    "",
    " \n ",
    "vehicle.parked",
    "vehicle . parked",
    ".vehicle.parked",
    "vehicle.parked // && night",
    "vehicle.speed < 7.5 && vehicle.speed == 7.0",
    "vehicle.speed in [5, 6, 7]",
    "!night && (night || vehicle.parked)",
    "device.mode.startsWith('DRI')",
    'device.mode == "DRIVING" ? vehicle.parked : device.pluggedIn',
    "vehicle.doors.exists(d, d.name == 'left' && d.closed)",
    "has(report.state) && !has(report.error)",
    "device.pluggedIn || vehicle.parked",
    "vehicle.parked || device.pluggedIn",
    "vehicle.parked=true",
    " vehicle.parked = true , vehicle.speed <= 7 ",
    "OR(night=true,AND(device.mode=DRIVING,vehicle.speed=07.0))",
    "device.mode='DRIVING'",
    "device.mode != MAINTENANCE, night!=true",
]

DO_NOT_HOLD = [
    "night",
    "!vehicle.parked",
    "night && vehicle.parked && !vehicle.parked",
    "vehicle.parked && vehicle.speed < 5",
    "vehicle.parked=true,vehicle.speed<5",
    EXAMPLE,
    "device.pluggedIn",
    "!device.pluggedIn",
    "has(device.pluggedIn)",
    "!has(device.pluggedIn)",
    "device.pluggedIn != true",
    "device.battery > 20",
    "device.battery > 20 || night",
    "device.pluggedIn || device.battery > 20",
    "vehicle.doors.all(d, d.closed)",
    "vehicle.speed",
    "vehicle.speed * 2.0 < 1.0",
    "vehicle.speed < '5'",
    "vehicle.speed / 0 == 1",
    "report.nothing == 1",
    "1 == 2",
    "dyn(null)",
]

FAULTS = [
    "vehicle.sped < 5",
    "vehicle.parked && vehicle.sped < 5",
    "device.mode == MAINTENANCE",
    "vehicle['speed'] < 5",
    "now() > vehicle.speed",
    "vehicle.parked && ",
    "vehicle.parked & vehicle.parked",
    "vehicle.parked /* here */",
    "'open",
    "vehicle.speed + true == 1",
    "1",
    "null",
    "vehicle.parked &&\n  nigth",
    f"{'(' * 40}true{')' * 40}",
    f"true{' ' * 1000}",
    "true\0",
    "'\ud800' == 'a'",
    "vehicle.doors.map(d, d.closed) == [true]",
    "vehicle.doors.exists(d, vehicle.doors.all(e, e.closed))",
    "vehicle.doors.all(d, d.name.matches('(a?){500}a{500}'))",
    "vehicle.parked=",
    "vehicle.parked==true,night=true",
    "vehicle.parked,night",
    "vehicle.parked = true && night",
    "vehicle.parkd=true",
    "AND(vehicle.parked=true",
    "AND(vehicle.parked=true))",
    "AND()",
    "and(vehicle.parked=true)",
    "NOT(vehicle.parked=true)",
    "!vehicle.parked=true",
    "vehicle-1.parked=true",
    "vehicle.speed=99999999999999999999",
    "vehicle.speed=report, night=true",
    "device.mode!=MAINTENANCE",
    f"{'AND(' * 20}night=true{')' * 20}",
    r"device.mode=a\b",
    ",",
]


@pytest.mark.parametrize("text", HOLD)
def test_these_hold(text: str) -> None:
    assert unmet(text, PRESENT) == ""


def test_each_reason_says_what_is_so_at_present(snapshot: SnapshotAssertion) -> None:
    reasons = {text: unmet(text, PRESENT) for text in DO_NOT_HOLD}
    assert not [text for text in DO_NOT_HOLD if isinstance(read(text, PRESENT), Fault)]
    assert all(reasons.values())
    assert reasons == snapshot


def test_each_fault_has_a_place_and_a_hint(snapshot: SnapshotAssertion) -> None:
    faults = {text: read(text, PRESENT) for text in FAULTS}
    texts = {
        ascii(text): fault.text if isinstance(fault, Fault) else "it can be read" for text, fault in faults.items()
    }
    assert "it can be read" not in texts.values()
    assert texts == snapshot
    assert all(text in unmet(written, PRESENT) for written, text in zip(FAULTS, texts.values(), strict=True))


def test_a_form_is_told_and_translated() -> None:
    precondition = read(EXAMPLE, PRESENT)
    assert precondition == Precondition(
        EXAMPLE,
        "Kanto",
        'device.mode == "MAINTENANCE" && (device.battery > 75 || device.pluggedIn == true)',
        (
            Clause('device.mode == "MAINTENANCE"', ("device.mode",)),
            Clause(
                "(device.battery > 75 || device.pluggedIn == true)",
                ("device.battery", "device.pluggedIn"),
            ),
        ),
    )
    assert isinstance(precondition, Precondition)
    assert precondition.names == ("device.mode", "device.battery", "device.pluggedIn")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("'vehicle.speed' == device.mode", ("device.mode",)),
        ("vehicle.parked // device.mode", ("vehicle.parked",)),
        ("report.state.contains('ok') && report.vehicle.parked", ("report",)),
        ("vehicle.doors[0].night == night", ("vehicle.doors", "night")),
        ("device . mode == r'\\d' || night", ("device.mode", "night")),
    ],
)
def test_names_are_those_that_are_read(text: str, names: tuple[str, ...]) -> None:
    precondition = read(text, PRESENT)
    assert isinstance(precondition, Precondition)
    assert precondition.names == names


def test_a_value_that_is_gone_since_the_text_was_read_does_not_hold() -> None:
    precondition = read("vehicle.parked", PRESENT)
    assert isinstance(precondition, Precondition)
    assert judge(precondition, {}) == "vehicle.parked is unknown: nothing has looked at it"


def test_a_reason_is_one_bounded_line() -> None:
    long = {f"a{number}": Observed("x\n\x1b[31m" * 500) for number in range(60)}
    reason = unmet(" && ".join(f"{name} == ''" for name in long), long)
    assert reason.isprintable()
    assert len(reason) <= 1000
