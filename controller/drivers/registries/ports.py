"""The world that the driver of registries talks to: an engine's configuration, and the registries themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from evenkeel.controller.drivers.registries.values import Printer, Values
from evenkeel.specs.registries.observed import Facet
from evenkeel.specs.registries.registry import Registry


class Configuration(Protocol):
    """The files by which an engine, and evenkeel's own pulls, go. A change counts for the next pull, without a restart of an
    engine, and no container is disturbed. Files of others are kept, with their order and form, but for what is changed; one
    that cannot be understood is never overwritten. After a loss of power each file is the old or the new one."""

    @property
    def name(self) -> str:
        """The engine whose configuration it is, in words."""
        ...

    @property
    def is_simulated(self) -> bool:
        """Whether it is kept in memory: it need not be asked in a thread of its own, and files that are not there have a
        made-up content."""
        ...

    def in_force(self, places: Sequence[str], printer: Printer) -> Mapping[str, Mapping[Facet, str]]:
        """By place: the prints of the values that are in force and evenkeel's. Raises Unavailable when nobody can tell, as when
        the engine does not answer."""
        ...

    def lacks(self, registries: Sequence[Registry]) -> Mapping[str, Mapping[Facet, str]]:
        """By name of a registry: the facets that cannot be put in force for it now, with the reasons, as sentences: the engine
        cannot do it, or a file of others is in the way. Raises OSError and Unavailable."""
        ...

    def lost(self, places: Sequence[str]) -> Mapping[str, str]:
        """By place: the file of the engine's from which evenkeel's entry has gone, though its values are in force. Places
        without such a file are left out. Raises OSError and Unavailable."""
        ...

    def admit(self, registry: Registry, values: Values, printer: Printer) -> None:
        """Put these values in force, and no other ones of evenkeel's for that place. Raises OSError, Unavailable or Refused."""
        ...

    def withdraw(self, place: str) -> None:
        """Take out of force what evenkeel has put there for a place. Raises OSError, Unavailable or Refused."""
        ...

    def values(self, registry: Registry) -> Values:
        """The values that are in force for a registry. Raises OSError or Unavailable."""
        ...


class Access(Protocol):
    """Logins at registries."""

    async def login(self, registry: Registry, values: Values) -> str:
        """Log in, by `GET /v2/` and the flow that the registry asks for (Basic, or a token), with these values and no others.
        The result in words, as `let in as ci`. Raises Refused with the registry's own words when it lets nobody in with these
        values, and Unavailable or TimedOut when it cannot be asked."""
        ...
