"""Certificates of devices and servers, made in memory in a moment: EC, with any validity and any name."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


class Issued(NamedTuple):
    """PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """An authority of a lab."""

    def __init__(self, name: str = "evenkeel tests") -> None:
        self._name, self._key = _name(name), ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.UTC)
        builder = _builder(self._name, self._name, self._key, now - 2 * _DAY, now + 30 * _DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = _pem(builder.sign(self._key, hashes.SHA256()))

    def device(self, common_name: str, *, begins: float = -1, ends: float = 30) -> Issued:
        """The certificate of a device; `begins` and `ends` are days from now."""
        return _leaf(common_name, begins, ends, ExtendedKeyUsageOID.CLIENT_AUTH, (), self._name, self._key)

    def server(self, addresses: Sequence[str]) -> Issued:
        return _leaf("server", -1, 30, ExtendedKeyUsageOID.SERVER_AUTH, addresses, self._name, self._key)


def self_signed(common_name: str, *, begins: float = -1, ends: float = 30) -> Issued:
    return _leaf(common_name, begins, ends, ExtendedKeyUsageOID.CLIENT_AUTH, (), None, None)


def _leaf(
    common_name: str,
    begins: float,
    ends: float,
    usage: x509.ObjectIdentifier,
    addresses: Sequence[str],
    issuer: x509.Name | None,
    signer: ec.EllipticCurvePrivateKey | None,
) -> Issued:
    key, name, now = ec.generate_private_key(ec.SECP256R1()), _name(common_name), datetime.datetime.now(datetime.UTC)
    builder = _builder(name, issuer or name, key, now + begins * _DAY, now + ends * _DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key((signer or key).public_key())
    builder = builder.add_extension(
        authority, critical=False
    )  # else OpenSSL mixes up who has signed himself by one name
    if addresses:
        names = [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Issued(_pem(builder.sign(signer or key, hashes.SHA256())), private)


def _builder(
    name: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: datetime.datetime,
    ends: datetime.datetime,
) -> x509.CertificateBuilder:
    public = key.public_key()
    builder = x509.CertificateBuilder(issuer, name, public, x509.random_serial_number(), begins, ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
