"""Which steps of an operating system a command of an update opens: the domain's gates (docs/adr/0010-gates.md). Pure.

An update manager reboots the device itself, after the clean-up. So no command opens a reboot. The end of the update
does, where evenkeel is to reboot.
"""

from __future__ import annotations

from evenkeel.reconcilers.gate import IsOpen
from evenkeel.specs.kanto.activity import Command
from evenkeel.specs.plan import Phase, Step
from evenkeel.specs.slots.actions import Reboot

_CLOSED: dict[Command, tuple[Phase, ...]] = {
    "DOWNLOAD": (Phase.UPDATE, Phase.ACTIVATE, Phase.VERIFY, Phase.CLEANUP),
    "UPDATE": (Phase.ACTIVATE, Phase.VERIFY, Phase.CLEANUP),
}
"""The phases that a command leaves closed. A phase that was opened stays open."""


def opens(command: Command) -> IsOpen:
    """The gate of a command that leads to the target."""
    closed = _CLOSED.get(command, ())
    return lambda step: step.phase not in closed and not isinstance(step.action, Reboot)


def at_the_end(step: Step) -> bool:
    """The gate of the end of an update: the reboot, and the proof after it."""
    return not (isinstance(step.action, Reboot) and step.action.by == "others")


def leads_back(step: Step) -> bool:
    """The gate of the way back. The proof of the system before is left to cycles: it ran until now."""
    return step.phase != Phase.VERIFY and at_the_end(step)
