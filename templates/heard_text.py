"""Feedback of an update agent in words: a line for each message, a bar for each action. From values alone."""

from __future__ import annotations

from evenkeel.specs.kanto.heard import Heard, HeardAction
from evenkeel.specs.visible import one_line
from evenkeel.templates.activity_text import status_role
from evenkeel.templates.style import PLAIN, Style, paint


def heard_line(heard: Heard, before: Heard | None = None, style: Style = PLAIN) -> str:
    """One message of feedback: its status, and the actions that differ from those of `before`."""
    known = before.actions if before is not None else ()
    news = [_action_text(action) for action in heard.actions if action not in known]
    about = f"{one_line(heard.baseline)}: " if heard.baseline else ""
    parts = [paint(f"{about}{one_line(heard.status)}", status_role(heard.status), style)]
    parts += [part for part in (", ".join(news), one_line(heard.message)) if part]
    return "  ".join(parts)


def component_name(component: str) -> str:
    """`containers:front` → `front`."""
    return one_line(component.partition(":")[2] or component)


def done_per_cent(action: HeardAction) -> int:
    """The progress of an action in per cent, for a bar."""
    start, share = _SHARES.get(action.status, (0, 0))
    return start + share * action.progress // 100


_SHARES = {
    "DOWNLOADING": (5, 45),
    "DOWNLOAD_SUCCESS": (50, 0),
    "UPDATING": (60, 0),
    "UPDATE_SUCCESS": (70, 0),
    "ACTIVATING": (80, 0),
    "ACTIVATION_SUCCESS": (100, 0),
    "REMOVING": (90, 0),
    "REMOVAL_SUCCESS": (100, 0),
}


def _action_text(action: HeardAction) -> str:
    far = f" {action.progress} %" if action.progress else ""
    why = f" ({one_line(action.message)})" if action.message and action.status.endswith("_FAILURE") else ""
    return f"{component_name(action.component)} {one_line(action.status)}{far}{why}"
