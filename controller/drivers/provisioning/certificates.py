"""New keys, certificates and requests, by `cryptography`, which is known here and in `judging` alone.

A daemon does not load it; `maker` runs it in a process of its own.

No text of an error has a part of a key.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evenkeel.controller.drivers.provisioning.judging import (
    UNREADABLE,
    certificates_in,
    extension,
    faults,
    kind_of,
    order_flaw,
    reason_of,
    remarks,
    signer_of,
    subject_names,
    usable_key,
)
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.specs.codec import changed
from evenkeel.specs.provisioning.pair import EARLY_S, MOST_NAME, AuthoritySeen, KeyKind, PairSeen, Subject

_CLIENT = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])


class Certificates:
    """A `Maker` within this process."""

    def self_signed(self, kind: KeyKind, subject: Subject) -> Pair:
        key = _new_key(kind)
        builder = _leaf(subject, key.public_key()).issuer_name(_name(subject.name))
        above = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        certificate = builder.add_extension(above, critical=False).sign(key, SHA256())
        return Pair(_pem(certificate), _key_pem(key))

    def signed(self, kind: KeyKind, subject: Subject, authority: Pair) -> Pair:
        chain, signer = signer_of(authority)
        _check_times(chain[0], subject)
        starts_s = max(subject.starts_s, chain[0].not_valid_before_utc.timestamp())
        subject, key = changed(subject, starts_s=starts_s), _new_key(kind)
        builder = _leaf(subject, key.public_key()).issuer_name(chain[0].subject)
        identified = extension(chain[0], x509.SubjectKeyIdentifier)
        above = (
            x509.AuthorityKeyIdentifier.from_issuer_public_key(chain[0].public_key())  # type: ignore[arg-type]
            if identified is None
            else x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identified)
        )
        hashed = None if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else SHA256()
        certificate = builder.add_extension(above, critical=False).sign(signer, hashed)
        return Pair(b"".join(_pem(each) for each in (certificate, *chain)), _key_pem(key))

    def request(self, kind: KeyKind, name: str, key: bytes = b"") -> Pair:
        private = usable_key(key) if key else _new_key(kind)
        builder = x509.CertificateSigningRequestBuilder().subject_name(_name(name))
        usage = _usage(isinstance(private, rsa.RSAPrivateKey))
        builder = builder.add_extension(usage, critical=True).add_extension(_CLIENT, critical=False)
        request = builder.sign(private, SHA256())
        return Pair(request.public_bytes(Encoding.PEM), key or _key_pem(private))

    def end(self) -> None:
        """Nothing is under way in another thread."""

    def inspect(self, pair: Pair) -> PairSeen:
        try:
            chain = certificates_in(pair.certificate)
            seen = _as_told(chain)
        except UNREADABLE as error:
            return PairSeen(fault=reason_of(error))
        try:
            if fault := next(faults(chain, pair.key), ""):
                return changed(seen, fault=fault)
            return changed(seen, remarks=tuple(remarks(chain)))
        except UNREADABLE as error:
            return changed(seen, fault=reason_of(error))

    def authority(self, pair: Pair, certificates: tuple[bytes, ...]) -> AuthoritySeen:
        try:
            first = signer_of(pair)[0][0]
            names = subject_names(first.subject)
            return AuthoritySeen(
                names[0] if names else first.subject.rfc4514_string(),
                starts_s=first.not_valid_before_utc.timestamp(),
                ends_s=first.not_valid_after_utc.timestamp(),
                signed=tuple(filter(None, (_signed(each, first) for each in certificates))),
            )
        except UNREADABLE as error:
            return AuthoritySeen(why=reason_of(error))


def _as_told(chain: Sequence[x509.Certificate]) -> PairSeen:
    """A pair as its certificates tell of it, before it is judged. Raises what is in `UNREADABLE`."""
    first, *above = chain
    issuer = subject_names(first.issuer)
    return PairSeen(
        sha256=_thumbprint(first),
        sha1=first.fingerprint(SHA1()).hex().upper(),  # a name, which Azure knows
        name=next(iter(subject_names(first.subject)), ""),
        issuer=issuer[0] if issuer else first.issuer.rfc4514_string(),
        starts_s=first.not_valid_before_utc.timestamp(),
        ends_s=first.not_valid_after_utc.timestamp(),
        key_kind=kind_of(first.public_key()),
        above=tuple(map(_thumbprint, above)),
    )


def _thumbprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(SHA256()).hex().upper()


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
    if not 1 <= len(name) <= MOST_NAME:
        raise ValueError(
            f"the common name of a certificate has 1 to {MOST_NAME} characters, and the id has {len(name)}"
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


def _check_times(first: x509.Certificate, subject: Subject) -> None:
    """Raises ValueError for an authority that is not valid as long as a certificate is to be."""
    starts, ends = first.not_valid_before_utc, first.not_valid_after_utc
    if _date(subject.starts_s + EARLY_S) < starts or _date(subject.ends_s) > ends:
        raise ValueError(
            f"the authority is valid from {_shown(starts)} until {_shown(ends)}, which is not all of the time of the new "
            f"certificate, {_shown(_date(subject.starts_s))} until {_shown(_date(subject.ends_s))}"
        )


def _signed(certificate: bytes, authority: x509.Certificate) -> str:
    """The SHA-256 thumbprint of a certificate that the authority has signed; "" for another one."""
    try:
        first = certificates_in(certificate)[0]
    except ValueError:
        return ""
    return "" if order_flaw((first, authority)) else _thumbprint(first)


def _shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
