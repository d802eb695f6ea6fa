"""TLS connections to Azure, in the event loop, and the errors of them.

The socket itself is needed, for paho reads and writes it. asyncio hides it in a transport, thus the handshake is made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import NamedTuple

from evenkeel.controller.distribution.trust import Papers, trust
from evenkeel.controller.drivers.provisioning.ports import Access
from evenkeel.controller.process.causes import chain_of, connection_cause
from evenkeel.specs.errors import DriverError, Refused, Unavailable

_ADDRESS_S = 10.0
"""For one address of several that a name may have."""
_ALERT_S = 5.0
"""For how long an alert is waited for, where a connection ended without one."""
_OF_THE_CLOCK = (9, 10)
"""Faults of a server's certificate that a wrong clock makes, too: not valid yet, and expired (X509_V_ERR_CERT_…)."""
_OF_THE_CERTIFICATE = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
"""Parts of the alerts by which a server does not take the certificate of this device, or misses one (RFC 8446 §6.2)."""


ENDS = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""Connections that the other side has ended, or does not accept."""


class Server(NamedTuple):
    """A server, and what is shown to it. `who`: a name for it in errors."""

    who: str
    host: str
    port: int
    tls: ssl.SSLContext

    @property
    def element(self) -> str:
        return f"cloud:{self.host}"


def server_at(who: str, host: str, port: int, access: Access) -> Server:
    """A server whose certificate the system's authorities vouch for, or those of `access`. Raises Refused where a certificate
    or a key of this device cannot be used."""
    try:
        pairs = ((access.pair.certificate, access.pair.key),) if access.pair is not None else ()
        return Server(who, host, port, trust(Papers(access.authorities, pairs)))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        words = str(reason).lower().replace("_", " ")
        raise Refused(
            f"cloud:{host}", f"the certificate of this device or its authorities cannot be used: {words}"
        ) from None


async def connect(server: Server) -> ssl.SSLSocket:
    """A connection with its handshake done. Its owner closes it. Raises OSError."""
    plain = await _connect_plain(server.host, server.port)
    try:
        secure = server.tls.wrap_socket(plain, server_hostname=server.host, do_handshake_on_connect=False)
    except BaseException:
        plain.close()
        raise
    try:
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                await ready(secure)
            except ssl.SSLWantWriteError:
                await ready(secure, writing=True)
            else:
                return secure
    except BaseException:
        secure.close()
        raise


async def _connect_plain(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = ConnectionError("the name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        plain = socket.socket(family, kind, protocol)
        try:
            plain.setblocking(False)
            async with asyncio.timeout(_ADDRESS_S):
                await loop.sock_connect(plain, address)
        except OSError as error:  # TimeoutError is one
            plain.close()
            failure = error
        except BaseException:
            plain.close()
            raise
        else:
            return plain
    raise failure


async def ready(connection: socket.socket, *, writing: bool = False) -> None:
    """Wait until there is something to read, or room to write."""
    loop, number = asyncio.get_running_loop(), connection.fileno()
    is_ready = asyncio.Event()
    add, remove = (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    add(number, is_ready.set)
    try:
        await is_ready.wait()
    finally:
        remove(number)


async def failure_of(server: Server, error: BaseException) -> DriverError:
    """The error of a connection that failed, or ended before anybody was let in.

    With TLS 1.3 a server refuses the certificate of this device behind the handshake. A question that was sent at once is in
    the way of that alert: the connection is reset, and the alert is lost. So another connection is made to hear it."""
    if isinstance(error, ENDS) and not isinstance(error, ConnectionRefusedError):
        error = await _alert(server) or error
    return failure(server, error)


async def _alert(server: Server) -> ssl.SSLError | None:
    try:
        async with asyncio.timeout(_ALERT_S):
            connection = await connect(server)
            try:
                await ready(connection)
                connection.recv(1)
            finally:
                connection.close()
    except ssl.SSLError as error:
        return error if _alert_words(error) else None
    except OSError:
        return None
    return None


def failure(server: Server, error: BaseException) -> DriverError:
    """The error of a connection that failed, as far as it tells."""
    element = server.element
    for each in chain_of(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            why = f"the certificate of {server.who} is not trusted: {each.verify_message}"
            if each.verify_code in _OF_THE_CLOCK:
                return Unavailable(element, f"{why}; is the clock of this device right?")
            return Refused(element, f"{why}; give the authority that vouches for it if it is not a public one")
        if isinstance(each, ssl.SSLError) and not isinstance(each, ENDS):
            told = _alert_words(each)
            if told and any(part in (each.reason or "") for part in _OF_THE_CERTIFICATE):
                return Refused(element, f"{server.who} does not take the certificate of this device: {told}")
            return Unavailable(element, f"the TLS connection to {server.who} failed: {told or _reason(each)}")
    if isinstance(error, ENDS) and not isinstance(error, ConnectionRefusedError):
        return Unavailable(element, f"{server.who} ended the connection without a word")
    why = connection_cause(error, str(error) or "the connection failed")
    return Unavailable(element, f"{server.who} cannot be reached: {why}")


def _alert_words(error: ssl.SSLError) -> str:
    """The alert of a server, as `certificate expired`; "" where it has sent none."""
    _, alert, words = (error.reason or "").partition("ALERT_")
    return words.lower().replace("_", " ") if alert else ""


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or type(error).__name__).lower().replace("_", " ")


@contextlib.contextmanager
def discreet(secrets: tuple[str, ...]) -> Iterator[None]:
    """A context whose DriverErrors repeat none of these, also where a server does."""
    from evenkeel.specs.reading.repeated import has_secret

    try:
        yield
    except DriverError as error:
        if has_secret(error.message, secrets):
            why = "it answered with words that are not shown, for they have a secret in them"
            raise type(error)(error.element, why) from None
        raise
