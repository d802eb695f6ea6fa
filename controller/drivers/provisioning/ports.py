"""The ports of provisioning: where pairs are made, and the cloud that they are shown to.

Values of this module may be secret. They live for one look or one action, and their text forms show nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.pair import AuthoritySeen, KeyKind, PairSeen, Subject


class Pair(NamedTuple):
    """A certificate, with the chain above it where there is one, and its private key: both PEM. No password protects the
    key."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Pair(…)"


class Maker(Protocol):
    """Makes keys, certificates and requests, and looks at them. Raises ValueError with a reason, and without a secret, for what
    cannot be read or made."""

    def self_signed(self, kind: KeyKind, subject: Subject) -> Pair:
        """A new pair that has signed itself: X.509 v3, `clientAuth`."""
        ...

    def signed(self, kind: KeyKind, subject: Subject, authority: Pair) -> Pair:
        """A new pair, signed by an authority of this device or its lab. The chain of the authority follows the certificate."""
        ...

    def request(self, kind: KeyKind, name: str, key: bytes = b"") -> Pair:
        """A key, a new one where none is given, and the request (PKCS#10, PEM) for it in the place of a certificate."""
        ...

    def inspect(self, pair: Pair) -> PairSeen:
        """The pair, as far as it may be told; faults are told in it."""
        ...

    def authority(self, pair: Pair, certificates: tuple[bytes, ...]) -> AuthoritySeen:
        """The authority of a lab, and which of these certificates (PEM, the first of each) it has signed; flaws are told in
        it."""
        ...

    def end(self) -> None:
        """End what is under way in other threads; their calls raise Unavailable."""
        ...


class Lack(Exception):
    """Something that a document leads to cannot be had, or made. The message is the reason, as a sentence without a secret."""


class Access(NamedTuple):
    """The proof that a device shows to a cloud: a pair, or a key that is shared with it (base64), or a token
    (`SharedAccessSignature …`). `authorities`: PEM, for a server that the system's authorities do not know; b"" are these
    alone. `name`: the common name of the pair's certificate, or "" where it is not known; a registration by another name is
    refused without asking anybody."""

    pair: Pair | None = None
    shared_key: str = ""
    token: str = ""
    authorities: bytes = b""
    name: str = ""

    def __repr__(self) -> str:
        return "Access(…)"


class Enrolment(NamedTuple):
    """A registration at Azure's Device Provisioning Service (provisioning.md §4.4, §4.5). `host`, `port`: that of the service.
    `registration`: the registration id. `is_group_key`: the shared key is that of the enrolment group, from which the device's
    is derived (§4.3)."""

    host: str
    port: int
    transport: Literal["mqtt", "https"]
    id_scope: str
    registration: str
    access: Access
    is_group_key: bool = False


class Hub(NamedTuple):
    """A device at Azure's IoT Hub (provisioning.md §4.6). `gateway`: not "", the host that stands between."""

    host: str
    port: int
    device: str
    access: Access
    gateway: str = ""


class Cloud(Protocol):
    """Azure, or a simulated one. Raises `Refused` when it says no, with its own words, and `Unavailable` or `TimedOut` when
    it is away or still busy after the time limit of the call. A wish to be asked later (retry-after) is honoured within that
    limit. No text has a secret."""

    async def register(self, enrolment: Enrolment) -> Assignment:
        """Register, and poll until a final state."""
        ...

    async def connect(self, hub: Hub) -> str:
        """Connect to a hub as this device and close the connection again; how it was let in, in words."""
        ...
