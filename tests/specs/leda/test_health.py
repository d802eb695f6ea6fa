"""The grammar of `sdv-health`, and `sdv.conf` read as assignments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.leda.health import Line, Variables, read_conf, read_line


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), Line()),
        (("-l",), Line(log=20)),
        (("--log", "7"), Line(log=7)),
        (("-l", "-v"), Line(log=20, verbose=True)),
        (("-l", "0"), Line(log=1)),
        (("--ansi", "--verbose", "7"), Line(ansi=True, verbose=True)),
        (("--frob", "-x", "word"), Line()),  # unknown ones are ignored
        (("--frob", "--help"), Line(help=True)),
    ],
)
def test_the_grammar(arguments: tuple[str, ...], line: Line) -> None:
    assert read_line(arguments) == line


def test_assignments_are_read() -> None:
    found, notes = read_conf(
        "# k3s era\n"
        "export SDV_CAN=can1\n"
        'SDV_SERVICES="containerd  rauc" # both\n'
        "SDV_SERVICES_OPT=''\n"
        "KANTO_CM_CONTAINERS='databroker seat$ervice'\n"
        "SDV_PING_HOST=192.0.2.1\n"
        "SDV_OTHER=$(date)\n"
    )
    assert found == Variables(
        can="can1",
        units=("containerd", "rauc"),
        units_opt=(),
        containers=("databroker", "seat$ervice"),
        ping="192.0.2.1",
        is_set=frozenset({"SDV_CAN", "SDV_SERVICES", "SDV_SERVICES_OPT", "KANTO_CM_CONTAINERS", "SDV_PING_HOST"}),
    )
    assert notes == ()


@pytest.mark.parametrize(
    "line",
    [
        "SDV_CAN=$(touch /tmp/x)",
        "SDV_CAN=`touch /tmp/x`",
        'SDV_CAN="$HOME"',
        "SDV_CAN=can0; touch /tmp/x",
        "SDV_CAN=can0 touch /tmp/x",
        "SDV_CAN=can0 > /tmp/x",
        "SDV_CAN='can0",
        "touch /tmp/x",
        "if true; then SDV_CAN=can1; fi",
    ],
)
def test_what_needs_a_shell_is_left_out_and_told(line: str) -> None:
    found, notes = read_conf(f"\n{line}\n")
    assert found == Variables()
    assert len(notes) == 1
    assert notes[0].startswith("line 2")
    assert "touch" not in notes[0]


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    found, notes = read_conf(text)
    assert found.is_set or found == Variables()
    assert all(note.startswith("line ") for note in notes)
