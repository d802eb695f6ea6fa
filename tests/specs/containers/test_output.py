"""Output is kept as plain text within bounds, whatever a container writes."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.output import MOST_CHARACTERS, MOST_LINES, as_marked, last_lines
from evenkeel.specs.output import Output, logs_hint


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


def test_the_command_that_shows_output_is_named_once() -> None:
    assert logs_hint("web") == "`evenkeel logs web` shows its last lines"
    assert logs_hint("a", "b") == "`evenkeel logs NAME` shows the last lines of a, b"
    assert logs_hint(*"abcdefg").endswith(" of a, b, c, d and 3 more")


SECRETS = st.text("qxzQXZ79äß王é$\"'\\\\/+= ", min_size=4, max_size=20).filter(lambda text: text == text.strip())


@given(SECRETS, SECRETS, st.text("ab :=\n", max_size=10), st.sampled_from(["\x1b[1m", "\n", ""]))
def test_a_secret_is_in_no_line(marked: str, guessed: str, around: str, between: str) -> None:
    """Alone, in quotes, in JSON, and coloured in its middle."""
    env = (("MARKED", marked), ("API_TOKEN", guessed))
    for secret in (marked, guessed):
        forms = (secret, repr(secret), json.dumps(secret), f"{secret[:2]}\x1b[31m{secret[2:]}")
        told = "\n".join(last_lines(around + between.join(forms) + around, env, ["MARKED"]))
        assert secret not in told
        assert json.dumps(secret)[1:-1] not in told


def test_what_is_no_secret_is_left_for_who_looks_for_the_cause() -> None:
    env = (("LOG_LEVEL", "info"), ("PIN", "12"), ("KEY_FILE", None), ("TOKEN", ""), ("KEY", "first line\n{\nlast line"))
    written = 'info: 12 of 1234 at tcp://me:pw@host/?a=b\nfirst line\n{\n"12"'
    assert last_lines(written, env, ["PIN"]) == (
        "info: 12 of 1234 at tcp://me:(hidden)@host/?a=b",
        "(env.KEY)",
        "{",
        "(env.PIN)",
    )


def test_a_mark_that_was_set_later_counts() -> None:
    asked = Container("web", "web:1", env=(("MARKED", "hunter2"),), secrets=("MARKED",))
    said = Output(("a hunter2",), ("b hunter2",), exit_code=1)
    assert as_marked(said, [asked]) == Output(("a (env.MARKED)",), ("b (env.MARKED)",), exit_code=1)
