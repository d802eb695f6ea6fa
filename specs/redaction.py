"""What an engine says of a container, without the values that the container was asked for with.

Engines quote: a program that cannot be started, an option that they refuse. Each value is replaced by its place, which is
what somebody needs who has to mend the spec.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from evenkeel.specs.container import Container, ExecProbe
from evenkeel.specs.secrecy import shown_address

_SHORT = 4
"""A shorter value is replaced only where it stands in quotes: it is in many other words, too."""


def redacted(text: str, container: Container | None) -> str:
    """`text` with `(env.NAME)`, `(command[0])` in the place of values; and with addresses in short, whosever they are."""
    if not text:
        return text
    values = {} if container is None else dict(_values(container))
    for value in sorted(values, key=len, reverse=True):
        place = f"({values[value]})"
        for form in {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}:
            text = text.replace(form, place) if len(value) >= _SHORT else text.replace(f'"{form}"', place)
    return shown_address(text)


def _values(container: Container) -> Iterator[tuple[str, str]]:
    probe = container.health.probe if container.health is not None else None
    yield from ((value, f"env.{name}") for name, value in container.env if value)
    if isinstance(probe, ExecProbe):
        yield from ((word, f"health.exec[{index}]") for index, word in enumerate(probe.command) if word)
    yield from ((word, f"command[{index}]") for index, word in enumerate(container.command or ()) if word)
