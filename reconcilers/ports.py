"""The two ports: what a domain of reconciliation and an engine have to offer.

A `Reconciler` is pure and synchronous; it cannot reach an engine, so a dry run is safe by construction. A `Driver` is the
only thing that touches one. Between them lie values, and nothing else knows both.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from evenkeel.reconcilers.wanted import Wanted
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.look import Look, Observation
from evenkeel.specs.memory import Memory
from evenkeel.specs.output import Output
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
    """One domain's decisions. Every method is a pure function."""

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

    def revealed(self, plan: Plan, seen: SeenContra) -> Plan:
        """The same plan with the values that it keeps to itself, for the terminal of somebody who asked to see them. Those that
        are marked as secret stay hidden."""
        ...

    def begun(self, step: Step, memory: Remembered) -> Remembered:
        """What is remembered from the moment at which a step is about to be performed."""
        ...

    def remembered(self, step: Step, outcome: Outcome, memory: Remembered, away_s: float | None = None) -> Remembered:
        """What is remembered after a step has ended. `away_s`: for how many seconds its subject was away, when this step has
        brought it back."""
        ...

    def known(self, memory: Remembered) -> tuple[str, ...]:
        """Ids of all instances of which something is remembered."""
        ...

    def forgotten(self, memory: Remembered, gone: Collection[str]) -> Remembered:
        """What is remembered when these instances are gone for good."""
        ...

    def as_found(self, seen: SeenContra, memory: Remembered | None, *, well: bool = False) -> DesiredState | None:
        """What was at work before, as a desired state to go back to; `None` when there is nothing. Instances that evenkeel
        has had to do with already, as far as it remembers, do not count; without a `memory` all do. `well`: where none of it
        is well, there is nothing."""
        ...

    def superseded(
        self, differences: Sequence[Difference], seen: SeenContra, memory: Remembered
    ) -> tuple[Document, ...]:
        """Of the adopted instances at work those that are replaced or removed, as documents to go back to."""
        ...

    def renewed(
        self, differences: Sequence[Difference], seen: SeenContra, memory: Remembered
    ) -> Mapping[str, tuple[str, ...]]:
        """Subjects whose content is replaced although nobody changed what is asked, and the names of the new content, the one
        that it is tried under first; without those that have nothing else to go back to."""
        ...

    def vindicated(self, want: Want, seen: SeenContra, memory: Remembered) -> Mapping[str, tuple[str, ...]]:
        """Subjects that are proven with content that was set aside before, because nothing else was left, and its names."""
        ...

    def set_aside(
        self, want: Want, seen: SeenContra, memory: Remembered, before: Mapping[str, SetAside]
    ) -> Mapping[str, SetAside]:
        """Subjects for which content that is asked for is not used, because it was tried and failed. `before`: what this
        said last; it stays so for a subject of which nothing newer is known."""
        ...

    def ailing(self, seen: SeenContra, memory: Remembered) -> Mapping[str, Ailment]:
        """Subjects that are there and not well."""
        ...

    def discreet(self, output: Output, subject: str, wants: Sequence[Want]) -> Output:
        """What an instance of a subject has written, without the secrets that it may have been asked for with."""
        ...

    def ended(self, seen: SeenContra) -> tuple[str, ...]:
        """Subjects that have come to their end well, as they may."""
        ...

    def down(self, seen: SeenContra, memory: Remembered, expected: Collection[str] = ()) -> Mapping[str, Ailment]:
        """Subjects that are at work nowhere, although they should be: those that are there, and the `expected` ones that are
        not. Those that are not ailing are gone, were stopped on purpose, or were not started yet: they are not well when nobody
        goes on to start them."""
        ...

    def last_checks(self, seen: SeenContra) -> Mapping[str, str]:
        """What names the newest result of each check, by subject, for `unchecked`."""
        ...

    def unchecked(self, seen: SeenContra, since: Mapping[str, str]) -> Mapping[str, Ailment]:
        """Subjects that have a check and have not passed it since `last_checks` said this. It refutes when they have failed
        it, which ends by itself: they pass it, or become ailing."""
        ...

    def undecided(self, seen: SeenContra, memory: Remembered) -> Mapping[str, str]:
        """Subjects that were proven before and of which nobody knows yet how they are, and why."""
        ...

    def present(self, seen: SeenContra) -> tuple[str, ...]:
        """Ids of all instances that are there."""
        ...


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

    async def output(self, instance: str) -> Output:
        """What an instance has written last, and what its check has. Raises `Unavailable`, `TimedOut` or `Refused` when the
        engine cannot be asked."""
        ...

    def nudges(self) -> AsyncIterator[None]:
        """Something may have changed."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
