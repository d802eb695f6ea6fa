"""Bytes of a file → documents of plain values, with the line and column of everything in them.

YAML is read as a stream of events and folded here, not composed by the library: its C composer recurses without limit and
a few kilobytes of `[` end the process. Folding the events bounds depth and size, finds every duplicate key, and yields the
positions that errors and plans point to, in one pass that is faster than loading.

Rules: YAML 1.2 and JSON; many documents per file; anchors, aliases and `<<` are followed, within a bound; dates, binary
values, sets and every private tag are refused. Nothing is guessed: what cannot be read is a problem with its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from evenkeel.specs.problem import Path, Place, Problem, path_text

Value = dict[str, "Value"] | list["Value"] | str | int | float | bool | None
Position = tuple[int, int]

MOST_BYTES = 8 * 1024**2
MOST_DEPTH = 64
MOST_VALUES = 500_000
"""Per file, aliases expanded."""

_TAGS = {
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:int",
    "tag:yaml.org,2002:float",
    "tag:yaml.org,2002:bool",
    "tag:yaml.org,2002:null",
}


class Tree(Struct, frozen=True):
    """One document: its value, and for each path in it where the value stands (for keys of mappings: the key)."""

    value: Value
    positions: dict[Path, Position]
    start: Position


class _Unreadable(Exception):
    def __init__(self, message: str, position: Position, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.position, self.hint = message, position, hint


def read_trees(content: bytes, file: str) -> tuple[list[Tree], list[Problem]]:
    """All documents of a file, empty ones left out, and all problems; with problems the documents may be incomplete."""
    try:
        if len(content) > MOST_BYTES:
            raise _Unreadable(f"the file is larger than {MOST_BYTES // 1024**2} MiB", (1, 1))
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        return [], [Problem(Place(file, line, column), "", "expected UTF-8 text")]
    except _Unreadable as error:
        return [], [Problem(Place(file, *error.position), "", error.message, error.hint)]
    problems: list[Problem] = []
    if text.lstrip()[:1] == "{":
        problem = _json_problem(text, file)
        if problem is None or file.endswith(".json"):
            trees = [] if problem else _json_trees(text, file, problems)
            return trees, [problem] if problem else problems
    return _yaml_trees(text, file, problems), problems


def _json_problem(text: str, file: str) -> Problem | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return Problem(Place(file, error.lineno, error.colno), "", f"no valid JSON: {error.msg}")
    except (RecursionError, ValueError) as error:
        return Problem(Place(file, 1, 1), "", f"no valid JSON: {error}")
    return None


def _json_trees(text: str, file: str, problems: list[Problem]) -> list[Tree]:
    """Positions come from the YAML reader, of which JSON is a subset but for tabs and escaped surrogates."""
    found: list[Problem] = []
    flat = text.replace("\t", " ")
    trees = _yaml_trees(flat, file, found)
    if found and "\\u" in flat:
        found = []
        trees = [Tree(json.loads(text), {}, (1, 1))]
    problems.extend(found)
    if len(trees) == 1:
        return [Tree(json.loads(text), trees[0].positions, trees[0].start)] if not found else trees
    return trees


def _yaml_trees(text: str, file: str, problems: list[Problem]) -> list[Tree]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    reader = YAML(typ="safe")
    folder = _Folder(reader, file, problems)
    trees: list[Tree] = []
    try:
        for tree in folder.documents(iter(reader.parse(text))):
            if tree.value is not None:
                trees.append(tree)
    except _Unreadable as error:
        problems.append(Problem(Place(file, *error.position), "", error.message, error.hint))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        message = error.problem or error.context or "no valid YAML"
        hint = "indent with blanks, not with tabs" if "cannot start any token" in message else ""
        problems.append(Problem(place, "", f"no valid YAML: {message}", hint))
    except (YAMLError, ValueError) as error:
        problems.append(Problem(Place(file, 1, 1), "", f"no valid YAML: {str(error).splitlines()[0]}"))
    return trees


class _Folder:
    """Folds events into values; one instance reads one file."""

    def __init__(self, reader: Any, file: str, problems: list[Problem]) -> None:
        from ruamel.yaml.nodes import ScalarNode

        self._node = ScalarNode
        self._resolver, self._constructor = reader.resolver, reader.constructor
        self._file, self._problems = file, problems
        self._scalars: dict[tuple[str, Any, str | None], Value] = {}
        self._count = 0
        self._anchors: dict[str, tuple[Value, dict[Path, Position]]] = {}
        self._open_anchors: set[str] = set()
        self._positions: dict[Path, Position] = {}

    def documents(self, events: Iterator[Any]) -> Iterator[Tree]:
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self._positions, self._anchors = {}, {}
                first = next(events)
                start = _position(first)
                value = self._value(first, events, (), 0)
                yield Tree(value, self._positions, start)

    def _value(self, event: Any, events: Iterator[Any], path: Path, depth: int) -> Value:
        """The value that starts with `event`. Recursion is bounded by MOST_DEPTH."""
        position = _position(event)
        self._positions.setdefault(path, position)
        self._count += 1
        if self._count > MOST_VALUES:
            raise _Unreadable(f"more than {MOST_VALUES} values, aliases expanded", position)
        if depth > MOST_DEPTH:
            raise _Unreadable(f"nested deeper than {MOST_DEPTH} levels", position)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event.anchor, path, position)
        before = len(self._positions)
        if event.anchor:
            self._open_anchors.add(event.anchor)
        if kind == "ScalarEvent":
            value = self._scalar(event, path, position)
        elif kind == "SequenceStartEvent":
            value = []
            for item in events:
                if type(item).__name__ == "SequenceEndEvent":
                    break
                value.append(self._value(item, events, (*path, len(value)), depth + 1))
        else:
            value = self._mapping(events, path, depth)
        if event.anchor:
            self._open_anchors.discard(event.anchor)
            inside = list(self._positions.items())[before:]
            below = {found[len(path) :]: where for found, where in inside if found[: len(path)] == path}
            self._anchors[event.anchor] = (value, below)
        return value

    def _mapping(self, events: Iterator[Any], path: Path, depth: int) -> dict[str, Value]:
        value: dict[str, Value] = {}
        seen: dict[str, Position] = {}
        merged: list[Value] = []
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            where = _position(event)
            if type(event).__name__ != "ScalarEvent":
                raise _Unreadable("expected a plain key", where)
            if event.value == "<<" and event.style in (None, ""):
                merged.append(self._value(next(events), events, (*path, "<<"), depth + 1))
                continue
            key = str(event.value)
            if key in seen:
                first = f"{self._file}:{seen[key][0]}:{seen[key][1]}"
                place = Place(self._file, *where)
                message = f"the key `{key}` stands here again"
                self._problems.append(Problem(place, path_text((*path, key)), message, f"first at {first}"))
            seen.setdefault(key, where)
            self._positions[(*path, key)] = where
            value[key] = self._value(next(events), events, (*path, key), depth + 1)
        for source in merged:
            for mapping in source if isinstance(source, list) else [source]:
                if not isinstance(mapping, dict):
                    raise _Unreadable("expected a mapping behind `<<`", self._positions[(*path, "<<")])
                for key, inherited in mapping.items():
                    value.setdefault(key, inherited)
        return value

    def _alias(self, anchor: str, path: Path, position: Position) -> Value:
        if anchor in self._open_anchors or anchor not in self._anchors:
            raise _Unreadable(f"`*{anchor}` refers to nothing that ends before it", position)
        value, below = self._anchors[anchor]
        self._count += len(below)
        if self._count > MOST_VALUES:
            raise _Unreadable(f"more than {MOST_VALUES} values, aliases expanded", position)
        for rest, where in below.items():
            self._positions.setdefault((*path, *rest), where)
        return value

    def _scalar(self, event: Any, path: Path, position: Position) -> Value:
        key = (event.value, event.implicit, event.tag)
        if key in self._scalars:
            return self._scalars[key]
        tag = event.tag or str(self._resolver.resolve(self._node, event.value, event.implicit))
        place = Place(self._file, *position)
        if tag not in _TAGS:
            hint = "put it into quotes" if tag == "tag:yaml.org,2002:timestamp" else "leave the tag out"
            what = "a date" if tag == "tag:yaml.org,2002:timestamp" else f"the tag `{tag.rpartition(':')[2]}`"
            self._problems.append(Problem(place, path_text(path), f"{what} is not allowed here", hint))
            return str(event.value)
        if tag == "tag:yaml.org,2002:str":
            value: Value = str(event.value)
        else:
            try:
                value = self._constructor.construct_object(self._node(tag, event.value))
            except (ValueError, OverflowError):
                value = str(event.value)
        self._scalars[key] = value
        return value


def _position(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1
