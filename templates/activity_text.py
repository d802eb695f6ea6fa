"""What came over MQTT, in words: the message that is in force, the activity that is open, and what an agent says.

From values alone. Statuses stay as they are on the wire, because people look for them in two places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from evenkeel.specs.activity import Activity
from evenkeel.specs.heard import Heard, HeardAction
from evenkeel.specs.problem import Place, place_text
from evenkeel.templates.ago import ago_text
from evenkeel.templates.fitting import cut, one_line
from evenkeel.templates.style import PLAIN, Role, Style, paint


class Message(NamedTuple):
    """Where a desired state in force came from, and when that was (epoch seconds)."""

    topic: str
    activity_id: str
    at: float


def message_text(message: Message, now: float) -> str:
    """`containersupdate/desiredstate (a1) 5 min ago`."""
    place = place_text(Place(topic=one_line(message.topic), activity_id=one_line(message.activity_id)))
    return f"{place} {ago_text(now - message.at)} ago"


def message_value(message: Message | None) -> dict[str, Any] | None:
    """The same as plain values."""
    if message is None:
        return None
    return {"topic": message.topic, "activityId": message.activity_id, "since": message.at}


def activity_lines(activity: Activity, now: float, width: int = 80, style: Style = PLAIN) -> Iterator[str]:
    """An open activity: what it waits for, its baselines, its actions."""
    place = place_text(Place(topic=one_line(activity.topic), activity_id=one_line(activity.id)))
    yield f"{paint('activity open', 'strong', style)}: {place}, begun {ago_text(now - activity.begun_at)} ago"
    if activity.command:
        yield f"    {activity.command} is at work{_for(activity.addressed)}"
    else:
        alone = ", and goes on by itself" if activity.alone else ""
        yield f"    waits for a command, since {ago_text(now - activity.touched_at)}{alone}"
    for baseline in activity.baselines:
        if baseline.subjects:
            status = "closed" if baseline.closed else baseline.status
            yield "    " + cut(f"{one_line(baseline.title)}: {status}", max(width - 4, 20))
    for action in activity.actions:
        far = f" {action.progress} %" if action.progress else ""
        about = f"{action.subject}: {action.kind}, {action.status}{far}"
        text = f"{about}; {one_line(action.message)}" if action.message else about
        yield "      " + paint(cut(text, max(width - 6, 20)), _role(action.status), style)


def activity_value(activity: Activity | None) -> dict[str, Any] | None:
    """The same as plain values."""
    if activity is None:
        return None
    return {
        "id": activity.id,
        "topic": activity.topic,
        "begunAt": activity.begun_at,
        "touchedAt": activity.touched_at,
        "command": activity.command or None,
        "alone": activity.alone,
        "baselines": [
            {"title": each.title, "subjects": list(each.subjects), "status": each.status, "closed": each.closed}
            for each in activity.baselines
        ],
        "actions": [
            {
                "subject": each.subject,
                "version": each.version,
                "kind": each.kind,
                "status": each.status,
                "progress": each.progress,
                "message": each.message,
            }
            for each in activity.actions
        ],
    }


def heard_line(heard: Heard, before: Heard | None = None, style: Style = PLAIN) -> str:
    """One message of feedback: its status, and the actions that `before` did not say the same of."""
    known = before.actions if before is not None else ()
    news = [_action_text(action) for action in heard.actions if action not in known]
    about = f"{one_line(heard.baseline)}: " if heard.baseline else ""
    parts = [paint(f"{about}{one_line(heard.status)}", _role(heard.status), style)]
    parts += [part for part in (", ".join(news), one_line(heard.message)) if part]
    return "  ".join(parts)


def component_name(component: str) -> str:
    """`containers:front` → `front`."""
    return one_line(component.partition(":")[2] or component)


def done_per_cent(action: HeardAction) -> int:
    """How much of its way an action has behind it, for a bar."""
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


def _for(title: str) -> str:
    return f" for {one_line(title)}" if title not in ("", "*") else ""


def _role(status: str) -> Role | None:
    if status.endswith(("_FAILURE", "_FAILED")) or status.startswith("INCOMPLETE"):
        return "bad"
    return "good" if status.endswith("_SUCCESS") or status == "COMPLETED" else None
