"""Logins at real registries: what a document leads to is tried, with its values and no others.

The engine's configuration does not count here, and mirrors are not asked: the question is whether this registry lets this
device in with these values. Engines know certificates of whole hosts alone: for a part of a host those count that are in force
for the host, by a document about it or by somebody else. A device may be without a network for days, so what may pass by itself
is told apart from a registry's no.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from evenkeel.controller.distribution.challenges import challenges_of
from evenkeel.controller.distribution.failures import LATE, Failure, error_of, failures
from evenkeel.controller.distribution.sites import site_for
from evenkeel.controller.distribution.tokens import Site
from evenkeel.controller.distribution.trust import Papers, papers_of
from evenkeel.controller.distribution.visit import Visit
from evenkeel.controller.drivers.registries.handshake import shake_hands
from evenkeel.controller.drivers.registries.values import Values
from evenkeel.controller.process.waiting import waiting_for
from evenkeel.controller.settings.credentials import Credentials, Terms, credentials_of, terms_of_pull
from evenkeel.specs.registries.registry import Registry

TIMEOUT_S = 60.0
"""For a login as a whole, with the program that is asked for credentials."""
SILENCE_S = 10.0


class Around(NamedTuple):
    """The state in force around a part of a host. `certificates`: folders like `certs.d`; `admitted`: the file of what the
    registries domain has in force."""

    certificates: tuple[Path, ...] = ()
    admitted: Path | None = None


NOWHERE = Around()


class HttpAccess:
    """An `Access` over HTTP."""

    def __init__(self, around: Around = NOWHERE) -> None:
        self._around = around

    async def login(self, registry: Registry, values: Values) -> str:
        site = site_of(registry, values, self._around)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                credentials = await credentials_now(registry, values)
                with waiting_for(f"the registry {registry.host}"):
                    return await _login(site, credentials)
        except TimeoutError:
            raise error_of(Failure(LATE, "late"), registry.host, registry.place) from None
        except Failure as failure:
            if failure.how == "away" and values.certificate:
                failure = await _alert(site) or failure
            raise error_of(
                of_place(failure, registry), registry.host, registry.place
            ) from None  # the chain below may hold what was sent


async def _login(site: Site, credentials: Credentials | None) -> str:
    async with Visit(site, credentials) as visit:
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
        return (await credentials_of(values.reference, registry.place))._replace(realms=registry.realms)
    if not values.password:
        return None
    return Credentials(registry.host, values.user, values.password, realms=registry.realms)


def site_of(registry: Registry, values: Values, around: Around = NOWHERE) -> Site:
    """The registry with these values, and with no other papers; for a part of a host, with what is in force for the places
    above it, too. Raises Unavailable when nobody can tell what that is."""
    own = Papers(values.ca, ((values.certificate, values.key),) if values.certificate else (), values.ca)
    above = registry.place.rpartition("/")[0]
    if not above:
        return site_for(registry.host, lambda: own, Terms(registry.realms, values.insecure), silence_s=SILENCE_S)

    def of_host() -> Papers:
        its = papers_of(registry.host, around.certificates)
        ca, shared = (b"\n".join(filter(None, each)) for each in ((own.ca, its.ca), (own.shared, its.shared)))
        return Papers(ca, own.pairs + its.pairs, shared)

    terms = Terms(registry.realms, values.insecure or terms_of_pull(above, around.admitted).insecure)
    return site_for(registry.host, of_host, terms, lambda host: papers_of(host, around.certificates), SILENCE_S)


def of_place(failure: Failure, registry: Registry) -> Failure:
    """A failure with a remedy for this place: certificates are written into a document about a whole host. One that is there
    may not be in force, because the registry refuses its login."""
    if "/" in registry.place and "`tls." in failure.remedy:
        remedy = f"{failure.remedy} of a document for {registry.host}, or look why a document that does is not in force"
        return Failure(failure.why, failure.how, remedy)
    return failure
