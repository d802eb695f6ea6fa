"""Changes in the text of a JSON file: the values are those that were meant, and everything else stays to the byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenkeel.specs.reading.json_edit import with_value, without

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
