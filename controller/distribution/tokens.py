"""The credentials of a request, as a registry's challenge asks for them: Basic, or a token that another host may give.

A registry names the place that gives tokens for it, and credentials go there: to the registry's own host, to hosts
below it, to those that are known to be of its organisation (auth.docker.io for registry-1.docker.io), and to those that
somebody has listed; nowhere else, and nowhere without encryption but to the very host of a registry that needs none.
Protocol: distribution's "Token Authentication" and "OAuth2 Token Authentication".
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NotRequired, TypedDict

from evenkeel.controller.distribution.challenges import BASIC, BEARER, Challenge
from evenkeel.controller.distribution.client import fetch, open_client
from evenkeel.controller.distribution.failures import (
    NO_ANSWER,
    Answer,
    Failure,
    Misdirected,
    failures,
    of_status,
    words,
)
from evenkeel.controller.settings.credentials import Credentials
from evenkeel.specs.codec import decode
from evenkeel.specs.containers.image import DEFAULT_REGISTRY
from evenkeel.specs.reading.repeated import has_secret
from evenkeel.specs.registries.registry import HUB_HOST, HUB_NAMES
from evenkeel.specs.visible import shortened

_REALMS = {**dict.fromkeys(HUB_NAMES, "auth.docker.io"), "registry.gitlab.com": "gitlab.com"}
"""Registries whose tokens come from another host of the same organisation."""
_CLIENT = "evenkeel"
_REFUSALS = (400, 401, 403)
_LONGEST = 80
UNENCRYPTED = "it wants credentials sent to a place without encryption"
_OTHER_KINDS = "it needs Basic, or a server that gives tokens (Bearer)"


class Site(NamedTuple):
    """A registry as it is asked. `registry`: its name in images. `own`: the trust in it; `of_realm`: in a host (with its port)
    that gives tokens for it. `realms`: hosts that may have its credentials, beside those that may anyway. `insecure`: it may be
    asked without encryption. `silence_s`: how long it may say nothing, `connecting_s`: how long a connection may take; 0 as
    usual."""

    registry: str
    own: Callable[[], ssl.SSLContext]
    of_realm: Callable[[str], ssl.SSLContext]
    realms: Sequence[str] = ()
    insecure: bool = False
    silence_s: float = 0.0
    connecting_s: float = 0.0

    @property
    def host(self) -> str:
        """The host that speaks the protocol, with its port where the name has one."""
        return HUB_HOST if self.registry == DEFAULT_REGISTRY else self.registry


class _Token(TypedDict):
    token: NotRequired[str | None]
    access_token: NotRequired[str | None]


def secrets_of(credentials: Credentials | None) -> tuple[str, ...]:
    """The texts of these credentials that are shown nowhere."""
    if credentials is None:
        return ()
    coded = _coded(credentials).rstrip("=") if credentials.password else ""
    return tuple(filter(None, (credentials.password, credentials.identity_token, coded)))


def bearers(challenges: Sequence[Challenge]) -> tuple[Challenge, ...]:
    """Those that want a token."""
    return tuple(each for each in challenges if each.kind == BEARER)


def realm_of(challenges: Sequence[Challenge], site: Site, credentials: Credentials | None) -> str:
    """The host, with its port, that gives the token: of several the first. With credentials all of them are looked at, because
    an engine may ask any. Raises Failure when one may not be asked, and Misdirected when it may not have these credentials."""
    asked = challenges if credentials is not None else challenges[:1]
    places = [_realm_of(each, site, credentials) for each in asked]
    return places[0]


def _realm_of(challenge: Challenge, site: Site, credentials: Credentials | None) -> str:
    import httpx

    with failures():
        realm = httpx.URL(challenge.realm)
        if has_secret(realm.netloc.decode(), secrets_of(credentials)):
            raise Failure(NO_ANSWER)
        is_own = name_of(realm.netloc.decode()) == name_of(site.host)
        if realm.scheme != "https" and not (realm.scheme == "http" and site.insecure and is_own):
            raise Failure(UNENCRYPTED, "no", "a token server needs https, or tokens are no secret")
        if credentials is not None and not may_have_credentials(realm.host, site.host, site.realms):
            raise Misdirected(realm.host, is_documented=credentials.realms is not None)
        if not realm.host:
            raise Failure(NO_ANSWER)
        return realm.netloc.decode()


async def authorisation(challenges: Sequence[Challenge], site: Site, credentials: Credentials | None) -> str:
    """The `Authorization` header that challenges ask for: for one of them, a token before a password. Raises Failure."""
    import httpx

    kinds, of_tokens = {each.kind for each in challenges}, bearers(challenges)
    if kinds and not kinds & {BEARER, BASIC}:
        others = ", ".join(sorted(kinds))
        raise Failure(f"it wants a login by {shortened(others, _LONGEST)}, which no engine has", "no", _OTHER_KINDS)
    if not of_tokens:
        if credentials is None:
            raise Failure("it wants credentials, and there are none for it", "no", "name them in `credentials`")
        if not credentials.password and credentials.identity_token:
            remedy = "name a user and a password in `credentials`"
            raise Failure("it takes no identity token, which is all that there is for it", "no", remedy)
        return f"Basic {_coded(credentials)}"
    place, challenge = realm_of(of_tokens, site, credentials), of_tokens[0]
    with failures():
        trust = site.own() if place == site.host else site.of_realm(place)
        async with open_client(place, trust, site.silence_s, site.connecting_s) as client:
            if credentials is not None and credentials.identity_token:
                answer = await _by_identity(client, challenge, credentials)
            else:
                headers = {"Authorization": f"Basic {_coded(credentials)}"} if credentials is not None else {}
                address = httpx.URL(challenge.realm).copy_merge_params(dict(challenge.fields))
                answer = await fetch(client, "GET", str(address), headers=headers)
    if answer.status in _REFUSALS and credentials is not None:
        raise Failure(f"{place} gives no token: {words(answer, secrets_of(credentials))}", "denied")
    if not 200 <= answer.status < 300:
        failure = of_status(answer, secrets_of(credentials))
        raise Failure(f"{place}, which gives its tokens: {failure.why}")
    return f"Bearer {_token(answer.body)}"


async def _by_identity(client: Any, challenge: Challenge, credentials: Credentials) -> Answer:
    """Not redirected, for the secret is in the body."""
    fields = {**dict(challenge.fields), "grant_type": "refresh_token", "client_id": _CLIENT}
    fields["refresh_token"] = credentials.identity_token
    return await fetch(client, "POST", challenge.realm, data=fields, follow_redirects=False)


def _token(body: bytes) -> str:
    try:
        token = decode(body, _Token)
    except (ValueError, RecursionError):
        raise Failure(NO_ANSWER) from None
    text = token.get("token") or token.get("access_token")
    if not text or not text.isascii() or not text.isprintable():
        raise Failure(NO_ANSWER)
    return text


def may_have_credentials(realm: str, host: str, realms: Sequence[str]) -> bool:
    """Whether a token realm is the registry itself, below it, known to be of its organisation, or listed. A domain above the
    host proves nothing: others may have names below it, as with github.io or azurecr.io."""
    name, realm = name_of(host), name_of(realm)
    if realm in (name, _REALMS.get(name), *(name_of(each) for each in realms)):
        return True
    return realm.endswith(f".{name}") and "." in name and not name.rpartition(".")[2].isdecimal()


def name_of(host: str) -> str:
    """A host without its port; of an address of IPv6 without brackets all is the host."""
    name, colon, port = host.lower().rpartition(":")
    has_port = colon and port.isdecimal() and (":" not in name or name.endswith("]"))
    return (name if has_port else host.lower()).strip("[]")


def _coded(credentials: Credentials) -> str:
    """RFC 7617, in UTF-8."""
    return base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
