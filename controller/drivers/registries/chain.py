"""The certificates that a server shows, also those that nobody here trusts: for people who look for a fault."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evenkeel.specs.visible import one_line, shortened

_LONGEST_NAME = 120
_MOST = 10


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
    _, writer = await asyncio.open_connection(host, port, ssl=trust)
    try:
        return _shown(writer.get_extra_info("ssl_object"))
    finally:
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
