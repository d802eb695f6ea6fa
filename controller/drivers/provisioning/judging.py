"""Keys, certificates and authorities as they were given, and what is wrong with them. `certificates` makes new ones.

No text of an error has a part of a key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TypeVar, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
)
from cryptography.hazmat.primitives.hashes import MD5, SHA1
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.drivers.provisioning.published import PUBLISHED

_LEAST_RSA = 2048
_PRIVATE = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_CURVES = {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}
"""The curves that the clouds take, and their names here."""
_FOR_CLIENTS = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
_ASN1 = "error parsing asn1"
"""So begins the library's own ValueError."""
UNREADABLE: tuple[type[Exception], ...] = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
"""Raised by the library for a certificate of others, of which it reads most parts only when they are asked for."""
_UNSIGNED: tuple[type[Exception], ...] = (*UNREADABLE, TypeError, InvalidSignature)


def usable_key(content: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """A private key (PEM). Raises ValueError for one that no certificate of a device may have."""
    key = _private_key(content)
    if flaw := _weak(cast(CertificatePublicKeyTypes, key.public_key())):
        raise ValueError(flaw)
    return cast(ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, key)


def signer_of(authority: Pair) -> tuple[list[x509.Certificate], CertificateIssuerPrivateKeyTypes]:
    """The chain of an authority, its own certificate first, and its key. Raises ValueError for one that may not sign."""
    try:
        chain, key = certificates_in(authority.certificate), _private_key(authority.key)
        first = chain[0]
        constraints = extension(first, x509.BasicConstraints)
        usage, purposes = extension(first, x509.KeyUsage), extension(first, x509.ExtendedKeyUsage)
        keys = _keys(chain)
    except UNREADABLE as error:
        raise ValueError(f"the authority: {reason_of(error)}") from None
    if (published := _published(keys)) is not None:
        raise ValueError(f"the authority: {published}")
    if constraints is None or not constraints.ca:
        raise ValueError("the certificate of the authority is not that of one: it lacks basicConstraints CA:TRUE")
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the authority may not sign certificates: its keyUsage lacks keyCertSign")
    if purposes is not None and not _FOR_CLIENTS & set(purposes):
        raise ValueError("the authority may not sign for clients: its extendedKeyUsage lacks clientAuth")
    if _spki(key.public_key()) != keys[0]:
        raise ValueError("the key of the authority is not that of its certificate")
    if flaw := order_flaw(chain):
        raise ValueError(f"the authority: {flaw}")
    return chain, cast(CertificateIssuerPrivateKeyTypes, key)  # other kinds sign no certificate, so that none fits


def certificates_in(content: bytes) -> list[x509.Certificate]:
    """The certificates (PEM) in a file, in their order. Raises ValueError where there is none, or one is damaged."""
    blocks = _CERTIFICATE.findall(content)
    if not blocks:
        if content[:1] == b"\x30":
            raise ValueError("the certificate is DER, and PEM is needed; convert it with `openssl x509 -inform der`")
        raise ValueError("there is no certificate (PEM) in its file")
    found = []
    for number, block in enumerate(blocks, 1):
        try:
            found.append(x509.load_pem_x509_certificate(block))
        except UNREADABLE:
            which = "the certificate" if len(blocks) == 1 else f"certificate {number} of {len(blocks)}"
            raise ValueError(f"{which} in the file cannot be read; it may be damaged") from None
    return found


def _private_key(content: bytes) -> PrivateKeyTypes:
    block = _PRIVATE.search(content)
    if block is None:
        if content[:1] == b"\x30":
            raise ValueError("the key is DER, and PEM is needed; convert it with `openssl pkey -inform der`")
        raise ValueError("there is no private key (PEM) in its file")
    try:
        return load_pem_private_key(block[0], None)
    except TypeError:
        raise ValueError("the key has a password; write it without one, with `openssl pkey`") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the private key cannot be read; it may be damaged") from None


def extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    """The extension of this kind, `None` without one. Raises what is in `UNREADABLE` where any extension cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def subject_names(name: x509.Name) -> list[str]:
    """The common names in a name."""
    return [str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


# ── what is wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


def faults(chain: Sequence[x509.Certificate], key: bytes) -> Iterator[str]:
    """The reasons why a pair cannot be used, the gravest first. Raises what is in `UNREADABLE`, which is a reason, too."""
    first, keys = chain[0], _keys(chain)
    if (published := _published(keys)) is not None:
        yield published
    own = _spki(_private_key(key).public_key())
    purposes, usage = extension(first, x509.ExtendedKeyUsage), extension(first, x509.KeyUsage)
    if own in keys[1:] and own != keys[0]:
        yield f"the key belongs to certificate {keys.index(own) + 1} of the file; that one has to be the first"
    if own != keys[0]:
        yield "the key is not that of the certificate"
    yield from filter(None, (_weak(first.public_key()),))
    names = subject_names(first.subject)
    if len(names) != 1:
        yield f"the certificate has {'no' if not names else 'more than one'} common name, which has to be the device id"
    if purposes is not None and not _FOR_CLIENTS & set(purposes):
        yield "the certificate is not for clients: its extendedKeyUsage lacks clientAuth"
    if usage is not None and not usage.digital_signature:
        yield "the certificate does not let its key sign: its keyUsage lacks digitalSignature"
    yield from filter(None, (each(chain) for each in (order_flaw, _sign_flaw)))


def remarks(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    """The remarks about a certificate that can be used, and those above it. Raises what is in `UNREADABLE`."""
    certificate = chain[0]
    for above in chain[1:]:
        if above.issuer != above.subject and above.not_valid_after_utc < certificate.not_valid_after_utc:
            name = next(iter(subject_names(above.subject)), above.subject.rfc4514_string())
            yield f"the certificate of {name} above it ends before it, on {above.not_valid_after_utc:%Y-%m-%d}"
    if certificate.version is x509.Version.v1:
        yield "it is of X.509 v1, which has no extensions; a new one is of v3"
        return
    constraints = extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield "it is the certificate of an authority"
    if isinstance(certificate.signature_hash_algorithm, MD5 | SHA1):
        yield f"it is signed over a hash that is broken: {certificate.signature_hash_algorithm.name}"


def _keys(chain: Sequence[x509.Certificate]) -> list[bytes]:
    """The public keys. Raises ValueError for one of a kind that is not known."""
    found = []
    for number, each in enumerate(chain, 1):
        try:
            found.append(_spki(each.public_key()))
        except UNREADABLE as error:
            raise ValueError(f"the key of certificate {number} of the file: {reason_of(error)}") from None
    return found


def _published(keys: Sequence[bytes]) -> str | None:
    for each in keys:
        digest = hashlib.sha256(each).hexdigest().upper()
        if digest in PUBLISHED:
            return f"the private key is a published example, which anybody has ({PUBLISHED[digest]})"
    return None


def _weak(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        few = f"the key has {key.key_size} bits of RSA, and at least {_LEAST_RSA} are needed"
        return few if key.key_size < _LEAST_RSA else ""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return ""
    return f"the key is of the kind {kind_of(key)}; clouds take RSA, and the elliptic curves P-256, P-384 and P-521"


def order_flaw(chain: Sequence[x509.Certificate]) -> str:
    """The reason why these are no chain, each signed by the next; "" when they are."""
    for number, (below, above) in enumerate(pairwise(chain), 1):
        try:
            below.verify_directly_issued_by(above)
        except _UNSIGNED:
            return (
                f"certificate {number + 1} of the file did not sign certificate {number}; the first is that of the device, "
                "and each signs the one before it"
            )
    return ""


def _sign_flaw(chain: Sequence[x509.Certificate]) -> str:
    """The reason why one above the first may not sign, which others heed (RFC 5280, 4.2.1.9 and 4.2.1.3); "" when they may. One
    that has signed itself is a root, which others have of their own."""
    for number, each in enumerate(chain[1:], 2):
        try:
            if each.issuer == each.subject:
                continue
            constraints, usage = extension(each, x509.BasicConstraints), extension(each, x509.KeyUsage)
        except UNREADABLE as error:
            return f"certificate {number} of the file: {reason_of(error)}"
        lacks = "basicConstraints CA:TRUE" if constraints is None or not constraints.ca else ""
        lacks = lacks or ("keyCertSign in its keyUsage" if usage is not None and not usage.key_cert_sign else "")
        if lacks:
            why = f"certificate {number} of the file may not sign another one: it lacks {lacks}"
            return f"{why}; have it made anew with that, and sign the one before it again"
    return ""


def _spki(key: CertificatePublicKeyTypes | object) -> bytes:
    known = cast(CertificatePublicKeyTypes, key)
    return known.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def kind_of(key: CertificatePublicKeyTypes) -> str:
    """The kind of a key, as `ec-p256` or `rsa-2048`."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec-{_CURVES.get(key.curve.name, key.curve.name)}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_").lower()


def reason_of(error: Exception) -> str:
    """The reason in words. The library's own may be of any kind."""
    if isinstance(error, x509.DuplicateExtension):
        return f"it has the extension {error.oid.dotted_string} twice, which no certificate may have"
    if type(error) is not ValueError:
        return f"it is of a kind that is not known ({error})"
    return f"a part of it cannot be read ({error})" if str(error).startswith(_ASN1) else str(error)
