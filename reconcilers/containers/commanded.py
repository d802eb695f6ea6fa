"""Which steps of containers a command of an update opens: the domain's gates (docs/adr/0010-gates.md). Pure.

So that each command does what Kanto's agent does at it (container-management.md §2.4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evenkeel.specs.containers.actions import Connect, Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.plan import Step

_OPENS: Mapping[Command, tuple[type, ...]] = {
    "DOWNLOAD": (Pull, Create),
    "UPDATE": (Update, Rename, End),
    "ACTIVATE": (Rename, End, Connect, Start, Verify),
    "CLEANUP": (Remove,),
}
"""The steps that a command opens in addition to those of the commands before it. An opened gate stays open, so that a
container that was taken down since is put up again. ROLLBACK opens everything, because its desired state is another."""


def opens(command: Command) -> Callable[[Step], bool]:
    """The gate of a command: opens the steps of its kinds."""
    kinds: tuple[type, ...] = ()
    for name, added in _OPENS.items():
        kinds += added
        if name == command:
            break
    return lambda step: command == "ROLLBACK" or isinstance(step.action, kinds)


def gives_way(step: Step) -> bool:
    """The gate of the first half of a way back: all that is new gives way before anything old takes its place."""
    return not isinstance(step.action, (Start, Verify, Remove))
