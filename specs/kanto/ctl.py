"""The command line of Leda's `sdv-kanto-ctl`, and its changes of Kanto's config.json as text (registries.md §1.1, §1.4).

Everything here is pure. A change keeps the form of the file, and a value has its type: `true` and numbers are no texts. In the
grammar of the original `-h` is a host. Options may stand anywhere here, before the command and after it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from evenkeel.specs.kanto.registries import HOSTS
from evenkeel.specs.problem import Path, path_text
from evenkeel.specs.reading.json_edit import object_text, with_item, with_value, without, without_item
from evenkeel.specs.reading.secrecy import HIDDEN, looks_secret, shown_host, shown_value
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import type_words

COMMANDS = {
    "add-registry": "-h <hostname> -u <username> -p <password>",
    "remove-registry": "-h <hostname>",
    "remove-all-registries": "",
    "list-registries": "",
    "show-config": "",
    "set-value": "<key> <value>",
    "add-entry": "<key> <value>",
    "remove-entry": "<key> <value>",
}
"""The commands with the arguments of each."""
_WORDS = {"-h": "hostname", "--hostname": "hostname"}
_CREDENTIALS = {"-u": "username", "--username": "username", "-p": "password", "--password": "password"}
_OPTIONS: dict[str, dict[str, str]] = {"add-registry": {**_WORDS, **_CREDENTIALS}, "remove-registry": _WORDS}
_GLOBAL = {"--no-reload": "no_reload", "-r": "no_reload", "--verbose": "verbose", "-v": "verbose", "--ansi": "ansi"}
_NEEDED = {"add-registry": ("hostname", "username", "password"), "remove-registry": ("hostname",)}
_PART = re.compile(
    r"""\.?(?:\[(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(\d+))\]|"((?:[^"\\]|\\.)*)"|'([^']*)'|([^.\[\]"']+))"""
)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_TEXTS = ("user_id", "password", "client_username", "client_password")
"""Keys whose values are texts, also where they look like numbers."""
_OF_HOST = ("credentials", "transport")


class UsageError(ValueError):
    """A line that is not in the grammar. `usage`: the command whose usage belongs below it, "" for none."""

    def __init__(self, message: str, usage: str = "") -> None:
        super().__init__(message)
        self.usage = usage


class Line(NamedTuple):
    """A command line. `command`: "" for the help. `values`: hostname, username and password, or key and value. The text form
    shows nothing, because a password may be in it."""

    command: str
    values: dict[str, str]
    no_reload: bool = False
    verbose: bool = False
    help: bool = False

    def __repr__(self) -> str:
        return f"Line({self.command!r}, …)"


def read_line(arguments: Sequence[str]) -> Line:
    """The command line. Raises UsageError with the words of the original."""
    rest = list(arguments)
    switches: dict[str, bool] = {}
    command, values, plain = "", dict[str, str](), list[str]()
    while rest:
        word = rest.pop(0)
        if word in _GLOBAL:
            switches[_GLOBAL[word]] = True
        elif word == "--help":
            switches["help"] = True
        elif not command:
            if word not in COMMANDS:
                raise UsageError(f"ERROR: Unkown command or option: {_shown(word)}")
            command = word
        elif (option := _OPTIONS.get(command, {}).get(word)) is not None:
            if not rest:
                raise UsageError(f"Error: missing arguments for command {command}", command)
            values[option] = rest.pop(0)
        elif command in ("set-value", "add-entry", "remove-entry") and (word[:1] != "-" or _NUMBER.fullmatch(word)):
            plain.append(word)
        else:
            raise UsageError(f"Error: Unknown argument for command {command}: {_shown(word)}", command)
    if command and not switches.get("help"):
        if any(not values.get(each) for each in _NEEDED.get(command, ())):
            raise UsageError(f"Error: missing arguments for command {command}", command)
        if command in ("set-value", "add-entry", "remove-entry"):
            if len(plain) != 2 or not plain[0]:
                raise UsageError(f"ERROR: {command} command requires two arguments: <key> and <value>")
            values = {"key": plain[0], "value": plain[1]}
    return Line(
        command, values, switches.get("no_reload", False), switches.get("verbose", False), switches.get("help", False)
    )


def _shown(word: str) -> str:
    """A word that is no option may be a password that is out of place."""
    return word if re.fullmatch(r"-{0,2}[a-z][a-z-]{0,30}", word) else HIDDEN


def key_path(key: str) -> Path:
    """`containers.registry_configurations["ghcr.io"]` as a path. A part with dots stands in quotes, with or without brackets.
    Raises ValueError."""
    path: list[str | int] = []
    at = 0
    while at < len(key):
        found = _PART.match(key, at)
        if found is None:
            raise ValueError(
                'expected a path such as containers.registry_configurations["ghcr.io"].credentials.user_id'
            )
        double, single, index, quoted, plain_quoted, plain = found.groups()
        escaped = double if double is not None else quoted
        if escaped is not None:
            path.append(str(json.loads(f'"{escaped}"')))
        else:
            path.append(int(index) if index is not None else single or plain_quoted or plain or "")
        at = found.end()
    if not path or "" in path:
        raise ValueError("expected a path with names between the dots")
    host = path[len(HOSTS)] if len(path) > len(HOSTS) and tuple(path[: len(HOSTS)]) == HOSTS else None
    more = path[len(HOSTS) + 1 :]
    if host is not None and more and more[0] not in _OF_HOST:
        end = next((index for index, each in enumerate(more) if each in _OF_HOST), len(more))
        meant = shown_host(".".join(str(each) for each in (host, *more[:end])))
        rest = "".join(f".{each}" for each in more[end:])
        raise ValueError(f'a host with dots stands in quotes: registry_configurations["{meant}"]{rest}')
    return tuple(path)


def typed(path: Path, text: str, known: Value) -> Value:
    """The value that a text means: `true`, `false` and numbers are no texts, but where a text of another kind is there
    already, or belongs. `"5"` in quotes is one anyway."""
    if len(text) > 1 and text[0] == text[-1] == '"':
        return str(json.loads(text))
    is_typed = text in ("true", "false") or _NUMBER.fullmatch(text) is not None
    is_text = isinstance(known, str) and known not in ("true", "false") and not _NUMBER.fullmatch(known)
    if not is_typed or is_text or path[-1] in _TEXTS:
        return text
    value: Value = json.loads(text)
    return value


def changed_text(text: str, line: Line) -> str:
    """The file after a command. "" is an empty file. Raises ValueError when it is no JSON object, or the path leads nowhere;
    no message has a value."""
    text = object_text(text)
    if not isinstance(json.loads(text), dict):
        raise ValueError("expected an object")
    match line.command:
        case "add-registry":
            at = (*HOSTS, line.values["hostname"], "credentials")
            if set(_object(text, at)) - {"user_id", "password"}:
                text = without(text, at)
            text = with_value(text, (*at, "user_id"), line.values["username"])
            return with_value(text, (*at, "password"), line.values["password"])
        case "remove-registry":
            return without(text, (*HOSTS, line.values["hostname"]))
        case "remove-all-registries":
            return without(text, HOSTS)
        case "set-value":
            path = key_path(line.values["key"])
            return with_value(text, path, typed(path, line.values["value"], value_at(text, path)))
        case "add-entry":
            path, value = key_path(line.values["key"]), line.values["value"]
            return text if value in (_list(text, path) or ()) else with_item(text, path, value)
        case "remove-entry":
            path, value = key_path(line.values["key"]), line.values["value"]
            return without_item(text, path, value) if _list(text, path) else text
        case _:
            return text


def shown_part(text: str, line: Line) -> Value:
    """The part of the file that a command is about, without secrets."""
    value: Value = json.loads(text)
    match line.command:
        case "show-config":
            return masked(value)
        case "add-registry" | "remove-registry":
            hosts = _object(text, HOSTS)
            return masked({host: each for host, each in hosts.items() if line.values["hostname"] in host})
        case "remove-all-registries":
            return masked(_at(value, HOSTS[:1]))
        case _:
            path = key_path(line.values["key"])
            return masked(_at(value, path), _last_name(path))


def hosts_in(text: str) -> list[str]:
    """The hosts that have an entry, in order, without users and passwords before them."""
    return sorted(map(shown_host, _object(text, HOSTS)))


def masked(value: Value, key: str = "") -> Value:
    """A value with `HIDDEN` in the place of what looks secret, also before hosts. A key that names a file is shown without
    the password behind it (`image_dec_keys`: `file[:password]`, ../shared/protocol/container-management.md §3.7)."""
    if isinstance(value, dict):
        found: dict[str, Value] = {}
        for name, item in value.items():
            shown, number = shown_host(name), 2
            while shown in found:
                shown, number = f"{shown_host(name)} ({number})", number + 1
            found[shown] = masked(item, name)
        return found
    if isinstance(value, list):
        return [masked(item, key) for item in value]
    if not isinstance(value, str):
        return HIDDEN if looks_secret(key) and isinstance(value, int) and value and value is not True else value
    if not value or not looks_secret(key):
        return shown_value(value)
    file, colon, _ = value.partition(":")
    is_file = file.startswith("/") and key.lower().endswith(("key", "keys"))
    return f"{file}:{HIDDEN}" if is_file and colon else value if is_file else HIDDEN


def said_values(line: Line) -> dict[str, str]:
    """The values of a line, as they may be repeated. Raises ValueError for a key that is no path."""
    said = {key: shown_host(value) for key, value in line.values.items() if key == "hostname"}
    user = line.values.get("username", "")
    said |= {"username": HIDDEN if ":" in user else user} if user else {}
    if key := line.values.get("key", ""):
        path = key_path(key)
        said["key"] = key if "@" not in key else path_text([shown_host(str(part)) for part in path])
        said["value"] = HIDDEN if looks_secret(key) else shown_value(line.values["value"])
    return said


def _last_name(path: Path) -> str:
    return next((part for part in reversed(path) if isinstance(part, str)), "")


def value_at(text: str, path: Path) -> Value:
    """The value at a path; `None` when there is none. Raises ValueError for what is no JSON."""
    return _at(json.loads(text), path)


def _at(value: Value, path: Path) -> Value:
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _object(text: str, path: Path) -> dict[str, Value]:
    value = value_at(text, path)
    return value if isinstance(value, dict) else {}


def _list(text: str, path: Path) -> list[Value] | None:
    value = value_at(text, path)
    if value is None or isinstance(value, list):
        return value
    raise ValueError(f"expected a list there, got {type_words(value)}")
