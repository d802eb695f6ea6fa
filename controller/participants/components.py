"""The port of a local domain to the phases of an update: one component at a time, driven and looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from evenkeel.controller.participants.participant import Waits
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.plan import Stage, Step

Want = TypeVar("Want")

StepProgress = Callable[[Step, str, int, int], None]
StageBegins = Callable[[Stage], None]
"""Called with a stage before it is performed."""

MOST_PROOFS = 5
"""The most proofs of a component that is stopped from outside each time. After these it does not become proven."""


class Interrupted(Exception):
    """Told to stop, or a message has come that does not wait."""


def silent(step: Step, message: str, done: int, total: int) -> None:
    """Ignore progress."""


def unheeded(stage: Stage) -> None:
    """Ignore the beginning of a stage."""


class Oversight(NamedTuple):
    """A caller's hold on the work on a component. `waits`: called with trouble that is waited out; `cut`: ends waiting, and
    raises Interrupted; `progress` and `begins`: called with the progress of steps, and with each stage."""

    waits: Waits
    cut: asyncio.Event
    progress: StepProgress = silent
    begins: StageBegins = unheeded


class Components(Protocol[Want]):
    """The components of one domain. Methods that wait raise Interrupted when they are cut short."""

    def begin(self, revision: str) -> None:
        """Begin a command for this revision, with all its patience."""
        ...

    def wanted(self, activity: Activity) -> Want:
        """The want of the domain in the target of an activity."""
        ...

    def wanted_before(self, activity: Activity) -> Want:
        """The want of the domain in the state before an activity."""
        ...

    async def drive(
        self,
        action: ActivityAction,
        want: Want,
        command: Command,
        oversight: Oversight,
    ) -> str:
        """Drive a component as far as the command's gate is open; "" when it went well, else the reason."""
        ...

    async def fetch(
        self,
        action: ActivityAction,
        want: Want,
        oversight: Oversight,
    ) -> tuple[str, str]:
        """Drive a component through DOWNLOAD: the name of its content, "" without one; and the reason of a failure."""
        ...

    async def put_up(
        self,
        action: ActivityAction,
        want: Want,
        command: Command,
        oversight: Oversight,
    ) -> tuple[str, Standing]:
        """Drive a component as `drive` does: the reason why that did not go well, and the component's standing after it."""
        ...

    async def restore(
        self, action: ActivityAction, before: Want, oversight: Oversight, *, gives_way: bool = False
    ) -> str:
        """Restore the state before, with its content; "" when it went well, else the reason. `gives_way`: only until
        the new instance has stepped aside for the old one."""
        ...

    async def standing(self, action: ActivityAction, want: Want, oversight: Oversight) -> Standing:
        """The standing of a component now."""
        ...

    async def standings(
        self, actions: Sequence[ActivityAction], want: Want, oversight: Oversight
    ) -> dict[str, Standing]:
        """The standing of several components by one and the same look, by subject."""
        ...
