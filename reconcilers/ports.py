"""The two ports: the decisions of one domain, and one engine.

A `Reconciler` is pure and synchronous. It cannot reach an engine, so a dry run is safe by construction. A `Driver` is
the only part that touches an engine. Only values pass between them, and no other part knows both. Every domain has
these two; everything else is a capability (`reconcilers.capabilities`).
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
    """The reason why a subject is not well. `why` follows the subject's name in a sentence. `refutes`: the ailment
    speaks against the change that was made to the subject. `instance`: the id of the instance that ails by itself,
    whose output may tell more; `end` names its newest end. `is_passing`: the subject is at work again, and only time
    shows whether it stays so. `is_new`: nothing of it was started yet, or is there."""

    why: str
    refutes: bool = True
    instance: str = ""
    end: str = ""
    is_passing: bool = False
    is_new: bool = False


class Former(NamedTuple, Generic[Want]):
    """The domain's parts of two former states: last-good, and the state in force. They tell how a subject that is to be
    removed was last to be treated."""

    good: Want | None = None
    desired: Want | None = None


class Words(NamedTuple):
    """The words for a domain in sentences: its subjects, and the engine that is looked at. `ailing`: the reason of the
    condition `Healthy` when some subjects are not well."""

    subjects: str
    ailing: str
    engine: str = "the engine"


class Reconciler(Protocol[Want, SeenContra, Remembered]):
    """The decisions of one domain. Every method is a pure function."""

    @property
    def domain(self) -> str:
        """The domain's name. The queue uses it as the key."""
        ...

    @property
    def words(self) -> Words:
        """The words for the domain in sentences."""
        ...

    @property
    def memory(self) -> type[Remembered]:
        """The type of the domain's memory."""
        ...

    def select(self, desired: DesiredState) -> Want:
        """The domain's part of the desired state."""
        ...

    def is_idle(self, wants: Sequence[Want], memory: Remembered) -> bool:
        """Whether there is nothing to look for: none of these wants asks for a subject, and nothing tells of one that was
        there. Such a domain is as if it did not exist."""
        ...

    def look(self, want: Want | None, memory: Remembered) -> Look:
        """The question that the driver has to answer for this want; with `None`, only the observed state matters."""
        ...

    def diff(self, want: Want, seen: SeenContra, memory: Remembered) -> tuple[Difference, ...]:
        """The differences in order of subject. A subject without a difference is absent."""
        ...

    def plan(
        self,
        differences: Sequence[Difference],
        seen: SeenContra,
        memory: Remembered,
        former: Former[Want] | None = None,
    ) -> Plan:
        """The steps from the observed to the wanted state, in stages. Without stages there is nothing to do."""
        ...

    def memory_before(self, step: Step, memory: Remembered) -> Remembered:
        """The memory from the moment at which a step is about to be performed."""
        ...

    def memory_after(self, step: Step, outcome: Outcome, memory: Remembered, away_s: float | None = None) -> Remembered:
        """The memory after a step has ended. `away_s`: for how many seconds the subject was away, if this step has
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

    `observe` reads and changes nothing. `perform` is idempotent: an action whose effect is already there is `Done`.
    `perform` never raises for faults of the engine; when it is cancelled, the next cycle converges from the state that
    is left. `nudges` yields whenever another look may be worth it. A nudge does not tell what changed; the iterator
    ends only when it is closed.
    """

    async def observe(self, look: Look = Look()) -> SeenCo:
        """The world now. Raises `Unavailable` or `TimedOut` when the engine cannot be asked."""
        ...

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        """Perform one action and return its outcome."""
        ...

    def nudges(self) -> AsyncIterator[None]:
        """Something may have changed."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
