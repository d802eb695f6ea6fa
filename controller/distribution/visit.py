"""One visit at a registry: questions and answers, with the credentials that it asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.distribution.challenges import challenges_of
from evenkeel.controller.distribution.client import fetch, open_client
from evenkeel.controller.distribution.failures import (
    NO_ANSWER,
    Answer,
    AtProxy,
    Failure,
    Silent,
    Unreached,
    failures,
    of_status,
    words,
)
from evenkeel.controller.distribution.sites import site_for
from evenkeel.controller.distribution.tokens import Site, authorisation, bearers, realm_of, secrets_of
from evenkeel.controller.distribution.trust import Papers, pairs_of
from evenkeel.controller.settings.credentials import Credentials, Terms

if TYPE_CHECKING:
    import httpx

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
_PING = "/v2/"
_PATIENCE_S = 20.0
"""For the answer before an engine gets credentials. An engine is patient, too."""


class Visit:
    """A context in which one registry is asked, with these credentials alone. Questions raise Failure."""

    def __init__(self, site: Site, credentials: Credentials | None) -> None:
        self._site, self._credentials = site, credentials
        self._schemes = ("https", "http") if site.insecure else ("https",)
        self._authorization = ""
        self._stack = contextlib.AsyncExitStack()
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Visit:
        with failures():
            client = open_client(self._site.host, self._site.own(), self._site.silence_s)
            self._client = await self._stack.enter_async_context(client)
        return self

    async def __aexit__(self, *error: object) -> None:
        with failures():
            await self._stack.aclose()

    @property
    def is_encrypted(self) -> bool:
        """Whether the last answer came over an encrypted connection."""
        return self._schemes[0] == "https"

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
        while True:
            scheme = self._schemes[0]
            try:
                with failures():
                    assert self._client is not None
                    url = f"{scheme}://{self._site.host}{path}"
                    answer = await fetch(self._client, "GET", url, has_body=has_body, headers=headers)
            except Silent:
                raise  # it speaks this way
            except Failure as failure:
                if not isinstance(failure, Unreached | AtProxy) or len(self._schemes) == 1:
                    raise
                self._schemes = self._schemes[1:]  # as engines do: it may have no encryption at all
            else:
                self._schemes = (scheme,)
                return answer


async def check_realm(registry: str, credentials: Credentials, certificates: Sequence[Path] = ()) -> None:
    """Ask a registry, with no credentials, where it wants these sent, before somebody else takes them there. Raises Failure
    when they may not go there, and when it could not be asked for a reason that is not the registry's: a certificate that
    cannot be read, or a proxy.

    Where no connection came about, nothing is forbidden: an engine has its own way to a registry, also by mirrors. A registry
    that is slow is waited for as long as an engine waits. The server need not prove who it is, because nothing is sent, and an
    answer can only forbid. It is shown the certificate that engines show; `certificates`: further folders like `certs.d`."""
    own = Papers(pairs=pairs_of(registry, certificates))
    site = site_for(registry, lambda: own, Terms(credentials.realms or (), insecure=True), silence_s=_PATIENCE_S)
    try:
        async with Visit(site, None) as visit:
            knocked, is_encrypted = await visit.head(), visit.is_encrypted
    except Silent:
        raise  # it may answer the engine, and send it anywhere
    except Unreached:
        return
    if knocked.status == 401 and (of_tokens := bearers(challenges_of(knocked))):
        realm_of(of_tokens, site._replace(insecure=not is_encrypted), credentials)
