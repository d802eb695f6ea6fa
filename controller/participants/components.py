"""What the phases of an update need of a local domain: one component at a time, driven and looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from evenkeel.controller.participants.participant import Waits
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.plan import Step

Want = TypeVar("Want")

StepProgress = Callable[[Step, str, int, int], None]

MOST_PROOFS = 5
"""A component that other hands stop again and again while it is watched does not become proven."""


class Interrupted(Exception):
    """Told to stop, or something has come that does not wait."""


def silent(step: Step, message: str, done: int, total: int) -> None:
    """Progress that nobody hears."""


class Components(Protocol[Want]):
    """The components of one domain. `cut` ends what is waited for, and raises Interrupted."""

    def begin(self, revision: str) -> None:
        """A command begins, for this revision, with all its patience."""
        ...

    def wanted(self, activity: Activity) -> Want:
        """What the target of an activity asks of the domain."""
        ...

    def wanted_before(self, activity: Activity) -> Want:
        """What was there before an activity, as if somebody had asked for it."""
        ...

    async def drive(
        self,
        action: ActivityAction,
        want: Want,
        command: Command,
        waits: Waits,
        cut: asyncio.Event,
        progress: StepProgress = silent,
    ) -> str:
        """As far as the command's gate is open; "" when it went well, else why not."""
        ...

    async def content(self, action: ActivityAction, want: Want, waits: Waits, cut: asyncio.Event) -> tuple[str, str]:
        """What names the content that was fetched, "" when nothing does; and why nothing could be seen."""
        ...

    async def restore(
        self, action: ActivityAction, before: Want, waits: Waits, cut: asyncio.Event, *, gives_way: bool = False
    ) -> str:
        """Back to what was there, also to its content; "" when it went well, else why not. `gives_way`: only as far as what is
        new steps aside for what was there."""
        ...

    async def stands(self, action: ActivityAction, want: Want, waits: Waits, cut: asyncio.Event) -> Standing:
        """How a component stands now."""
        ...

    async def all_stand(
        self, actions: Sequence[ActivityAction], want: Want, waits: Waits, cut: asyncio.Event
    ) -> dict[str, Standing]:
        """How several components stand by one and the same look, by subject."""
        ...
