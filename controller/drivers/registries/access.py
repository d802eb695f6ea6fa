"""Logins at real registries: what a document leads to is tried, with its values and no others.

The engine's configuration does not count here, and mirrors are not asked: the question is whether this registry lets this
device in with these values. A device may be without a network for days, so what may pass by itself is told apart from a
registry's no.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from evenkeel.controller.distribution.challenges import challenges_of
from evenkeel.controller.distribution.failures import LATE, Failure, error_of, failures
from evenkeel.controller.distribution.sites import site_for
from evenkeel.controller.distribution.tokens import Site
from evenkeel.controller.distribution.trust import Papers
from evenkeel.controller.distribution.visit import Visit
from evenkeel.controller.drivers.registries.handshake import shake_hands
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.controller.settings.credentials import Credentials, Terms, credentials_of
from evenkeel.specs.registries.registry import Registry

TIMEOUT_S = 60.0
"""For a login as a whole, with the program that is asked for credentials."""
SILENCE_S = 10.0


class HttpAccess:
    """An `Access` over HTTP."""

    async def login(self, registry: Registry, values: Values) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                credentials = await credentials_now(registry, values)
                with waiting_for(f"the registry {registry.host}"):
                    return await _login(registry, values, credentials)
        except TimeoutError:
            raise error_of(Failure(LATE, "late"), registry.host, registry.place) from None
        except Failure as failure:
            if failure.how == "away" and values.certificate:
                failure = await _alert(site_of(registry, values)) or failure
            raise error_of(failure, registry.host, registry.place) from None  # the chain below may hold what was sent


async def _login(registry: Registry, values: Values, credentials: Credentials | None) -> str:
    async with Visit(site_of(registry, values), credentials) as visit:
        knocked = await visit.knock()
        if credentials is None and knocked.status == 401 and challenges_of(knocked):
            return "reached; it was asked without credentials"
        await visit.login(knocked)
    return let_in(credentials, was_asked=knocked.status == 401)


async def _alert(site: Site) -> Failure | None:
    """A registry's word about the certificate of this device, where a connection ended and did not tell."""
    parts = urlsplit(f"//{site.host}")
    try:
        with failures():
            await shake_hands(parts.hostname or "", parts.port or 443, site.own())
    except Failure as failure:
        return failure if failure.how == "no" else None
    return None


def let_in(credentials: Credentials | None, *, was_asked: bool) -> str:
    """The result of a login, in words."""
    if credentials is None or not was_asked:
        return "let in; it asks for no credentials"
    return f"let in as {credentials.username}" if credentials.username else "let in by an identity token"


async def credentials_now(registry: Registry, values: Values) -> Credentials | None:
    """The credentials of these values; those that a program or a file keeps are asked for now. Raises Unavailable."""
    if values.reference:
        return await credentials_of(values.reference, registry.place)
    return Credentials(registry.host, values.user, values.password) if values.password else None


def site_of(registry: Registry, values: Values) -> Site:
    """The registry with these values, and with no other papers."""
    papers = Papers(values.ca, ((values.certificate, values.key),) if values.certificate else (), values.ca)
    terms = Terms(registry.realms, values.insecure)
    return site_for(registry.host, lambda: papers, terms, silence_s=SILENCE_S)
