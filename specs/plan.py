"""Differences, actions, steps and plans: the work to be done, as values.

A plan can be printed, compared and thrown away; it cannot be executed from here. An action is one thing that a driver
can do; each domain has actions and differences of its own, and this module has their common part. A step puts an action
into a phase and an order; a stage has the steps that may be performed before the world is looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from msgspec import Struct

from evenkeel.specs.output import Output
from evenkeel.specs.problem import Place


class Phase(StrEnum):
    """Gates of a plan, in order; from a file all stand open, from MQTT each command opens one."""

    DOWNLOAD = "DOWNLOAD"
    UPDATE = "UPDATE"
    ACTIVATE = "ACTIVATE"
    VERIFY = "VERIFY"
    CLEANUP = "CLEANUP"


BARRIERS = ((Phase.DOWNLOAD,), (Phase.UPDATE,), (Phase.ACTIVATE, Phase.VERIFY), (Phase.CLEANUP,))
"""Everything ends with one of these before the next begins. Starting and proving belong together, because a dependent
starts only when its dependency is proven."""
NOTHING_DONE = ("keep", "blocked")
"""Verbs of differences that cause no work: `keep` is never touched, `blocked` cannot be done."""
NOTIFIED = "restart"
"""The verb of a difference that another domain has made: the subject begins anew (`Memory.notified`)."""
OUTSTANDING = "finish"
"""The verb of a difference without a change: a proof, or a clean-up, is outstanding."""


class Change(Struct, frozen=True):
    """One differing value. `path` is in the words of the spec (`resources.memory`), `old` and `new` are texts for
    people; for a value that may be secret they say only that it is there."""

    subject: str
    path: str
    old: str
    new: str
    why: str
    asked: Place = Place()


class Difference(Struct, frozen=True):
    """All that differs for one subject. Each domain adds what its own planner needs.

    `verb` is the domain's word for the purpose of a plan for the subject. `in_place`: it works, and goes on working
    while nothing is done. `lost` are the settings that go with a replaced instance, because no spec can express them,
    in words. `away_s`: for how many seconds the subject was away at its last switch, or usually is, and `away_most_s`:
    for how many it may be; `None` when nothing that is at work is replaced.
    """

    subject: str
    verb: str
    why: str
    changes: tuple[Change, ...] = ()
    asked: Place = Place()
    in_place: bool = False
    lost: tuple[str, ...] = ()
    away_s: float | None = None
    away_most_s: float | None = None


class Traits(NamedTuple):
    """The traits of an action that the controller needs.

    `text`: the action in words, as `pull nginx:1.27`. `facts`: for programs, its name under `action`, and its objects;
    nothing that may be secret. `own_s`: seconds that it may take by itself, beside the time that the driver needs.
    `fetches`: the content that it brings from elsewhere, which has a time limit of its own; "" when it brings none.
    `source`: the place that it is fetched from. `by`: the program that does it, in words; "" is the engine.
    `may_be_cut`: it can be ended at any moment without harm, and begun again later. `away`: with it the subject is at
    work no more (`begins`), or is again (`ends`). `notifies`: pairs of a domain and a subject of it that has to begin anew
    once this was done. `provides`: paths of the host that are there once this was done, or at the end of the work that it is
    a part of, where no plan has the other steps yet. `opens`: the beginning of what may be fetched (`fetches`) once this was
    done; until then it waits. `afterwards`: sentences that have to be told once this was done, because no plan tells them
    then. `foretold`: what a plan says of it beside the subject.
    """

    text: str
    facts: Mapping[str, str]
    own_s: float = 0.0
    fetches: str = ""
    source: str = ""
    may_be_cut: bool = False
    away: Literal["", "begins", "ends"] = ""
    afterwards: tuple[str, ...] = ()
    notifies: tuple[tuple[str, str], ...] = ()
    provides: tuple[str, ...] = ()
    opens: str = ""
    by: str = ""
    foretold: str = ""


def is_fetched_from(fetched: str, place: str) -> bool:
    """Whether a content (`Traits.fetches`) lies in a place (`Traits.opens`): the place is its beginning, up to the end of a
    part."""
    return fetched.startswith(place) and (len(fetched) == len(place) or fetched[len(place)] in "/:@")


@runtime_checkable
class Action(Protocol):
    """One thing that a driver can do. Actions are frozen nouns of a domain."""

    @property
    def traits(self) -> Traits:
        """The traits that the controller needs."""
        ...


@runtime_checkable
class Proof(Protocol):
    """An action that watches an instance until it is proven or disproven."""

    @property
    def instance(self) -> str:
        """The id of the instance."""
        ...

    def discreet(self, output: Output) -> Output:
        """The output of the instance, without the secrets that it was asked for with."""
        ...


class Step(Struct, frozen=True):
    """An action with its place in the order. `needs` names steps that must have ended well before."""

    id: str
    subject: str
    phase: Phase
    action: Action
    needs: tuple[str, ...] = ()


class Stage(Struct, frozen=True):
    """Steps that run side by side, as far as their needs allow, before the world is looked at again. `phase`: that of the
    first ones. Steps that start something and the proofs that these wait for are in one stage."""

    phase: Phase
    steps: tuple[Step, ...]


class Plan(Struct, frozen=True):
    """The differences and the steps against them. No stages: nothing to do."""

    domain: str
    differences: tuple[Difference, ...] = ()
    stages: tuple[Stage, ...] = ()


class Done(Struct, frozen=True, tag="done"):
    """The step ended well; `instance` is the id of the instance that it created, if it did."""

    message: str = ""
    instance: str = ""


class Retry(Struct, frozen=True, tag="retry"):
    """The step may succeed later. `after_s`: not before so many seconds; 0 leaves it to the back-off. `outside`: the cause
    lies outside of the subject (a device, a path or a port of the host, the network, the disk, memory), so that it may pass
    without a change of the spec. `defect`: evenkeel itself broke."""

    message: str
    after_s: float = 0.0
    outside: bool = False
    defect: bool = False


class Failed(Struct, frozen=True, tag="failed"):
    """The step will not succeed for this revision. `output`: the last output of the instance, where it was watched."""

    message: str
    output: Output | None = None


Outcome = Done | Retry | Failed
