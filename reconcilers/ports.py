"""The two ports: what a domain of reconciliation and an engine have to offer.

A `Reconciler` is pure and synchronous; it cannot reach an engine, so a dry run is safe by construction. A `Driver` is the
only thing that touches one. Between them lie values, and nothing else knows both. This is all that every domain has; the
rest are capabilities (`reconcilers.capabilities`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from evenkeel.reconcilers.wanted import Wanted
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.look import Look, Observation
from evenkeel.specs.memory import Memory
from evenkeel.specs.plan import Action, Difference, Outcome, Plan, Step

Want = TypeVar("Want", bound=Wanted)
Seen = TypeVar("Seen", bound=Observation)
SeenContra = TypeVar("SeenContra", contravariant=True)
Remembered = TypeVar("Remembered", bound=Memory)
SeenCo = TypeVar("SeenCo", covariant=True)

Progress = Callable[[str, int, int], None]
"""`progress(message, done, total)`: how far a long step is; `total` 0 is unknown. Must return at once and never raise."""


class Ailment(NamedTuple):
    """Why a subject is not well, as what follows its name in a sentence. `refutes`: it is not well in a way that speaks
    against what it was changed to. `instance`: the id of the one that ails by itself, so that its output may tell more; `end`
    names its newest end. `is_passing`: it is at work again, and nothing but time tells whether it stays so."""

    why: str
    refutes: bool = True
    instance: str = ""
    end: str = ""
    is_passing: bool = False


class Former(NamedTuple, Generic[Want]):
    """What is asked for by the state that was last good, and by the one in force: they tell of subjects that are to be removed
    how they were last to be treated."""

    good: Want | None = None
    desired: Want | None = None


class Words(NamedTuple):
    """What a domain's subjects, and what is looked at, are called in sentences. `ailing`: the reason of the condition
    `Healthy` when some are not well."""

    subjects: str
    ailing: str
    engine: str = "the engine"


class Reconciler(Protocol[Want, SeenContra, Remembered]):
    """The decisions of one domain. Every method is a pure function."""

    @property
    def domain(self) -> str:
        """Its name, which is also its key in the queue."""
        ...

    @property
    def words(self) -> Words:
        """What its subjects are called."""
        ...

    @property
    def memory(self) -> type[Remembered]:
        """The noun of what is remembered for it."""
        ...

    def select(self, desired: DesiredState) -> Want:
        """What of the desired state is this domain's."""
        ...

    def is_idle(self, wants: Sequence[Want], memory: Remembered) -> bool:
        """Whether there is nothing to look for: none of these wants asks for a subject, and nothing tells of one that was
        there. Such a domain is as if it did not exist."""
        ...

    def look(self, want: Want | None, memory: Remembered) -> Look:
        """What the driver has to find out for this want; `None` when only what is there matters."""
        ...

    def diff(self, want: Want, seen: SeenContra, memory: Remembered) -> tuple[Difference, ...]:
        """What differs, in order of subject; a subject without difference is absent."""
        ...

    def plan(
        self,
        differences: Sequence[Difference],
        seen: SeenContra,
        memory: Remembered,
        former: Former[Want] | None = None,
    ) -> Plan:
        """The steps from what is to what is wanted, in stages. Without stages there is nothing to do."""
        ...

    def begun(self, step: Step, memory: Remembered) -> Remembered:
        """What is remembered from the moment at which a step is about to be performed."""
        ...

    def remembered(self, step: Step, outcome: Outcome, memory: Remembered, away_s: float | None = None) -> Remembered:
        """What is remembered after a step has ended. `away_s`: for how many seconds its subject was away, when this step has
        brought it back."""
        ...

    def down(self, seen: SeenContra, memory: Remembered, expected: Collection[str] = ()) -> Mapping[str, Ailment]:
        """Subjects that are at work nowhere, although they should be: those that are there, and the `expected` ones that are
        not. Those that are not ailing are gone, were stopped on purpose, or were not started yet: they are not well when nobody
        goes on to start them."""
        ...


AnyReconciler = Reconciler[Any, Any, Any]
"""The reconciler of one of several domains, each with nouns of its own."""


class Driver(Protocol[SeenCo]):
    """One engine.

    `observe` reads and changes nothing. `perform` is idempotent: performing an action whose effect is already there is
    `Done`. It never raises for what an engine does; cancelling it leaves a state from which the next cycle converges.
    `nudges` yields whenever it may be worth looking again; it says nothing about what changed and ends only when closed.
    """

    async def observe(self, look: Look = Look()) -> SeenCo:
        """The world now. Raises `Unavailable` or `TimedOut` when the engine cannot be asked."""
        ...

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        """Do one thing and say how it ended."""
        ...

    def nudges(self) -> AsyncIterator[None]:
        """Something may have changed."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
