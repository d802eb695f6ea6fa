"""The trust in a registry, and the certificate that this device shows to it.

Authorities beyond the system's count for the host that they were given for, and for no other.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path

CERTIFICATES = (Path("/etc/docker/certs.d"), Path("/etc/containers/certs.d"))
"""The folders in which engines look for the certificates of a host: `*.crt` are authorities, `*.cert` and `*.key` show who
this device is."""


def trust(ca: bytes = b"", certificate: bytes = b"", key: bytes = b"", *, proves: bool = True) -> ssl.SSLContext:
    """The system's authorities and these (PEM), with a certificate of this device. Without `proves` everybody is trusted.
    Raises ssl.SSLError, OSError or ValueError."""
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(cadata=ca.decode("ascii", "replace"))
    if certificate:
        _show(context, certificate, key)
    if not proves:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def trust_of_files(host: str) -> ssl.SSLContext:
    """The system's authorities, and those that the engines' configuration trusts for this host."""
    context = ssl.create_default_context()
    for folder in (each / host for each in CERTIFICATES):
        if not folder.is_dir():
            continue
        for path in sorted(folder.glob("*.crt")):
            context.load_verify_locations(path)
        for path in sorted(folder.glob("*.cert")):
            context.load_cert_chain(path, path.with_suffix(".key"), password="")
    return context


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
