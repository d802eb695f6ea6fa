"""The ports of the controller's loop: sources of desired states, sinks of feedback, agents, and the service supervisor.

Decisions have ports of their own, for reconcilers and engines (`reconcilers.ports`). Only `wiring` knows the
implementations of any of them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.preconditions.observed import Observed
from evenkeel.specs.problem import Place, Problem


class Reading(Protocol):
    """The result of reading a source: a state, all problems, whether anything is asked for, the places, which of these
    are gone, and which documents ask for nothing."""

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
    """A source of desired states."""

    def changes(self) -> AsyncIterator[Reading]:
        """A reading at the start, and one whenever something changed."""
        ...

    def look(self) -> None:
        """Look now instead of waiting for an event."""
        ...


class Sink(Protocol):
    """A destination of feedback. It receives entries in order, and not again once it has taken them."""

    @property
    def name(self) -> str:
        """Its cursor in the journal."""
        ...

    async def take(self, entries: Sequence[Feedback]) -> None:
        """Deliver; return when they are safe. Raises OSError to be asked again later."""
        ...


class Values(Protocol):
    """The values that preconditions name."""

    def present(self) -> Mapping[str, Observed]:
        """Each value by its name, as it is now."""
        ...

    def changes(self) -> AsyncGenerator[None, None]:
        """Something whenever a value may count otherwise than before; without end."""
        ...


class Life(Protocol):
    """The receiver of signs of life, such as the system's service supervisor. Nothing here may raise."""

    @property
    def every_s(self) -> float:
        """The period of the watchdog in seconds; 0 is none."""
        ...

    def started(self) -> None: ...
    def alive(self) -> None: ...
    def state(self, text: str) -> None: ...
    def stopping(self) -> None: ...


class Agent(Protocol):
    """Receives messages for a domain, and drives activities for them."""

    @property
    def name(self) -> str:
        """The name of the agent in reports of its defects."""
        ...

    @property
    def domain(self) -> str:
        """The domain of the agent, whose worker does the work. No two agents have the same."""
        ...

    async def work(self) -> None:
        """Deal with all waiting messages, in a turn of the domain's worker."""
        ...

    def due_in_s(self) -> float | None:
        """Seconds until it has work without a message; `None` when it has none."""
        ...

    def look(self) -> None:
        """The domain's subjects may have changed."""
        ...

    def stop(self) -> None:
        """Cut short the work that can be cut short."""
        ...


class Serving(NamedTuple):
    """The agents of a device and their one connection. `serve` keeps the connection, and runs the work of the agents
    beside the turns of their workers; until cancelled. `commands`: desired states may come in messages."""

    agents: Sequence[Agent]
    serve: Callable[[], Coroutine[Any, Any, None]]
    commands: bool = True
