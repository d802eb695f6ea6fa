"""The events of a YAML parser → documents of plain values with their positions.

The library's own C composer recurses without limit, and a hundred kilobytes of `[` end the process. Folding the events here
bounds depth and size, finds every duplicate key, and yields the positions that errors and plans point to, in one pass that is
faster than loading.

Anchors, aliases and `<<` are followed, within a bound; dates, binary values, sets and every private tag are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evenkeel.specs.problem import Path, Place, Problem, Problems, path_text
from evenkeel.specs.reading.secrecy import key_words, shown_path
from evenkeel.specs.reading.tree import MOST_DEPTH, MOST_VALUES, Position, Tree, Unreadable, Value

_YAML = "tag:yaml.org,2002:"
_SCALARS = {f"{_YAML}{name}" for name in ("str", "int", "float", "bool", "null")}
_COLLECTIONS = {f"{_YAML}{name}" for name in ("seq", "map")}
_TAGS = ("binary", "timestamp", "set", "omap", "pairs", "str", "int", "float", "bool", "null", "seq", "map")
_BEGINS = "put texts that begin with *, & or ! into quotes"


class Folder:
    """Folds events into values; one instance reads one file."""

    def __init__(self, reader: Any, file: str, problems: Problems) -> None:
        from ruamel.yaml.nodes import ScalarNode

        self._node = ScalarNode
        self._resolver, self._constructor = reader.resolver, reader.constructor
        self._file, self._problems = file, problems
        self._scalars: dict[tuple[str, Any, str | None], Value] = {}
        self._count = 0
        self._anchors: dict[str, tuple[Value, Path, int, int]] = {}
        """Values with their paths, and which part of the trail is theirs."""
        self._open_anchors: set[str] = set()
        self._doubled: list[Path] = []
        self._positions: dict[Path, Position] = {}
        self._trail: list[tuple[Path, Position]] = []
        """The positions again, in the order in which they were found: those below a value are a slice of it."""

    def documents(self, events: Iterator[Any]) -> Iterator[Tree]:
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent":
                self._positions, self._trail, self._anchors = {}, [], {}
                self._doubled = []
                first = next(events)
                start = _position(first)
                value = self._value(first, events, (), 0)
                yield Tree(value, self._positions, start, tuple(self._doubled))

    def _value(self, event: Any, events: Iterator[Any], path: Path, depth: int) -> Value:
        """The value that starts with `event`. Recursion is bounded by MOST_DEPTH."""
        position = _position(event)
        if path not in self._positions:
            self._found(path, position)
        self._spend(1, position)
        if depth > MOST_DEPTH:
            raise Unreadable(f"nested deeper than {MOST_DEPTH} levels", position)
        kind = type(event).__name__
        if kind == "AliasEvent":
            return self._alias(event.anchor, path, position)
        before = len(self._trail)
        if event.anchor:
            self._open_anchors.add(event.anchor)
        if kind == "ScalarEvent":
            value = self._scalar(event, path, position)
        else:
            if event.tag and event.tag not in _COLLECTIONS:
                self._refuse_tag(event.tag, path, position)
            sequence = kind == "SequenceStartEvent"
            value = self._sequence(events, path, depth) if sequence else self._mapping(events, path, depth)
        if event.anchor:
            self._open_anchors.discard(event.anchor)
            self._anchors[event.anchor] = (value, path, before, len(self._trail))
        return value

    def _sequence(self, events: Iterator[Any], path: Path, depth: int) -> list[Value]:
        value: list[Value] = []
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            value.append(self._value(event, events, (*path, len(value)), depth + 1))
        return value

    def _mapping(self, events: Iterator[Any], path: Path, depth: int) -> dict[str, Value]:
        value: dict[str, Value] = {}
        seen: dict[str, Position] = {}
        merged: list[tuple[dict[str, Value], list[tuple[Path, Position]]]] = []
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            where = _position(event)
            if type(event).__name__ != "ScalarEvent":
                raise Unreadable("expected a plain key", where, "a mapping, list or alias cannot be a key")
            if event.value == "<<" and event.style in (None, ""):
                merged.extend(self._merged(next(events), events, (*path, "<<"), depth))
                continue
            key = str(event.value)
            if "\0" in key:
                raise Unreadable("a text cannot hold the character NUL", where)
            if key in seen:
                self._doubled.append((*path, key))
                first = f"{self._file}:{seen[key][0]}:{seen[key][1]}"
                place = Place(self._file, *where)
                message = f"{key_words('the key', key, path)} stands here again"
                self._problems.append(Problem(place, path_text(shown_path((*path, key))), message, f"first at {first}"))
            seen.setdefault(key, where)
            self._found((*path, key), where)
            value[key] = self._value(next(events), events, (*path, key), depth + 1)
        for source, below in merged:
            inherited = {key: item for key, item in source.items() if key not in value}
            value.update(inherited)
            for rest, where in below:
                if rest[0] in inherited:
                    self._found((*path, *rest), where)
        return value

    def _merged(
        self, event: Any, events: Iterator[Any], path: Path, depth: int
    ) -> list[tuple[dict[str, Value], list[tuple[Path, Position]]]]:
        """The mappings behind a `<<`, each with the positions below it."""
        start = len(self._trail)
        value = self._value(event, events, path, depth + 1)
        sources = value if isinstance(value, list) else [value]
        skip = len(path) + isinstance(value, list)
        below: list[list[tuple[Path, Position]]] = [[] for _ in sources]
        for found, where in self._trail[start:]:
            if len(found) > skip:
                index = found[skip - 1] if isinstance(value, list) else 0
                below[int(index)].append((found[skip:], where))
        merged = []
        for source, positions in zip(sources, below, strict=True):
            if not isinstance(source, dict):
                raise Unreadable("expected a mapping behind `<<`", self._positions[path])
            merged.append((source, positions))
        return merged

    def _alias(self, anchor: str, path: Path, position: Position) -> Value:
        if anchor in self._open_anchors or anchor not in self._anchors:
            raise Unreadable("an alias refers to nothing that ends before it", position, _BEGINS)
        value, origin, start, end = self._anchors[anchor]
        self._spend(end - start, position)
        for found, where in self._trail[start:end]:
            if found != origin:
                self._found((*path, *found[len(origin) :]), where)
        return value

    def _scalar(self, event: Any, path: Path, position: Position) -> Value:
        key = (event.value, event.implicit, event.tag)
        if key in self._scalars:
            return self._scalars[key]
        tag = event.tag or str(self._resolver.resolve(self._node, event.value, event.implicit))
        text = str(event.value)
        if tag == f"{_YAML}timestamp":
            return self._refuse("a date is not allowed here", "put it into quotes", path, position)
        if tag not in _SCALARS and event.tag:
            return self._refuse_tag(tag, path, position)
        if "\0" in text:
            return self._refuse("a text cannot hold the character NUL", "", path, position)
        value: Value = text
        if tag in _SCALARS and tag != f"{_YAML}str":
            try:
                value = self._constructor.construct_object(self._node(tag, event.value))
            except (ValueError, LookupError, OverflowError):
                if event.tag:
                    return self._refuse(f"this is no {tag.removeprefix(_YAML)}", "leave the tag out", path, position)
        if isinstance(value, int) and value.bit_length() > 63:
            return self._refuse("the number is too large", "put it into quotes if it is a text", path, position)
        self._scalars[key] = value
        return value

    def _refuse_tag(self, tag: str, path: Path, position: Position) -> Value:
        name = tag.removeprefix(_YAML)
        if name not in _TAGS:
            return self._refuse("a tag is not allowed here", _BEGINS, path, position)
        return self._refuse(f"the tag `{name}` is not allowed here", "leave the tag out", path, position)

    def _refuse(self, message: str, hint: str, path: Path, position: Position) -> Value:
        """Report a value and go on with an empty text in its place."""
        self._problems.append(Problem(Place(self._file, *position), path_text(shown_path(path)), message, hint))
        return ""

    def _spend(self, count: int, position: Position) -> None:
        self._count += count
        if self._count > MOST_VALUES:
            raise Unreadable(f"more than {MOST_VALUES} values, aliases expanded", position)

    def _found(self, path: Path, where: Position) -> None:
        self._positions[path] = where
        self._trail.append((path, where))


def _position(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1
