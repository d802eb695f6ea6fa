"""Messages of engines and output of programs, without values of the container's spec.

Engines quote: a program that cannot be started, an option that they refuse. Each value is replaced by its place, which
the author of the spec needs to mend it.

Programs write anything, and their output is read to find out why they failed. So only values that are known to be
secret are replaced in it: those that a spec marks, those whose name looks secret, and passwords in addresses. A log
level is left as it is.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from evenkeel.specs.containers.container import Container, ExecProbe, values_from
from evenkeel.specs.reading.secrecy import looks_secret, shown_address, without_password
from evenkeel.specs.values import SECRET

Variables = Iterable[tuple[str, str | None]]

_SHORT = 4
"""A shorter value is replaced only where it stands in quotes: it is in many other words, too."""
_SHORT_LINE = 8
"""A shorter line of a value with several lines, such as a bracket of JSON, says nothing."""


def redacted(text: str, container: Container | None, env: Variables = ()) -> str:
    """`text` with `(env.NAME)`, `(command[0])` in the place of values, and with all addresses in short. `env`: variables that
    do not stand in the container in normal form."""
    if not text:
        return text
    known = dict(_values(container)) if container is not None else {}
    return shown_address(without_variables(text, env, known))


def without_variables(text: str, env: Variables, known: Mapping[str, str] = {}) -> str:
    """`text` with `(env.NAME)` in the place of the values of these variables, and of the secret parts of connection strings.
    `known`: the places of further values."""
    found = dict(known)
    for name, value in env:
        if value:
            found |= dict.fromkeys((*_secret_parts(value), value), f"env.{name}")
    return _replaced(text, found)


def marked(container: Container) -> tuple[str, ...]:
    """The variables of a container that are secret: those that its spec marks, and those with the secret of an identity."""
    return (*container.secrets, *(each.variable for each in values_from(container) if each.value in SECRET))


def _secret_parts(value: str) -> Iterator[str]:
    """The keys and signatures in a value of the form `NAME=value;NAME=value`."""
    for part in value.split(";"):
        name, equals, text = part.partition("=")
        if equals and len(text) >= _SHORT_LINE and (looks_secret(name) or "signature" in name.lower()):
            yield text.strip()


def without_secrets(text: str, env: Variables, marked: Collection[str]) -> str:
    """A program's output, with `(env.NAME)` in the place of the values of secret variables. `marked`: the names of
    those that a spec marks. A program that starts or ends in the middle of a value has its lines replaced."""
    values: dict[str, str] = {}
    for name, value in env:
        value = (value or "").strip()
        if value and (name in marked or looks_secret(name)):
            lines = (*(line.strip() for line in value.splitlines()), *_secret_parts(value))
            values |= {line: f"env.{name}" for line in lines if len(line) >= _SHORT_LINE} | {value: f"env.{name}"}
    return without_password(_replaced(text, values))


def _replaced(text: str, values: Mapping[str, str]) -> str:
    for value in sorted(values, key=len, reverse=True):
        place = f"({values[value]})"
        for form in {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}:
            text = text.replace(form, place) if len(value) >= _SHORT else text.replace(f'"{form}"', place)
    return text


def _values(container: Container) -> Iterator[tuple[str, str]]:
    probe = container.health.probe if container.health is not None else None
    yield from ((value, f"env.{name}") for name, value in container.env if value)
    if isinstance(probe, ExecProbe):
        yield from ((word, f"health.exec[{index}]") for index, word in enumerate(probe.command) if word)
    yield from ((word, f"command[{index}]") for index, word in enumerate(container.command or ()) if word)
