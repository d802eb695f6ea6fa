"""The assignments of hubs, as a service has given them: one file of evenkeel's in the state directory.

    {NAME: {ASKED: {THUMBPRINT: [HUB, DEVICE]}}}

An assignment holds for what was asked (a print of id scope, registration and key) and for the certificate that was shown.
When either changes, the service is asked again; the former one stays until the new one is proven, for the way back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.replacing import put_own, stamp
from evenkeel.specs.provisioning.cloud import Assignment

_MOST_BYTES = 1024**2
Kept = dict[str, dict[str, dict[str, Assignment]]]


class Assignments:
    """The file at `path`. A file that is damaged counts as empty: the service is asked again. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: tuple[object, Kept] = (None, {})

    def of(self, name: str, asked: str) -> Mapping[str, Assignment]:
        """Those for what is asked now, by thumbprint."""
        return self._all().get(name, {}).get(asked, {})

    def others(self, name: str, asked: str, key: str) -> int:
        """How many there are beside the one in force."""
        found = self._all().get(name, {})
        return sum(len(each) for each in found.values()) - (key in found.get(asked, {}))

    def put(self, name: str, asked: str, key: str, assignment: Assignment) -> None:
        """Keep one more."""
        found = _copied(self._all())
        found.setdefault(name, {}).setdefault(asked, {})[key] = assignment
        self._write(found)

    def drop(self, name: str, asked: str, key: str) -> None:
        """Forget one: the hub does not know the device any more."""
        found = _copied(self._all())
        if found.get(name, {}).get(asked, {}).pop(key, None) is not None:
            self._write(found)

    def keep_only(self, name: str, asked: str, key: str) -> None:
        """Forget all of a document but the one in force."""
        found = _copied(self._all())
        one = found.get(name, {}).get(asked, {}).get(key)
        found[name] = {asked: {key: one}} if one is not None else {}
        self._write(found)

    def _all(self) -> Kept:
        now = stamp(self._path)
        if now is None:
            return {}
        if self._known[0] != now:
            self._known = now, _parsed(read_bounded(self._path, _MOST_BYTES))
        return self._known[1]

    def _write(self, kept: Kept) -> None:
        self._path.parent.mkdir(0o700, parents=True, exist_ok=True)
        value = {
            name: {asked: {key: [one.hub, one.device] for key, one in each.items()} for asked, each in asks.items()}
            for name, asks in sorted(kept.items())
            if asks
        }
        put_own(self._path, json.dumps(value, indent=1).encode(), 0o600)


def _copied(kept: Kept) -> Kept:
    return {name: {asked: dict(each) for asked, each in asks.items()} for name, asks in kept.items()}


def _parsed(content: bytes) -> Kept:
    try:
        found: Kept = {}
        for name, asks in json.loads(content).items():
            for asked, each in asks.items():
                for key, (hub, device) in each.items():
                    found.setdefault(name, {}).setdefault(asked, {})[key] = Assignment(str(hub), str(device))
        return found
    except (ValueError, TypeError, AttributeError, RecursionError):
        return {}
