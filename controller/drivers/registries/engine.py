"""The driver of the registries domain, over the configuration of any engine.

A look compares the values that documents lead to with those that are in force. It asks no registry: only what has changed is
tried there. Operations on files run in one thread, one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from evenkeel.controller.drivers.registries.ports import Access, Configuration
from evenkeel.controller.drivers.registries.values import Missing, Printer, Values, kept_of, sources_of, values_of
from evenkeel.controller.process.causes import write_words
from evenkeel.controller.process.recall import Recall
from evenkeel.controller.process.replacing import stamp
from evenkeel.controller.process.watch import Watch
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry
from evenkeel.specs.registries.actions import Admit, Login, Restore, Try, Withdraw
from evenkeel.specs.registries.observed import (
    FACETS,
    FacetSeen,
    Prints,
    RegistriesLook,
    RegistriesSeen,
    RegistrySeen,
    at_registries,
)
from evenkeel.specs.registries.registry import Registry

Result = TypeVar("Result")

LOOK_S = 30.0
"""A look that takes longer is given up."""
_CHANGED = "it has changed since it was looked at"


class _Asked(NamedTuple):
    """The values that a document leads to, as `RegistrySeen` tells of them."""

    prints: Prints = ()
    kept: str = ""
    helper: str = ""


class RegistriesEngine:
    """A `Driver` of the registries domain. `key`: the file of the key for prints; `None` to keep none."""

    def __init__(self, configuration: Configuration, access: Access, key: Path | None) -> None:
        self.configuration, self._access, self._printer = configuration, access, Printer(key)
        self._recall, self._watch = Recall[_Asked](), Watch()
        self._thread: ThreadPoolExecutor | None = None

    async def observe(self, look: Look = Look()) -> RegistriesSeen:
        asked = at_registries(look)
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._in_thread(lambda: self._look(asked))
        except TimeoutError as error:
            raise TimedOut("engine:registries", f"no answer about the configuration within {LOOK_S:g} s") from error
        except OSError as error:
            why = f"{error.filename or 'a file'} cannot be read: {error.strerror}; correct it, or remove it"
            raise Unavailable("engine:registries", why) from error

    def _look(self, look: RegistriesLook) -> RegistriesSeen:
        places = tuple(dict.fromkeys((*(each.place for each in look.registries), *look.places)))
        held = self.configuration.in_force(places, self._printer) if places else {}
        sources = {each.name: sources_of(each) for each in look.registries}
        self._watch.of(tuple(sorted({path for each in sources.values() for path in each})))
        self._recall.only(each.name for each in look.registries)
        lacks_of, seen = self.configuration.lacks(look.registries), []
        lost = self.configuration.lost(tuple(each.place for each in look.registries))
        for registry in look.registries:
            lacks, found = lacks_of[registry.name], _Asked()
            try:
                stamps = tuple(map(stamp, sources[registry.name]))
                found = self._recall.result(registry.name, registry, stamps, partial(self._asked, registry))
            except Missing as missing:
                lacks = {missing.facet: missing.why}
            asked, here = dict(found.prints), held.get(registry.place, {})
            facets = {
                facet: FacetSeen(asked.get(facet, ""), here.get(facet, ""), lacks.get(facet, ""))
                for facet in FACETS
                if facet in asked or facet in here or facet in lacks
            }
            gone_from = lost.get(registry.place, "")
            seen.append(RegistrySeen(registry, registry.place, facets, gone_from, found.kept, found.helper))
        for place in look.places:
            here = held.get(place, {})
            seen.append(RegistrySeen(None, place, {facet: FacetSeen(held=here.get(facet, "")) for facet in FACETS}))
        return RegistriesSeen(self.configuration.name, tuple(seen))

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        try:
            match action:
                case Try(registry=registry, prints=prints):
                    values = await self._in_thread(lambda: self._values(registry))
                    if self._printer.of(values) != prints:
                        return Retry(_CHANGED)
                    return Done(await self._access.login(registry, values))
                case Admit(registry=registry, prints=prints):
                    return await self._in_thread(lambda: self._admit(registry, prints))
                case Restore(registry=registry, prints=prints):
                    return await self._in_thread(lambda: self._restore(registry, prints))
                case Login(registry=registry, kept=kept):
                    if await self._in_thread(lambda: self._kept(registry)[0]) != kept:
                        return Retry(_CHANGED)
                    values = await self._in_thread(lambda: self._proven_with(registry))
                    return Done(await self._access.login(registry, values))
                case Withdraw(place=place):
                    await self._in_thread(lambda: self.configuration.withdraw(place))
                    return Done(f"{place} is forgotten")
                case _:
                    return Failed(f"nobody can {action.traits.text}")
        except Missing as missing:
            return Retry(missing.why)
        except Refused as error:
            return Failed(error.message)
        except (Unavailable, TimedOut) as error:
            return Retry(error.message)
        except OSError as error:
            return Retry(f"{error.filename or 'a file'} cannot be written: {write_words(error)}")

    def _values(self, registry: Registry) -> Values:
        return values_of(registry, simulates=self.configuration.is_simulated)

    def _asked(self, registry: Registry) -> _Asked:
        return _Asked(self._printer.of(self._values(registry)), *self._kept(registry))

    def _kept(self, registry: Registry) -> tuple[str, str]:
        """The print of what a file of others keeps for it, and the program that gives its credentials."""
        kept = kept_of(registry)
        return (self._printer.of_file(kept), kept.helper) if kept is not None else ("", registry.helper)

    def _admit(self, registry: Registry, prints: Prints) -> Outcome:
        values = self._values(registry)
        if self._printer.of(values) != prints:
            return Retry(_CHANGED)
        self._printer.keep()
        self.configuration.admit(registry, values, self._printer)
        return Done(f"pulls from {registry.place} use what is asked for")

    def _restore(self, registry: Registry, prints: Prints) -> Outcome:
        values = self.configuration.values(registry)
        if self._printer.of(values) != prints:
            return Retry(_CHANGED)
        self.configuration.admit(registry, values, self._printer)
        return Done(f"the engine's file has what is in force for {registry.place} again")

    def _proven_with(self, registry: Registry) -> Values:
        self._printer.keep()
        return self.configuration.values(registry)

    def nudges(self) -> AsyncIterator[None]:
        return self._watch.nudges()

    async def close(self) -> None:
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self.configuration.is_simulated:
            return work()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="registries")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
