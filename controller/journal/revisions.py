"""The revisions that a journal last read or wrote, as long as they have a role.

They are kept for two reasons. The file may forget them: then they are written again. And each cycle reads the same one or
two: a state is decoded once, not in each cycle (ten thousand components take 120 ms). A state is kept only together with
the very bytes that it was decoded from; the file is read and its checksum compared each time all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from evenkeel.specs.desired import DesiredState

_MOST_STATES = 2
"""The desired state, and last-good while it is another one."""

Role = TypeVar("Role")


class Revisions(Generic[Role]):
    """Contents by digest, and the digest, source and activity of each role."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}
        self._roles: dict[Role, tuple[str, str, str]] = {}
        self._states: dict[str, DesiredState] = {}
        """Decoded contents by digest; the one that was read last stands last."""

    def learn(self, role: Role, digest: str, content: bytes, source: str, activity: str) -> None:
        """A role was read or written. One digest may have another content than before: the same documents in other
        places."""
        self._roles[role] = digest, source, activity
        if self._contents.get(digest) != content:
            self._contents[digest] = content
            self._states.pop(digest, None)
        in_use = {known for known, _, _ in self._roles.values()}
        for known in self._contents.keys() - in_use:
            del self._contents[known]
            self._states.pop(known, None)

    def forget(self, role: Role) -> None:
        """Nothing has that role any more."""
        self._roles.pop(role, None)

    def roles(self) -> Iterator[tuple[Role, str, str, str, bytes]]:
        """Each role with digest, source, activity and content."""
        for role, (digest, source, activity) in self._roles.items():
            if digest in self._contents:
                yield role, digest, source, activity, self._contents[digest]

    def content(self, digest: str) -> bytes | None:
        """The content under that digest, `None` when it is not known."""
        return self._contents.get(digest)

    def state(self, digest: str, decode: Callable[[bytes], DesiredState]) -> DesiredState:
        """The state in the content that was learnt under that digest. Raises what `decode` raises, and keeps nothing then."""
        state = self._states.pop(digest, None)
        if state is None:
            state = decode(self._contents[digest])
        self._states[digest] = state
        while len(self._states) > _MOST_STATES:
            del self._states[next(iter(self._states))]
        return state
