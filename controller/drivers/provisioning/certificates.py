"""Keys, certificates and requests, by `cryptography`: the one module that knows it.

A daemon does not load it; `maker` runs it in a process of its own.

No text of an error has a part of a key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TypeVar, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
    PrivateKeyTypes,
)
from cryptography.hazmat.primitives.hashes import MD5, SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.drivers.provisioning.published import PUBLISHED
from evenkeel.specs.codec import changed
from evenkeel.specs.provisioning.pair import EARLY_S, KeyKind, PairSeen, Subject

_MOST_NAME = 64
"""The most characters of a common name (RFC 5280, ub-common-name)."""
_LEAST_RSA = 2048
_PRIVATE = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_CURVES = {"secp256r1": "p256", "secp384r1": "p384", "secp521r1": "p521"}
_CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
_Kind = TypeVar("_Kind", bound=x509.ExtensionType)
_FOR_CLIENTS = {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}


class Certificates:
    """A `Maker` within this process."""

    def self_signed(self, kind: KeyKind, subject: Subject) -> Pair:
        key = _new_key(kind)
        builder = _leaf(subject, key.public_key()).issuer_name(_name(subject.name))
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        certificate = builder.add_extension(above, critical=False).sign(key, SHA256())
        return Pair(_pem(certificate), _key_pem(key))

    def signed(self, kind: KeyKind, subject: Subject, authority: Pair) -> Pair:
        chain, signer = _authority(authority, subject)
        starts_s = max(subject.starts_s, chain[0].not_valid_before_utc.timestamp())
        subject, key = changed(subject, starts_s=starts_s), _new_key(kind)
        builder = _leaf(subject, key.public_key()).issuer_name(chain[0].subject)
        identified = _extension(chain[0], x509.SubjectKeyIdentifier)
        above = (
            x509.AuthorityKeyIdentifier.from_issuer_public_key(chain[0].public_key())  # type: ignore[arg-type]
            if identified is None
            else x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identified)
        )
        hashed = None if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else SHA256()
        certificate = builder.add_extension(above, critical=False).sign(signer, hashed)
        return Pair(b"".join(_pem(each) for each in (certificate, *chain)), _key_pem(key))

    def request(self, kind: KeyKind, name: str, key: bytes = b"") -> Pair:
        private = _usable_key(key) if key else _new_key(kind)
        builder = x509.CertificateSigningRequestBuilder().subject_name(_name(name))
        usage = _usage(isinstance(private, rsa.RSAPrivateKey))
        builder = builder.add_extension(usage, critical=True).add_extension(_CLIENT, critical=False)
        request = builder.sign(private, SHA256())
        return Pair(request.public_bytes(Encoding.PEM), key or _key_pem(private))

    def end(self) -> None:
        """Nothing is under way in another thread."""

    def inspect(self, pair: Pair) -> PairSeen:
        try:
            chain = _certificates(pair.certificate)
            kind, issuer = _kind(chain[0].public_key()), _subject_names(chain[0].issuer)
            starts, ends = chain[0].not_valid_before_utc, chain[0].not_valid_after_utc
        except (ValueError, UnsupportedAlgorithm) as error:
            return PairSeen(fault=_reason(error))
        return PairSeen(
            sha256=chain[0].fingerprint(SHA256()).hex().upper(),
            sha1=chain[0].fingerprint(SHA1()).hex().upper(),  # a name, which Azure knows
            name=next(iter(_subject_names(chain[0].subject)), ""),
            issuer=issuer[0] if issuer else chain[0].issuer.rfc4514_string(),
            starts_s=starts.timestamp(),
            ends_s=ends.timestamp(),
            key_kind=kind,
            is_chain=len(chain) > 1,
            fault=next(_faults(chain, pair.key), ""),
            remarks=tuple(_remarks(chain[0])),
        )


def _leaf(subject: Subject, key: CertificatePublicKeyTypes) -> x509.CertificateBuilder:
    """A certificate that nobody has signed yet."""
    builder = x509.CertificateBuilder().subject_name(_name(subject.name)).public_key(key)
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(_date(subject.starts_s)).not_valid_after(_date(subject.ends_s))
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(isinstance(key, rsa.RSAPublicKey)), critical=True)
    builder = builder.add_extension(_CLIENT, critical=False)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(is_rsa: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=is_rsa,  # TLS 1.2 may transport keys by RSA
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    if not 1 <= len(name) <= _MOST_NAME:
        raise ValueError(
            f"the common name of a certificate has 1 to {_MOST_NAME} characters, and the id has {len(name)}"
        )
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _date(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"no certificate can have a time {seconds:.0f} s after 1970") from None


def _new_key(kind: KeyKind) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if kind == "ec-p256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa-")))


# ── what is given ──────────────────────────────────────────────────────────────────────────────────────────────────


def _usable_key(content: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = _private_key(content)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise ValueError("the key is neither one of an elliptic curve nor of RSA")
    if flaw := _weak(key.public_key()):
        raise ValueError(flaw)
    return key


def _authority(authority: Pair, subject: Subject) -> tuple[list[x509.Certificate], CertificateIssuerPrivateKeyTypes]:
    """The chain of an authority, its own certificate first, and its key. Raises ValueError for one that may not sign."""
    try:
        chain, key = _certificates(authority.certificate), _private_key(authority.key)
        first = chain[0]
        constraints = _extension(first, x509.BasicConstraints)
        usage, purposes = _extension(first, x509.KeyUsage), _extension(first, x509.ExtendedKeyUsage)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"the authority: {_reason(error)}") from None
    if (published := _published(chain)) is not None:
        raise ValueError(f"the authority: {published}")
    if constraints is None or not constraints.ca:
        raise ValueError("the certificate of the authority is not that of one: it lacks basicConstraints CA:TRUE")
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the authority may not sign certificates: its keyUsage lacks keyCertSign")
    if purposes is not None and not _FOR_CLIENTS & set(purposes):
        raise ValueError("the authority may not sign for clients: its extendedKeyUsage lacks clientAuth")
    if _spki(key.public_key()) != _spki(first.public_key()):
        raise ValueError("the key of the authority is not that of its certificate")
    if flaw := _out_of_order(chain):
        raise ValueError(f"the authority: {flaw}")
    starts, ends = first.not_valid_before_utc, first.not_valid_after_utc
    if _date(subject.starts_s + EARLY_S) < starts or _date(subject.ends_s) > ends:
        raise ValueError(
            f"the authority is valid from {_shown(starts)} until {_shown(ends)}, which is not all of the time of the new "
            f"certificate, {_shown(_date(subject.starts_s))} until {_shown(_date(subject.ends_s))}"
        )
    return chain, cast(CertificateIssuerPrivateKeyTypes, key)  # other kinds sign no certificate, so that none fits


def _certificates(content: bytes) -> list[x509.Certificate]:
    blocks = _CERTIFICATE.findall(content)
    if not blocks:
        if content[:1] == b"\x30":
            raise ValueError("the certificate is DER, and PEM is needed; convert it with `openssl x509 -inform der`")
        raise ValueError("there is no certificate (PEM) in its file")
    found = []
    for number, block in enumerate(blocks, 1):
        try:
            found.append(x509.load_pem_x509_certificate(block))
        except ValueError:
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


def _extension(certificate: x509.Certificate, kind: type[_Kind]) -> _Kind | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _subject_names(name: x509.Name) -> list[str]:
    return [str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


# ── what is wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


def _faults(chain: Sequence[x509.Certificate], key: bytes) -> Iterator[str]:
    """The reasons why a pair cannot be used, the gravest first."""
    first = chain[0]
    if (published := _published(chain)) is not None:
        yield published
    try:
        own = _spki(_private_key(key).public_key())
        keys = [_spki(each.public_key()) for each in chain]
        purposes, usage = _extension(first, x509.ExtendedKeyUsage), _extension(first, x509.KeyUsage)
    except (ValueError, UnsupportedAlgorithm) as error:
        yield _reason(error)
        return
    if own in keys[1:] and own != keys[0]:
        yield f"the key belongs to certificate {keys.index(own) + 1} of the file; that one has to be the first"
    if own != keys[0]:
        yield "the key is not that of the certificate"
    yield from filter(None, (_weak(first.public_key()),))
    names = _subject_names(first.subject)
    if len(names) != 1:
        yield f"the certificate has {'no' if not names else 'more than one'} common name, which has to be the device id"
    if purposes is not None and not _FOR_CLIENTS & set(purposes):
        yield "the certificate is not for clients: its extendedKeyUsage lacks clientAuth"
    if usage is not None and not usage.digital_signature:
        yield "the certificate does not let its key sign: its keyUsage lacks digitalSignature"
    yield from filter(None, (_out_of_order(chain),))


def _remarks(certificate: x509.Certificate) -> Iterator[str]:
    if certificate.version is x509.Version.v1:
        yield "it is of X.509 v1, which has no extensions; a new one is of v3"
        return
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        yield "it is the certificate of an authority"
    if isinstance(certificate.signature_hash_algorithm, MD5 | SHA1):
        yield f"it is signed over a hash that is broken: {certificate.signature_hash_algorithm.name}"


def _published(chain: Sequence[x509.Certificate]) -> str | None:
    for each in chain:
        digest = hashlib.sha256(_spki(each.public_key())).hexdigest().upper()
        if digest in PUBLISHED:
            return f"the private key is a published example, which anybody has ({PUBLISHED[digest]})"
    return None


def _weak(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _LEAST_RSA:
        return f"the key has {key.key_size} bits of RSA, and at least {_LEAST_RSA} are needed"
    return ""


def _out_of_order(chain: Sequence[x509.Certificate]) -> str:
    for number, (below, above) in enumerate(pairwise(chain), 1):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return (
                f"certificate {number + 1} of the file did not sign certificate {number}; the first is that of the device, "
                "and each signs the one before it"
            )
    return ""


def _spki(key: CertificatePublicKeyTypes | object) -> bytes:
    known = cast(CertificatePublicKeyTypes, key)
    return known.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _kind(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ec-{_CURVES.get(key.curve.name, key.curve.name)}"
    return type(key).__name__.removesuffix("PublicKey").lstrip("_").lower()


def _reason(error: Exception) -> str:
    """The reason in words. The library's own may be of any kind."""
    return str(error) if type(error) is ValueError else f"it is of a kind that is not known ({error})"


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
