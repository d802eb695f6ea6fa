"""The port of a participant: the calls by which a commander takes a domain through an update.

The commander is the update agent of the domain. An update manager commands agents by the messages of their wire, and
does not use this port (docs/adr/0028-operations.md). A participant is a domain of this device (`phases`, over its
cycles). It has no state of its own: it is given the `Activity`, and reports each change of it to the commander, which
stores and publishes it. So each call may be made again after a crash, and does only the work that is left
(docs/adr/0017-participants.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from evenkeel.specs.desired import DesiredState
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Status
from evenkeel.specs.kanto.updateagent import Inventory as KantoInventory
from evenkeel.specs.leda.messages import Inventory as LedaInventory

Tell = Callable[[Activity, Status], None]
"""Store a changed activity, and say it under this status. The actions have the progress of each component."""
Waits = Callable[[str], None]
"""Say the trouble that is being waited out; "" when it has passed."""


Reported = KantoInventory | LedaInventory
"""The inventory of a participant, in the shape of its wire."""


class Identified(NamedTuple):
    """The effect of a desired state. `before`: the state now, to go back to. `left_alone`: components of the desired
    state that are never touched. `doubts`: remarks for the commander, in sentences."""

    actions: tuple[ActivityAction, ...]
    before: DesiredState
    left_alone: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


class Participant(Protocol):
    """One participant. Its commander makes one call after the other; `interrupt`, `inventory` and `unknown` may be
    called at any time."""

    @property
    def domain(self) -> str:
        """The name of the domain."""
        ...

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits
    ) -> Identified | str | None:
        """The effect of a desired state; nothing is disturbed. `components`: id and version of each, in order. A text
        is the reason why it cannot be carried out or identified; `None` when told to stop meanwhile."""
        ...

    async def carry_out(self, activity: Activity, tell: Tell) -> Activity | None:
        """Carry out the command of an activity in the baselines at work. The activity after the command has ended, well or
        badly; `None` when it was interrupted."""
        ...

    async def confirm(self, activity: Activity, tell: Tell) -> Activity | None:
        """Look once more at all activated components, right before the end is said. `None` when told to stop meanwhile, or
        when the end has to wait; when cut short, the rest is not confirmed."""
        ...

    async def close(self, activity: Activity, waits: Waits) -> Activity | None:
        """Keep activated components and take back the rest, without feedback, because another activity takes the place
        of this one. Only being told to stop cuts it short: then `None`."""
        ...

    def state_to_keep(self, activity: Activity) -> DesiredState:
        """The state to be kept once the activity is over."""
        ...

    def interrupt(self) -> None:
        """Cut short the work that can be cut short."""
        ...

    def resume(self) -> None:
        """Forget an interruption, unless it was meant for good."""
        ...

    async def inventory(self) -> Reported:
        """The inventory now. Raises Unavailable, TimedOut or Refused when the engine cannot be asked."""
        ...

    def unknown(self, why: str) -> Reported:
        """The inventory that says why nothing is known."""
        ...
