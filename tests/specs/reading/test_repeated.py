"""A secret in words of other programs, however they write it."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.reading.repeated import has_secret
from evenkeel.specs.visible import one_line

SECRET = "s3c\"r\\et <ü&😀 '%41"


def quoted(text: str) -> str:
    """As Go's `%q`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


SPELLINGS = {
    "as it is": SECRET,
    "JSON": json.dumps(SECRET, ensure_ascii=False),
    "JSON in ASCII": json.dumps(SECRET),
    "JSON of Go": json.dumps(SECRET, ensure_ascii=False).replace("<", "\\u003c").replace("&", "\\u0026"),
    "quoted": quoted(SECRET),
    "JSON, quoted": quoted(json.dumps({"user": "x", "password": SECRET})),
    "JSON, quoted twice": quoted(quoted(json.dumps({"password": SECRET}, ensure_ascii=False))),
    "quoted in ASCII": quoted(SECRET).replace("ü", "\\u00fc").replace("😀", "\\U0001f600"),
    "in an address": quote(SECRET),
    "in a query": quote_plus(SECRET),
    "in an address, twice": quote(quote(SECRET, safe=""), safe=""),
    "in a page": escape(SECRET),
    "an address in JSON": json.dumps(f"https://u:{quote(SECRET, safe='')}@a.b"),
    "in capitals": json.dumps(SECRET.upper()),
}


@pytest.mark.parametrize("how", SPELLINGS)
def test_a_secret_is_found_in_each_spelling(how: str) -> None:
    text = f"unauthorized: {SPELLINGS[how]} is wrong"
    assert has_secret(text, (SECRET,))
    assert has_secret(one_line(text), ("another", SECRET))
    assert not has_secret(text, ("another", ""))


def test_the_finding_of_the_check() -> None:
    assert has_secret(r'denied: "{\"user\":\"x\",\"password\":\"s3c\\\"ret\"}"', ('s3c"ret',))
    assert has_secret("a secret\\nof two lines", ("secret\nof two",))
    assert has_secret("dom\\password", ("password",))
    assert has_secret("x\\ntoken", ("ntoken",))
    assert not has_secret("unauthorized: authentication required", ("hunter2", "\\"))


@given(st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1), st.integers(0, 3))
def test_any_secret_is_found_in_json_in_json(secret: str, depth: int) -> None:
    text = secret
    for _ in range(depth):
        text = json.dumps({"words": f"it is {text}!"})
    assert has_secret(f"({text})", (secret,))


def test_a_long_run_of_backslashes_takes_no_time() -> None:
    """A registry's words with 40 kB of them took seconds, and a loop waited. This would take hours."""
    assert not has_secret("\\" * 2_000_000 + "u", ["sesame"])
    assert has_secret("\\" * 2_000_000 + "u0073esame", ["sesame"])
