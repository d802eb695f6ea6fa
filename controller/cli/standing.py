"""The state of the controller: at work or not. Without a controller, a reader that follows entries would take the
silence for peace."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from evenkeel.controller.journal.lock import holder


class ControllerState(NamedTuple):
    """The state of the controller. `why`: the reason why it works from memory."""

    who: Literal["at work", "from memory", "nobody", "no directory"]
    why: str = ""


def standing(state: Path) -> ControllerState:
    """The state of the controller of this state directory now."""
    if not state.is_dir():
        return ControllerState("no directory")
    found = holder(state)
    if found is None:
        return ControllerState("nobody")
    return ControllerState("from memory", found.trouble) if found.trouble else ControllerState("at work")


def silence_text(before: ControllerState | None, now: ControllerState, state: Path) -> str:
    """The reason why no entry will come any more; "" where nothing has changed, or entries may come."""
    if before is None or before.who == now.who:
        return ""
    match now.who:
        case "no directory":
            return f"the state directory {state} is not there any more; what is written when it is back is shown"
        case "from memory":
            return f"the controller works from memory ({now.why}); what it says is shown when it can write again"
        case "nobody" if before.who != "no directory":
            return "no controller is at work any more; what the next one does is shown"
        case _:
            return ""
