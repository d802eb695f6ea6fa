"""The actions of a driver of provisioning. No action and none of its facts has a secret.

A plan has those actions alone that are known before the first one is done. So each one on the way provides all that is there
at the end of it (`Traits.provides`)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from evenkeel.specs.plan import Traits
from evenkeel.specs.provisioning.memory import State
from evenkeel.specs.provisioning.pair import Subject
from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.renewing import Renew, containers_to_notify
from evenkeel.specs.unit import Unit

CLOUD_S = 130.0
"""Seconds that a question to the cloud may take by itself: a registration may have to be asked for again and again."""
Role = Literal["next", "second"]
"""The part that a new pair is made for: the one that follows the current one, or the one that is kept ready."""


class KeepId(Struct, frozen=True, tag="keep-id"):
    """Write the device id into the folder, and where other programs read it (`announces`)."""

    wanted: Provisioning
    id: str
    announces: bool = True

    @property
    def traits(self) -> Traits:
        facts = {"action": "keep-id", "id": self.id}
        return Traits(f"keep the device id {self.id}", facts, provides=self.wanted.places)


class Make(Struct, frozen=True, tag="make"):
    """Make a key and a certificate, beside those in force. `renews_s`: not 0, what is in force works and holds, and this is
    about what follows it; the time of the look, in seconds since the epoch. It can be postponed then."""

    wanted: Provisioning
    role: Role
    subject: Subject
    renews_s: float = 0.0

    @property
    def traits(self) -> Traits:
        which = "a second key and certificate" if self.role == "second" else "a key and a certificate"
        facts = {"action": "make", "role": self.role}
        return Traits(f"make {which} for {self.subject.name}", facts, own_s=30.0, provides=self.wanted.places)


class Follow(Struct, frozen=True, tag="follow-pair"):
    """Let a pair that is there follow the one in force, once the cloud has let it in. Somebody asks for it: no plan has it."""

    wanted: Provisioning
    sha256: str

    @property
    def traits(self) -> Traits:
        facts = {"action": "follow", "thumbprint": self.sha256}
        return Traits(f"let the certificate {self.sha256[:16]}… follow the one in force", facts)


class Request(Struct, frozen=True, tag="request"):
    """Make a key, and write the request for a certificate."""

    wanted: Provisioning
    name: str

    @property
    def traits(self) -> Traits:
        path = self.wanted.certificate.request if self.wanted.certificate is not None else ""
        return Traits(f"write the request {path}", {"action": "request", "path": path}, own_s=30.0)


class Wait(Struct, frozen=True, tag="wait"):
    """Wait for something that others have to do. `why`: for what, as a sentence."""

    what: str
    why: str

    @property
    def traits(self) -> Traits:
        return Traits(f"wait for {self.what}", {"action": "wait"}, may_be_cut=True)


class Take(Struct, frozen=True, tag="take"):
    """Take the signed certificate in beside the key that it was requested for. `sha256`: the one that was seen. With `plain`,
    take the pair in that lies in plain files; it is in force already."""

    wanted: Provisioning
    sha256: str
    plain: bool = False

    @property
    def traits(self) -> Traits:
        text = "take in the key and the certificate that are there" if self.plain else "take in the signed certificate"
        facts = {"action": "take", "thumbprint": self.sha256}
        return Traits(text, facts, provides=self.wanted.places)


class Register(Struct, frozen=True, tag="register"):
    """Ask the service for the hub. `sha256`: the pair that is shown, "" for a symmetric key. `waits`: nothing that worked is in
    force, so that a refusal is not final: somebody may enter this device there at any time. `renews_s`: as for `Make`."""

    wanted: Provisioning
    id: str
    sha256: str
    service: str
    waits: bool
    renews_s: float = 0.0

    @property
    def traits(self) -> Traits:
        facts = {"action": "register", "service": self.service}
        text = f"register at {self.service}"
        service, places = self.service, self.wanted.places
        return Traits(text, facts, own_s=CLOUD_S, source=service, by=service, may_be_cut=True, provides=places)


class Try(Struct, frozen=True, tag="try-hub"):
    """Connect to the hub with what is to be in force, before it is. `target`: its print. `waits`, `renews_s`: as for
    `Register`."""

    wanted: Provisioning
    hub: str
    device: str
    sha256: str
    target: str
    waits: bool
    renews_s: float = 0.0

    @property
    def traits(self) -> Traits:
        facts = {"action": "try", "hub": self.hub}
        text = f"connect to {self.hub} as {self.device}, before it is in force"
        places = self.wanted.places
        return Traits(text, facts, own_s=CLOUD_S, source=self.hub, by="the hub", may_be_cut=True, provides=places)


class Switch(Struct, frozen=True, tag="switch-pair"):
    """Put a pair in force that is there. Readers of the files see the former pair or this one, and never a mix."""

    wanted: Provisioning
    sha256: str

    @property
    def traits(self) -> Traits:
        facts = {"action": "switch", "thumbprint": self.sha256}
        return Traits(f"put the certificate {self.sha256[:16]}… in force", facts, provides=self.wanted.places)


class Provide(Struct, frozen=True, tag="provide"):
    """Hand the values out to the containers that ask for them. `values`: the print that was seen."""

    wanted: Provisioning
    values: str

    @property
    def traits(self) -> Traits:
        return Traits(f"hand out the values of {self.wanted.name}", {"action": "provide", "name": self.wanted.name})


class Write(Struct, frozen=True, tag="write-output"):
    """Write a file that is made of the values. `content`: the print that was seen. `keeps`: a file that is there, and not
    evenkeel's, is kept before."""

    wanted: Provisioning
    path: str
    content: str
    keeps: bool = False

    @property
    def traits(self) -> Traits:
        return Traits(f"write {self.path}", {"action": "write", "path": self.path}, provides=self.wanted.places)


class Prove(Struct, frozen=True, tag="prove"):
    """Connect to the hub with what is in force; without a hub nothing is left to prove. `state`: what is in force. `notify`,
    `units`: containers and units that have to begin anew because something of it is new. `again`: it was proven, and a person
    asks after the service was asked: a refusal changes nothing that is in force."""

    wanted: Provisioning
    state: State
    hub: str = ""
    device: str = ""
    sha256: str = ""
    notify: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    again: bool = False

    @property
    def traits(self) -> Traits:
        to = f"connect to {self.hub} as {self.device}" if self.hub else "prove what is in force"
        facts = {"action": "prove", **({"hub": self.hub} if self.hub else {})}
        return Traits(
            to, facts, own_s=CLOUD_S, by="the hub", may_be_cut=True, notifies=containers_to_notify(self.notify)
        )


class Withdraw(Struct, frozen=True, tag="withdraw-output"):
    """Remove a file that evenkeel has made; one that was there before comes back. `is_theirs`: the file was not replaced yet,
    and stays."""

    path: str
    is_theirs: bool = False

    @property
    def traits(self) -> Traits:
        return Traits(f"remove {self.path}", {"action": "withdraw", "path": self.path})


class Forget(Struct, frozen=True, tag="forget"):
    """Hand out the values of a document no longer."""

    name: str

    @property
    def traits(self) -> Traits:
        return Traits(f"forget the values of {self.name}", {"action": "forget", "name": self.name})


class Tidy(Struct, frozen=True, tag="tidy"):
    """Remove pairs that nobody needs any more, by their thumbprints, what interrupted work has left, and assignments of former
    pairs. `second`: no pair is kept ready any more, and its names go, too."""

    wanted: Provisioning
    pairs: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
    second: bool = False

    @property
    def traits(self) -> Traits:
        return Traits("remove what nobody needs any more", {"action": "tidy"})


ProvisioningAction = (
    KeepId
    | Make
    | Follow
    | Request
    | Wait
    | Take
    | Register
    | Try
    | Switch
    | Provide
    | Write
    | Prove
    | Withdraw
    | Forget
    | Tidy
    | Renew
)
