"""Reaching a broker or an engine for a command, with the reason of a wait on standard error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from evenkeel.controller.cli.output import echo

if TYPE_CHECKING:
    from evenkeel.controller.cycle.domain import AnyDomain
    from evenkeel.controller.mqtt import MqttLink
    from evenkeel.specs.settings.mqtt import MqttSettings
    from evenkeel.specs.settings.settings import Settings

_QUIET_S = 1.0
_ENGINE_QUIET_S = 2.5
"""The time without a reason: an engine that is asked for much, and registries behind it, take a moment."""


@contextmanager
def awaiting_engine(settings: Settings, engine: str = "the engine") -> Iterator[None]:
    """A context, in the event loop, that names a long wait on standard error: the `engine`, unless other code has named a
    reason."""
    import asyncio

    from evenkeel.controller.process.waiting import gathered

    with gathered() as waits:
        named = f"{engine} at {settings.engine.address}" if engine == "the engine" else engine
        saying = asyncio.ensure_future(_say(waits, named))
        try:
            yield
        finally:
            saying.cancel()


async def _say(waits: Sequence[str], engine: str) -> None:
    """Until cancelled: print each new reason."""
    import asyncio

    told = ""
    while True:
        await asyncio.sleep(_ENGINE_QUIET_S)
        what = waits[0] if waits else engine
        if what != told:
            echo(f"waiting for {what} …", err=True)
        told = what


@asynccontextmanager
async def open_domain(settings: Settings, name: str) -> AsyncIterator[AnyDomain]:
    """One domain, with an engine that is only read, and whose name is told while it is waited for."""
    from evenkeel.controller.wiring import open_domains

    domains = open_domains(settings, readonly=True)
    domain = next(each for each in domains if each.name == name)
    try:
        with awaiting_engine(settings, domain.reconciler.words.engine):
            yield domain
    finally:
        for each in domains:
            await each.driver.close()


def at_broker(settings: Settings, url: str) -> Settings:
    """The settings with the broker of the option `--broker`, where it is given; SettingsError when it is no address."""
    from evenkeel.specs.codec import changed
    from evenkeel.specs.errors import SettingsError
    from evenkeel.specs.settings.mqtt import broker_address

    if not url:
        return settings
    try:
        broker_address(url)
    except ValueError as error:
        raise SettingsError("option:--broker", str(error)) from None
    return changed(settings, mqtt=changed(settings.mqtt, broker=url))


async def reached(link: MqttLink, settings: MqttSettings, limit_s: float | None) -> None:
    """Return when the broker is reached; Unavailable when it is not within the settings' time or `limit_s`. A long wait
    is named on standard error."""
    import asyncio

    from evenkeel.controller.agents.commander import connected

    connect_s = settings.connect_timeout.total_seconds()

    def notice() -> None:
        echo(f"connecting to {settings.broker} …" + (f" ({link.why})" if link.why else ""), err=True)

    saying = asyncio.get_running_loop().call_later(_QUIET_S, notice)
    try:
        await connected(link, f"broker:{settings.broker}", min(connect_s, limit_s or connect_s))
    finally:
        saying.cancel()
