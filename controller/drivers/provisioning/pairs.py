"""The pairs in one folder: which there are, which is in force, and the request for which a signed certificate is waited for.

    pairs/<16 hex digits>/device.crt, device.key    one pair each; the digits begin its thumbprint (SHA-256)
    pairs/request/device.csr, device.key, name      the request, its key, and the id that it is for
    pairs/request/beside                            the pair that was in force when it was written
    current -> pairs/…    second -> pairs/…    next -> pairs/…
    device.crt -> current/device.crt     device.key -> current/device.key
    device2.crt -> second/device.crt     device2.key -> second/device.key
    originals/<16 hex digits>/device.crt, device.key    pairs, and halves, that something else has written

A pair appears by the rename of its folder, and comes into force by the rename of one link, so that both names change in one
moment, and a kill leaves the old pair or the new one. All links are relative: the folder may be mounted elsewhere.

A program that opens first one name and then the other may have a switch in between. One that opens the folder `current`
once, or takes `paths`, has not; others begin anew after a switch (`notify`). Docker and containerd follow links when a
container starts: a file that is mounted (`device.crt`) stays the old one, also when it is dropped, until the container
starts anew.

Other programs may put files in the place of the links, or write through them (`cp` does). The pair that is seen then is
*plain*: nothing is written over it, until it was taken in. It is kept in `originals`, too, from where nobody removes it: its
key may be the only one that a cloud knows. One process at a time may change the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.inspected import Inspected, Inspections, digest_of, read_pair
from evenkeel.controller.drivers.provisioning.links import (
    NAMES,
    Role,
    has_name_links,
    is_name_link,
    link_names,
    point,
    pointed,
    unlink_names,
    unpoint,
)
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.drivers.provisioning.room import GONE, NEW, empty, put_folder, remove_folder, replace_file
from evenkeel.controller.process.moment import stamp
from evenkeel.specs.errors import Refused
from evenkeel.specs.provisioning.pair import PairSeen

CERTIFICATE, KEY, REQUEST = "device.crt", "device.key", "device.csr"
ORIGINALS = "originals"
"""The folder for pairs that something else has written."""
_DIGITS = 16
_ROLES: tuple[Role, ...] = ("current", "second", "next")


class PairsLook(NamedTuple):
    """The pairs in a folder, by their ids: the thumbprint (SHA-256), or for a pair with a fault the SHA-256 of its files.

    `current`, `second`, `next`: ids, "" for none. `plain`: those of them that something else has written. `request`: the
    request (PKCS#10, PEM) for which a certificate is waited for, b"" for none. `leftovers`: what interrupted work has left."""

    pairs: Mapping[str, PairSeen]
    current: str = ""
    second: str = ""
    next: str = ""
    plain: tuple[Role, ...] = ()
    request: bytes = b""
    leftovers: tuple[str, ...] = ()


class _Present(NamedTuple):
    """The pair that a role has, as its names show it."""

    id: str
    seen: PairSeen
    is_plain: bool


class PairStore:
    """The pairs in `folder`. Each method raises OSError, and what `inspect` of a `Maker` raises; all but `look` may change the
    folder, and can be called again after a kill."""

    def __init__(self, folder: Path, inspections: Inspections) -> None:
        self.folder, self._inspections = folder, inspections
        self._pairs = folder / "pairs"
        self._request = self._pairs / "request"
        self._originals = folder / ORIGINALS

    def look(self) -> PairsLook:
        """All that is there. Writes nothing."""
        pairs = {}
        for folder in self._folders():
            found = self._stored(folder.name)
            if found is not None:
                pairs[found.id] = found.seen
        held = {role: present for role in _ROLES if (present := self._present(role)) is not None}
        pairs |= {each.id: each.seen for each in held.values()}
        return PairsLook(
            pairs,
            **{role: each.id for role, each in held.items()},
            plain=tuple(role for role, each in held.items() if each.is_plain),
            request=self.request().certificate if stamp(self._request) and not self._is_finished() else b"",
            leftovers=tuple(str(each.relative_to(self.folder)) for each in self._leftovers()),
        )

    def paths(self, identity: str) -> tuple[Path, Path]:
        """Where a stored pair lies for as long as it is not dropped. Raises Refused when it is not stored."""
        folder = self._pairs / identity[:_DIGITS]
        if self._known(identity) is None:
            raise Refused(f"file:{folder}", f"there is no pair {identity} in {self._pairs}")
        return folder / CERTIFICATE, folder / KEY

    def at(self, certificate: Path) -> str:
        """The id of the stored pair whose certificate lies here, without links; "" when it is none of this folder."""
        folder = certificate.parent
        found = self._stored(folder.name) if folder.parent == self._pairs.resolve() else None
        return found.id if found is not None else ""

    def read(self, identity: str) -> Pair:
        """A pair, also a plain one that is in force. Raises Refused when it is not there."""
        for role, names in NAMES.items():
            present = self._present(role)
            if present is not None and present.id == identity and present.is_plain:
                return read_pair(self.folder / names[0], self.folder / names[1])
        return read_pair(*self.paths(identity))

    def add(self, pair: Pair) -> str:
        """Store a pair, which has no effect yet; its id. Raises ValueError for one with a fault."""
        seen = self._inspections.of_pair(pair).seen
        if seen.fault:
            raise ValueError(seen.fault)
        self._put(seen.sha256, pair)
        return seen.sha256

    def switch(self, role: Role, identity: str) -> None:
        """Let a stored pair be the current, the second or the next one. Raises ValueError for one with a fault, and Refused
        when it is not stored or the names have plain files, which have to be taken in first."""
        self.tidy()
        found = self._known(identity)
        if found is None:
            raise Refused(f"file:{self.folder / role}", f"there is no pair {identity} in {self._pairs}")
        if found.seen.fault:
            raise ValueError(found.seen.fault)
        present = self._present(role)
        if present is not None and present.is_plain and present.id != self._id_at(role):
            raise Refused(f"file:{self.folder / role}", self._plain_text(role))
        if present is None and role in NAMES:
            unpoint(self.folder, role)  # else the names would show the old pair one after the other
        link_names(self.folder, role)
        point(self.folder, role, f"pairs/{identity[:_DIGITS]}")
        if role == "current" and pointed(self.folder, "next") == pointed(self.folder, role):
            unpoint(self.folder, "next")

    def take_in(self, role: Role) -> str:
        """Store the plain pair of a role as it is, also with a fault, keep it among the originals, and put links in the place
        of its files; its id. Each name shows the same content all the time. Raises Refused when nothing is there."""
        self.tidy()
        present = self._present(role)
        if present is None:
            raise Refused(f"file:{self.folder / role}", f"there is no {role} pair in {self.folder}")
        if present.is_plain:
            pair = self.read(present.id)
            if self._known(present.id) is None:  # else it is a copy of one that is stored
                self._keep(pair)
            self._put(present.id, pair)
            point(self.folder, role, f"pairs/{present.id[:_DIGITS]}")
            link_names(self.folder, role)
            self.tidy()
        return present.id

    def clear(self, role: Role) -> None:
        """Let there be no second or next pair; it stays stored. Raises ValueError for the current one, Refused for plain
        files."""
        if role == "current":
            raise ValueError("the current pair can be replaced, and not be cleared")
        present = self._present(role)
        if present is not None and present.is_plain:
            raise Refused(f"file:{self.folder / role}", self._plain_text(role))
        unpoint(self.folder, role)
        unlink_names(self.folder, role)

    def drop(self, identity: str) -> None:
        """Remove a stored pair that may be there. Raises ValueError for one in use."""
        self.tidy()
        name = identity[:_DIGITS]
        if used := [role for role in _ROLES if pointed(self.folder, role) == f"pairs/{name}"]:
            raise ValueError(f"pair {identity} is in use: it is the {' and the '.join(used)} one")
        if stamp(self._pairs / name):
            remove_folder(self._pairs / name)
            self._inspections.forget(self._pairs / name)

    def keep_request(self, request: Pair, name: str = "") -> None:
        """Keep a request and its key, in the place of an earlier one. `name`: the id that it is for."""
        self.tidy()
        if stamp(self._request):
            if digest_of(self.request()) == digest_of(request):
                return
            remove_folder(self._request)
        noted = {"name": name, "beside": self.look().current}
        notes = {each: (text.encode(), 0o644) for each, text in noted.items() if text}
        put_folder(self._request, {KEY: (request.key, 0o600), REQUEST: (request.certificate, 0o644), **notes})

    def request(self) -> Pair:
        """The request that is kept and its key; Pair(b"", b"") for none."""
        return read_pair(self._request / REQUEST, self._request / KEY)

    def requested_for(self) -> str:
        """The id that the request is for; "" when that is not known."""
        return self._noted("name")

    def requested_beside(self) -> str:
        """The pair that was in force when the request was written; "" for none."""
        return self._noted("beside")

    def _noted(self, what: str) -> str:
        try:
            return (self._request / what).read_text(errors="replace")
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def finish_request(self, chain: bytes) -> str:
        """Store the pair of a signed certificate, with its chain, and the key of the request, which is not kept any more; it is
        the next one. Its id. Raises ValueError when that pair has a fault: the key is not that of the certificate."""
        identity = self.add(Pair(chain, self.request().key))
        self.switch("next", identity)
        self.drop_request()
        return identity

    def drop_request(self) -> None:
        """Keep no request."""
        self.tidy()
        if stamp(self._request):
            remove_folder(self._request)

    def tidy(self) -> None:
        """Remove what interrupted work has left."""
        for each in self._leftovers():
            if each.is_dir() and not each.is_symlink():
                if each in self._folders():
                    self._keep(read_pair(each / CERTIFICATE, each / KEY))
                empty(each)
                self._inspections.forget(each)
            else:
                each.unlink(missing_ok=True)

    # ── in the folder ──────────────────────────────────────────────────────────────────────────────────────────────

    def _folders(self) -> list[Path]:
        """Those of pairs."""
        if not stamp(self._pairs):
            return []
        return [each for each in sorted(self._pairs.iterdir()) if each != self._request and each.name[:1] != "."]

    def _stored(self, name: str) -> _Present | None:
        """The pair in the folder of this name; `None` when there is none, or another one than its name says."""
        found = self._inspections.of(self._pairs / name / CERTIFICATE, self._pairs / name / KEY)
        if found is None:
            return None
        identity = next((each for each in (found.seen.sha256, found.digest) if each[:_DIGITS] == name), "")
        return _Present(identity, found.seen, is_plain=False) if identity else None

    def _known(self, identity: str) -> _Present | None:
        found = self._stored(identity[:_DIGITS])
        return found if found is not None and found.id == identity else None

    def _id_at(self, role: Role) -> str:
        """The id of the stored pair that a role points to, whatever its names show."""
        found = self._stored(pointed(self.folder, role).removeprefix("pairs/") or "none")
        return found.id if found is not None else ""

    def _present(self, role: Role) -> _Present | None:
        folder = pointed(self.folder, role).removeprefix("pairs/")
        if role not in NAMES:
            return self._stored(folder) if folder else None
        certificate, key = (self.folder / name for name in NAMES[role])
        is_ours = has_name_links(self.folder, role)
        if is_ours and folder and (own := self._stored(folder)) is not None:
            return own
        found = self._inspections.of(certificate, key)
        return None if found is None else _Present(_plain_id(found), found.seen, is_plain=True)

    def _put(self, identity: str, pair: Pair) -> None:
        self.tidy()
        folder = self._pairs / identity[:_DIGITS]
        content = {KEY: (pair.key, 0o600), CERTIFICATE: (pair.certificate, 0o644)}
        if not stamp(folder):
            put_folder(folder, {name: each for name, each in content.items() if each[0]})
            return
        if self._known(identity) is None:
            raise Refused(f"file:{folder}", f"something else has written another pair into {folder}; take it in first")
        # The same certificate and key, with another chain or another spelling.
        for name, (each, mode) in content.items():
            if (folder / name).read_bytes() != each:
                replace_file(folder / name, each, mode)

    def _keep(self, pair: Pair) -> None:
        """Keep a pair that something else has written."""
        folder = self._originals / digest_of(pair)[:_DIGITS]
        if not stamp(folder):
            content = {KEY: (pair.key, 0o600), CERTIFICATE: (pair.certificate, 0o644)}
            put_folder(folder, {name: each for name, each in content.items() if each[0]})

    def _leftovers(self) -> list[Path]:
        temporary = self._pairs / NEW, self._pairs / GONE, self._originals / NEW
        found = [each for each in temporary if stamp(each)]
        found += self.folder.glob(f"{NEW}*") if stamp(self.folder) else ()
        used = {pointed(self.folder, role).removeprefix("pairs/") for role in _ROLES}
        others = (each for each in self._folders() if each.name not in used and self._stored(each.name) is None)
        found += [each for each in others if _is_of_pair(each)]
        if stamp(self._request) and (b"" in self.request() or self._is_finished()):
            found.append(self._request)
        if pointed(self.folder, "next") and pointed(self.folder, "next") == pointed(self.folder, "current"):
            found.append(self.folder / "next")
        for role, names in NAMES.items():
            if not stamp(self.folder / role):
                found += [self.folder / name for name in names if is_name_link(self.folder, role, name)]
        return found

    def _is_finished(self) -> bool:
        """Whether the pair of the request is the next one already, or in force."""
        key = self.request().key
        return any(read_pair(self.folder / role / CERTIFICATE, self.folder / role / KEY).key == key for role in _ROLES)

    def _plain_text(self, role: Role) -> str:
        names = " and ".join(NAMES[role])
        return f"{names} in {self.folder} were written by something else; take them in first, so that they are kept"


def _is_of_pair(folder: Path) -> bool:
    """Whether a folder has files of a pair, and nothing else."""
    return folder.is_dir() and {each.name for each in folder.iterdir()} <= {CERTIFICATE, KEY}


def _plain_id(found: Inspected) -> str:
    return found.digest if found.seen.fault else found.seen.sha256
