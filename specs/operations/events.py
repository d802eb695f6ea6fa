"""Events of an operation, and the effects that follow from them: values only.

An event is something that was heard, decided or waited for. An effect is a message, a question or a reboot. Timers are not
effects: which of them run follows from the operation (`reconcilers.operations.waiting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.operations.operation import Status, ToldAction


class AgentFeedback(NamedTuple):
    """An agent told a status. `baseline`: the one that it is about, "" for all."""

    domain: str
    status: str
    baseline: str = ""
    message: str = ""
    actions: tuple[ToldAction, ...] = ()


class Reported(NamedTuple):
    """An agent reported its current state: the versions of its components by `domain:id`, after the reboot."""

    domain: str
    versions: Mapping[str, str]


class Unsent(NamedTuple):
    """A message for an agent could not be sent."""

    domain: str
    why: str


class Restarted(NamedTuple):
    """An agent has begun anew, and may have forgotten the operation."""

    domain: str


class Resumed(NamedTuple):
    """The update manager itself has begun anew. `rebooted`: so has the device."""

    rebooted: bool


class Answered(NamedTuple):
    """The owner's answer to the question about a command. `why`: of a refusal."""

    command: Command
    approved: bool
    why: str = ""


class Judged(NamedTuple):
    """The preconditions of a group were evaluated. `unmet`: why they do not hold, "" when they do."""

    title: str
    unmet: str = ""


class Elapsed(NamedTuple):
    """A timer of the operation has run out."""

    timer: Timer


class Cancelled(NamedTuple):
    """Somebody ended the operation from outside."""

    why: str


Event = AgentFeedback | Reported | Unsent | Restarted | Resumed | Answered | Judged | Elapsed | Cancelled


class Timer(NamedTuple):
    """A wait of the operation; `about` tells one from the next, and a timer runs as long as it is wanted unchanged.

    `identification`: agents have to answer the desired state; `phase`: the command `about`; `consent`: the owner has to
    answer. `silence`: an agent should have begun its way back by now, and is asked for its state; `boot`: it has to tell what
    has booted; `settle`: it has cleaned up, and should say its last word.
    """

    kind: Literal["identification", "phase", "consent", "silence", "boot", "settle"]
    about: str
    seconds: float


class SendSlice(NamedTuple):
    """Send a domain its slice of the desired state."""

    domain: str


class SendCommand(NamedTuple):
    """Send a domain a command for one baseline, or for all ("")."""

    domain: str
    command: Command
    baseline: str = ""


class AskState(NamedTuple):
    """Ask a domain for its current state."""

    domain: str


class Say(NamedTuple):
    """Tell the sender of the desired state."""

    status: Status
    message: str = ""


class AskOwner(NamedTuple):
    """Ask the owner whether a command may be given."""

    command: Command


class WithdrawQuestion(NamedTuple):
    """The question to the owner is void."""


class Reboot(NamedTuple):
    """Reboot the device, for these domains."""

    domains: tuple[str, ...]


class Ended(NamedTuple):
    """The operation is over. Its end was told before."""


Effect = SendSlice | SendCommand | AskState | Say | AskOwner | WithdrawQuestion | Reboot | Ended
