"""Certificates that no library makes, and that some device has nevertheless: good ones, patched in their bytes."""

from __future__ import annotations

import base64
import datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from evenkeel.controller.drivers.provisioning.ports import Pair

from .openssl import DEVICE


class Odd(NamedTuple):
    """`extensions`: values by their ids, as DER. `old`, `new`: bytes that are replaced in the certificate."""

    extensions: tuple[tuple[str, bytes], ...] = ()
    old: bytes = b""
    new: bytes = b""


_NULL = b"\x05\x00"
GOOD = Odd()
ODD = {
    "an extension twice": Odd(
        (("1.2.3.4", _NULL), ("1.2.3.5", _NULL)), b"\x06\x03\x2a\x03\x05", b"\x06\x03\x2a\x03\x04"
    ),
    "a name of X.400": Odd((("2.5.29.17", b"\x30\x02\xa3\x00"),)),
    "a key usage that is none": Odd((("2.5.29.15", _NULL),)),
    "a version that is not there yet": Odd((), b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03"),
    "a signature of an unknown kind": Odd((), b"\x2a\x86\x48\xce\x3d\x04\x03\x02", b"\x2a\x86\x48\xce\x3d\x04\x03\x7f"),
    "a key of an unknown kind": Odd((), b"\x2a\x86\x48\xce\x3d\x02\x01", b"\x2a\x86\x48\xce\x3d\x02\x7f"),
    "a curve that nobody knows": Odd((), b"\xce\x3d\x03\x01\x07", b"\xce\x3d\x03\x01\x7f"),
    "a name that is no text": Odd((), DEVICE.encode(), b"\xff" * len(DEVICE)),
}


def odd_pair(odd: Odd, key: ec.EllipticCurvePrivateKey | None = None) -> Pair:
    """A pair that has signed itself before its bytes were patched."""
    key, now = key or ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DEVICE)])
    ends = now + datetime.timedelta(days=90)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, ends)
    for identity, value in odd.extensions:
        one = x509.UnrecognizedExtension(x509.ObjectIdentifier(identity), value)
        builder = builder.add_extension(one, critical=False)
    der = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert odd.old in der
    der = der.replace(odd.old, odd.new) if odd.old else der
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n", private)
