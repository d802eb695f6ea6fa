"""What is read out of messages and files, and what does not count."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenkeel.specs.preconditions.json_path import (
    MOST_STEPS,
    BadPath,
    JsonPath,
    json_path_text,
    parse_json_path,
)
from evenkeel.specs.preconditions.observed import (
    MOST_CONTENT,
    MOST_PARTS,
    MOST_VALUE,
    Lacking,
    Observed,
    observed_text,
    value_in,
)
from evenkeel.specs.visible import visible


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.a", ("a",)),
        ("$.a-b._c1[0][12].d", ("a-b", "_c1", 0, 12, "d")),
        ("$['a b'][\"it's\"]['']", ("a b", "it's", "")),
    ],
)
def test_paths(text: str, path: JsonPath) -> None:
    assert parse_json_path(text) == path
    assert parse_json_path(json_path_text(path)) == path


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "column 1: a path begins with `$`"),
        ("a.b", "column 1: a path begins with `$`; write `$.a.b`"),
        ("$a", "column 2: expected `.name`, `['name']` or `[0]`"),
        ("$.a.", "column 4: expected"),
        ("$.a..b", "column 4: `..` finds many values, and one is needed"),
        ("$.a.*", "column 4: `*` finds many"),
        ("$.a[*]", "column 4: `*` finds many"),
        ("$.a[?(@.b)]", "column 4: a filter finds many"),
        ("$.a[-1]", "column 4: an index counts from the beginning, from 0"),
        ("$.a[1:2]", "column 4: a slice finds many"),
        ("$.a[01]", "column 4: expected"),
        ("$.a b", "column 4: expected"),
        ("$" + ".a" * (MOST_STEPS + 1), f"column 1: expected at most {MOST_STEPS} steps"),
        ("$." + "a" * 500, "column 1: expected at most 500 characters"),
    ],
)
def test_no_paths(text: str, fault: str) -> None:
    with pytest.raises(BadPath, match=f"^{re.escape(fault)}"):
        parse_json_path(text)


@settings(max_examples=200)
@given(st.text("$.[]'\"ab01*?:- \\", max_size=12) | st.text())
def test_any_text_is_a_path_or_has_a_place(text: str) -> None:
    try:
        path = parse_json_path(text)
    except BadPath as error:
        column = error.column
    else:
        column = 1
        assert parse_json_path(json_path_text(path)) == path
    assert 1 <= column <= len(text) + 1


@pytest.mark.parametrize(
    ("content", "path", "value"),
    [
        (b"7", None, 7),
        (b" true\n", None, True),
        (b'"on the road"', None, "on the road"),
        (b"MAINTENANCE\n", None, "MAINTENANCE"),
        (b"007", None, "007"),
        (b'{"a": [1, {"b": 2.5}]}', "$.a[1].b", 2.5),
        (b'{"a": [1, null]}', "$.a", [1, None]),
        (b'{"": false}', "$['']", False),
        (b"18446744073709551616", None, 18446744073709551616.0),
        (b"{}", "$", {}),
    ],
)
def test_values(content: bytes, path: str | None, value: object) -> None:
    found = value_in(content, None if path is None else parse_json_path(path))
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("content", "path", "why"),
    [
        (b"", None, "it is empty"),
        (b" \n", None, "it is empty"),
        (b"null", None, "it is null"),
        (b'{"a": null}', "$.a", "it is null"),
        (b"MAINTENANCE", "$.a", "no JSON"),
        (b"NaN", "$", "no JSON"),
        (b'{"a": {"b": 1}}', "$.a.c.d", "there is no `$.a.c`"),
        (b'{"a": [1]}', "$.a[1]", "there is no `$.a[1]`"),
        (b'{"a": [1]}', "$.a.x", "there is no `$.a.x`"),
        (b'{"0": 1}', "$[0]", "there is no `$[0]`"),
        (b'"text"', "$[0]", "there is no `$[0]`"),
        (b"\xff", None, "neither JSON nor a text in UTF-8"),
        (b"[" * 3000 + b"]" * 3000, "$", "no JSON"),
        (b"[" + b"1," * MOST_PARTS + b"1]", None, f"more than {MOST_PARTS} values in one"),
        (b"x" * (MOST_VALUE + 1), None, f"more than {MOST_VALUE:,} bytes"),
        (b"x" * (MOST_CONTENT + 1), None, f"more than {MOST_CONTENT:,} bytes"),
    ],
)
def test_no_values(content: bytes, path: str | None, why: str) -> None:
    with pytest.raises(Lacking, match=f"^{re.escape(why)}$"):
        value_in(content, None if path is None else parse_json_path(path))


def test_of_a_large_message_a_small_part_is_taken() -> None:
    content = json.dumps({"large": ["x" * 1000] * 60, "small": 1}).encode()
    assert value_in(content, ("small",)) == 1


@settings(max_examples=100)
@given(
    st.binary()
    | st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_any_content_is_a_value_or_has_a_reason(content: bytes) -> None:
    for path in (None, (), (0,)):
        try:
            observed = Observed(value_in(content, path))
        except Lacking as lacking:
            observed = Observed(unknown=str(lacking))
        text = observed_text(observed)
        assert text
        assert visible(text) == text


@pytest.mark.parametrize(
    ("observed", "text", "counts"),
    [
        (Observed(True), "true", True),
        (Observed("a\nb"), '"a\\nb"', True),
        (Observed(7, 10.0, 10.0), "7", True),
        (Observed(7, 10.4, 10.0), "10 s old, at most 10 s are allowed", False),
        (Observed(7, 1.25, 1.0), "1.2 s old, at most 1 s are allowed", False),
        (Observed(7, 4000.0, 3600.0), "4000 s old, at most 3600 s are allowed", False),
        (Observed(7, None, 10.0), "7", True),
        (Observed(unknown="nobody knows"), "unknown: nobody knows", False),
    ],
)
def test_a_value_in_words(observed: Observed, text: str, counts: bool) -> None:
    assert (observed_text(observed), observed.counts) == (text, counts)
