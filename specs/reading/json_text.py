"""JSON text → a document: the value by the JSON parser, the positions in it by the YAML reader.

JSON is a subset of YAML but for tabs, and for characters that are escaped as two surrogates. Both are replaced by something of
the same width before the positions are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from evenkeel.specs.problem import Path, Place, Problem, Problems, path_text
from evenkeel.specs.reading.secrecy import shown_path
from evenkeel.specs.reading.sound import is_sound_text
from evenkeel.specs.reading.tree import MOST_DEPTH, Tree, Value
from evenkeel.specs.reading.yaml_text import yaml_trees

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_JSON_TEXT = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_ESCAPE = re.compile(
    r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})|\\u([dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)


def json_value(text: str, file: str) -> tuple[Value, Problem | None]:
    """The value, or the problem that prevents it."""
    try:
        return json.loads(text), None
    except json.JSONDecodeError as error:
        return None, Problem(Place(file, error.lineno, error.colno), "", f"no valid JSON: {error.msg}")
    except RecursionError:
        return None, Problem(Place(file, 1, 1), "", f"nested deeper than {MOST_DEPTH} levels")
    except ValueError:
        return None, Problem(Place(file, 1, 1), "", "no valid JSON: a number has too many digits")


def json_trees(text: str, value: Value, file: str, problems: list[Problem]) -> list[Tree]:
    """The document that `value` was read from, with positions; `problems` is added to."""
    paired = _SURROGATE.search(text) is not None
    same = _JSON_TEXT.sub(lambda found: _without_surrogates(found[0]), text) if paired else text
    trees = yaml_trees(same.replace("\t", " "), file, problems)
    if len(trees) != 1:
        return trees
    tree = Tree(value, trees[0].positions, trees[0].start, trees[0].doubled)
    unpaired = list(_unpaired(value, ())) if paired else []
    found = Problems()
    for path in unpaired:
        place = Place(file, *tree.positions.get(path, tree.start))
        found.append(Problem(place, path_text(shown_path(path)), "half of a surrogate pair is no character"))
    problems.extend(found.all())
    return [] if unpaired else [tree]  # a text with half a pair cannot be written again


def _without_surrogates(quoted: str) -> str:
    """A text of JSON as YAML writes it. The blanks that make up its width stand behind the quotes, where they mean nothing.
    Half a pair becomes any other character, as long as different halves stay different: it is reported anyway."""

    def rewritten(escape: re.Match[str]) -> str:
        high, low, half = escape.groups()
        if high and low:
            return f"\\U{0x10000 + (int(high, 16) - 0xD800) * 0x400 + int(low, 16) - 0xDC00:08x}"
        return f"\\u{int(half, 16) + 0x800:04x}" if half else escape[0]

    return _ESCAPE.sub(rewritten, quoted).ljust(len(quoted))


def _unpaired(value: Value, path: Path) -> Iterator[Path]:
    """The paths of texts that UTF-8 cannot express. The depth of `value` is bounded by MOST_DEPTH."""
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
