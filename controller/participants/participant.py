"""The port of a participant: what a commander needs of a domain to take it through an update.

A commander is an update agent, whose commands come over MQTT, or an update manager, which commands several participants in
one operation. A participant is a domain of this device (`phases`, over its cycles), or a remote agent. It has no state of its
own: the `Activity` is given to it, and what becomes of that is told to the commander, which stores and publishes it. So
everything may be called again after a crash, and does only what is left (docs/adr/0017-participants.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Status
from evenkeel.specs.kanto.updateagent import Inventory

Tell = Callable[[Activity, Status], None]
"""Store what an activity has become, and say it under this status. The actions have the progress of each component."""
Waits = Callable[[str], None]
"""Say which trouble is being waited out; "" when it has passed."""


class Identified(NamedTuple):
    """What a desired state would do. `before`: what is there now, to go back to. `left_alone`: components that are asked
    for and are never touched. `doubts`: what the commander ought to know though all is well, in sentences."""

    actions: tuple[ActivityAction, ...]
    before: DesiredState
    left_alone: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class Participant(Protocol):
    """One participant. Its commander does one thing after the other; `interrupt`, `inventory` and `unknown` may be called
    at any time."""

    @property
    def domain(self) -> str:
        """The domain that it is."""
        ...

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits
    ) -> Identified | str | None:
        """What would be done for a desired state; nothing is disturbed. `components`: id and version of each, in order. A text
        says why it cannot be done or nothing can be said; `None` when told to stop meanwhile."""
        ...

    async def carry_out(self, activity: Activity, tell: Tell) -> Activity | None:
        """Carry out the command of an activity in the baselines at work. The activity after the command has ended, well or
        badly; `None` when it was interrupted."""
        ...

    async def confirm(self, activity: Activity, tell: Tell) -> Activity | None:
        """Look once more at everything that was activated, right before the end is said. `None` when told to stop meanwhile;
        when cut short, the rest is not confirmed."""
        ...

    async def close(self, activity: Activity, waits: Waits) -> Activity | None:
        """Keep what was activated and take back the rest, without a word, because something else takes the activity's place.
        Only being told to stop cuts it short: then `None`."""
        ...

    def kept(self, activity: Activity) -> DesiredState:
        """What has to stay as it is once the activity is over."""
        ...

    def interrupt(self) -> None:
        """Cut short what can be cut short."""
        ...

    def resume(self) -> None:
        """Forget an interruption, unless it was meant for good."""
        ...

    async def inventory(self) -> Inventory:
        """What is there now. Raises Unavailable, TimedOut or Refused when nobody can look."""
        ...

    def unknown(self, why: str) -> Inventory:
        """The inventory that says why nothing is known."""
        ...
