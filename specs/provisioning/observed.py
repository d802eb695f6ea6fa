"""Looks and observations of a driver of provisioning.

A look asks no cloud. It reads what lies on this device, and compares what documents lead to with what is in force. A *print*
names a value without telling it: equal values have equal prints on one device, and nobody finds a secret from its print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from evenkeel.specs.look import Look
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.pair import AuthoritySeen, PairSeen
from evenkeel.specs.provisioning.provisioning import Provisioning


class ProvisioningLook(Look, frozen=True):
    """The questions of one look. `documents`: those that are asked for; `outputs`: paths of further files that evenkeel has
    made."""

    documents: tuple[Provisioning, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def engine(self) -> str:
        return "the files of this device"


def at_provisioning(look: Look) -> ProvisioningLook:
    """A look of this domain; one that asks for nothing else becomes one."""
    return look if isinstance(look, ProvisioningLook) else ProvisioningLook(look.subject, look.fresh, look.here_only)


class IdSeen(Struct, frozen=True):
    """The id of the device. `id`: the one that counts; "" when none can be had, and `why` it cannot. `kept`: the one in the
    folder, `announced`: that of `/etc/deviceid`; "" for none. `is_readonly`: that file cannot be written, as often."""

    id: str = ""
    kept: str = ""
    announced: str = ""
    why: str = ""
    is_readonly: bool = False


class Pairs(Struct, frozen=True):
    """The pairs in a folder, by their SHA-256 thumbprints. `current`: the one in force; `second`: the one that is kept ready;
    `next`: the one that is to follow; "" for none. `request`: the print of the key for which a signed certificate is waited
    for, "" without one; `signed`: the pair of that key that lies in the file of the chain, which was not taken in yet;
    without a request, the pair in force with further certificates, from that file. `signed_why`: not "", the reason why what
    lies in that file cannot be taken in.
    `is_plain`: the pair in force lies in plain files, which something else has written. `leftovers`: names of what
    interrupted work has left. `is_second_left`: nobody asks for the second one any more, and evenkeel has made it.
    `let_in`: the one with which a broker has let evenkeel itself in last, "" for none: its connection may go back to it.
    `why`: not "", the reason why nobody can tell what is there. `is_second_plain`: as `is_plain`, for the second one."""

    by_sha256: Mapping[str, PairSeen] = {}
    current: str = ""
    second: str = ""
    next: str = ""
    request: str = ""
    signed: PairSeen | None = None
    signed_why: str = ""
    is_plain: bool = False
    leftovers: tuple[str, ...] = ()
    is_second_left: bool = False
    let_in: str = ""
    why: str = ""
    is_second_plain: bool = False

    def of(self, sha256: str) -> PairSeen | None:
        """The pair with this thumbprint."""
        return self.by_sha256.get(sha256)


Authentication = Literal["certificate", "key", "token"]


class AzureSeen(Struct, frozen=True):
    """The way to Azure that a document leads to. `asked`: the print of all that a registration, or a connection string, is
    asked with, but the certificate. `why`: not "", the reason why it cannot be had. `by`: what is shown. `hub`, `device`:
    those of a connection string; "" where a service assigns them. `assignments`: those that are kept for `asked`, by the
    thumbprint of the pair that they were given to, "" for a symmetric key. `service`: who is asked, in words. `id_scope`:
    that of the service, which is no secret. `ends_s`: the end of the token of a connection string, in seconds since the epoch;
    0 without one. `written_s`: when the file with it was written, likewise; 0 where nobody knows."""

    asked: str = ""
    why: str = ""
    by: Authentication = "certificate"
    hub: str = ""
    device: str = ""
    assignments: Mapping[str, Assignment] = {}
    service: str = ""
    id_scope: str = ""
    ends_s: float = 0.0
    written_s: float = 0.0

    def key(self, sha256: str) -> str:
        """The name in `assignments` of what is shown with a pair: its thumbprint, "" where a key or token is shown."""
        return sha256 if self.by == "certificate" else ""


def secret_files(wanted: Provisioning, azure: AzureSeen) -> tuple[str, ...]:
    """The files with secrets that a document names. A connection string without a key and without a token is none; one that
    could not be read counts as one."""
    if azure.why or azure.by != "certificate" or wanted.azure is None:
        return wanted.secrets
    return tuple(path for path in wanted.secrets if path != wanted.azure.connection_string)


class OutputSeen(Struct, frozen=True):
    """One file that is made of the values. `asked`: the print of its content, owner and permissions; "" while the values for
    it are not all there. `held`: the print of those of the file that is there, "" for none. `why`: not "", the reason why it
    cannot be made, whatever the values are. `is_kept`: the file that was there before evenkeel's is kept. `has_secret`: a key
    or a token is among the values of its template."""

    path: str
    asked: str = ""
    held: str = ""
    why: str = ""
    is_kept: bool = False
    has_secret: bool = False


def secret_outputs(wanted: Provisioning, seen: Sequence[OutputSeen] = ()) -> tuple[str, ...]:
    """The outputs with secrets: those that not everybody is meant to read, and those that have a key or a token now."""
    found = {each.path for each in seen if each.has_secret and each.held == each.asked}
    return tuple(each.path for each in wanted.outputs if each.path in found or not each.mode & 0o004)


class ProvisionedSeen(Struct, frozen=True):
    """The observation for one document. `authority`: that of `caSigned`; without a name where it cannot be used. `asked` and
    `held`: the prints of the values for others, of now ("" while not all are there), and of those that were handed out ("" for
    none). `unneeded`: how many kept assignments are those of former pairs and questions.
    `open_secrets`: the files with secrets that everybody on this device may read."""

    subject: str
    wanted: Provisioning | None = None
    id: IdSeen = IdSeen()
    pairs: Pairs = Pairs()
    authority: AuthoritySeen = AuthoritySeen()
    azure: AzureSeen = AzureSeen()
    asked: str = ""
    held: str = ""
    outputs: tuple[OutputSeen, ...] = ()
    unneeded: int = 0
    open_secrets: tuple[str, ...] = ()

    def output(self, path: str) -> OutputSeen:
        """The observation of an output."""
        return next((each for each in self.outputs if each.path == path), OutputSeen(path))


class ProvisioningSeen(Struct, frozen=True):
    """One look. `now_s`: the time of day, in seconds since the epoch; `clock_why`: not "", the reason why it cannot be right.
    `left`: outputs of no document."""

    engine: str
    now_s: float = 0.0
    clock_why: str = ""
    subjects: tuple[ProvisionedSeen, ...] = ()
    left: tuple[OutputSeen, ...] = ()

    def of(self, subject: str) -> ProvisionedSeen | None:
        """The observation for a document."""
        return next((each for each in self.subjects if each.subject == subject), None)
