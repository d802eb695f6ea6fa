"""What the controller's loop needs of others: sources that ask, sinks that are told, agents, and who watches over its life.

Decisions have ports of their own, for reconcilers and engines (`reconcilers.ports`). Only `wiring` knows who stands behind
any of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, NamedTuple, Protocol

from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.problem import Place, Problem


class Reading(Protocol):
    """What a source found: a state, all problems, whether anything is asked for, where it looked, which of these
    places are gone, and which documents ask for nothing."""

    @property
    def desired(self) -> DesiredState: ...
    @property
    def problems(self) -> Sequence[Problem]: ...
    @property
    def is_empty(self) -> bool: ...
    @property
    def missing(self) -> Sequence[str]: ...
    @property
    def paths(self) -> Sequence[str]: ...
    @property
    def nothing(self) -> Sequence[Place]: ...


class Source(Protocol):
    """Where desired states come from."""

    def changes(self) -> AsyncIterator[Reading]:
        """A reading at the start, and one whenever something changed."""
        ...

    def look(self) -> None:
        """Look now instead of waiting."""
        ...


class Sink(Protocol):
    """Where feedback goes. It is told in order; what it has taken it need not be told again."""

    @property
    def name(self) -> str:
        """Its cursor in the journal."""
        ...

    async def take(self, entries: Sequence[Feedback]) -> None:
        """Deliver; return when they are safe. Raises OSError to be asked again later."""
        ...


class Life(Protocol):
    """Who is told that the controller lives, such as the system's service supervisor. Nothing here may raise."""

    @property
    def every_s(self) -> float:
        """How often it wants to hear that the worker lives; 0 is never."""
        ...

    def started(self) -> None: ...
    def alive(self) -> None: ...
    def state(self, text: str) -> None: ...
    def stopping(self) -> None: ...


class Agent(Protocol):
    """What asks a domain by messages, and drives activities for them."""

    @property
    def name(self) -> str:
        """What it is called where its defects are told."""
        ...

    @property
    def domain(self) -> str:
        """The domain that is asked for, whose worker does the work. No two agents have the same."""
        ...

    async def work(self) -> None:
        """Deal with everything that waits, in a turn of its domain's worker."""
        ...

    def due_in_s(self) -> float | None:
        """In how many seconds it has work without a message."""
        ...

    def look(self) -> None:
        """Something about the domain's subjects may have changed."""
        ...

    def stop(self) -> None:
        """Cut short what can be cut short."""
        ...


class Serving(NamedTuple):
    """The agents of a device and their one connection. `serve` keeps it, and with it everything that they do beside the turns
    of their workers; until cancelled."""

    agents: Sequence[Agent]
    serve: Callable[[], Coroutine[Any, Any, None]]
