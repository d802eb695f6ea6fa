"""Reading the operator's settings: one file, then the overrides of the command line.

A wrong setting is never guessed around: evenkeel does not start, and reports all faults at once, with the line, the
expected value and the nearest key. The default file may be absent. The settings with their meanings and defaults are in
`specs.settings.settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.process.bounded import read_bounded
from evenkeel.specs.errors import SettingsError
from evenkeel.specs.problem import Flaw, Place, Problem, Severity, errors, path_text
from evenkeel.specs.problem import Path as Keys
from evenkeel.specs.reading.secrecy import shown_path
from evenkeel.specs.settings.settings import Settings, settings_from

if TYPE_CHECKING:
    from evenkeel.specs.reading.tree import Tree, Value

DEFAULT_PATH = Path("/etc/evenkeel/config.yaml")

_COMMAND_LINE = "command line"


def load_settings(
    path: Path | None = None,
    overrides: Mapping[str, Value] | None = None,
    *,
    default: Path = DEFAULT_PATH,
    notes: list[Problem] | None = None,
) -> Settings:
    """The settings in `path`, or in `default` if there is such a file; SettingsError with every problem, one to a line.

    `overrides` take precedence: camelCase paths such as `engine.kind`, with plain values. Paths in them must be absolute.
    `notes` receives the warnings.
    """
    file = path or default
    problems: list[Problem] = []
    content = _content(file)
    if content is None and path is None:  # then no YAML is read
        return settings_of({}, overrides or {}, lambda keys: (Place(str(file)), keys), problems, file)
    if content is None:
        raise _missing(file)
    from evenkeel.specs.reading.tree import nearest_position

    tree = _tree(content, file, problems)

    def where(keys: Keys) -> tuple[Place, Keys]:
        return Place(str(file), *nearest_position(tree, keys)), keys

    return settings_of(tree.value, overrides or {}, where, problems, file, notes)


def settings_of(
    value: Value,
    overrides: Mapping[str, Value],
    where: Callable[[Keys], tuple[Place, Keys]],
    problems: Sequence[Problem],
    file: Path,
    notes: list[Problem] | None = None,
) -> Settings:
    """The settings in `value` and `overrides`; SettingsError with `problems` and all others, unless they are warnings
    only. The error is about `file`, or about the settings when only the command line is wrong.

    `where` gives for a path of the settings its place in the file, and its name there. `notes` receives the warnings
    that are not among `problems`.
    """
    found, flaws = list(problems), list[Flaw]()
    for key, item in overrides.items():
        value = _with(value, key.split("."), item)
    settings = settings_from(value, flaws)
    for flaw in flaws:
        text = path_text(flaw.path)
        severity: Severity = "warning" if flaw.warning else "error"
        if any(text == key or text.startswith((f"{key}.", f"{key}[")) for key in overrides):
            shown = path_text(shown_path(flaw.path))
            found.append(Problem(Place(_COMMAND_LINE), shown, flaw.message, flaw.hint, severity))
        else:
            place, keys = where(flaw.path)
            found.append(Problem(place, path_text(shown_path(keys)), flaw.message, flaw.hint, severity))
    if errors(found) or settings is None:
        blamed = f"file:{file}" if any(problem.place.file != _COMMAND_LINE for problem in errors(found)) else "settings"
        raise SettingsError(blamed, problems=sorted(found))
    if notes is not None:
        notes.extend(sorted(found[len(problems) :]))
    return settings


def read_tree(file: Path, problems: list[Problem]) -> Tree:
    """The one document of a file, which must exist."""
    content = _content(file)
    if content is None:
        raise _missing(file)
    return _tree(content, file, problems)


def own_tree(path: Path | None, problems: list[Problem], default: Path = DEFAULT_PATH) -> tuple[Path, Tree]:
    """The file of settings that `load_settings` would read, and its document, which is empty where the default file is
    absent."""
    file = path or default
    content = _content(file)
    if content is None and path is not None:
        raise _missing(file)
    return file, _tree(content or b"", file, problems)


def _missing(file: Path) -> SettingsError:
    return SettingsError(f"file:{file}", "there is no such file")


def _content(file: Path) -> bytes | None:
    """The content of a file; `None` when there is none; SettingsError when it cannot be read."""
    try:
        return read_bounded(file)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"file:{file}", f"cannot be read: {error.strerror}") from error


def _tree(content: bytes, file: Path, problems: list[Problem]) -> Tree:
    """The one document in `content`, an empty mapping when there is none."""
    from evenkeel.specs.reading.text import read_trees
    from evenkeel.specs.reading.tree import Tree

    trees, found = read_trees(content, str(file))
    problems.extend(found)
    more = "expected one document, got another one"
    problems.extend(Problem(Place(str(file), *tree.start), "", more) for tree in trees[1:])
    return trees[0] if trees else Tree({}, {}, (1, 1))


def _with(value: Value, path: list[str], item: Value) -> Value:
    """`value` with `item` at `path`. A value that is no mapping where one is needed is left as it is, to be reported."""
    if not path:
        return item
    if not isinstance(value, dict):
        return value
    key, *rest = path
    return {**value, key: _with(value.get(key, {}), rest, item)}
