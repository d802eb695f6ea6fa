"""Bytes to trees: positions, refusals, and that hostile files cost a bounded time."""

from __future__ import annotations

import json
import time

import pytest
from tests.sampling import THOROUGH

from evenkeel.specs.problem import problem_text
from evenkeel.specs.reading.text import MOST_BYTES, read_trees
from evenkeel.specs.reading.tree import Value


def read(content: str | bytes, file: str = "x.yaml") -> Value:
    trees, problems = read_trees(content if isinstance(content, bytes) else content.encode(), file)
    assert [problem_text(problem) for problem in problems] == []
    (tree,) = trees
    return tree.value


def complaints(content: str | bytes, file: str = "x.yaml") -> list[str]:
    _, problems = read_trees(content if isinstance(content, bytes) else content.encode(), file)
    return [problem_text(problem) for problem in problems]


def test_every_key_and_item_has_its_place() -> None:
    ((tree,), _) = read_trees(b"a: 1\nb:\n  - x\n  - c: [y, z]\n", "x.yaml")
    assert tree.positions == {
        (): (1, 1),
        ("a",): (1, 1),
        ("b",): (2, 1),
        ("b", 0): (3, 5),
        ("b", 1): (4, 5),
        ("b", 1, "c"): (4, 5),
        ("b", 1, "c", 0): (4, 9),
        ("b", 1, "c", 1): (4, 12),
    }


def test_json_has_places_too_and_may_hold_tabs_and_any_character() -> None:
    content = b'{\t"a": "x\\ty",\n\t"b": {"c": "\\ud83d\\ude00"},\n\t"d":"\\/"}'
    ((tree,), problems) = read_trees(content, "x.json")
    assert not problems
    assert tree.value == {"a": "x\ty", "b": {"c": "😀"}, "d": "/"}
    assert tree.positions[("b", "c")] == (2, 8)
    assert tree.positions[("d",)] == (3, 2)


@pytest.mark.parametrize(
    ("content", "positions"),
    [
        (r'{"\ud83d\ude00": 1, "\uD83D\uDE01": 2}', {("😀",): (1, 2), ("😁",): (1, 21)}),
        (r'{"\ud83d\ude00": {"b": 1}, "c": "\ud83d\ude00", "d": [1]}', {("😀", "b"): (1, 19), ("d", 0): (1, 55)}),
        (r'{"\\ud83d\\ude00": 1, "\\ud83d\\ude01": 2}', {(r"\ud83d\ude00",): (1, 2), (r"\ud83d\ude01",): (1, 23)}),
        (r'{"\"\ud83d\ude00\"": 1, "\ue03d\ue600": 2}', {('"😀"',): (1, 2), ("\ue03d\ue600",): (1, 25)}),
    ],
)
def test_keys_of_characters_that_are_escaped_as_two_are_told_apart(
    content: str, positions: dict[tuple[str | int, ...], tuple[int, int]]
) -> None:
    ((tree,), problems) = read_trees(content.encode(), "x.json")
    assert not problems
    assert tree.value == json.loads(content)
    assert {path: tree.positions.get(path) for path in positions} == positions


def test_a_key_is_the_same_however_it_is_escaped() -> None:
    content = '{"😀": 1,\n"\\ud83d\\ude00": 2}'
    assert complaints(content, "x.json") == ["x.json:2:1: (hidden): the key stands here again; first at x.json:1:2"]


def test_halves_of_characters_are_told_apart_too() -> None:
    found = complaints(r'{"\ud800": 1, "\ud801": 2}', "x.json")
    assert found == ["x.json:1:1: half of a surrogate pair is no character"] * 2


def test_a_file_has_many_documents_and_empty_ones_are_none() -> None:
    trees, problems = read_trees("\ufeff---\n---\na: 1\n---\n# nothing\n---\nb: 2\n...\n".encode(), "x.yaml")
    assert [tree.value for tree in trees] == [{"a": 1}, {"b": 2}]
    assert [tree.start for tree in trees] == [(3, 1), (7, 1)]
    assert not problems


@pytest.mark.parametrize("content", ["", "# only a comment\n", "---\n", "null\n"])
def test_a_file_without_documents_is_fine(content: str) -> None:
    assert read_trees(content.encode(), "x.yaml") == ([], [])


def test_scalars_are_those_of_yaml_1_2() -> None:
    assert read("[yes, 'no', 1, 0x10, 1.5, true, null, ~, =, '1']") == [
        "yes",
        "no",
        1,
        16,
        1.5,
        True,
        None,
        None,
        "=",
        "1",
    ]
    assert read("a: 1:30") == {"a": "1:30"}


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("spec: {image: nginx:1.2}", {"spec": {"image": "nginx:1.2"}}),
        ("ports: [8080:80, 127.0.0.1:53:53/udp]", {"ports": ["8080:80", "127.0.0.1:53:53/udp"]}),
        ("env: {A: http://x:80/y, B: a::b}", {"env": {"A": "http://x:80/y", "B": "a::b"}}),
        ("[::1, {a: b:c}]", ["::1", {"a": "b:c"}]),
        ("%LATER 1\n---\na: 1\n", {"a": 1}),
    ],
)
def test_colons_between_brackets_are_those_of_yaml_1_2(content: str, value: Value) -> None:
    assert read(content) == value


def test_places_are_the_same_whoever_reads() -> None:
    """A text that both parsers read, and the same with a line that only one reads."""
    plain = "a: &x {b: [é, 'q'], c: 0x10}\n---\n# nothing\n---\nd: *x\ne: |\n  text\nf: !!str 1\n".replace(
        "*x", "{<<: {g: 1}}"
    )
    slow, problems = read_trees(f"{plain}h: [80:80]\n".encode(), "x.yaml")
    fast, _ = read_trees(f"{plain}h: ['0:0']\n".encode(), "x.yaml")
    assert not problems
    assert [tree.positions for tree in slow] == [tree.positions for tree in fast]
    assert slow[0] == fast[0]
    assert slow[1].value == {**fast[1].value, "h": ["80:80"]}  # type: ignore[dict-item]


def test_what_is_lesser_is_said_once_although_it_is_read_twice() -> None:
    assert complaints("a: 1\na: 2\nb: [80:80]\n") == [
        "x.yaml:2:1: a: the key `a` stands here again; first at x.yaml:1:1"
    ]
    assert len(complaints("a: 1\na: 2\nb: [80:80\n")) == 2


def test_a_large_text_is_not_read_again_by_the_slow_parser() -> None:
    started = time.process_time()
    found = complaints("a: [80:80]\n" + "b: c\n" * (MOST_BYTES // 5 - 10))
    assert found == ["x.yaml:1:7: no valid YAML: found unexpected ':'; put texts with a `:` into quotes"]
    assert time.process_time() - started < 10


def test_a_key_is_always_a_text() -> None:
    assert read("1: a\ntrue: b\n~: c\n") == {"1": "a", "true": "b", "~": "c"}


def test_aliases_and_merges_are_followed_to_where_they_were_written() -> None:
    content = b"a: &a {x: {z: 1}, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\nd:\n  <<: [{q: 1}, *a]\n"
    ((tree,), problems) = read_trees(content, "x.yaml")
    assert not problems
    assert isinstance(tree.value, dict)
    assert tree.value["b"] == {"x": {"z": 1}, "y": 3}
    assert tree.value["c"] == {"x": {"z": 1}, "y": 2}
    assert tree.value["d"] == {"q": 1, "x": {"z": 1}, "y": 2}
    assert tree.positions[("b", "x", "z")] == (1, 12)
    assert tree.positions[("b", "y")] == (4, 3)
    assert tree.positions[("c", "y")] == (1, 19)
    assert tree.positions[("d", "q")] == (7, 9)
    assert tree.positions[("d", "x", "z")] == (1, 12)


@pytest.mark.parametrize("file", ["x.yaml", "x.json"])
def test_every_duplicate_key_is_found(file: str) -> None:
    content = '{"a": 1,\n "b": {"c": 1, "c": 2},\n "a": 3, "a": 4}'
    assert complaints(content, file) == [
        f"{file}:2:16: b.c: the key `c` stands here again; first at {file}:2:8",
        f"{file}:3:2: a: the key `a` stands here again; first at {file}:1:2",
        f"{file}:3:10: a: the key `a` stands here again; first at {file}:1:2",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a:\n\tb: 1\n", "x.yaml:2:1: no valid YAML: found character that cannot start any token; indent with blanks"),
        ("a: [1,\n", "x.yaml:2:1: no valid YAML"),
        # what only YAML 1.1 refuses is not what is wrong here
        ("a: [80:80]\nb: {c: [}\n", "x.yaml:2:9: no valid YAML: expected the node content, but found '}'"),
        ("a: [80:80, *b]\n", "x.yaml:1:12: an alias refers to nothing that ends before it"),
        ("a: [80:80, !!set {}]\n", "x.yaml:1:12: a[1]: the tag `set` is not allowed here"),
        ("a: [80:80\n", "x.yaml:2:1: no valid YAML: expected ',' or ']', but got '<stream end>'"),
        (
            "a: b: c\n",
            "x.yaml:1:5: no valid YAML: mapping values are not allowed in this context; put texts with a `:`",
        ),
        ("a: *b\n", "x.yaml:1:4: an alias refers to nothing that ends before it"),
        ("a: &a [*a]\n", "x.yaml:1:8: an alias refers to nothing that ends before it"),
        ("? [a]\n: 1\n", "x.yaml:1:3: expected a plain key"),
        ("a: {<<: 1}\n", "x.yaml:1:9: expected a mapping behind `<<`"),
        ("a: 2024-01-01\n", "x.yaml:1:4: a: a date is not allowed here; put it into quotes"),
        ("a: !!binary eA==\n", "x.yaml:1:4: a: the tag `binary` is not allowed here; leave the tag out"),
        ("a: !!set {b, c}\n", "x.yaml:1:4: a: the tag `set` is not allowed here"),
        ("a: !!python/object:os.system [x]\n", "x.yaml:1:4: a: a tag is not allowed here"),
        ("a: !secret x\n", "x.yaml:1:4: a: a tag is not allowed here; put texts that begin with *, & or ! into quotes"),
        ("a: !!bool maybe\n", "x.yaml:1:4: a: this is no bool"),
        ("a: !!int ''\n", "x.yaml:1:4: a: this is no int"),
        ('a: "\\0"\n', "x.yaml:1:4: a: a text cannot hold the character NUL"),
        ('"\\0": 1\n', "x.yaml:1:1: a text cannot hold the character NUL"),
        ("a: b\nc: \x07\n", "x.yaml:2:4: no valid YAML"),
        ("a: 0x1" + "0" * 5000, "x.yaml:1:4: a: the number is too large"),
    ],
)
def test_what_is_refused_is_named_with_its_place(content: str, expected: str) -> None:
    assert any(complaint.startswith(expected) for complaint in complaints(content)), complaints(content)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": 1,}', "x.json:1:9: no valid JSON: Expecting property name enclosed in double quotes"),
        ("{a: 1}", "x.json:1:2: no valid JSON"),
        ('{"a": "\\ud800"}', "x.json:1:2: a: half of a surrogate pair is no character"),
        ('{"b": [0, "\\udc00"]}', "x.json:1:11: b[1]: half of a surrogate pair is no character"),
        ('{"\\ud800": 1}', "x.json:1:1: half of a surrogate pair is no character"),
        ('{"a": "\\u0000"}', "x.json:1:7: a: a text cannot hold the character NUL"),
        ('{"a": ' + "1" * 5000 + "}", "x.json:1:1: no valid JSON: a number has too many digits"),
        ('{"a": 123456789012345678901234567890}', "x.json:1:7: a: the number is too large"),
    ],
)
def test_what_is_refused_in_json_is_named_with_its_place(content: str, expected: str) -> None:
    assert any(complaint.startswith(expected) for complaint in complaints(content, "x.json")), complaints(
        content, "x.json"
    )


def test_what_is_no_utf_8_is_named_with_its_place() -> None:
    assert complaints(b"a: b\nc: \xff") == ["x.yaml:2:4: expected UTF-8 text"]
    assert complaints("a: 1".encode("utf-16")) == ["x.yaml:1:1: expected UTF-8 text"]


MANY = 100_000 if THOROUGH else 40_000
"""Of what costs more than linear time when it is read badly; at 40,000 squared it is minutes."""
HOSTILE = {
    "brackets": b"[" * 4_000_000,
    "braces": b"{a: " * 1_000_000,
    "dashes": b"- " * 2_000_000,
    "keys of keys": b"? " * 2_000_000,
    "alias bomb": b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 30)),
    "anchors": b"".join(b"- &a%d 1\n" % n for n in range(100_000)),
    "nested anchors": b"".join(b"[&a%d " % n for n in range(60)) + b"1," * 100_000 + b"]" * 60,
    "merges": b"a: &a {x: 1}\nb: {<<: [" + b",".join([b"*a"] * 50_000) + b"]}\n",
    "chain of merges": b"a0: &a0 {x: 1}\n"
    + b"".join(b"a%d: &a%d {<<: *a%d, y%d: 1}\n" % (n, n, n - 1, n) for n in range(1, 900)),
    "duplicates": b"a: 1\n" * MANY,
    "too many values": b"- 1\n" * 600_000,
    "too many bytes": b"#" * (MOST_BYTES + 1),
    "quotes": b'"\\n' * 2_000_000,
    "read twice": b"a: [b:c, " + b"{d: [" * 25 + b"e:f, " * (45_000 if THOROUGH else 20_000),
    "long text": b"a: " + b"x" * 8_000_000,
}
HOSTILE_JSON = {
    **{name: HOSTILE[name] for name in ("brackets", "braces", "too many bytes", "quotes", "duplicates")},
    "too many values": b"[" + b"1," * 600_000 + b"1]",
    "one key": b"{" + b'"a":1,' * MANY + b'"a":1}',
    "long text": b'{"a": "' + b"x" * 8_000_000 + b'"}',
}


@pytest.mark.parametrize(
    ("content", "file"),
    [
        *(pytest.param(content, "x.yaml", id=name) for name, content in HOSTILE.items()),
        *(pytest.param(content, "x.json", id=f"{name}, JSON") for name, content in HOSTILE_JSON.items()),
    ],
)
def test_hostile_files_are_read_or_refused_in_bounded_time(content: bytes, file: str) -> None:
    started = time.process_time()
    read_trees(content, file)
    assert time.process_time() - started < 30


def test_depth_and_size_are_bounded() -> None:
    assert complaints("[" * 64 + "]" * 64) == []
    assert complaints("[" * 66 + "]" * 66) == ["x.yaml:1:66: nested deeper than 64 levels"]
    assert complaints("[" * 100_000, "x.json") == ["x.json:1:1: nested deeper than 64 levels"]
    assert complaints(HOSTILE["alias bomb"]) == ["x.yaml:6:34: more than 500000 values, aliases expanded"]
    assert complaints(HOSTILE["too many bytes"]) == ["x.yaml:1:1: the file is larger than 8 MiB"]
