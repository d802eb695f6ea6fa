"""A domain in the transaction, and what of a state concerns it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.wanted import Wanted, differing
from evenkeel.specs.desired import DesiredState


class Member(NamedTuple):
    """A domain in the transaction. `rank`: its place in the order of switches. `want`: what of a state is its own. `wake`:
    it has something to do; `interrupt`: and what it does now is of no use, where that can be cut short. `only_watches`: it
    does nothing now but watch, and nothing in it waits for that. `places`: by subject, the beginning of what others fetch
    through it."""

    name: str
    rank: int
    want: Callable[[DesiredState], Wanted]
    wake: Callable[[], object]
    interrupt: Callable[[], object]
    only_watches: Callable[[], bool] = lambda: False
    places: Callable[[DesiredState], Mapping[str, str]] = lambda state: {}


def changes(member: Member, state: DesiredState, others: Sequence[DesiredState | None]) -> tuple[str, ...]:
    """The subjects of a domain that a state asks for otherwise than one of the others; without another state, all that it asks
    for."""
    want, found = member.want(state), set[str]()
    for other in others:
        found.update(differing(want, member.want(other)) if other is not None else want.subjects)
    return tuple(sorted(found))
