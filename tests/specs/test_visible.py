"""No text of unknown origin acts on a screen, and none is too long."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples

from evenkeel.specs.visible import MOST_CHARACTERS, one_line, shortened, visible, visible_json, visible_lines

UNTRUSTED = st.text(
    st.one_of(
        st.sampled_from("\x1b\x07\r\n\t\x00\x7f\x85\x9b\u061c\u200e\u202e\u2028\u2029\u2066\ufeff\U000e0001\\[31m"),
        st.characters(),
    ),
    max_size=40,
)
"""Texts that would move a cursor, colour a line, turn a word round, or break a line."""


def acts(char: str) -> bool:
    """Whether a terminal may do something else than to show a character."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


@settings(max_examples=examples(100))
@given(UNTRUSTED)
def test_nothing_that_is_shown_acts_on_a_terminal(text: str) -> None:
    for shown in (visible(text), one_line(text)):
        assert not [char for char in shown if acts(char)]
    assert not [char for char in visible_lines(text) if acts(char) and char != "\n"]


@settings(max_examples=examples(50))
@given(st.dictionaries(UNTRUSTED, st.lists(UNTRUSTED, max_size=2), max_size=2))
def test_json_is_of_the_same_value_and_acts_on_no_terminal(value: object) -> None:
    for indent in (None, 2):
        shown = visible_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(shown) == value
        assert not [char for char in shown if acts(char) and char != "\n"]


@given(st.text())
def test_what_is_printed_as_itself_stays(text: str) -> None:
    if text.isprintable():
        assert visible(text) == one_line(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", r"a\x1b[31mb"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x9b\x7f", r"\x9b\x7f"),
        ("gpj\u202egnp.exe", r"gpj\u202egnp.exe"),
        ("\U000e0001", r"\U000e0001"),
        ("Ü 日本 \u00a0", "Ü 日本 \u00a0"),
    ],
)
def test_what_is_there_can_be_seen(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.integers(0, 3 * MOST_CHARACTERS), st.integers(100, MOST_CHARACTERS))
def test_a_long_text_keeps_its_ends_and_tells_what_is_missing(length: int, most: int) -> None:
    text = "".join(chr(ord("a") + index % 26) for index in range(length))
    short = shortened(text, most)
    assert len(short) <= most
    if length <= most:
        assert short == text
        return
    begin, _, rest = short.partition(" […")
    count, _, end = rest.partition(" characters left out…] ")
    assert text.startswith(begin)
    assert text.endswith(end)
    assert len(begin) + int(count.replace(",", "")) + len(end) == length
