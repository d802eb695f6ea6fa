"""A plan's lines about preconditions."""

from __future__ import annotations

import re

import pytest
from syrupy.assertion import SnapshotAssertion

from evenkeel.reconcilers.preconditions.judging import unmet
from evenkeel.reconcilers.preconditions.reading import read
from evenkeel.specs.codec import encode
from evenkeel.specs.preconditions.observed import Observed
from evenkeel.templates.preconditions_text import PlannedPrecondition, precondition_lines, precondition_value
from evenkeel.templates.style import COLOURED

PRESENT = {
    "device.mode": Observed("DRIVING", 3.0),
    "device.battery": Observed(80, 200.0, 600.0),
    "device.pluggedIn": Observed(unknown="nothing was received on device/plug"),
    "vehicle.speed": Observed(7, 42.0, 10.0),
    "night": Observed(True),
}
TEXTS = [
    "AND(device.mode=MAINTENANCE,OR(device.battery>75,device.pluggedIn=true))",
    "night &&\n  device.battery > 50",
    "vehicle.speed < 5",
    "true",
    "vehicle.sped < 5",
    "\x1b[31m == 1",
    " ",
]


def shown(text: str, title: str = "stack-7") -> PlannedPrecondition:
    return PlannedPrecondition(title, text, read(text, PRESENT), PRESENT, unmet(text, PRESENT))


def test_lines(snapshot: SnapshotAssertion) -> None:
    found = {ascii(text): list(precondition_lines(shown(text))) for text in TEXTS}
    assert found == snapshot
    assert all(line.isprintable() for lines in found.values() for line in lines)


@pytest.mark.parametrize("text", TEXTS)
def test_lines_fit_but_for_the_reason(text: str) -> None:
    lines = list(precondition_lines(shown(text, ""), 40))
    assert all(len(line) <= 40 for line in lines[1:])


def test_colours_change_no_text() -> None:
    text = TEXTS[0]
    coloured, plain = list(precondition_lines(shown(text), 80, COLOURED)), list(precondition_lines(shown(text)))
    assert coloured != plain
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == plain


def test_the_operation_is_named() -> None:
    (line, *_) = precondition_lines(shown("night")._replace(operation="act-7"))
    assert line == "preconditions of `stack-7` of operation act-7: hold now"


def test_values(snapshot: SnapshotAssertion) -> None:
    found = {ascii(text): precondition_value(shown(text)) for text in TEXTS}
    assert encode(found)
    assert found == snapshot
