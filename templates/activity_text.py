"""State of MQTT in words: the message in force and the open activity.

From values alone. Statuses stay as they are on the wire, because people search for them in both places.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.visible import one_line
from evenkeel.templates.ago import since_text, when_text
from evenkeel.templates.fitting import cut
from evenkeel.templates.moment import iso_value
from evenkeel.templates.style import PLAIN, Role, Style, paint

ABANDON_HINT = "`evenkeel release --abandon` ends it"


class MessageOrigin(NamedTuple):
    """The origin of a desired state in force, and its time (epoch seconds)."""

    topic: str
    activity_id: str
    at: float


def message_text(message: MessageOrigin, now: float) -> str:
    """`containersupdate/desiredstate (a1) 5 min ago`."""
    place = place_text(Place(topic=one_line(message.topic), activity_id=one_line(message.activity_id)))
    return f"{place} {when_text(message.at, now)}"


def message_value(message: MessageOrigin | None) -> dict[str, Any] | None:
    """The same as plain values."""
    if message is None:
        return None
    return {"topic": message.topic, "activityId": message.activity_id, "since": iso_value(message.at)}


def activity_lines(
    activity: Activity, now: float, width: int = 80, style: Style = PLAIN, *, served: bool = True
) -> Iterator[str]:
    """An open activity: the reason of its wait, its baselines, its actions. `served`: the settings have an agent for
    it."""
    place = place_text(Place(topic=one_line(activity.topic), activity_id=one_line(activity.id)))
    yield f"{paint('activity open', 'strong', style)}: {place}, begun {when_text(activity.begun_at, now)}"
    if activity.command:
        yield f"    {activity.command} is at work{_for(activity.addressed)}"
    elif all(baseline.closed for baseline in activity.baselines):
        yield f"    all commands are done, {since_text(activity.touched_at, now)}"
    else:
        alone = ", and goes on by itself" if activity.alone else ""
        yield f"    waits for a command, {since_text(activity.touched_at, now)}{alone}"
    if not served:
        yield paint(f"    nobody serves it, because its agent is off; {ABANDON_HINT}", "bad", style)
    for baseline in activity.baselines:
        if baseline.subjects or not (baseline.closed or baseline.title.endswith(":remove-components")):
            status = "closed" if baseline.closed else baseline.status
            yield "    " + cut(f"{one_line(baseline.title)}: {status}", max(width - 4, 20))
    for action in activity.actions:
        far = f" {action.progress} %" if action.progress else ""
        about = f"{action.subject}: {action.kind}, {action.status}{far}"
        waits = f"waits: {one_line(action.waits_for)}" if action.waits_for else one_line(action.message)
        text = f"{about}; {waits}" if waits else about
        yield "      " + paint(cut(text, max(width - 6, 20)), status_role(action.status), style)


def activity_value(activity: Activity) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "id": activity.id,
        "topic": activity.topic,
        "begunAt": iso_value(activity.begun_at),
        "touchedAt": iso_value(activity.touched_at),
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
                "message": each.waits_for or each.message,
            }
            for each in activity.actions
        ],
    }


def _for(title: str) -> str:
    return f" for {one_line(title)}" if title not in ("", "*") else ""


def status_role(status: str) -> Role | None:
    """The role of a wire status, by which it is coloured."""
    if status.endswith(("_FAILURE", "_FAILED")) or status.startswith("INCOMPLETE"):
        return "bad"
    return "good" if status.endswith("_SUCCESS") or status == "COMPLETED" else None
