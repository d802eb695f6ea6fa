"""The trust in a registry, and the certificate that this device shows to it.

Authorities beyond the system's count for the host that they were given for, and for no other.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.process.bounded import read_bounded

CERTIFICATES = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))
"""The folders in which engines look for the certificates of a host: `*.crt` are authorities, `*.cert` and `*.key` show who
this device is."""
OF_DOCUMENTS = "evenkeel.crt"
"""The file there with the authorities that a document names."""


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
    if papers.ca:
        context.load_verify_locations(cadata=papers.ca.decode("ascii", "replace"))
    for certificate, key in papers.pairs:
        _show(context, certificate, key)
    if not proves:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def papers_of(host: str, folders: Sequence[Path] = ()) -> Papers:
    """The papers that the engines' configuration has for a host, with those in further folders of the same form. Raises
    OSError."""
    authorities, pairs = dict[Path, bytes](), list[tuple[bytes, bytes]]()
    for folder in (each / host for each in dict.fromkeys((*CERTIFICATES, *folders))):
        authorities |= {path: read_bounded(path) for path in sorted(folder.glob("*.crt"))}
        pairs += [
            (read_bounded(path), read_bounded(path.with_suffix(".key"))) for path in sorted(folder.glob("*.cert"))
        ]
    shared = (content for path, content in authorities.items() if path.name == OF_DOCUMENTS)
    return Papers(b"\n".join(authorities.values()), tuple(pairs), b"\n".join(shared))


def _show(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """The library reads files alone; these are in memory, for a key is on no disk where nobody put it."""
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
