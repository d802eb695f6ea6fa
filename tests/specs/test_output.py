"""Output is kept as plain text within bounds, whatever a container writes."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.output import MOST_CHARACTERS, MOST_LINES, last_lines


@given(st.text(st.sampled_from("ab \x1b[0m\r\n\t\x9b]\x07\u202e\x00;1é🙂"), max_size=200), st.integers(0, 3))
def test_lines_are_bounded_and_move_no_cursor(text: str, long: int) -> None:
    lines = last_lines((text + "x" * 200 * long + "\n") * 20)
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= MOST_CHARACTERS for line in lines)
    assert not any(unicodedata.category(each)[0] == "C" for line in lines for each in line if each != "\ufffd")


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("", ()),
        ("\n\n", ()),
        ("one\ntwo", ("one", "two")),
        ("one\r\n\r\ntwo\r\n", ("one", "", "two")),
        ("10 %\r50 %\r100 %\ndone\n", ("100 %", "done")),
        ("\x1b[31mred\x1b[0m\tand \x1b]0;a title\x07plain", ("red    and plain",)),
        ("a\x00b\u202ec", ("a\ufffdb\ufffdc",)),
        ("x" * 501, ("x" * 499 + "…",)),
        ("".join(f"{number}\n" for number in range(100)), tuple(str(number) for number in range(60, 100))),
    ],
)
def test_the_last_lines_are_kept_as_plain_text(written: str, kept: tuple[str, ...]) -> None:
    assert last_lines(written) == kept
