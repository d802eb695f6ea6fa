"""Simulated registries and a simulated engine's configuration: for rehearsals on a laptop, and as a test kit.

Files that documents name are read where they are; one that is not there has a made-up content, as sources of the simulated disk
have. Every registry lets everybody in, unless it is told otherwise. With `store` it outlives the process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evenkeel.controller.drivers.registries.engine import RegistriesEngine
from evenkeel.controller.drivers.registries.values import Printer, Values, values_of
from evenkeel.controller.process.atomic import write_atomically
from evenkeel.specs.codec import decode, encode
from evenkeel.specs.errors import DriverError, Refused, Unavailable
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry


@dataclass
class World:
    """`held`: by place, the prints of what is in force. No secret is kept."""

    held: dict[str, dict[Facet, str]] = field(default_factory=dict)


@dataclass
class Script:
    """The behaviour of the registries. `refuses`: places that let nobody in, with their words; `away`: hosts that do not
    answer; `passwords`: by place, the only password that is let in. `fails`: not `None`, the error of every write."""

    refuses: dict[str, str] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    passwords: dict[str, str] = field(default_factory=dict)
    fails: OSError | None = None


class MemoryRegistries:
    """A `Configuration` and an `Access`."""

    name = "memory (simulated)"
    is_simulated = True

    def __init__(self, store: Path | None = None, *, readonly: bool = False) -> None:
        """With `readonly` the file `store` stays as it is. Raises DriverError when it holds no simulated registries."""
        self.world, self.script, self._store = World(), Script(), None if readonly else store
        self.logins: list[str] = []
        """The places at which somebody tried to log in."""
        self._values: dict[str, Values] = {}
        if store is not None and store.exists():
            try:
                self.world = decode(store.read_bytes(), World)
            except ValueError as error:
                why = f"is damaged and holds no simulated registries; remove {store} to begin with none"
                raise DriverError(f"file:{store}", why) from error

    def in_force(self, places: Sequence[str], printer: Printer) -> Mapping[str, Mapping[Facet, str]]:
        return {place: self.world.held[place] for place in places if place in self.world.held}

    def lacks(self, registries: Sequence[Registry]) -> Mapping[str, Mapping[Facet, str]]:
        return {each.name: {} for each in registries}

    def lost(self, places: Sequence[str]) -> Mapping[str, str]:
        return {}

    def admit(self, registry: Registry, values: Values, printer: Printer) -> None:
        self._put({**self.world.held, registry.place: dict(printer.of(values))})
        self._values[registry.place] = values

    def withdraw(self, place: str) -> None:
        self._put({each: held for each, held in self.world.held.items() if each != place})
        self._values.pop(place, None)

    def values(self, registry: Registry) -> Values:
        known = self._values.get(registry.place)
        return known if known is not None else values_of(registry, simulates=True)

    async def login(self, registry: Registry, values: Values) -> str:
        place, script = registry.place, self.script
        self.logins.append(place)
        if registry.host in script.away:
            raise Unavailable(f"registry:{place}", f"the registry {registry.host} did not answer")
        wrong = place in script.passwords and values.password != script.passwords[place]
        if wrong or place in script.refuses:
            words = script.refuses.get(place, "unauthorized: authentication required")
            raise Refused(f"registry:{place}", f"{registry.host} refuses the login: {words}")
        return f"let in as {values.user}" if values.user else "let in"

    def _put(self, held: dict[str, dict[Facet, str]]) -> None:
        if self.script.fails is not None:
            raise self.script.fails
        self.world.held = held
        if self._store is not None:
            write_atomically(self._store, encode(self.world))


def memory_registries(
    store: Path | None = None, key: Path | None = None, *, readonly: bool = False
) -> RegistriesEngine:
    """The driver of simulated registries, kept in the file `store`, with the key of its prints in `key`."""
    simulated = MemoryRegistries(store, readonly=readonly)
    return RegistriesEngine(simulated, simulated, key)
