"""Names in the engine: legal, unique, and telling."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.reconcilers.containers.naming import aside_name, engine_name, free_name
from evenkeel.specs.containers.container import Container
from evenkeel.specs.name import NAME_PATTERN

WEB = Container("web", "docker.io/library/web:1")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("web", "web"),
        ("ab", "ab"),
        ("a", "ek-a"),
        ("_", "ek-_"),
        ("_web", "ek-_web"),
        ("0", "ek-0"),
        ("ek-web", "ek-web"),
        ("ek-a", "ek-ek-a"),
        ("ek-_web", "ek-ek-_web"),
        ("ek-ek-a", "ek-ek-ek-a"),
        ("ek-", "ek-ek-"),
    ],
)
def test_engines_want_two_characters_and_no_leading_underscore(name: str, expected: str) -> None:
    assert engine_name(name) == expected


@given(
    st.lists(
        st.from_regex(NAME_PATTERN, fullmatch=True) | st.from_regex(r"(ek-){0,3}[a_]{0,2}", fullmatch=True), unique=True
    )
)
def test_no_two_names_share_one(names: list[str]) -> None:
    legal = [name for name in names if re.fullmatch(NAME_PATTERN, name)]
    assert len({engine_name(name) for name in legal}) == len(legal)
    assert all(re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", engine_name(name)) for name in legal)


def test_the_plain_name_when_it_is_free() -> None:
    assert free_name(WEB, ["app"]) == "web"


def test_a_name_that_says_what_it_waits_for_when_it_is_not() -> None:
    waiting = free_name(WEB, ["web"])
    assert re.fullmatch(r"web\.next-[0-9a-f]{8}", waiting)
    assert free_name(WEB, ["web", waiting]) == f"{waiting}-2"
    assert free_name(WEB, ["web", waiting, f"{waiting}-2"]) == f"{waiting}-3"
    assert free_name(Container("web", "docker.io/library/web:2"), ["web"]) != waiting


def test_a_name_to_step_aside_to() -> None:
    assert aside_name("web", "0123456789abcdef", ["web"]) == "web.old-01234567"
    assert aside_name("web", "0123456789abcdef", ["web.old-01234567"]) == "web.old-01234567-2"
