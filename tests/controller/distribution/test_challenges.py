"""Challenges of registries, in all forms that RFC 9110 allows, and in those that nobody can read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sampling import examples

from evenkeel.controller.distribution.challenges import Challenge, challenges_of
from evenkeel.controller.distribution.failures import Answer, Failure

HUB = Challenge("bearer", "https://auth.example/token", (("service", "reg"), ("scope", "repository:a/b:pull,push")))
BEARER = 'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"'
BASIC = 'Basic realm="a, b = \\"c\\""'
BOTH = [HUB, Challenge("basic", 'a, b = "c"')]


def read(*headers: str) -> list[Challenge]:
    return list(challenges_of(Answer(401, "", {}, b"", headers)))


@pytest.mark.parametrize(
    "headers", [(BEARER, BASIC), (BASIC, BEARER), (f"{BEARER}, {BASIC}",), (f"{BASIC}, {BEARER}",)]
)
def test_a_token_comes_before_a_password_however_they_are_written(headers: tuple[str, ...]) -> None:
    assert read(*headers) == BOTH


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        (" , ,", []),
        ("Basic", [Challenge("basic")]),
        ("Basic x", [Challenge("basic")]),
        ("BASIC, bearer REALM=r", [Challenge("bearer", "r"), Challenge("basic")]),
        ("Negotiate abc==, Basic realm=x", [Challenge("basic", "x"), Challenge("negotiate")]),
        ('Basic realm="x" charset="UTF-8"', [Challenge("basic", "x", (("charset", "UTF-8"),))]),
        ('Bearer realm = "x" ,, service=s,', [Challenge("bearer", "x", (("service", "s"),))]),
        ("Bearer realm=https://a.example/t?x=1", [Challenge("bearer", "https://a.example/t?x=1")]),
        ('Bearer realm=""', [Challenge("bearer")]),
        (
            "Bearer error=invalid, Bearer realm=b",
            [Challenge("bearer", "", (("error", "invalid"),)), Challenge("bearer", "b")],
        ),
    ],
)
def test_forms(header: str, found: list[Challenge]) -> None:
    assert read(header) == found


@pytest.mark.parametrize(
    "header",
    [
        'realm="x"',
        'Bearer realm="https://a.example',
        'Bearer realm="a"b',
        'Bearer realm="a\\"',
        '"Bearer" realm=x',
        "Bearer =x",
    ],
)
def test_what_nobody_can_read_is_no_answer(header: str) -> None:
    with pytest.raises(Failure, match="its answer is none of a registry"):
        read(header)


def test_what_engines_read_in_different_ways_is_refused() -> None:
    """dockerd takes the last one, others the first."""
    with pytest.raises(Failure, match="its challenge has `Realm` twice"):
        read('Bearer realm="https://good.example",Realm="https://evil.example"')


@settings(max_examples=examples(60))
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,6}", fullmatch=True),
        st.text(st.characters(max_codepoint=126, min_codepoint=32)),
        max_size=4,
    )
)
def test_what_is_written_is_read(fields: dict[str, str]) -> None:
    quoted = {name: value.replace("\\", "\\\\").replace('"', '\\"') for name, value in fields.items()}
    header = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in quoted.items())
    (found,) = read(f"Basic x, {header}", header)[1:2]
    assert found == Challenge("bearer", fields.pop("realm", ""), tuple(fields.items()))
