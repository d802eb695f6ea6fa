"""Looks at pairs in files that are made once for each content.

Inspecting one takes a process (`maker`), and a settled cycle has no time for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.moment import of_one_moment, stamp
from evenkeel.specs.provisioning.pair import PairSeen

_MOST_BYTES = 1 << 20
_MOST_KNOWN = 64


class Inspected(NamedTuple):
    """A pair in files as it is. `digest`: the SHA-256 of both contents, as upper-case hex digits."""

    seen: PairSeen
    digest: str


class Inspections:
    """The pairs of one driver, each of which is inspected once. `inspect` is that of a `Maker`."""

    def __init__(self, inspect: Callable[[Pair], PairSeen]) -> None:
        self._inspect = inspect
        self._files: dict[tuple[Path, Path], tuple[object, Inspected]] = {}
        self._known: dict[str, Inspected] = {}
        """By digests, the last used at the end: copies, and links to the same."""

    def of(self, certificate: Path, key: Path) -> Inspected | None:
        """The pair in two files, which are read again when one of them has changed; `None` when neither is there. A missing one
        counts as empty. Raises OSError, and what `inspect` raises but ValueError."""
        now = stamp(certificate), stamp(key)
        if now == (None, None):
            self._files.pop((certificate, key), None)
            return None
        before = self._files.get((certificate, key))
        if before is not None and before[0] == now:
            return before[1]
        found = self.of_pair(read_pair(certificate, key))
        self._files[certificate, key] = now, found
        return found

    def of_pair(self, pair: Pair) -> Inspected:
        """A pair as it is."""
        digest = digest_of(pair)
        found = self._known.pop(digest, None) or Inspected(self._inspect(pair), digest)
        self._known[digest] = found
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        return found

    def forget(self, folder: Path) -> None:
        """Files at or below a folder are gone."""
        for paths in [each for each in self._files if each[0].is_relative_to(folder)]:
            del self._files[paths]


def digest_of(pair: Pair) -> str:
    """The SHA-256 of both contents, as upper-case hex digits."""
    whole = len(pair.certificate).to_bytes(8, "big") + pair.certificate + pair.key
    return hashlib.sha256(whole).hexdigest().upper()


def read_pair(certificate: Path, key: Path) -> Pair:
    """Both files of one moment. A missing one is b"". Raises OSError."""
    return of_one_moment((certificate, key), lambda: Pair(_content(certificate), _content(key)))[0]


def _content(path: Path) -> bytes:
    try:
        return read_bounded(path, _MOST_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return b""
