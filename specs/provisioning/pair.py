"""A pair of a private key and the certificate for it, as far as it may be told: nothing here is secret."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

KeyKind = Literal["ec-p256", "rsa-2048", "rsa-3072", "rsa-4096"]
"""The keys that evenkeel makes: an elliptic curve, or RSA with so many bits."""
MOST_NAME = 64
"""The most characters of a common name (RFC 5280, ub-common-name)."""
EARLY_S = 3600.0
"""A new certificate is valid from so many seconds before it is made: the clocks of others may be late."""


class Subject(Struct, frozen=True):
    """The contents of a new certificate. `name`: its common name, which is the device id. `starts_s`, `ends_s`: its
    validity, in seconds since the epoch. It is made `EARLY_S` after its start; where the authority is younger than the
    start, the certificate begins with the authority."""

    name: str
    starts_s: float
    ends_s: float


class AuthoritySeen(Struct, frozen=True):
    """The authority of a lab as it was found. `name`: its common name. `why`: not "", the reason why it cannot sign, whatever
    the time is. `starts_s`, `ends_s`: its validity, in seconds since the epoch. `signed`: the SHA-256 thumbprints of the
    certificates, of those that it was asked about, that its key has signed: another authority may have the same name."""

    name: str = ""
    why: str = ""
    starts_s: float = 0.0
    ends_s: float = 0.0
    signed: tuple[str, ...] = ()


class PairSeen(Struct, frozen=True):
    """One pair as it was found.

    `sha256` and `sha1`: the thumbprints of the certificate, as upper-case hex digits without colons; they name the pair.
    `name`: its common name. `issuer`: that of the authority which has signed it, equal to `name` where it has signed itself.
    `starts_s`, `ends_s`: its validity, in seconds since the epoch. `key_kind`: the kind of the key, in words. `above`: the
    SHA-256 thumbprints of the further certificates in its file, in their order. `fault`: not "", the reason why the pair cannot
    be used, whatever the time is: the key is not that of the certificate, the certificate is a published example, it does not
    allow to be shown by a client. `remarks`: what is not as it should be and does no harm, such as a certificate of X.509
    v1."""

    sha256: str = ""
    sha1: str = ""
    name: str = ""
    issuer: str = ""
    starts_s: float = 0.0
    ends_s: float = 0.0
    key_kind: str = ""
    above: tuple[str, ...] = ()
    fault: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def lacks(self) -> str:
        """The name of the authority that has signed the certificate, where the file has nothing above it; "" where nothing is
        missing. Nobody on the device can tell whether that authority is the root, which the others have anyway."""
        is_whole = self.above or self.fault or self.issuer == self.name
        return "" if is_whole else self.issuer
