"""Bytes of a file → documents of plain values, with the line and column of everything in them.

YAML is read as a stream of events and folded here, not composed by the library: its C composer recurses without limit and
a hundred kilobytes of `[` end the process. Folding the events bounds depth and size, finds every duplicate key, and yields the
positions that errors and plans point to, in one pass that is faster than loading.

Rules: YAML 1.2 and JSON; many documents per file; anchors, aliases and `<<` are followed, within a bound; dates, binary
values, sets and every private tag are refused. Nothing is guessed: what cannot be read is a problem with its place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from msgspec import Struct

from evenkeel.specs.problem import Found, Path, Place, Problem, path_text
from evenkeel.specs.reading.secrecy import key_words, shown_path
from evenkeel.specs.reading.sound import is_sound_text

Value = dict[str, "Value"] | list["Value"] | str | int | float | bool | None
Position = tuple[int, int]

MOST_BYTES = 8 * 1024**2
MOST_DEPTH = 64
MOST_VALUES = 500_000
"""Per file, aliases expanded."""
MOST_PURE = 256 * 1024
"""Characters that are read again by the slow parser; some 5 s."""

_YAML = "tag:yaml.org,2002:"
_SCALARS = {f"{_YAML}{name}" for name in ("str", "int", "float", "bool", "null")}
_COLLECTIONS = {f"{_YAML}{name}" for name in ("seq", "map")}
_YAML_HINTS = {
    "cannot start any token": "indent with blanks, not with tabs, and quote texts that begin with @, ` or %",
    "found unexpected ':'": "put texts with a `:` into quotes",
    "mapping values are not allowed": "put texts with a `:` into quotes, and indent what belongs together alike",
}
_TAGS = ("binary", "timestamp", "set", "omap", "pairs", "str", "int", "float", "bool", "null", "seq", "map")
_BEGINS = "put texts that begin with *, & or ! into quotes"
_NAMED = re.compile(r"(handle|alias|anchor) .*")
"""What the library repeats of a file: what looks like a name of its own may be a password."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_JSON_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_ESCAPE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


class Tree(Struct, frozen=True):
    """One document: its value, and for each path in it where the value stands (for keys of mappings: the key)."""

    value: Value
    positions: dict[Path, Position]
    start: Position
    doubled: tuple[Path, ...] = ()
    """Keys that stand there more than once, of which the value is the last: nothing else can be said of what they mean."""


def nearest_position(tree: Tree, path: Path) -> Position:
    """Where a value stands, or the nearest one around it that is there."""
    while path and path not in tree.positions:
        path = path[:-1]
    return tree.positions.get(path, tree.start)


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
    if text.lstrip()[:1] in ("{", "["):
        value, problem = _json_value(text, file)
        if problem is None:
            return _json_trees(text, value, file, problems), problems
        if file.endswith(".json"):
            return [], [problem]
    return _yaml_trees(text, file, problems), problems


def _json_value(text: str, file: str) -> tuple[Value, Problem | None]:
    try:
        return json.loads(text), None
    except json.JSONDecodeError as error:
        return None, Problem(Place(file, error.lineno, error.colno), "", f"no valid JSON: {error.msg}")
    except RecursionError:
        return None, Problem(Place(file, 1, 1), "", f"nested deeper than {MOST_DEPTH} levels")
    except ValueError:
        return None, Problem(Place(file, 1, 1), "", "no valid JSON: a number has too many digits")


def _json_trees(text: str, value: Value, file: str, problems: list[Problem]) -> list[Tree]:
    """Positions come from the YAML reader, of which JSON is a subset but for tabs and for characters that are escaped as
    two surrogates; both are replaced by something of the same width."""
    paired = _SURROGATE.search(text) is not None
    same = _JSON_TEXT.sub(lambda found: _without_surrogates(found[0]), text) if paired else text
    trees = _yaml_trees(same.replace("\t", " "), file, problems)
    if len(trees) != 1:
        return trees
    tree = Tree(value, trees[0].positions, trees[0].start, trees[0].doubled)
    unpaired = list(_unpaired(value, ())) if paired else []
    found = Found()
    for path in unpaired:
        place = Place(file, *tree.positions.get(path, tree.start))
        found.append(Problem(place, path_text(shown_path(path)), "half of a surrogate pair is no character"))
    problems.extend(found.all())
    return [] if unpaired else [tree]  # nothing later could write such a text


def _without_surrogates(quoted: str) -> str:
    """A text of JSON as YAML writes it. The blanks that make up its width stand behind the quotes, where they mean nothing.
    Halves, which are reported and nothing else, only have to stay different."""

    def rewritten(escape: re.Match[str]) -> str:
        high, low, half = escape.groups()
        if high and low:
            return f"\\U{0x10000 + (int(high, 16) - 0xD800) * 0x400 + int(low, 16) - 0xDC00:08x}"
        return f"\\u{int(half, 16) + 0x800:04x}" if half else escape[0]

    return _ESCAPE.sub(rewritten, quoted).ljust(len(quoted))


def _unpaired(value: Value, path: Path) -> Iterator[Path]:
    """Where texts stand that UTF-8 cannot express. The depth of `value` is bounded by MOST_DEPTH."""
    if isinstance(value, str):
        if not is_sound_text(value):
            yield path
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unpaired(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from () if is_sound_text(key) else [path]
            yield from _unpaired(item, (*path, key))


def _yaml_trees(text: str, file: str, problems: list[Problem]) -> list[Tree]:
    """The C parser is fast and follows YAML 1.1 where a `:` stands in `[]` or `{}`. What it refuses is read again by the one
    that follows 1.2; if that refuses it, too, the one that came further knows better what is wrong."""
    from ruamel.yaml import YAML

    reader = YAML(typ="safe")
    read = _fold(reader.parse(text), reader, text, file)
    if read.is_no_yaml and len(text) <= MOST_PURE:
        again = _fold(YAML(typ="safe", pure=True).parse(text), reader, text, file)
        if again.refused is None or read.refused is None or again.refused.place > read.refused.place:
            read = again
    problems.extend(read.problems.all())
    problems.extend((read.refused,) if read.refused else ())
    return read.trees


class _Read(NamedTuple):
    """What became of a text: the documents before what was `refused`, and lesser problems in them."""

    trees: list[Tree]
    problems: Found
    refused: Problem | None = None
    is_no_yaml: bool = False
    """The parser refused it, and no rule of ours."""


def _fold(events: Iterable[Any], reader: Any, text: str, file: str) -> _Read:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    read = _Read([], Found())
    folder = _Folder(reader, file, read.problems)
    try:
        read.trees.extend(tree for tree in folder.documents(iter(events)) if tree.value is not None)
    except _Unreadable as error:
        return read._replace(refused=Problem(Place(file, *error.position), "", error.message, error.hint))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        message = _NAMED.sub(r"\1", error.problem or error.context or "no valid YAML")
        hint = next((hint for part, hint in _YAML_HINTS.items() if part in message), "")
        return read._replace(refused=Problem(place, "", f"no valid YAML: {message}", hint), is_no_yaml=True)
    except (YAMLError, ValueError) as error:
        before = text.encode()[: getattr(error, "position", 0)].decode(errors="ignore")
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = _NAMED.sub(r"\1", str(error).splitlines()[0])
        return read._replace(refused=Problem(place, "", f"no valid YAML: {message}"))
    return read


class _Folder:
    """Folds events into values; one instance reads one file."""

    def __init__(self, reader: Any, file: str, problems: Found) -> None:
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
        """The positions again, in the order in which they were found: what stands below a value is a slice of it."""

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
            raise _Unreadable(f"nested deeper than {MOST_DEPTH} levels", position)
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
                raise _Unreadable("expected a plain key", where, "a mapping, list or alias cannot be a key")
            if event.value == "<<" and event.style in (None, ""):
                merged.extend(self._merged(next(events), events, (*path, "<<"), depth))
                continue
            key = str(event.value)
            if "\0" in key:
                raise _Unreadable("a text cannot hold the character NUL", where)
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
                raise _Unreadable("expected a mapping behind `<<`", self._positions[path])
            merged.append((source, positions))
        return merged

    def _alias(self, anchor: str, path: Path, position: Position) -> Value:
        if anchor in self._open_anchors or anchor not in self._anchors:
            raise _Unreadable("an alias refers to nothing that ends before it", position, _BEGINS)
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
            raise _Unreadable(f"more than {MOST_VALUES} values, aliases expanded", position)

    def _found(self, path: Path, where: Position) -> None:
        self._positions[path] = where
        self._trail.append((path, where))


def _position(event: Any) -> Position:
    return event.start_mark.line + 1, event.start_mark.column + 1
