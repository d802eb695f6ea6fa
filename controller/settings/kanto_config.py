"""The `config.json` of Kanto's container-management, used as it is or converted to a `config.yaml` of evenkeel; and the
conversion of that of Kanto's update manager (`update_manager_config`).

`load_kanto_config` gives the same `Settings` that `load_settings` gives, so that a device can be switched over by
naming the file it has. The password stays in that file and is read from there at every connection. `migrate` writes the
result of `to_yaml` and, beside it, the password into a file that only its owner may read.
"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from evenkeel.controller.process.atomic import write_atomically
from evenkeel.controller.process.replacing import check_file
from evenkeel.controller.settings.load import read_tree, settings_of
from evenkeel.specs.codec import changed
from evenkeel.specs.errors import SettingsError
from evenkeel.specs.kanto.omissions import omissions
from evenkeel.specs.kanto.settings import PASSWORD, SECTIONS, kanto_password, kanto_path, kanto_settings
from evenkeel.specs.kanto.update_manager.keys import is_of_update_manager
from evenkeel.specs.problem import Flaw, Place, Problem, Severity, path_text
from evenkeel.specs.problem import Path as Keys
from evenkeel.specs.reading.secrecy import shown_path
from evenkeel.specs.reading.tree import Value, nearest_position
from evenkeel.specs.settings.settings import Settings
from evenkeel.specs.settings.written import written
from evenkeel.specs.visible import visible_lines

PASSWORD_FILE = "mqtt-password"


_REAL_ENGINE: Mapping[str, Value] = {"engine.kind": "docker"}
"""Kanto's own engine cannot be taken over, but a device that ran containers must not end up with simulated ones."""


def load_kanto_config(
    path: Path,
    overrides: Mapping[str, Value] | None = None,
    notes: list[Problem] | None = None,
    *,
    left: list[Problem] | None = None,
) -> Settings:
    """The settings in Kanto's configuration, defaults for the rest; SettingsError with every problem, one to a line.

    `overrides` as for `load_settings`. `notes` receives the warnings about keys that are read nevertheless, `left`
    those about keys that are not carried over, with the remedy.
    """
    return _load(path, overrides or {}, notes, left)[0]


def to_yaml(settings: Settings) -> str:
    """The `config.yaml` for these settings: all that differ from the defaults."""
    from ruamel.yaml import YAML

    if settings.mqtt.password_key:
        raise ValueError("the password has no file of its own")
    found = written(settings, Settings())
    if not found:
        return ""
    yaml, text = YAML(), StringIO()
    yaml.width = 100_000
    yaml.dump(found, text)
    if visible_lines(text.getvalue()) == text.getvalue():
        return text.getvalue()
    yaml.allow_unicode, text = False, StringIO()  # escaped, for readers of the file
    yaml.dump(found, text)
    return text.getvalue()


def migrated_settings(path: Path, notes: list[Problem]) -> Settings:
    """The settings that do what a configuration of Kanto does: of its container-management, or of its update manager, which
    its keys tell. `notes` receives all warnings. SettingsError with every problem."""
    return _migrated(path, notes)[0]


def migrate(
    kanto: Path, config: Path, *, replace: bool = False, notes: list[Problem] | None = None
) -> tuple[Path, ...]:
    """Write `config`, and the password beside it when there is one; the files written. SettingsError when Kanto's
    configuration is wrong, or when a file exists and `replace` is not set; Refused where something else is than a file.
    `notes` receives the warnings, with those about keys that are not carried over."""
    settings, password = _migrated(kanto, notes if notes is not None else [])
    secret = config.with_name(PASSWORD_FILE).absolute()
    files = (secret, config) if settings.mqtt.password_key else (config,)
    for file in files:
        if check_file(file) is not None and not replace:
            raise SettingsError(f"file:{file}", "is there already")
    if settings.mqtt.password_key:
        settings = changed(settings, mqtt=changed(settings.mqtt, password_file=str(secret), password_key=""))
    text = f"# Made of {kanto}; every key that is not here has its default.\n{to_yaml(settings)}"
    try:
        config.parent.mkdir(parents=True, exist_ok=True)
        if secret in files:
            write_atomically(secret, f"{password}\n".encode(), mode=0o600)
        write_atomically(config, text.encode())
    except OSError as error:
        raise SettingsError(f"file:{config}", f"cannot be written: {error.strerror}") from error
    return files


def _migrated(path: Path, notes: list[Problem]) -> tuple[Settings, str]:
    """The settings, and the password."""
    if is_of_update_manager(read_tree(path, []).value):
        from evenkeel.controller.settings.update_manager_config import migrated_update_manager

        return migrated_update_manager(path, notes)
    return _load(path, {}, notes, notes)


def _load(
    path: Path, overrides: Mapping[str, Value], notes: list[Problem] | None, left: list[Problem] | None = None
) -> tuple[Settings, str]:
    """The settings, and the password."""
    problems: list[Problem] = []
    tree = read_tree(path, problems)
    problems = [problem for problem in problems if not problem.path or problem.path.startswith(SECTIONS)]
    flaws: list[Flaw] = []
    written = kanto_settings(tree.value, flaws)

    def placed(flaw: Flaw) -> Problem:
        place = Place(str(path), *nearest_position(tree, flaw.path))
        severity: Severity = "warning" if flaw.warning else "error"
        return Problem(place, path_text(shown_path(flaw.path)), flaw.message, flaw.hint, severity)

    problems += map(placed, flaws)

    def where(keys: Keys) -> tuple[Place, Keys]:
        theirs = kanto_path(keys)
        return Place(str(path), *nearest_position(tree, theirs)), theirs or keys

    settings = settings_of(written, {**_REAL_ENGINE, **overrides}, where, problems, path)
    if notes is not None:
        notes.extend(sorted(problems))
    if left is not None:
        left.extend(sorted(map(placed, omissions(tree.value))))
    password = kanto_password(tree.value) or ""
    mqtt = settings.mqtt
    if password and mqtt.username and not mqtt.password_file:
        mqtt = changed(mqtt, password_file=str(path.absolute()), password_key=".".join(PASSWORD))
    return changed(settings, mqtt=mqtt), password
