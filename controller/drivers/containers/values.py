"""Values that identities hand out to containers. They are read when a container is created, and stand in its variables from
then on; everywhere else they are known by their prints.

Nothing here is kept between two creations, and no text form shows a value."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from evenkeel.controller.settings.provided import Provided
from evenkeel.specs.containers.container import Container, values_from
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.plan import Retry

Texts = tuple[tuple[str, str], ...]
"""Pairs with the name of a variable."""


class Filled(NamedTuple):
    """The variables of one container: `env` has their values, `prints` the prints of these."""

    env: Texts = ()
    prints: Texts = ()

    def __repr__(self) -> str:
        return f"Filled(…, {self.prints!r})"


NOTHING = Filled()


class HandedOut:
    """The values that are handed out on this device; without a file there are none."""

    def __init__(self, provided: Provided | None = None) -> None:
        self._provided = provided

    def prints(self, provisionings: Collection[str]) -> dict[str, dict[str, str]]:
        """By document and value: the prints of what these documents hand out now. Raises Unavailable."""
        if not provisionings or self._provided is None:
            return {}
        try:
            found = self._provided.all()
        except OSError as error:
            raise Unavailable(f"file:{error.filename}", f"cannot be read: {error.strerror}") from error
        return {name: dict(found[name].prints) for name in provisionings if name in found}

    def of(self, container: Container) -> Filled | Retry:
        """The variables that a container gets now. A value that is not there yet is waited for."""
        asked = values_from(container)
        if not asked:
            return NOTHING
        try:
            found = self._provided.all() if self._provided is not None else {}
        except OSError as error:
            return Retry(f"{error.filename} cannot be read: {error.strerror}", outside=True)
        env, prints = list[tuple[str, str]](), list[tuple[str, str]]()
        for each in asked:
            handed = found.get(each.provisioning)
            if handed is None or each.value not in handed.values:
                what = "no values" if handed is None else f"no {each.value}"
                why = f"provisioning {each.provisioning} hands out {what}"
                return Retry(f"{each.variable} has no value yet: {why}", outside=True)
            env.append((each.variable, handed.values[each.value]))
            prints.append((each.variable, handed.prints[each.value]))
        return Filled(tuple(env), tuple(prints))
