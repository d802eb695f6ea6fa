"""A registry looked at step by step, for people: how far one gets, where it stops, and what to do about it.

The steps are those of a login, each by itself: credentials, name, TCP, TLS, realm, login, and one manifest. Nothing is tried
after a step that is not good.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import urlsplit

from evenkeel.controller.distribution.challenges import challenges_of
from evenkeel.controller.distribution.failures import LATE, Answer, Failure, failures
from evenkeel.controller.distribution.proxies import Proxy, proxy_for
from evenkeel.controller.distribution.tokens import Site, bearers, may_have_credentials, realm_of
from evenkeel.controller.distribution.visit import Visit
from evenkeel.controller.drivers.registries.access import NOWHERE, Around, credentials_now, let_in, of_place, site_of
from evenkeel.controller.drivers.registries.handshake import Certificate, chain, close, connect_to, shake_hands
from evenkeel.controller.drivers.registries.values import Missing, Values, values_of
from evenkeel.controller.process.causes import system_words
from evenkeel.controller.settings.credentials import Credentials
from evenkeel.specs.containers.image import ImageRef, parse_image
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.registries.registry import Registry, covers, image_place

STEP_S = 30.0
"""For one step."""
_MOST_ADDRESSES = 4
OTHERWISE = {
    "credentials": "see that the program or the file that its document names has them; `evenkeel registry add HOST` names "
    "another source",
    "name": "look at the name, and at the device's DNS",
    "TCP": "look whether the registry runs, at its port, and at what is between",
    "TLS": "look whether a registry with TLS is at this port, and at what is between",
    "realm": "look whether a registry is at this host, and whether it works",
    "login": "look whether the registry works, and the server that gives its tokens",
    "manifest": "look whether the registry works, and try it again later",
}
"""By step: the remedy where the reason has none of its own."""


class Step(NamedTuple):
    """One step. `text`: its result, or the reason why it failed. `remedy`: what to do about it, "" for a good one."""

    step: str
    is_good: bool
    text: str
    remedy: str = ""


async def probe(registry: Registry, image: str = "", around: Around = NOWHERE) -> AsyncIterator[Step]:
    """The steps, up to the first that is not good. `image`: one of this registry, whose manifest is asked for at the end, or
    "". `around`: what is in force around a part of a host. Raises ValueError when it is no image, and nothing else."""
    ref = parse_image(image) if image else None
    run = _Run(registry, ref, around)
    steps = {
        "credentials": run.credentials,
        "name": run.name,
        "TCP": run.tcp,
        "TLS": run.tls,
        "realm": run.realm,
        "login": run.login,
        "manifest": run.manifest,
    }
    for name, work in steps.items():
        if name == "manifest" and ref is None:
            return
        try:
            async with asyncio.timeout(STEP_S):
                step = Step(name, True, await work())
        except Failure as failure:
            step = Step(name, False, failure.why, of_place(failure, registry).remedy or OTHERWISE[name])
        except Missing as missing:
            step = Step(name, False, missing.why, missing.remedy)
        except TimeoutError:
            step = Step(name, False, LATE, OTHERWISE[name])
        except EvenkeelError as error:
            step = Step(name, False, error.message, OTHERWISE[name])
        yield step
        if not step.is_good:
            return


class _Run:
    """The state between the steps. Each step returns its result in words, and raises Failure, Missing or EvenkeelError."""

    def __init__(self, registry: Registry, ref: ImageRef | None, around: Around) -> None:
        self._registry, self._ref, self._around = registry, ref, around
        self._values = Values()
        self._credentials: Credentials | None = None
        self._site: Site = site_of(registry, self._values)
        parts = urlsplit(f"//{self._site.host}")
        try:
            port = parts.port
        except ValueError:
            port = 0  # `name` tells it
        self._host, self._ports = parts.hostname or "", [443 if port is None else port]
        self._has_port = port is not None
        self._addresses: list[str] = []

    async def credentials(self) -> str:
        if self._ref is not None and not covers(self._registry.place, image := _place(self._ref)):
            raise Failure(f"{image} is not from {self._registry.place}", "no", "name an image from there")
        self._values = values_of(self._registry)
        self._site = site_of(self._registry, self._values, self._around)
        if self._values.insecure and not self._has_port:
            self._ports = [443, 80]
        self._credentials = await credentials_now(self._registry, self._values)
        if self._credentials is None:
            return "none"
        user, token = self._credentials.username, self._credentials.identity_token
        named = f"user {user}, and a password" if user else ""
        return ", and ".join(filter(None, (named, token and "an identity token")))

    async def name(self) -> str:
        if self._ports == [0]:
            raise Failure("its port is none from 1 to 65535", "no", "correct the host in its document")
        loop, proxy = asyncio.get_running_loop(), self._proxy()
        host = self._host if proxy is None else proxy.host
        try:
            found = await loop.getaddrinfo(host, self._ports[0], type=socket.SOCK_STREAM)
        except OSError as error:
            raise Failure(system_words(error)) from None
        except ValueError:
            raise Failure("it is no name of a host", "no", "correct the host in its document") from None
        self._addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
        more = len(self._addresses) - _MOST_ADDRESSES
        shown = ", ".join(self._addresses[:_MOST_ADDRESSES]) + (f" and {more} more" if more > 0 else "")
        return shown if proxy is None else f"{shown}, of the proxy {proxy}"

    async def tcp(self) -> str:
        if (proxy := self._proxy()) is not None:
            _, writer = await connect_to(proxy)
            await close(writer)
            return f"the proxy {proxy} is there"
        whys = []
        for port in self._ports:
            try:
                _, writer = await asyncio.open_connection(self._host, port)
            except OSError as error:
                whys.append(f"port {port}: {system_words(error)}")
                continue
            await close(writer)
            self._ports = [port]
            return f"port {port} is open"
        raise Failure("; ".join(whys))

    def _proxy(self) -> Proxy | None:
        return proxy_for("https", self._host, self._ports[0])

    async def tls(self) -> str:
        port, own = self._ports[0], self._site.own()
        with failures():
            try:
                shown = await chain(self._host, port, self._site.own())
            except ssl.SSLError:
                if not self._values.insecure:
                    remedy = "ask whether it has TLS at this port; `insecure: true` does without, for labs"
                    raise Failure("it does not speak TLS as it should", "away", remedy) from None
                return "none, as `insecure` allows: anybody on the way can read the credentials"
        try:
            with failures():
                await shake_hands(self._host, port, own)
        except Failure as failure:
            raise Failure(f"{failure.why}; {_words(shown)}", failure.how, failure.remedy) from None
        trusted = "not looked at, as `insecure` allows" if self._values.insecure else "trusted"
        return f"{trusted}; {_words(shown)}"

    async def realm(self) -> str:
        async with Visit(self._site, self._credentials) as visit:
            knocked = await visit.knock()
        if knocked.status != 401:
            return "none: it asks for no credentials"
        challenges = challenges_of(knocked)
        if not (of_tokens := bearers(challenges)):
            kinds = ", ".join(dict.fromkeys(each.kind.capitalize() for each in challenges)) or "no known way"
            return f"{self._registry.host} itself, by {kinds}"
        place = realm_of(of_tokens, self._site, self._credentials)
        may = may_have_credentials(place, self._site.host, self._site.realms)
        return f"{place} gives tokens, and {'may have the credentials' if may else 'is asked without credentials'}"

    async def login(self) -> str:
        async with Visit(self._site, self._credentials) as visit:
            knocked = await visit.knock()
            if self._credentials is None and knocked.status == 401:
                return "not tried without credentials"
            try:
                await visit.login(knocked)
            except Failure as failure:
                if failure.how != "denied":
                    raise
                remedy = "look at the user and the password, and whether they still count"
                raise Failure(f"refused: {failure.why}", "denied", remedy) from None
        return let_in(self._credentials, was_asked=knocked.status == 401)

    async def manifest(self) -> str:
        assert self._ref is not None
        name = self._ref.digest or self._ref.tag
        async with Visit(self._site, self._credentials) as visit:
            try:
                answer = await visit.manifest(self._ref.repository, name)
            except Failure as failure:
                if failure.how != "denied":
                    raise
                raise Failure(failure.why, "denied", _RIGHT) from None
            if answer.status == 200:
                return _digest(answer)
            if answer.status in (401, 403):
                raise Failure(f"refused: {visit.words(answer)}", "denied", _RIGHT)
            if answer.status == 404:
                raise Failure(visit.words(answer), "no", "look at the image's name and tag")
            raise visit.failure(answer)


_RIGHT = "ask for the right to pull it"


def _place(ref: ImageRef) -> str:
    return image_place(f"{ref.registry}/{ref.repository}")


def _digest(answer: Answer) -> str:
    digest = answer.headers.get("docker-content-digest", "")
    return digest if digest.startswith("sha256:") and digest[7:].isalnum() and len(digest) < 100 else "it is there"


def _words(shown: tuple[Certificate, ...]) -> str:
    return (
        "; ".join(f"{each.subject}, signed by {each.issuer}, until {each.until}" for each in shown) or "no certificate"
    )
