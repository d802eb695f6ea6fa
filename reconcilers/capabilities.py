"""Optional capabilities of a domain: small ports beside `Reconciler` and `Driver`.

A reconciler with a capability names it as a base, so that the type checker misses no method. The controller asks for
each with the function of the same name, once, when the domain joins. For a domain without the capability that function
gives `_WITHOUT`, so that callers need no second case.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from evenkeel.reconcilers.ports import Ailment, Driver, Reconciler, Remembered, SeenCo, SeenContra, Want
from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Difference, Plan

WantContra = TypeVar("WantContra", contravariant=True)
RememberedContra = TypeVar("RememberedContra", contravariant=True)


@runtime_checkable
class Watched(Protocol[WantContra, SeenContra, RememberedContra]):
    """Subjects that live on by themselves once they are there: they fail, end, and may have checks."""

    def ailing(self, seen: SeenContra, memory: RememberedContra) -> Mapping[str, Ailment]:
        """Subjects that are there and not well."""
        ...

    def ended(self, seen: SeenContra) -> tuple[str, ...]:
        """Subjects that have ended well, as they may."""
        ...

    def undecided(self, seen: SeenContra, memory: RememberedContra) -> Mapping[str, str]:
        """Subjects that were proven before and whose health is not known yet, with the reasons."""
        ...

    def last_checks(self, seen: SeenContra) -> Mapping[str, str]:
        """The names of the newest results of checks, by subject, for `unchecked`."""
        ...

    def unchecked(self, seen: SeenContra, since: Mapping[str, str]) -> Mapping[str, Ailment]:
        """Subjects with a check that have not passed it since `last_checks` returned `since`. It refutes when they have
        failed it, which ends by itself: they pass it, or become ailing."""
        ...

    def discreet(self, output: Output, subject: str, wants: Sequence[WantContra]) -> Output:
        """The output of an instance of a subject (`Logged`), without the secrets of these wants."""
        ...


@runtime_checkable
class Tagged(Protocol[WantContra, SeenContra, RememberedContra]):
    """Content with a name (a tag) that may mean another content tomorrow. It changes without a revision, is on trial by
    itself, and is set aside when it fails."""

    def renewed(
        self, differences: Sequence[Difference], seen: SeenContra, memory: RememberedContra
    ) -> Mapping[str, tuple[str, ...]]:
        """Subjects whose content is replaced although the desired state did not change, and the names of the new
        content, the one that it is tried under first; without subjects that have nothing else to go back to."""
        ...

    def vindicated(self, want: WantContra, seen: SeenContra, memory: RememberedContra) -> Mapping[str, tuple[str, ...]]:
        """Subjects that are proven with content that was set aside before, because nothing else was left, and its
        names."""
        ...

    def set_aside(
        self, want: WantContra, seen: SeenContra, memory: RememberedContra, before: Mapping[str, SetAside]
    ) -> Mapping[str, SetAside]:
        """Subjects whose newest content is not used, because it was tried and failed. `before`: the last result, which
        holds for a subject of which nothing newer is known."""
        ...


@runtime_checkable
class Inheriting(Protocol[SeenContra, RememberedContra]):
    """The foreign instances that evenkeel replaces because it was told to: they are a state to go back to."""

    def as_found(self, seen: SeenContra, memory: RememberedContra | None, *, well: bool = False) -> DesiredState | None:
        """The state before evenkeel, to go back to; `None` when there is nothing. Instances that evenkeel has started
        or changed, as far as it remembers, do not count; without a `memory` all do. `well`: `None` where none of it is
        well."""
        ...

    def superseded(
        self, differences: Sequence[Difference], seen: SeenContra, memory: RememberedContra
    ) -> tuple[Document, ...]:
        """The adopted instances at work that are replaced or removed, as documents to go back to."""
        ...


@runtime_checkable
class Instanced(Protocol[SeenContra, Remembered]):
    """Facts are remembered of instances, which may be removed from outside for good."""

    def instances(self, memory: Remembered) -> tuple[str, ...]:
        """Ids of all remembered instances."""
        ...

    def present(self, seen: SeenContra) -> tuple[str, ...]:
        """Ids of all instances that are there."""
        ...

    def forgotten(self, memory: Remembered, gone: Collection[str]) -> Remembered:
        """The memory without these instances, which are gone for good."""
        ...


@runtime_checkable
class Guarded(Protocol[WantContra, SeenContra, RememberedContra]):
    """Some of what is due must not wait for a revision, or for the next command of an update: a loss of power comes first."""

    def is_exposed(self, want: WantContra, memory: RememberedContra) -> bool:
        """Whether a look may show something that is due. Otherwise nothing is looked at."""
        ...

    def safeguards(self, want: WantContra, seen: SeenContra, memory: RememberedContra) -> Sequence[Difference]:
        """The differences that are due whatever is desired, and whoever drives the subjects meanwhile. `want`: the state that
        runs, as far as anybody asks for it. Their steps disturb nothing."""
        ...


@runtime_checkable
class Opening(Protocol[WantContra]):
    """Other domains can fetch what they need only once this one has opened the place (`Traits.opens`)."""

    def opened(self, want: WantContra) -> Mapping[str, str]:
        """By subject: the beginning of what is fetched through it."""
        ...


@runtime_checkable
class Revealing(Protocol[SeenContra]):
    """Plans hide values, which an operator at a terminal may ask to see."""

    def revealed(self, plan: Plan, seen: SeenContra) -> Plan:
        """The same plan with these values. Those that are marked as secret stay hidden."""
        ...


@runtime_checkable
class Logged(Driver[SeenCo], Protocol[SeenCo]):
    """A driver whose instances write output."""

    async def output(self, instance: str) -> Output:
        """The last output of an instance and of its check. Raises `Unavailable`, `TimedOut` or `Refused` when the
        engine cannot be asked."""
        ...


def watched(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Watched[Want, SeenContra, Remembered]:
    return reconciler if isinstance(reconciler, Watched) else _WITHOUT


def tagged(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Tagged[Want, SeenContra, Remembered]:
    return reconciler if isinstance(reconciler, Tagged) else _WITHOUT


def inheriting(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Inheriting[SeenContra, Remembered]:
    return reconciler if isinstance(reconciler, Inheriting) else _WITHOUT


def instanced(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Instanced[SeenContra, Remembered]:
    return reconciler if isinstance(reconciler, Instanced) else _WITHOUT


def guarded(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Guarded[Want, SeenContra, Remembered]:
    return reconciler if isinstance(reconciler, Guarded) else _WITHOUT


def opening(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Opening[Want]:
    return reconciler if isinstance(reconciler, Opening) else _WITHOUT


def revealing(reconciler: Reconciler[Want, SeenContra, Remembered]) -> Revealing[SeenContra]:
    return reconciler if isinstance(reconciler, Revealing) else _WITHOUT


class _Without:
    """A domain without any of these capabilities."""

    def ailing(self, seen: object, memory: object) -> Mapping[str, Ailment]:
        return {}

    def ended(self, seen: object) -> tuple[str, ...]:
        return ()

    def undecided(self, seen: object, memory: object) -> Mapping[str, str]:
        return {}

    def last_checks(self, seen: object) -> Mapping[str, str]:
        return {}

    def unchecked(self, seen: object, since: Mapping[str, str]) -> Mapping[str, Ailment]:
        return {}

    def discreet(self, output: Output, subject: str, wants: Sequence[object]) -> Output:
        return output

    def renewed(self, differences: Sequence[Difference], seen: object, memory: object) -> Mapping[str, tuple[str, ...]]:
        return {}

    def vindicated(self, want: object, seen: object, memory: object) -> Mapping[str, tuple[str, ...]]:
        return {}

    def set_aside(
        self, want: object, seen: object, memory: object, before: Mapping[str, SetAside]
    ) -> Mapping[str, SetAside]:
        return {}

    def as_found(self, seen: object, memory: object, *, well: bool = False) -> DesiredState | None:
        return None

    def superseded(self, differences: Sequence[Difference], seen: object, memory: object) -> tuple[Document, ...]:
        return ()

    def instances(self, memory: object) -> tuple[str, ...]:
        return ()

    def present(self, seen: object) -> tuple[str, ...]:
        return ()

    def forgotten(self, memory: Any, gone: Collection[str]) -> Any:
        return memory

    def is_exposed(self, want: object, memory: object) -> bool:
        return False

    def safeguards(self, want: object, seen: object, memory: object) -> Sequence[Difference]:
        return ()

    def opened(self, want: object) -> Mapping[str, str]:
        return {}

    def revealed(self, plan: Plan, seen: object) -> Plan:
        return plan


_WITHOUT = _Without()
