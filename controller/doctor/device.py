"""The device that checks look at: its settings, and what several of them need, which is opened or read once.

Nothing is opened before a check asks for it. A look at a domain is shared: a check that gives up waiting for it does not
take it from the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from evenkeel.controller.process.clock import Now, system_now
from evenkeel.specs.errors import EvenkeelError, SettingsError, Unavailable

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import AnyDomain
    from evenkeel.controller.dbus.bus import SystemBus
    from evenkeel.controller.doctor.facts import Facts
    from evenkeel.specs.settings.settings import Settings

GATHER_S = 4.0
_CLOSE_S = 1.0
_Result = TypeVar("_Result")


class GivenSettings(NamedTuple):
    """The settings as they were read. `settings`: `None` where they cannot be, with the reason in `trouble`. `file`: the file
    that they come from, "" without one. `notes`: the warnings about them."""

    settings: Settings | None
    trouble: str = ""
    file: str = ""
    notes: tuple[str, ...] = ()


class Sight(NamedTuple):
    """One look at a domain, for the state in force."""

    domain: AnyDomain
    want: Any
    memory: Any
    seen: Any


class Device:
    """Use it as `async with`; everything belongs to the event loop."""

    def __init__(self, given: GivenSettings, now: Now = system_now) -> None:
        self.given, self.now = given, now
        self._facts: Facts | None = None
        self._why = "what evenkeel remembers was not read"
        self._domains: Sequence[AnyDomain] | None = None
        self._bus: SystemBus | None = None
        self._shared: dict[str, asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Device:
        """Read what evenkeel remembers, before any check does anything."""
        if self.given.settings is None:
            return self
        domains: Sequence[AnyDomain] = ()
        with suppress(Unavailable):  # told by the checks that look at the engine
            domains = self.domains
        try:
            async with asyncio.timeout(GATHER_S):
                self._facts = await asyncio.to_thread(_gather, self.given.settings, domains)
        except TimeoutError:
            self._why = f"specs, journal and the controller's socket could not be read within {GATHER_S:g} s"
        except EvenkeelError as error:
            self._why = error.message
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = tuple(self._shared.values())
        for task in tasks:
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                if tasks:
                    await asyncio.wait(tasks)
                for domain in self._domains or ():
                    await domain.driver.close()
                if self._bus is not None:
                    await self._bus.close()

    @property
    def settings(self) -> Settings:
        """Raises SettingsError where they cannot be read: a check must not look at another device than is meant."""
        if self.given.settings is None:
            raise SettingsError("settings", "not looked at, because the settings cannot be read")
        return self.given.settings

    @property
    def facts(self) -> Facts:
        """Raises EvenkeelError where they were not read in time."""
        if self._facts is None:
            raise EvenkeelError("state", self._why if self.given.settings is not None else self._needs_settings())
        return self._facts

    def _needs_settings(self) -> str:
        return "not looked at, because the settings cannot be read"

    @property
    def domains(self) -> Sequence[AnyDomain]:
        """All domains, with engines that are only read. Raises Unavailable."""
        if self._domains is None:
            from evenkeel.controller.wiring import open_domains

            try:
                self._domains = open_domains(self.settings, readonly=True)
            except OSError as error:  # such as the file of a simulated engine that this user may not read
                why = f"{error.filename or 'the engine'}: {(error.strerror or type(error).__name__).lower()}"
                raise Unavailable("engine", why) from error
        return self._domains

    def domain(self, name: str) -> AnyDomain:
        """The domain of this name. Raises Unavailable."""
        return next(each for each in self.domains if each.name == name)

    def documents(self, name: str) -> Mapping[str, Any]:
        """The documents that the state in force asks of the domain of this name, by subject. Raises Unavailable, and
        EvenkeelError where the state was not read in time."""
        subjects: Mapping[str, Any] = self.domain(name).reconciler.select(self.facts.state).subjects
        return subjects

    @property
    def bus(self) -> SystemBus:
        """The system bus."""
        if self._bus is None:
            from evenkeel.controller.dbus.bus import SystemBus

            self._bus = SystemBus(self.given.settings.slots.bus if self.given.settings is not None else "")
        return self._bus

    async def sight(self, name: str) -> Sight:
        """A look at the domain of this name, without registries. Raises Unavailable, TimedOut, Refused."""
        return await self.shared(f"sight of {name}", lambda: self._look(name))

    async def shared(self, key: str, work: Callable[[], Awaitable[_Result]]) -> _Result:
        """The result of `work`, which is done once for all who give the same `key`."""
        if key not in self._shared:
            self._shared[key] = asyncio.ensure_future(work())
        found: _Result = await asyncio.shield(self._shared[key])
        return found

    async def _look(self, name: str) -> Sight:
        from evenkeel.specs.codec import changed

        domain = self.domain(name)
        reconciler = domain.reconciler
        want = reconciler.select(self.facts.state)
        memory = self.facts.journal.memories.get(name) or reconciler.memory()
        seen = await domain.driver.observe(changed(reconciler.look(want, memory), here_only=True))
        return Sight(domain, want, memory, seen)


def _gather(settings: Settings, domains: Sequence[AnyDomain]) -> Facts:
    from evenkeel.controller.doctor.facts import gather

    return gather(settings, domains)
