"""The command line and the environment of Kanto's update manager, laid over its `config.json`.

Flags are those of Go: `-name value`, `-name=value`, also with two dashes; `-name` alone is true where the flag is true or
false, and a word never belongs to such a flag. A flag wins over a variable of the environment, a variable over the file,
also an empty one (update-manager.md §4.1). A wrong variable does nothing, as with the original; a wrong flag is an error.

The password never enters the tree that is made here, only the name of the flag or variable that has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from evenkeel.specs.kanto.update_manager.keys import (
    AGENT_KEYS,
    CONFIG_FILE,
    DOMAINS,
    KEYS,
    PASSWORD,
    USUAL_AGENT,
    Key,
    Kind,
)
from evenkeel.specs.problem import Flaw, Path, nearest
from evenkeel.specs.reading.tree import Value

_TRUTHS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
"""As Go reads them."""
_KINDS: dict[str, Kind] = {CONFIG_FILE: "text", DOMAINS: "words", **{key.flag: key.kind for key in KEYS}}
_REBOOT_FILES = ("FILE_SYS_RQ", "FILE_SYS_RQ_TRIGGER")
_SHOWN = re.compile(r"[a-zA-Z0-9_.-]{1,60}")


class Line(NamedTuple):
    """Flags with their texts, in order."""

    flags: tuple[tuple[str, str], ...] = ()

    def last(self, flag: str) -> str | None:
        """The text of a flag, the last where it is there more than once; `None` when it is not."""
        return next((text for name, text in reversed(self.flags) if name == flag), None)


class Over(NamedTuple):
    """A configuration with flags and variables laid over it. `origins`: the flag (`-domain`) or variable (`DOMAIN`) by path.
    `password`: the flag or variable that has the password; "" when the file has it, or nobody."""

    value: Value
    origins: Mapping[Path, str]
    password: str = ""


def read_line(words: Sequence[str], own: Mapping[str, Kind]) -> Line:
    """The flags in `words`. `own`: those that the original does not have. ValueError for the first fault; no value is
    repeated, because it may be a password."""
    kinds, found, rest = {**_KINDS, **own}, list[tuple[str, str]](), list(words)
    before = ""
    while rest:
        word = rest.pop(0)
        name, equals, text = word.removeprefix("-").removeprefix("-").partition("=")
        if not word.startswith("-") or not name:
            raise ValueError(_stray(before, kinds))
        kind = kinds.get(name) or _of_agent(name)
        if kind is None:
            shown = f"`-{name}`" if _SHOWN.fullmatch(name) else "of this name"
            raise ValueError("; ".join(filter(None, (f"there is no flag {shown}", _meant(name, kinds)))))
        if not equals and kind == "truth":
            text = "true"
        elif not equals:
            if not rest:
                raise ValueError(f"`-{name}` needs a value")
            text = rest.pop(0)
        before = name
        found.append((name, text))
    return Line(tuple(found))


def laid_over(value: Value, line: Line, environment: Mapping[str, str], flaws: list[Flaw]) -> Over:
    """`value` with the flags and variables over it. A part of `value` with the wrong type is left, to be reported."""
    origins: dict[Path, str] = {}
    if value is None:
        value = {}
    if not isinstance(value, dict):
        return Over(value, origins)
    value = {**value, "agents": _agents(value.get("agents"), line, environment, origins)}
    flags = {name for name, _ in line.flags}
    for name in sorted(flags - set(_KINDS)):
        domain = next((name.removesuffix(f"-{key.flag}") for key in AGENT_KEYS if name.endswith(f"-{key.flag}")), None)
        if domain is not None and isinstance(agents := value["agents"], dict) and domain not in agents:
            hint = f"write it among the agents, or give -{DOMAINS}"
            flaws.append(Flaw((_origin(name, origins),), f"there is no agent `{domain}`", hint))
    password = ""
    for key in _keys(value["agents"]):
        origin, text = _given(key, line, environment)
        if origin and key.path == PASSWORD:
            password = origin if text else ""
            value = _put(value, key.path, None)
        elif origin:
            item = _read(key.kind, text)
            if item is not None:
                value, origins[key.path] = _put(value, key.path, item), origin
                continue
            message = f"expected {'true or false' if key.kind == 'truth' else 'a whole number'}"
            is_flag = origin.startswith("-")
            hint = "" if is_flag else "it does nothing, as with Kanto"
            origins[(origin,)] = origin
            flaws.append(Flaw((origin,), message, hint, warning=not is_flag))
    for name in _REBOOT_FILES:
        if name in environment:
            origins[(name,)] = name
            flaws.append(Flaw((name,), "does nothing here: the device is rebooted by logind", warning=True))
    return Over(value, origins, password)


def _agents(given: Value, line: Line, environment: Mapping[str, str], origins: dict[Path, str]) -> Value:
    """The agents of a configuration: without the key there is one; a list of domains names exactly those there are."""
    agents: Value = {USUAL_AGENT: {}} if given is None else given
    origin, text = _given(Key(("agents",), DOMAINS, "words", "", ""), line, environment)
    names = [name for name in (each.strip() for each in text.split(",")) if name]
    if names and isinstance(agents, dict):
        origins[("agents",)] = origin
        agents = {name: agents.get(name) for name in names}
    if isinstance(agents, dict):
        agents = {name: {} if agent is None else agent for name, agent in agents.items()}
    return agents


def _keys(agents: Value) -> Iterator[Key]:
    yield from KEYS
    for domain in agents if isinstance(agents, dict) else ():
        for key in AGENT_KEYS:
            yield key._replace(path=("agents", domain, *key.path), flag=f"{domain}-{key.flag}")


def _given(key: Key, line: Line, environment: Mapping[str, str]) -> tuple[str, str]:
    """The flag or variable that has a key, and its text; "" for none."""
    text = line.last(key.flag)
    if text is not None:
        return f"-{key.flag}", text
    if key.variable and key.variable in environment:
        return key.variable, environment[key.variable]
    return "", ""


def _read(kind: Kind, text: str) -> Value:
    """The value in a text; `None` when there is none."""
    match kind:
        case "truth":
            return _TRUTHS.get(text)
        case "number":
            return int(text) if re.fullmatch("[+-]?[0-9]{1,18}", text) else None
        case "words":
            return [word.strip().upper() for word in text.split(",") if word.strip()]
        case _:
            return text


def _put(value: Value, path: Path, item: Value) -> Value:
    """`value` with `item` at `path`, without the key for `None`. Where no mapping can be, nothing is put."""
    if value is None:
        value = {}
    if not isinstance(value, dict):
        return value
    key, *rest = path
    if rest:
        return {**value, str(key): _put(value.get(str(key)), tuple(rest), item)}
    others = {name: each for name, each in value.items() if name != key}
    return others if item is None else {**others, str(key): item}


def _of_agent(name: str) -> Kind | None:
    return next((key.kind for key in AGENT_KEYS if name.endswith(f"-{key.flag}") and name != f"-{key.flag}"), None)


def _origin(flag: str, origins: dict[Path, str]) -> str:
    origins[(f"-{flag}",)] = f"-{flag}"
    return f"-{flag}"


def _stray(before: str, kinds: Mapping[str, Kind]) -> str:
    if before and (kinds.get(before) or _of_agent(before)) == "truth":
        return f"expected a flag behind `-{before}`, got a word; write `-{before}=true` or `-{before}=false`"
    return f"expected a flag{f' behind `-{before}`' if before else ''}, got a word"


def _meant(name: str, kinds: Mapping[str, Kind]) -> str:
    if name == "cfg-file":  # of Leda's page
        return f"did you mean `-{CONFIG_FILE}`?"
    near = nearest(name, kinds)
    return near.replace("`", "`-", 1) if near.startswith("did you mean") else ""
