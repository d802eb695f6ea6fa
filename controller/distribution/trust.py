"""The trust in a registry, and the certificate that this device shows to it.

Authorities beyond the system's count for the host that they were given for, and for no other.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.distribution.failures import Failure
from evenkeel.controller.process.bounded import read_regular

log = logging.getLogger(__name__)

CERTIFICATES = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))
"""The folders in which engines look for the certificates of a host: `*.crt` are authorities, `*.cert` and `*.key` show who
this device is."""
OF_DOCUMENTS = "evenkeel.crt"
"""The file there with the authorities that a document names."""
_OF_ENGINES = "DEFAULT"
"""The ciphers of OpenSSL. Engines speak them; Python's own choice lacks some."""
_ANY = "ALL:@SECLEVEL=0"
_OP_LEGACY_SERVER_CONNECT = 0x4
"""Engines take servers without secure renegotiation (RFC 5746). Python names this from 3.12 on."""
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_REMEDY = "correct that file, or take the certificate and its key away"


class Papers(NamedTuple):
    """PEM: authorities, and certificates of this device with their keys. `shared`: those of the authorities that a document
    names. They count for hosts that may have the credentials, too. The text form shows nothing."""

    ca: bytes = b""
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    shared: bytes = b""

    def __repr__(self) -> str:
        return "Papers(…)"


NONE = Papers()


def trust(papers: Papers = NONE, *, proves: bool = True) -> ssl.SSLContext:
    """The system's authorities and these, with these certificates of this device. Without `proves` everybody is trusted.
    Raises ssl.SSLError, OSError or ValueError."""
    context = ssl.create_default_context()
    context.set_ciphers(_OF_ENGINES)
    if papers.ca:
        context.load_verify_locations(cadata=papers.ca.decode("ascii", "replace"))
    for certificate, key in papers.pairs:
        show(context, certificate, key)
    if not proves:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def no_trust(pairs: Sequence[tuple[bytes, bytes]]) -> ssl.SSLContext:
    """A context that speaks with everybody with whom an engine does (TLS 1.2 at least, whatever the ciphers), for a question
    that proves nothing and tells no secret. Raises as `trust` does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(_ANY)
    context.options |= _OP_LEGACY_SERVER_CONNECT
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for certificate, key in pairs:
        show(context, certificate, key)
    return context


def papers_of(host: str, folders: Sequence[Path] = ()) -> Papers:
    """The papers that the engines' configuration has for a host, with those in further folders of the same form. Engines pass
    over an authority that they cannot read, and so does this. Raises Failure as `pairs_of` does."""
    authorities = dict[Path, bytes]()
    for folder in _folders(host, folders):
        authorities |= {path: _authorities_in(path) for path in sorted(folder.glob("*.crt"))}
    shared = (content for path, content in authorities.items() if path.name == OF_DOCUMENTS)
    return Papers(b"\n".join(authorities.values()), pairs_of(host, folders), b"\n".join(shared))


def pairs_of(host: str, folders: Sequence[Path] = ()) -> tuple[tuple[bytes, bytes], ...]:
    """The certificates of this device among those papers, with their keys. Raises Failure, with the file, for one that cannot
    be used: without it nobody can tell how the registry answers an engine."""
    return tuple(_pair(path) for folder in _folders(host, folders) for path in sorted(folder.glob("*.cert")))


def _folders(host: str, folders: Sequence[Path]) -> Iterator[Path]:
    return (each / host for each in dict.fromkeys((*CERTIFICATES, *folders)))


def _authorities_in(path: Path) -> bytes:
    """The certificates of a file that can be read."""
    try:
        blocks = read_regular(path).split(_BEGIN)[1:]
        found = [_BEGIN + inner + _END for inner, end, _ in (each.partition(_END) for each in blocks) if end]
        why = "" if found else "it has no certificate in the form PEM"
    except OSError as error:
        found, why = [], error.strerror or str(error)
    if why:
        log.info("authority was passed over", extra={"fields": {"file": str(path), "why": why}})
    whole = b"\n".join(found)
    return whole if _can_be_read(whole) else b"\n".join(each for each in found if _can_be_read(each))


def _can_be_read(certificates: bytes) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        return False
    return True


def _pair(path: Path) -> tuple[bytes, bytes]:
    key, what = path.with_suffix(".key"), "which this device is to show to it, is of no use"
    try:
        found = read_regular(path), read_regular(key)
        show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), *found)
    except ssl.SSLError:
        raise Failure(f"{path}, {what}: it and {key.name} are no certificate and its key", "no", _REMEDY) from None
    except OSError as error:
        which = Path(error.filename or path).name
        raise Failure(f"{path}, {what}: {which} cannot be read: {error.strerror}", "no", _REMEDY) from None
    return found


def show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Let a context show a certificate of this device. The library reads files alone; these are in memory, for a key is on no
    disk where nobody put it. Raises ssl.SSLError and OSError."""
    handles = []
    try:
        for name, content in (("certificate", certificate), ("key", key)):
            handle = os.memfd_create(name)
            handles.append(handle)
            os.write(handle, content)
        paths = [f"/proc/self/fd/{handle}" for handle in handles]
        context.load_cert_chain(paths[0], paths[1], password="")  # never ask a terminal
    finally:
        for handle in handles:
            os.close(handle)
