"""One visit at a registry: questions and answers, with the credentials that it asks for."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evenkeel.controller.distribution.access import NO_ACCESS, PullAccess
from evenkeel.controller.distribution.challenges import challenges_of
from evenkeel.controller.distribution.client import fetch, open_client
from evenkeel.controller.distribution.failures import (
    NO_ANSWER,
    Answer,
    AtProxy,
    CutOff,
    Failure,
    Misdirected,
    Unreached,
    failures,
    of_status,
    words,
)
from evenkeel.controller.distribution.tokens import (
    UNENCRYPTED,
    Site,
    authorisation,
    bearers,
    may_have_credentials,
    name_of,
    realm_of,
    secrets_of,
)
from evenkeel.controller.distribution.trust import no_trust, pairs_of, papers_of, trust
from evenkeel.controller.settings.credentials import Credentials, terms_of_pull
from evenkeel.specs.containers.image import DEFAULT_REGISTRY

if TYPE_CHECKING:
    import httpx

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_PING = "/v2/"
_ENCRYPT = "look why; `insecure` in its document lets it have them all the same"
_UNDERSTOOD = (200, 401)
"""Statuses of an answer that every engine takes for that of a registry."""
_PATIENCE_S, _CONNECTING_S = 20.0, 10.0
"""For the answer, and for a connection, before an engine gets credentials. An engine is patient, too."""


class Visit:
    """A context in which one registry is asked, with these credentials alone. Questions raise Failure. `schemes`: the ways
    in which it is spoken to, in this order, where that is not for the site to say."""

    def __init__(self, site: Site, credentials: Credentials | None, schemes: tuple[str, ...] = ()) -> None:
        self._site, self._credentials = site, credentials
        self._schemes = schemes or (("https", "http") if site.insecure else ("https",))
        self._authorization = ""
        self._stack = contextlib.AsyncExitStack()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Visit:
        site = self._site
        with failures():
            client = open_client(site.host, site.own(), site.silence_s, site.connecting_s)
            self._client = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *error: object) -> None:
        with failures():
            await self._stack.aclose()

    async def knock(self) -> Answer:
        """The answer to the first question, without credentials (`GET /v2/`)."""
        return await self._ask(_PING, {})

    async def head(self) -> Answer:
        """The same answer without its body, to which an engine does not look either."""
        return await self._ask(_PING, {}, has_body=False)

    async def login(self, knocked: Answer) -> None:
        """Log in as the first answer asks for it."""
        if knocked.status == 401:
            self._authorization = await authorisation(challenges_of(knocked), self._site, self._credentials)
            knocked = await self._ask(_PING, {})
        if knocked.status in (401, 403):
            raise Failure(words(knocked, self._secrets()), "denied")
        if not 200 <= knocked.status < 300:
            raise Failure(self.failure(knocked).why)
        if knocked.headers.get("content-type", "").startswith("text/html"):
            raise Failure(NO_ANSWER)

    async def manifest(self, repository: str, name: str) -> Answer:
        """A manifest by its tag or digest, whatever the status. It logs in where that is asked for."""
        path, headers = f"/v2/{repository}/manifests/{name}", {"Accept": ", ".join((*INDEXES, *MANIFESTS))}
        answer = await self._ask(path, headers)
        if answer.status == 401 and not self._authorization:
            self._authorization = await authorisation(challenges_of(answer), self._site, self._credentials)
            answer = await self._ask(path, headers)
        return answer

    def failure(self, answer: Answer) -> Failure:
        """The failure of an answer that is no good one."""
        return of_status(answer, self._secrets())

    def words(self, answer: Answer) -> str:
        """The registry's own words in an answer."""
        return words(answer, self._secrets())

    def _secrets(self) -> tuple[str, ...]:
        return (*secrets_of(self._credentials), self._authorization.partition(" ")[2])

    async def _ask(self, path: str, headers: dict[str, str], *, has_body: bool = True) -> Answer:
        if self._authorization:
            headers = {**headers, "Authorization": self._authorization}
        cut: Failure | None = None
        while True:
            scheme = self._schemes[0]
            try:
                with failures():
                    assert self._client is not None
                    url = f"{scheme}://{self._site.host}{path}"
                    answer = await fetch(self._client, "GET", url, has_body=has_body, headers=headers)
            except (Unreached, CutOff, AtProxy) as failure:
                if len(self._schemes) == 1:
                    raise cut or failure from None
                cut = None if isinstance(failure, Unreached) else failure
                self._schemes = self._schemes[1:]  # as engines do: it may have no encryption at all
            else:
                if cut is not None and answer.status == 400:
                    raise cut  # so answers a server that speaks with encryption alone
                self._schemes = (scheme,)
                return answer


async def check_realm(registry: str, credentials: Credentials, access: PullAccess = NO_ACCESS) -> None:
    """Ask a registry, with no credentials, where it wants these sent, before somebody else takes them there. Raises Failure
    when they may not go there, and when that did not come out for a reason that an engine may not have: a certificate that
    cannot be read, a proxy, a handshake that evenkeel alone cannot do.

    Where no connection came about, nothing is forbidden: an engine has its own way to a registry, also by mirrors. A registry
    that is slow is waited for as long as an engine waits. An answer can only forbid, so the server need not prove who it is. It
    has to where a document is about the credentials and does not ask for `insecure`: an engine may be insecure there by the
    configuration of others. It is shown the certificate that engines show.

    Engines look at the same answer alone (`GET /v2/`) for whom they give credentials, Podman at its challenges also where it
    says 200. Where it is neither 200 nor 401, an engine may ask again without encryption."""
    site, cut = _open(registry, credentials, access), None
    is_insecure = credentials.realms is None or terms_of_pull(registry, access.admitted).insecure
    try:
        knocked = await _knocked(site, "https")
        _may_have(knocked, site, credentials)
        if not is_insecure:
            await _prove(registry, access)
        if knocked.status in _UNDERSTOOD:
            return
    except Unreached:
        pass
    except (CutOff, AtProxy) as failure:
        cut = failure
    try:
        knocked = await _knocked(site, "http")
    except (Unreached, CutOff):
        if cut is not None:
            raise cut from None
        return
    _may_have(knocked, site._replace(insecure=True), credentials)
    if not is_insecure and (knocked.status == 401 or knocked.challenges):
        raise Failure("it wants credentials, and it has no encryption now", "away", _ENCRYPT)
    if cut is not None and knocked.status not in _UNDERSTOOD:
        raise cut  # the answer says nothing about what is there behind encryption


async def _prove(registry: str, access: PullAccess) -> None:
    """Have a registry prove who it is, by the authorities that are in force for it. Raises Failure, which may pass: a network
    that one has to log in to shows a certificate of its own."""

    def own() -> ssl.SSLContext:
        return trust(papers_of(registry, access.certificates))

    site = Site(registry, own, lambda host: own(), silence_s=_PATIENCE_S, connecting_s=_CONNECTING_S)
    try:
        await _knocked(site, "https")
    except Failure as failure:
        raise Failure(failure.why, "away", failure.remedy) from None


def _may_have(knocked: Answer, site: Site, credentials: Credentials) -> None:
    """Raises Failure where one of the realms that an answer names may not have these credentials."""
    if of_tokens := bearers(challenges_of(knocked)):
        realm_of(of_tokens, site, credentials)


async def _knocked(site: Site, scheme: str) -> Answer:
    async with Visit(site, None, (scheme,)) as visit:
        return await visit.head()


async def check_mirror(address: str, credentials: Credentials, access: PullAccess = NO_ACCESS) -> None:
    """Ask a mirror of Docker Hub whether it wants credentials, before Docker gives it these, which are Docker Hub's. Raises
    Failure, as `check_realm` does, when it or its token realm may not have them: they are for Docker Hub, for its organisation,
    and for hosts that are listed, with encryption. `address`: with its scheme."""
    parts = urlsplit(address)
    site = _open(parts.netloc, credentials, access)
    try:
        knocked = await _knocked(site, parts.scheme)
    except Unreached:
        return
    if knocked.status != 401:
        return
    hub, challenges = site._replace(registry=DEFAULT_REGISTRY), challenges_of(knocked)
    if of_tokens := bearers(challenges):
        realm_of(of_tokens, hub, credentials)
    if len(of_tokens) < len(challenges) or not challenges:
        name = name_of(site.host)
        if parts.scheme != "https":
            raise Failure(UNENCRYPTED, "no", "name a mirror with https, or one that asks for none")
        if not may_have_credentials(name, hub.host, hub.realms):
            raise Misdirected(name, is_documented=credentials.realms is not None)


def _open(registry: str, credentials: Credentials, access: PullAccess) -> Site:
    """The site of a question that proves nothing, and tells nothing but the certificate of this device."""

    def own() -> ssl.SSLContext:
        return no_trust(pairs_of(registry, access.certificates))

    realms = (*access.realms, *(credentials.realms or ()))
    return Site(registry, own, lambda host: own(), realms, silence_s=_PATIENCE_S, connecting_s=_CONNECTING_S)
