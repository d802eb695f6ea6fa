"""Reading the operator's settings: one file, then what the command line says instead.

A wrong setting is never guessed around: evenkeel does not start, and says everything that is wrong at once, with the line,
what was expected and the nearest key. A file that nobody named and that is not there is fine; what the settings mean and
their defaults is `specs.settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from evenkeel.specs.errors import SettingsError
from evenkeel.specs.normalise import Flaw
from evenkeel.specs.problem import Path as Keys
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
    tree = read_tree(file, problems, required=path is not None)
    return settings_of(tree.value, overrides or {}, lambda keys: (place_in(tree, keys, file), keys), problems, file)


def settings_of(
    value: Value,
    overrides: Mapping[str, Value],
    where: Callable[[Keys], tuple[Place, Keys]],
    problems: Sequence[Problem],
    file: Path,
) -> Settings:
    """The settings that `value` and `overrides` say; SettingsError about `file` with `problems` and all others.

    `where` tells for a path of the settings where it stands in what was written, and how it is called there.
    """
    found, flaws = list(problems), list[Flaw]()
    for key, item in overrides.items():
        value = _with(value, key.split("."), item)
    settings = settings_from(value, flaws)
    for flaw in flaws:
        text = path_text(flaw.path)
        if any(text == key or text.startswith((f"{key}.", f"{key}[")) for key in overrides):
            found.append(Problem(Place(_COMMAND_LINE), text, flaw.message, flaw.hint))
        else:
            place, keys = where(flaw.path)
            found.append(Problem(place, path_text(keys), flaw.message, flaw.hint))
    if found or settings is None:
        raise SettingsError(f"file:{file}", "\n".join(problem_text(problem) for problem in sorted(found)))
    return settings


def read_tree(file: Path, problems: list[Problem], *, required: bool) -> Tree:
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


def place_in(tree: Tree, keys: Keys, file: Path) -> Place:
    """Where a value stands, or the nearest one around it that is there."""
    while keys and keys not in tree.positions:
        keys = keys[:-1]
    return Place(str(file), *tree.positions.get(keys, tree.start))
