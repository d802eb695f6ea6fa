"""A compose file, known as one, and what compose does that nobody does here.

Compose files are the most common thing that is put where specs belong. Six complaints about missing keys do not say what is
wrong; one sentence does. Of variables in values (`${NAME}`) compose, quadlets and shells make something else; here they stay as
they are, which is valid and rarely meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from evenkeel.specs.containers.container import Container
from evenkeel.specs.problem import Flaw

_VARIABLE = re.compile(r"(?<!\$)\$\{[A-Za-z_]\w*(?:\}|:?[-?+=])", re.ASCII)
"""`${NAME}`, or the beginning of `${NAME:-default}` and its like."""


def is_compose(value: Mapping[str, object]) -> bool:
    """Whether a document is one of compose."""
    return isinstance(value.get("services"), dict) and not ("apiVersion" in value or "kind" in value)


def compose_flaw() -> Flaw:
    """What to say of a compose file, whatever is in it."""
    hint = "write a document of kind `Container` for each of its services"
    return Flaw(("services",), "this is a compose file, which evenkeel does not read", hint)


def unfilled(container: Container) -> Iterator[Flaw]:
    """Warnings for variables of the environment whose values look as if somebody filled them in. The values are not
    repeated."""
    for name, value in container.env:
        if value is not None and _VARIABLE.search(value):
            message = "`${…}` is filled in by nobody here; the container gets it as it is written"
            yield Flaw(("env", name), message, "write the value itself", warning=True)
