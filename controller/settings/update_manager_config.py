"""The configuration of Kanto's update manager, used as it is or converted to the settings of evenkeel.

`load_update_manager` reads its file with its command line and environment. The settings of evenkeel itself lie below: they
say what else there is on this device. The two must not speak about the same thing, so a section `updateManager` there
is an error, and `connection` takes the place of `mqtt`.

The password stays where it is, in the file or in the environment, and is read from there at every connection.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.settings.load import own_tree, read_tree, settings_of
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import SettingsError
from evenkeel.specs.kanto.update_manager.keys import PASSWORD, PASSWORD_FLAG, variable_of
from evenkeel.specs.kanto.update_manager.line import Line, Over, laid_over
from evenkeel.specs.kanto.update_manager.settings import (
    file_password,
    update_manager_path,
    update_manager_settings,
)
from evenkeel.specs.problem import Flaw, Place, Problem, Severity, path_text
from evenkeel.specs.problem import Path as Keys
from evenkeel.specs.reading.secrecy import shown_path
from evenkeel.specs.reading.tree import Tree, Value, nearest_position
from evenkeel.specs.settings.settings import Settings

_COMMAND_LINE, _ENVIRONMENT = "command line", "environment"
_LOCALLY = ("specs", "engine", "slots", "updateAgent", "selfUpdateAgent")
"""Sections of evenkeel's own settings that ask for domains of this device."""
_LOCAL_OPTIONS = ("specs", "engine.kind")
_EMPTY = Tree({}, {}, (1, 1))


class Managed(NamedTuple):
    """`local`: whether evenkeel's own settings ask for domains of this device. `password`: one of the command line, which
    belongs into the variable that the settings name."""

    settings: Settings
    local: bool
    password: str = ""

    def __repr__(self) -> str:
        return f"Managed({self.settings!r}, {self.local!r}, …)"


def load_update_manager(
    file: Path | None,
    line: Line,
    environment: Mapping[str, str],
    own: Path | None = None,
    overrides: Mapping[str, Value] | None = None,
    notes: list[Problem] | None = None,
) -> Managed:
    """The settings of an update manager; SettingsError with every problem, one to a line.

    `file`: the `config.json`, `own`: the settings of evenkeel, `None` for the usual file if there is one; `overrides` as for
    `load_settings`. `notes` receives the warnings.
    """
    problems: list[Problem] = []
    tree = _read(file, problems)
    flaws: list[Flaw] = []
    over = laid_over(tree.value, line, environment, flaws)
    theirs = update_manager_settings(over.value, flaws)
    problems += (_placed(flaw, file, tree, over) for flaw in flaws)
    if over.password == f"-{PASSWORD_FLAG}":
        message = "all users of this machine can read a password on a command line"
        hint = f"write `{path_text(PASSWORD)}`, or set {variable_of(PASSWORD_FLAG)}"
        problems.append(Problem(Place(_COMMAND_LINE), PASSWORD_FLAG, message, hint, "warning"))
    own_file, below = own_tree(own, problems)
    problems += _contradictions(own_file, below)

    def where(keys: Keys) -> tuple[Place, Keys]:
        path = update_manager_path(keys)
        if keys[:1] == ("updateManager",) or (keys[:1] in (("mqtt",), ("log",)) and path and keys[0] in theirs):
            return _place(path, file, tree, over), _shown(path, over) if path else keys
        return Place(str(own_file), *nearest_position(below, keys)), keys

    value = _together(below.value, theirs)
    settings = settings_of(value, overrides or {}, where, problems, file or own_file, notes)
    if notes is not None:
        notes[:] = sorted({*notes, *problems})
    asks = isinstance(below.value, dict) and not below.value.keys().isdisjoint(_LOCALLY)
    local = asks or not set(_LOCAL_OPTIONS).isdisjoint(overrides or {})
    password = line.last(PASSWORD_FLAG) or ""
    return Managed(_with_password(settings, file, tree, over), local, password)


def migrated_update_manager(file: Path, notes: list[Problem]) -> tuple[Settings, str]:
    """The settings in a `config.json`, and the password. SettingsError as above."""
    problems: list[Problem] = []
    tree = _read(file, problems)
    flaws: list[Flaw] = []
    over = laid_over(tree.value, Line(), {}, flaws)
    theirs = update_manager_settings(over.value, flaws)
    problems += (_placed(flaw, file, tree, over) for flaw in flaws)

    def where(keys: Keys) -> tuple[Place, Keys]:
        path = update_manager_path(keys)
        return _place(path, file, tree, over), path or keys

    settings = settings_of(_together({}, theirs), {}, where, problems, file)
    no_engine = "it names no engine, so `evenkeel run` only simulates containers of this device"
    problems.append(Problem(Place(str(file)), "", no_engine, "write `engine: {kind: docker}` if it has any", "warning"))
    notes.extend(sorted(problems))
    return _with_password(settings, file, tree, over), file_password(tree.value)


def _read(file: Path | None, problems: list[Problem]) -> Tree:
    """The configuration. An empty file is an error, as with the original: it may have lost its content."""
    if file is None:
        return _EMPTY
    tree = read_tree(file, problems)
    if tree.value == {} and file.stat().st_size == 0:
        raise SettingsError(f"file:{file}", "is empty")
    return tree


def _together(own: Value, theirs: dict[str, Value]) -> Value:
    """`own` with the sections of an update manager in it. Parts with the wrong type are left, to be reported. `theirs` is
    empty where it has errors."""
    if not isinstance(own, dict) or not theirs:
        return own
    mqtt, log = own.get("mqtt", {}), own.get("log", {})
    if "mqtt" in theirs:
        mqtt = theirs["mqtt"]
    elif isinstance(mqtt, dict):
        mqtt = {**mqtt, "enabled": True}
    if "log" in theirs and isinstance(log, dict) and isinstance(theirs["log"], dict):
        log = {**log, **theirs["log"]}
    return {**own, "updateManager": theirs["updateManager"], "mqtt": mqtt, "log": log}


def _contradictions(file: Path, own: Tree) -> list[Problem]:
    if not isinstance(own.value, dict) or "updateManager" not in own.value:
        return []
    place = Place(str(file), *nearest_position(own, ("updateManager",)))
    message = "this command takes the update manager from its own configuration"
    return [Problem(place, "updateManager", message, "remove the section, or use `evenkeel run`, which reads it")]


def _with_password(settings: Settings, file: Path | None, tree: Tree, over: Over) -> Settings:
    """The settings with the place of the password. Without a user there is none, as with the original."""
    mqtt = settings.mqtt
    if over.password and mqtt.username:
        mqtt = changed(mqtt, password_variable=variable_of(PASSWORD_FLAG))
    elif mqtt.username and file is not None and file_password(over.value) and file_password(tree.value):
        mqtt = changed(mqtt, password_file=str(file.absolute()), password_key=".".join(PASSWORD))
    return changed(settings, mqtt=mqtt)


def _placed(flaw: Flaw, file: Path | None, tree: Tree, over: Over) -> Problem:
    severity: Severity = "warning" if flaw.warning else "error"
    place = _place(flaw.path, file, tree, over)
    return Problem(place, path_text(shown_path(_shown(flaw.path, over))), flaw.message, flaw.hint, severity)


def _place(path: Keys, file: Path | None, tree: Tree, over: Over) -> Place:
    origin = _origin(path, over)
    if origin:
        return Place(_COMMAND_LINE if origin.startswith("-") else _ENVIRONMENT)
    return Place(str(file), *nearest_position(tree, path)) if file is not None else Place(_COMMAND_LINE)


def _shown(path: Keys, over: Over) -> Keys:
    """The path for people: the flag, without its dash, or the variable in the place of the key that it stands for."""
    for length in range(len(path), 0, -1):
        if path[:length] in over.origins:
            return (over.origins[path[:length]].removeprefix("-"), *path[length:])
    return path


def _origin(path: Keys, over: Over) -> str:
    return next((over.origins[path[:end]] for end in range(len(path), 0, -1) if path[:end] in over.origins), "")
