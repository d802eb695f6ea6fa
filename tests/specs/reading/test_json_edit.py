"""Changes in the text of a JSON file: the values are those that were meant, and everything else stays to the byte."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.reading.json_edit import json_object, object_text, with_item, with_value, without, without_item

KEYS = st.text(st.sampled_from('ab."\\ é\n{}[],:'), min_size=1, max_size=4)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(-2, 2)
    | st.text(st.sampled_from('x"\\,}{]['), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
STYLES = st.sampled_from(
    [
        {"indent": None},
        {"indent": None, "separators": (",", ":")},
        {"indent": 2},
        {"indent": 4},
        {"indent": "\t", "separators": (",", " : ")},
    ]
)


def merged(value: Any, path: tuple[str, ...], new: Any) -> Any:
    found = copy.deepcopy(value)
    here = found
    for part in path[:-1]:
        here = here.setdefault(part, {})
    here[path[-1]] = new
    return found


@given(st.dictionaries(KEYS, VALUES, max_size=4), KEYS, KEYS, VALUES, STYLES, st.booleans(), st.booleans())
def test_a_value_is_put_where_it_belongs(
    value: Any, key: str, inner: str, new: Any, style: dict[str, Any], is_deep: bool, is_dos: bool
) -> None:
    text = json.dumps(value, **style, ensure_ascii=False) + "\n"
    text = text.replace("\n", "\r\n") if is_dos else text
    path = (key, inner) if is_deep and isinstance(value.get(key, {}), dict) else (key,)
    changed = with_value(text, path, new)
    assert json.dumps(json.loads(changed)) == json.dumps(merged(value, path, new))
    assert with_value(changed, path, new) == changed
    if path[0] not in value:
        begin = len(text.rstrip()) - 1
        while text[begin - 1] in " \t\r\n":
            begin -= 1
        assert changed.startswith(text[:begin]), "what stands before it has changed"
        assert without(changed, path[:1]) == text or not value, "and taken away again the text is the former one"


@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), STYLES, st.data())
def test_a_member_is_taken_away(value: Any, style: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value, **style, ensure_ascii=False)
    key = data.draw(st.sampled_from(sorted(value)))
    found = without(text, (key,))
    assert json.dumps(json.loads(found)) == json.dumps({name: each for name, each in value.items() if name != key})
    assert without(found, (key,)) == found


@given(st.lists(VALUES, max_size=4), VALUES, STYLES)
def test_an_item_is_added_and_taken_away(items: list[Any], new: Any, style: dict[str, Any]) -> None:
    text = json.dumps({"a": items, "b": 1}, **style, ensure_ascii=False)
    longer = with_value(text, ("a", len(items)), new)
    assert json.dumps(json.loads(longer)["a"]) == json.dumps([*items, new])
    assert json.dumps(json.loads(without(longer, ("a", len(items))))["a"]) == json.dumps(items)


def test_the_rest_of_a_file_stays_as_it_was_written() -> None:
    text = '{\n    "log" : {"level":"INFO" },\n\n    "things": {\n        "enable": true\n    }\n}\n'
    changed = with_value(text, ("containers", "hosts", "ghcr.io"), {"user": "ci"})
    assert changed == (
        '{\n    "log" : {"level":"INFO" },\n\n    "things": {\n        "enable": true\n    },\n'
        '    "containers" : {\n        "hosts" : {\n            "ghcr.io" : {\n                "user" : "ci"\n'
        "            }\n        }\n    }\n}\n"
    ).replace('    },\n    "containers"', '    },\n\n    "containers"')
    assert without(changed, ("containers",)) == text
    assert with_value(text, ("things", "enable"), False) == text.replace("true", "false")


def test_of_a_key_that_stands_there_twice_the_last_one_counts() -> None:
    text = '{"a": 1, "b": 2, "a": 3}'
    assert with_value(text, ("a",), 4) == '{"a": 1, "b": 2, "a": 4}'
    assert without(text, ("a",)) == '{"b": 2}'


@pytest.mark.parametrize("text", ["", "{", '{"a": }', "[1,]", '{"a": 1} x'])
def test_what_is_no_json_is_not_changed(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|Extra|trailing"):
        with_value(text, ("a",), 1)
    with pytest.raises(ValueError, match=r"Expecting|Extra|trailing"):
        without(text, ("a",))


def test_a_value_of_another_type_on_the_way_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="expected an object around `b`"):
        with_value('{"a": [1]}', ("a", "b"), 1)


# ── whatever stands between ───────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["insecure-registries", "registry-mirrors", "log-opts", "ä\n", "", "a b"])
ITEMS = st.sampled_from(["a.example", "b.example:5000", "https://c.example", 'quo"te', "ö\\"])
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES | st.text(max_size=3), THINGS, max_size=4)


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
    NAMES,
    LISTS,
    st.randoms(),
)


def is_part(short: str, long: str) -> bool:
    """Whether a text is a longer one without one piece of it."""
    same = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    rest = len(short) - same
    return long.endswith(short[len(short) - rest :]) and len(long) >= len(short)


@given(TEXTS, NAMES, THINGS)
def test_a_member_is_put_into_any_text(given: tuple[str, dict[str, Any]], key: str, value: Any) -> None:
    text, before = given
    changed = with_value(text, (key,), value)
    assert json_object(changed) == {**before, key: value}
    if key in before:
        assert json_object(with_value(changed, (key,), before[key])) == before
    else:
        assert is_part(text, changed)
        assert without(changed, (key,)) == text


@given(TEXTS, NAMES)
def test_a_member_is_taken_out_of_any_text(given: tuple[str, dict[str, Any]], key: str) -> None:
    text, before = given
    changed = without(text, (key,))
    assert json_object(changed) == {name: value for name, value in before.items() if name != key}
    assert is_part(changed, text)
    if key not in before:
        assert changed == text


@given(LISTED, ITEMS)
def test_one_more_item_in_any_text(given: tuple[str, dict[str, Any], str], item: str) -> None:
    text, before, key = given
    changed = with_item(text, (key,), item)
    assert json_object(changed) == {**before, key: [*before[key], item]}
    assert is_part(text, changed)
    if item not in before[key]:
        assert without_item(changed, (key,), item) == text


@given(LISTED, ITEMS)
def test_fewer_items_in_any_text(given: tuple[str, dict[str, Any], str], item: str) -> None:
    text, before, key = given
    changed = without_item(text, (key,), item)
    assert json_object(changed) == {**before, key: [each for each in before[key] if each != item]}
    assert list(json_object(changed)) == list(before)
    if before[key].count(item) == 1:
        assert is_part(changed, text)


@given(TEXTS, NAMES, NAMES, st.text(max_size=4))
def test_members_of_members_in_any_text(given: tuple[str, dict[str, Any]], outer: str, inner: str, value: str) -> None:
    text, before = given
    if not isinstance(before.get(outer, {}), dict):
        with pytest.raises(ValueError, match="expected an object around"):
            with_value(text, (outer, inner), value)
        return
    changed = with_value(text, (outer, inner), value)
    assert json_object(changed) == {**before, outer: {**before.get(outer, {}), inner: value}}
    if outer in before and inner not in before[outer]:
        assert without(changed, (outer, inner)) == text


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_blank_text_is_an_object(text: str) -> None:
    assert json_object(text) == {}
    assert with_item(object_text(text), ("a",), "b") == '{\n  "a": [\n    "b"\n  ]\n}\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"a": 1, // why\n}', "it is no JSON (line 1, column 10"),
        ("{", "it is no JSON (line 1, column 2"),
        ("[]", "it is no JSON object"),
        ('{"a": 1} {}', "something follows its end"),
        ('{"a": {"b": 1, "b": 2}}', "it has `b` twice in one object"),
        ('{"a": NaN}', "NaN is no number"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a": ' * 65 + "1" + "}" * 65, "nested deeper than 64 levels"),
        ('\ufeff{"a": 1}', "it is no JSON (line 1, column 1"),
    ],
)
def test_an_object_that_can_be_changed_without_doubt(text: str, why: str) -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011 - the text is looked at
        json_object(text)
    assert why in str(told.value)


def test_a_list_of_somebody_that_is_none() -> None:
    for change in (with_item, without_item):
        with pytest.raises(ValueError, match="expected a list at `a`"):
            change('{"a": "b"}', ("a",), "c")
