"""The pairs in one folder: which there are, which is in force, and the request for which a signed certificate is waited for.

    pairs/<16 hex digits>/device.crt, device.key    one pair each; the digits begin its thumbprint (SHA-256)
    pairs/request/device.csr, device.key            the request, and its key
    current -> pairs/…    second -> pairs/…    next -> pairs/…
    device.crt -> current/device.crt     device.key -> current/device.key
    device2.crt -> second/device.crt     device2.key -> second/device.key

A pair appears by the rename of its folder, and comes into force by the rename of one link, so that both names change in one
moment, and a kill leaves the old pair or the new one. All links are relative: the folder may be mounted elsewhere.

A program that opens first one name and then the other may have a switch in between. One that opens the folder `current`
once, or takes `paths`, has not; others begin anew after a switch (`notify`). Docker and containerd follow links when a
container starts: a file that is mounted (`device.crt`) stays the old one, also when it is dropped, until the container
starts anew.

Other programs may put files in the place of the links, or write through them (`cp` does). The pair that is seen then is
*plain*: nothing is written over it, until it was taken in. One process at a time may change the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.inspected import Inspected, Inspections, digest_of, read_pair, stamp
from evenkeel.controller.drivers.provisioning.links import (
    NAMES,
    Which,
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
from evenkeel.specs.errors import Refused
from evenkeel.specs.provisioning.pair import PairSeen

CERTIFICATE, KEY, REQUEST = "device.crt", "device.key", "device.csr"
_DIGITS = 16
_PLACES: tuple[Which, ...] = ("current", "second", "next")


class PairsLook(NamedTuple):
    """The pairs in a folder, by their ids: the thumbprint (SHA-256), or for a pair with a fault the SHA-256 of its files.

    `current`, `second`, `next`: ids, "" for none. `plain`: those of them that something else has written. `request`: the
    request (PKCS#10, PEM) for which a certificate is waited for, b"" for none. `leftovers`: what interrupted work has left."""

    pairs: Mapping[str, PairSeen]
    current: str = ""
    second: str = ""
    next: str = ""
    plain: tuple[Which, ...] = ()
    request: bytes = b""
    leftovers: tuple[str, ...] = ()


class _Place(NamedTuple):
    """The pair that the names of a place show."""

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

    def look(self) -> PairsLook:
        """All that is there. Writes nothing."""
        pairs = {}
        for folder in self._folders():
            found = self._stored(folder.name)
            if found is not None:
                pairs[found.id] = found.seen
        places = {which: place for which in _PLACES if (place := self._place(which)) is not None}
        pairs |= {place.id: place.seen for place in places.values()}
        return PairsLook(
            pairs,
            **{which: place.id for which, place in places.items()},
            plain=tuple(which for which, place in places.items() if place.is_plain),
            request=self.request().certificate if stamp(self._request) else b"",
            leftovers=tuple(str(each.relative_to(self.folder)) for each in self._leftovers()),
        )

    def paths(self, identity: str) -> tuple[Path, Path]:
        """Where a stored pair lies for as long as it is not dropped. Raises Refused when it is not stored."""
        folder = self._pairs / identity[:_DIGITS]
        if self._known(identity) is None:
            raise Refused(f"file:{folder}", f"there is no pair {identity} in {self._pairs}")
        return folder / CERTIFICATE, folder / KEY

    def read(self, identity: str) -> Pair:
        """A pair, also a plain one that is in force. Raises Refused when it is not there."""
        for which, names in NAMES.items():
            place = self._place(which)
            if place is not None and place.id == identity and place.is_plain:
                return read_pair(self.folder / names[0], self.folder / names[1])
        return read_pair(*self.paths(identity))

    def add(self, pair: Pair) -> str:
        """Store a pair, which has no effect yet; its id. Raises ValueError for one with a fault."""
        seen = self._inspections.of_pair(pair).seen
        if seen.fault:
            raise ValueError(seen.fault)
        self._put(seen.sha256, pair)
        return seen.sha256

    def switch(self, which: Which, identity: str) -> None:
        """Let a stored pair be the current, the second or the next one. Raises ValueError for one with a fault, and Refused
        when it is not stored or the names have plain files, which have to be taken in first."""
        self.tidy()
        found = self._known(identity)
        if found is None:
            raise Refused(f"file:{self.folder / which}", f"there is no pair {identity} in {self._pairs}")
        if found.seen.fault:
            raise ValueError(found.seen.fault)
        place = self._place(which)
        if place is not None and place.is_plain and place.id != self._id_at(which):
            raise Refused(f"file:{self.folder / which}", self._plain_text(which))
        if place is None and which in NAMES:
            unpoint(self.folder, which)  # else the names would show the old pair one after the other
        link_names(self.folder, which)
        point(self.folder, which, f"pairs/{identity[:_DIGITS]}")

    def take_in(self, which: Which) -> str:
        """Store the plain pair of a place as it is, also with a fault, and put links in the place of its files; its id. Each
        name shows the same content all the time. Raises Refused when nothing is there."""
        self.tidy()
        place = self._place(which)
        if place is None:
            raise Refused(f"file:{self.folder / which}", f"there is no {which} pair in {self.folder}")
        if place.is_plain:
            self._put(place.id, self.read(place.id))
            point(self.folder, which, f"pairs/{place.id[:_DIGITS]}")
            link_names(self.folder, which)
            self.tidy()
        return place.id

    def clear(self, which: Which) -> None:
        """Let there be no second or next pair; it stays stored. Raises ValueError for the current one, Refused for plain
        files."""
        if which == "current":
            raise ValueError("the current pair can be replaced, and not be cleared")
        place = self._place(which)
        if place is not None and place.is_plain:
            raise Refused(f"file:{self.folder / which}", self._plain_text(which))
        unpoint(self.folder, which)
        unlink_names(self.folder, which)

    def drop(self, identity: str) -> None:
        """Remove a stored pair that may be there. Raises ValueError for one in use."""
        self.tidy()
        name = identity[:_DIGITS]
        if used := [which for which in _PLACES if pointed(self.folder, which) == f"pairs/{name}"]:
            raise ValueError(f"pair {identity} is in use: it is the {' and the '.join(used)} one")
        if stamp(self._pairs / name):
            remove_folder(self._pairs / name)
            self._inspections.forget(self._pairs / name)

    def keep_request(self, request: Pair) -> None:
        """Keep a request and its key, in the place of an earlier one."""
        self.tidy()
        if stamp(self._request):
            if digest_of(self.request()) == digest_of(request):
                return
            remove_folder(self._request)
        put_folder(self._request, {KEY: (request.key, 0o600), REQUEST: (request.certificate, 0o644)})

    def request(self) -> Pair:
        """The request that is kept and its key; Pair(b"", b"") for none."""
        return read_pair(self._request / REQUEST, self._request / KEY)

    def finish_request(self, chain: bytes) -> str:
        """Store the pair of a signed certificate, with its chain, and the key of the request, which is not kept any more; its
        id. Raises ValueError when that pair has a fault: the key is not that of the certificate."""
        identity = self.add(Pair(chain, self.request().key))
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

    def _stored(self, name: str) -> _Place | None:
        """The pair in the folder of this name; `None` when there is none, or another one than its name says."""
        found = self._inspections.of(self._pairs / name / CERTIFICATE, self._pairs / name / KEY)
        if found is None:
            return None
        identity = next((each for each in (found.seen.sha256, found.digest) if each[:_DIGITS] == name), "")
        return _Place(identity, found.seen, is_plain=False) if identity else None

    def _known(self, identity: str) -> _Place | None:
        found = self._stored(identity[:_DIGITS])
        return found if found is not None and found.id == identity else None

    def _id_at(self, which: Which) -> str:
        """The id of the stored pair that a place points to, whatever its names show."""
        found = self._stored(pointed(self.folder, which).removeprefix("pairs/") or "none")
        return found.id if found is not None else ""

    def _place(self, which: Which) -> _Place | None:
        folder = pointed(self.folder, which).removeprefix("pairs/")
        if which not in NAMES:
            return self._stored(folder) if folder else None
        certificate, key = (self.folder / name for name in NAMES[which])
        is_ours = has_name_links(self.folder, which)
        if is_ours and folder and (own := self._stored(folder)) is not None:
            return own
        found = self._inspections.of(certificate, key)
        return None if found is None else _Place(_plain_id(found), found.seen, is_plain=True)

    def _put(self, identity: str, pair: Pair) -> None:
        self.tidy()
        folder = self._pairs / identity[:_DIGITS]
        content = {KEY: (pair.key, 0o600), CERTIFICATE: (pair.certificate, 0o644)}
        if not stamp(folder):
            put_folder(folder, {name: each for name, each in content.items() if each[0]})
            return
        if self._known(identity) is None:
            raise Refused(f"file:{folder}", f"something else has written another pair into {folder}; take it in first")
        for name, (
            each,
            mode,
        ) in content.items():  # the same certificate and key, with another chain or another spelling
            if (folder / name).read_bytes() != each:
                replace_file(folder / name, each, mode)

    def _leftovers(self) -> list[Path]:
        found = [each for each in (self._pairs / NEW, self._pairs / GONE) if stamp(each)]
        found += self.folder.glob(f"{NEW}*") if stamp(self.folder) else ()
        used = {pointed(self.folder, which).removeprefix("pairs/") for which in _PLACES}
        found += [each for each in self._folders() if each.name not in used and self._stored(each.name) is None]
        if stamp(self._request) and b"" in self.request():
            found.append(self._request)
        for which, names in NAMES.items():
            if not stamp(self.folder / which):
                found += [self.folder / name for name in names if is_name_link(self.folder, which, name)]
        return found

    def _plain_text(self, which: Which) -> str:
        names = " and ".join(NAMES[which])
        return f"{names} in {self.folder} were written by something else; take them in first, so that they are kept"


def _plain_id(found: Inspected) -> str:
    return found.digest if found.seen.fault else found.seen.sha256
