"""Reading the operator's settings: one file, then what the command line says instead.

A wrong setting is never guessed around: evenkeel does not start, and says everything that is wrong at once, with the line,
what was expected and the nearest key. A file that nobody named and that is not there is fine; what the settings mean and
their defaults is `specs.settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evenkeel.specs.errors import SettingsError
from evenkeel.specs.normalise import Flaw
from evenkeel.specs.problem import Place, Problem, path_text, problem_text
from evenkeel.specs.settings import Settings, settings_from
from evenkeel.specs.text import Tree, Value, read_trees

DEFAULT_PATH = Path("/etc/evenkeel/config.yaml")

_COMMAND_LINE = "command line"


def load_settings(
    path: Path | None = None, overrides: Mapping[str, Value] | None = None, *, default: Path = DEFAULT_PATH
) -> Settings:
    """The settings in `path`, or in `default` if there is such a file; SettingsError with every problem, one to a line.

    `overrides` take precedence: camelCase paths such as `engine.kind`, with plain values. Paths in them must be absolute.
    """
    file = path or default
    problems: list[Problem] = []
    tree = _tree(file, problems, required=path is not None)
    flaws: list[Flaw] = []
    value = tree.value
    for key, item in (overrides or {}).items():
        value = _with(value, key.split("."), item)
    settings = settings_from(value, flaws)
    for flaw in flaws:
        text = path_text(flaw.path)
        overridden = any(text == key or text.startswith((f"{key}.", f"{key}[")) for key in overrides or {})
        place = Place(_COMMAND_LINE) if overridden else _place(flaw, tree, str(file))
        problems.append(Problem(place, text, flaw.message, flaw.hint))
    if problems or settings is None:
        raise SettingsError(f"file:{file}", "\n".join(problem_text(problem) for problem in sorted(problems)))
    return settings


def _tree(file: Path, problems: list[Problem], *, required: bool) -> Tree:
    """The one document of a file, an empty mapping when there is none."""
    empty = Tree({}, {}, (1, 1))
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        if required:
            raise SettingsError(f"file:{file}", "there is no such file") from error
        return empty
    except OSError as error:
        raise SettingsError(f"file:{file}", f"cannot be read: {error.strerror}") from error
    trees, found = read_trees(content, str(file))
    problems.extend(found)
    more = "expected one document, got another one"
    problems.extend(Problem(Place(str(file), *tree.start), "", more) for tree in trees[1:])
    return trees[0] if trees else empty


def _with(value: Value, path: list[str], item: Value) -> Value:
    """`value` with `item` at `path`. A value that is no mapping where one is needed is left as it is, to be reported."""
    if not path:
        return item
    if not isinstance(value, dict):
        return value
    key, *rest = path
    return {**value, key: _with(value.get(key, {}), rest, item)}


def _place(flaw: Flaw, tree: Tree, file: str) -> Place:
    path = flaw.path
    while path and path not in tree.positions:
        path = path[:-1]
    return Place(file, *tree.positions.get(path, tree.start))
