"""Changes of JSON as text: the value is the changed one, and every other letter stays."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.controller.drivers.registries.json_text import add_item, drop, drop_item, parsed, put

KEYS = st.sampled_from(["insecure-registries", "registry-mirrors", "log-opts", "ä\n", "", "a b"])
ITEMS = st.sampled_from(["a.example", "b.example:5000", "https://c.example", 'quo"te', "ö\\"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(KEYS | st.text(max_size=3), VALUES, max_size=4)


def written(value: Any, dice: random.Random) -> str:
    """A value as somebody may have written it: spaces and line ends anywhere, letters escaped or not."""

    def space() -> str:
        return dice.choice(["", "", " ", "\n  ", "\t", "\r\n"])

    if isinstance(value, dict):
        members = (
            f"{space()}{written(k, dice)}{space()}:{space()}{written(v, dice)}{space()}" for k, v in value.items()
        )
        return "{" + (",".join(members) if value else space()) + "}"
    if isinstance(value, list):
        return "[" + (",".join(f"{space()}{written(v, dice)}{space()}" for v in value) if value else space()) + "]"
    return json.dumps(value, ensure_ascii=dice.random() < 0.5)


TEXTS = st.builds(
    lambda value, dice, end: (written(value, dice) + end, value),
    OBJECTS,
    st.randoms(),
    st.sampled_from(["", "\n", " \n"]),
)
LISTS = st.lists(ITEMS, max_size=4)
LISTED = st.builds(
    lambda value, key, items, dice: (written({**value, key: items}, dice), {**value, key: items}, key),
    OBJECTS,
    KEYS,
    LISTS,
    st.randoms(),
)


def is_part(short: str, long: str) -> bool:
    """Whether a text is a longer one without one piece of it."""
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest = len(short) - same
    return long.endswith(short[len(short) - rest :]) and len(long) >= len(short)


@given(TEXTS, KEYS, VALUES)
def test_put(given: tuple[str, dict[str, Any]], key: str, value: Any) -> None:
    text, before = given
    changed = put(text, (key,), value)
    assert parsed(changed) == {**before, key: value}
    if key in before:
        assert put(changed, (key,), before[key]).count("\n") <= text.count("\n")
    else:
        assert is_part(text, changed)
        assert drop(changed, (key,)) == text


@given(TEXTS, KEYS)
def test_drop(given: tuple[str, dict[str, Any]], key: str) -> None:
    text, before = given
    changed = drop(text, (key,))
    assert parsed(changed) == {name: value for name, value in before.items() if name != key}
    assert is_part(changed, text)
    if key not in before:
        assert changed == text


@given(LISTED, ITEMS)
def test_one_more_element(given: tuple[str, dict[str, Any], str], item: str) -> None:
    text, before, key = given
    changed = add_item(text, key, item)
    assert parsed(changed) == {**before, key: [*before[key], item]}
    assert is_part(text, changed)
    if item not in before[key]:
        assert drop_item(changed, key, item) == text


@given(LISTED, ITEMS)
def test_fewer_elements(given: tuple[str, dict[str, Any], str], item: str) -> None:
    text, before, key = given
    changed = drop_item(text, key, item)
    assert parsed(changed) == {**before, key: [each for each in before[key] if each != item]}
    assert list(parsed(changed)) == list(before)
    if before[key].count(item) == 1:
        assert is_part(changed, text)


@given(TEXTS, KEYS, KEYS, st.text(max_size=4))
def test_members_of_members(given: tuple[str, dict[str, Any]], outer: str, inner: str, value: str) -> None:
    text, before = given
    if not isinstance(before.get(outer, {}), dict):
        with pytest.raises(ValueError, match="is no object"):
            put(text, (outer, inner), value)
        return
    changed = put(text, (outer, inner), value)
    assert parsed(changed) == {**before, outer: {**before.get(outer, {}), inner: value}}
    if outer in before and inner not in before[outer]:
        assert drop(changed, (outer, inner)) == text


def test_it_stands_as_its_neighbours_do() -> None:
    text = '{\n    "log-driver": "journald",\n    "registry-mirrors": [\n        "https://a.example"\n    ]\n}\n'
    changed = add_item(add_item(text, "registry-mirrors", "https://b.example"), "insecure-registries", "c.example")
    assert changed == (
        '{\n    "log-driver": "journald",\n    "registry-mirrors": [\n        "https://a.example",\n'
        '        "https://b.example"\n    ],\n    "insecure-registries": ["c.example"]\n}\n'
    )


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_blank_text_is_an_object(text: str) -> None:
    assert parsed(text) == {}
    assert add_item(text, "a", "b") == '{"a": ["b"]}\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, // why\n}', "it is no JSON (line 1, column 10"),
        ("{", "it is no JSON (line 1, column 2"),
        ("[]", "it is no JSON object"),
        ('{"a": 1} {}', "something follows its end"),
        ('{"a": {"b": 1, "b": 2}}', "it has `b` twice in one object"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested too deeply"),
        ('\ufeff{"a": 1}', "it is no JSON (line 1, column 1"),
    ],
)
def test_what_is_no_object_is_never_changed(text: str, why: str) -> None:
    for change in (
        parsed,
        lambda it: put(it, ("a",), 1),
        lambda it: drop(it, ("a",)),
        lambda it: add_item(it, "a", ""),
    ):
        with pytest.raises(ValueError) as told:  # noqa: PT011 - the text is looked at
            change(text)
        assert why in str(told.value)


def test_a_list_of_somebody_that_is_none() -> None:
    for change in (add_item, drop_item):
        with pytest.raises(ValueError, match="`a` is no list"):
            change('{"a": "b"}', "a", "c")
