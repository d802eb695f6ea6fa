"""The begin of a TLS connection without a question: the certificates that a server shows, and what it says to those of this
device.

A server that does not take the certificate of this device says so in an alert, behind what the client takes for the end of the
handshake (TLS 1.3). A request that is sent at once is in its way: the connection is reset, and the alert is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple

from evenkeel.controller.distribution.proxies import Proxy, absence, proxy_for, refusal
from evenkeel.specs.visible import one_line, shortened

_LONGEST_NAME = 120
_MOST = 10
_HANDSHAKE_S = 10.0
_ALERT_S = 0.5
"""For how long an alert is waited for."""


class Certificate(NamedTuple):
    """One certificate of a chain, in words. `until`: the last moment at which it is valid."""

    subject: str
    issuer: str
    until: str


async def chain(host: str, port: int, trust: ssl.SSLContext) -> tuple[Certificate, ...]:
    """The chain of a server, its own certificate first, whether it is trusted or not. `trust` has the certificate of this
    device, and is changed. Raises OSError."""
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE
    async with _connection(host, port, trust) as (_, writer):
        return _shown(writer.get_extra_info("ssl_object"))


async def shake_hands(host: str, port: int, trust: ssl.SSLContext) -> None:
    """Connect, and listen for a while. Raises OSError, with the alert where the server ends the connection with one."""
    async with _connection(host, port, trust) as (reader, _):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ALERT_S):
                await reader.read(1)


@contextlib.asynccontextmanager
async def _connection(
    host: str, port: int, trust: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    proxy = proxy_for("https", host, port)
    if proxy is None:
        reader, writer = await asyncio.open_connection(host, port, ssl=trust, ssl_handshake_timeout=_HANDSHAKE_S)
    else:
        reader, writer = await connect_to(proxy)
    try:
        if proxy is not None:
            await _pass(proxy, reader, writer, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
            await writer.start_tls(trust, server_hostname=host, ssl_handshake_timeout=_HANDSHAKE_S)
        yield reader, writer
    finally:
        await close(writer)


async def connect_to(proxy: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to a proxy. Raises Failure."""
    try:
        return await asyncio.open_connection(proxy.host, proxy.port, ssl=proxy.is_encrypted or None)
    except OSError as error:
        raise absence(proxy, error) from error


async def _pass(proxy: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str) -> None:
    """Let a proxy connect to a place (RFC 9110, "CONNECT"). Raises Failure."""
    login = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    writer.write(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{login}\r\n".encode())
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise refusal(proxy, "") from None
    status = head.decode("latin-1").partition(" ")[2][:3]
    if not status.startswith("2"):
        raise refusal(proxy, status)


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection, in whatever state it is."""
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _shown(connection: Any) -> tuple[Certificate, ...]:
    """Python has a public form of this from 3.13 on, without names in it. The inner object has had both since 3.10."""
    inner: Any = getattr(connection, "_sslobj", None)
    shown = inner.get_unverified_chain() if hasattr(inner, "get_unverified_chain") else None
    return tuple(_certificate(each.get_info()) for each in (shown or ())[:_MOST])


def _certificate(info: Mapping[str, Any]) -> Certificate:
    return Certificate(_name(info.get("subject", ())), _name(info.get("issuer", ())), str(info.get("notAfter", "")))


def _name(parts: Sequence[Sequence[tuple[str, str]]]) -> str:
    """The common name of a certificate, or all that there is."""
    fields = [field for part in parts for field in part]
    common = [value for key, value in fields if key == "commonName"]
    text = common[0] if common else ", ".join(f"{key}={value}" for key, value in fields)
    return shortened(one_line(text), _LONGEST_NAME) or "no name"
