"""The server of a bundle: one request and its answer, and what a failure means.

Credentials go to the host of the address and to no other. Messages have addresses without their query. A page of HTML is no
bundle, whatever the status: portals of wireless networks and proxies answer with pages, for others, and for a while. For the
same reason a certificate that is not trusted may pass; a clock that was not set yet is another one.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.drivers.slots.partial import Origin
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.causes import connection_cause, system_words
from evenkeel.specs.slots.system import OperatingSystem, shown_bundle
from evenkeel.specs.visible import shortened

if TYPE_CHECKING:
    import httpx

CONNECT_S = 30.0
STALL_S = 60.0
"""A server that sends nothing for so long has stalled."""
_MOST_REDIRECTIONS = 8
_MOST_CREDENTIALS = 64 * 1024
_LONGEST_REASON = 80
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_BASIC = re.compile(r"[^:\s]+:.*")
_PASSING = (408, 425, 429)
"""Statuses from 400 to 499 that may pass by themselves."""
_LONGEST_RETRY_AFTER_S = 300.0


class Passing(Exception):
    """The download may succeed later, not before `after_s`. `outside`: the cause is this device."""

    def __init__(self, message: str, after_s: float = 0.0, *, outside: bool = False) -> None:
        super().__init__(message)
        self.after_s, self.outside = after_s, outside


class Final(Exception):
    """The download will not succeed."""


class Access(NamedTuple):
    """The credentials of a request: an `Authorization` header or "", and the authorities that it is trusted by, with the
    certificate of this device, if it has one."""

    authorization: str
    trust: ssl.SSLContext


class Answer(NamedTuple):
    """`start`: where in the content it begins, -1 when the server has another content than the part that is there, and
    nothing was sent. `pieces`: what comes."""

    start: int
    origin: Origin
    pieces: AsyncIterator[bytes]


def access(system: OperatingSystem) -> Access:
    """Reads the files that the system names. Blocks."""
    try:
        trust = ssl.create_default_context(cafile=system.ca or None)
    except (OSError, ssl.SSLError) as error:
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else system_words(error)
        raise Passing(f"the certificates of the server, {system.ca}: {why}", outside=True) from error
    if system.client_cert:
        _identify(trust, system)
    if not system.credentials:
        return Access("", trust)
    try:
        content = read_bounded(Path(system.credentials), _MOST_CREDENTIALS)
    except OSError as error:
        raise Passing(
            f"the credentials for the server, {system.credentials}: {system_words(error)}", outside=True
        ) from error
    return Access(_authorization(content, system.credentials), trust)


def _identify(trust: ssl.SSLContext, system: OperatingSystem) -> None:
    """Load the certificate of this device. The library does not say which of the files it cannot read."""
    for name, path in (("certificate", system.client_cert), ("key of the certificate", system.client_key)):
        try:
            read_bounded(Path(path), _MOST_CREDENTIALS)
        except OSError as error:
            raise Passing(f"the {name} of this device, {path}: {system_words(error)}", outside=True) from error
    try:
        trust.load_cert_chain(system.client_cert, system.client_key, password=lambda: "")  # never ask a terminal
    except (OSError, ValueError) as error:
        is_of_another = getattr(error, "reason", "") == "KEY_VALUES_MISMATCH"
        why = "the key is that of another certificate" if is_of_another else "expected PEM without a passphrase"
        files = f"{system.client_cert}, {system.client_key}"
        raise Passing(f"the certificate of this device and its key, {files}: {why}", outside=True) from None


def _authorization(content: bytes, path: str) -> str:
    line = content.decode(errors="replace").partition("\n")[0].strip()
    if line.startswith("Bearer ") and line.isascii() and line.isprintable():
        return line
    if _BASIC.fullmatch(line):
        from base64 import b64encode

        return f"Basic {b64encode(line.encode()).decode()}"
    raise Passing(f"{path}: expected `USER:PASSWORD` or `Bearer TOKEN` in the first line", outside=True)


async def length(system: OperatingSystem, with_: Access) -> int:
    """The bytes of the bundle, as the server tells before a download; 0 when it does not."""
    async with _failures(system), _client(system, with_) as client:
        answer = await client.head(system.bundle, headers=_headers(with_))
        if answer.status_code in (405, 501):
            return 0
        _check(answer, system)
        return _length(answer)


@asynccontextmanager
async def get(system: OperatingSystem, with_: Access, size: int, origin: Origin) -> AsyncIterator[Answer]:
    """The content from `size` on, of which `size` bytes of `origin` are there. A server that cannot continue begins anew."""
    headers = _headers(with_)
    if size:
        headers["Range"] = f"bytes={size}-"
        if origin.validator and not origin.validator.startswith("W/"):
            headers["If-Range"] = origin.validator
    async with (
        _failures(system),
        _client(system, with_) as client,
        client.stream("GET", system.bundle, headers=headers) as answer,
    ):
        if answer.status_code == 416:
            yield Answer(-1, Origin(), answer.aiter_raw())
            return
        _check(answer, system)
        validator = answer.headers.get("ETag", "") or answer.headers.get("Last-Modified", "")
        if answer.status_code != 206:
            yield Answer(0, Origin(validator, _length(answer)), answer.aiter_raw())
            return
        found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        now = Origin(validator, int(found[2])) if found else Origin()
        continues = found is not None and int(found[1]) == size
        is_same = now.validator == origin.validator and origin.total in (0, now.total)
        yield Answer(size if continues and is_same else -1, now, answer.aiter_raw())


def _headers(with_: Access) -> dict[str, str]:
    own = {"Accept-Encoding": "identity", "User-Agent": "evenkeel"}
    return {**own, "Authorization": with_.authorization} if with_.authorization else own


def _length(answer: httpx.Response) -> int:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) < 16 else 0


def _client(system: OperatingSystem, with_: Access) -> httpx.AsyncClient:
    import httpx

    return httpx.AsyncClient(
        verify=with_.trust,
        proxy=system.proxy or None,
        follow_redirects=True,
        max_redirects=_MOST_REDIRECTIONS,
        timeout=httpx.Timeout(STALL_S, connect=CONNECT_S),
    )


def _check(answer: httpx.Response, system: OperatingSystem) -> None:
    """Raises for every answer that has no bundle."""
    status, reason = answer.status_code, shortened(answer.reason_phrase, _LONGEST_REASON)
    text = f"{_host(system)} answered {status} {reason}".strip()
    hops = [each.url.scheme for each in (*answer.history, answer)]
    if hops[0] == "https" and "http" in hops:
        raise Final(f"{_host(system)} sends the download on to a place without encryption")
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    if status in (401, 403, 407):
        of = "the proxy wants credentials" if status == 407 else "it wants other credentials"
        raise Final(f"{text}: {of if system.credentials or status == 407 else 'it wants credentials'}")
    if 400 <= status < 500 and status not in _PASSING:
        raise Passing(f"{text}, with a page") if is_page else Final(f"{text} for {shown_bundle(system.bundle)}")
    if status not in (200, 206):
        raise Passing(text, _retry_after(answer))
    if is_page:
        raise Passing(f"{_host(system)} answered with a page instead of a bundle")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise Passing(f"{_host(system)} answered packed, which was not asked for")


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER_S) if text.isdecimal() and len(text) < 10 else 0.0


@asynccontextmanager
async def _failures(system: OperatingSystem) -> AsyncIterator[None]:
    """httpx's exceptions as ours."""
    import httpx

    host = _host(system)
    try:
        yield
    except httpx.ConnectTimeout as error:
        raise Passing(f"{host} did not answer within {CONNECT_S:g} s") from error
    except httpx.TimeoutException as error:
        raise Passing(f"{host} sent nothing for {STALL_S:g} s") from error
    except httpx.TooManyRedirects as error:
        raise Passing(f"{host} redirects more than {_MOST_REDIRECTIONS} times") from error
    except httpx.ProxyError as error:
        raise Passing(f"the proxy refused: {shortened(str(error), _LONGEST_REASON)}") from error
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
        raise Final(f"{host} redirects to an address that is none") from error
    except httpx.RemoteProtocolError as error:
        raise Passing(f"{host} ended the connection early{_doubt(system)}") from error
    except (httpx.HTTPError, ssl.SSLError, ExceptionGroup) as error:
        raise Passing(f"{host}: {connection_cause(error, 'the connection ended')}") from error


def _doubt(system: OperatingSystem) -> str:
    """With TLS 1.3 a server says after the handshake that it wants a certificate of the device, or nothing."""
    if not system.bundle.startswith("https:"):
        return ""
    return f"; does it {'trust' if system.client_cert else 'want'} a certificate of this device (`clientCert`)?"


def _host(system: OperatingSystem) -> str:
    from urllib.parse import urlsplit

    return f"the server {urlsplit(system.bundle).hostname}"
