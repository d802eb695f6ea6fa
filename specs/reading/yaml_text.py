"""YAML text → documents, by two parsers: a fast one that follows YAML 1.1 in places, and a slow one that follows 1.2."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from evenkeel.specs.problem import Place, Problem, Problems
from evenkeel.specs.reading.fold import Folder
from evenkeel.specs.reading.tree import Tree, Unreadable

MOST_PURE = 256 * 1024
"""Characters that are read again by the slow parser; some 5 s."""
_HINTS = {
    "cannot start any token": "indent with blanks, not with tabs, and quote texts that begin with @, ` or %",
    "found unexpected ':'": "put texts with a `:` into quotes",
    "mapping values are not allowed": "put texts with a `:` into quotes, and indent what belongs together alike",
}
_NAMED = re.compile(r"(handle|alias|anchor) .*")
"""Messages of the library that repeat a part of the file. It looks like a name and may be a password."""


def yaml_trees(text: str, file: str, problems: list[Problem]) -> list[Tree]:
    """The documents of a text; `problems` is added to. The C parser is fast and follows YAML 1.1 where a `:` stands in `[]` or
    `{}`. A text that it refuses is read again by the parser that follows 1.2. If both refuse it, the problem of the one that
    came further is told."""
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
    """The result for a text: the documents before the place that was `refused`, and lesser problems in them."""

    trees: list[Tree]
    problems: Problems
    refused: Problem | None = None
    is_no_yaml: bool = False
    """Whether the parser refused the text, and not a rule of evenkeel's."""


def _fold(events: Iterable[Any], reader: Any, text: str, file: str) -> _Read:
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    read = _Read([], Problems())
    folder = Folder(reader, file, read.problems)
    try:
        read.trees.extend(tree for tree in folder.documents(iter(events)) if tree.value is not None)
    except Unreadable as error:
        return read._replace(refused=Problem(Place(file, *error.position), "", error.message, error.hint))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        message = _NAMED.sub(r"\1", error.problem or error.context or "no valid YAML")
        hint = next((hint for part, hint in _HINTS.items() if part in message), "")
        return read._replace(refused=Problem(place, "", f"no valid YAML: {message}", hint), is_no_yaml=True)
    except (YAMLError, ValueError) as error:
        before = text.encode()[: getattr(error, "position", 0)].decode(errors="ignore")
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = _NAMED.sub(r"\1", str(error).splitlines()[0])
        return read._replace(refused=Problem(place, "", f"no valid YAML: {message}"))
    return read
