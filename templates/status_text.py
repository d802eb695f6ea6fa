"""The text of `evenkeel status`, from values alone.

It answers three questions in this order: is a controller at work, is the desired state reached, and if not, which
remedy is there. The journal is only as fresh as the controller that wrote it; without one at work every condition may
be old, and the text says so.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, get_args

from evenkeel.specs.feedback import Condition, ConditionName, Work
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.operations.operation import Operation
from evenkeel.specs.output import logs_hint
from evenkeel.specs.visible import one_line
from evenkeel.templates.activity_text import MessageOrigin, activity_lines, activity_value, message_text, message_value
from evenkeel.templates.ago import since_text, when_text
from evenkeel.templates.moment import iso_value
from evenkeel.templates.operation_text import operation_lines, operation_value
from evenkeel.templates.style import PLAIN, Style, paint
from evenkeel.templates.work_text import work_lines, work_value


class Failure(NamedTuple):
    """A revision that did not succeed. `given_up`: it is not tried again by itself."""

    digest: str
    why: str
    failures: int
    at: float
    given_up: bool


class Status(NamedTuple):
    """Everything that is known without asking an engine. Times are seconds since the epoch.

    `pid` is `None` when no controller is at work, and 0 when its id is not visible here. `trouble`: why it works from
    memory, "" when it does not; `is_told`: the conditions are its own words all the same. `message`: the origin of a
    desired state that came over MQTT; `waiting`: for the broker; `operation`: that of the update manager; `reboot_window`:
    the part of the day for its reboots, "" for any; `activities`: those that are open; `unserved`: the ids of those for
    which the settings have no agent. `work`: the work of the controller, `None` when it did not say. `said`: the failed
    subjects whose last output is kept. `groups`: the groups that went back to last-good, with the reasons; `blocked`:
    those that cannot be had; `held_up`: those that are not fetched yet.
    """

    state: str
    specs: tuple[str, ...]
    engine: str
    engine_address: str = ""
    pid: int | None = None
    trouble: str = ""
    is_told: bool = False
    desired: str = ""
    last_good: str = ""
    conditions: tuple[Condition, ...] = ()
    failure: Failure | None = None
    known: bool = True
    message: MessageOrigin | None = None
    operation: Operation | None = None
    reboot_window: str = ""
    activities: tuple[Activity, ...] = ()
    waiting: int = 0
    unserved: tuple[str, ...] = ()
    work: Work | None = None
    said: tuple[str, ...] = ()
    groups: Mapping[str, str] = {}
    blocked: Mapping[str, str] = {}
    held_up: Mapping[str, str] = {}


def status_lines(status: Status, now: float, width: int = 80, style: Style = PLAIN) -> tuple[str, ...]:
    """The whole text. `now`: seconds since the epoch."""
    return tuple(_lines(status, now, width, style))


def is_well(status: Status) -> bool:
    """Whether a controller is at work and all its conditions hold."""
    return status.pid is not None and not status.trouble and all(condition.holds for condition in status.conditions)


def status_value(status: Status) -> dict[str, Any]:
    """The same as plain values; keys are only ever added."""
    failure = status.failure
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Status",
        "controller": {
            "atWork": status.pid is not None,
            "process": status.pid or None,
            "fromMemory": status.trouble or None,
        },
        "engine": {
            "kind": status.engine,
            "address": status.engine_address or None,
            "simulated": status.engine == "memory",
        },
        "specs": list(status.specs),
        "state": status.state,
        "desired": status.desired or None,
        "asked": "message" if status.message is not None else "files",
        "message": message_value(status.message),
        "lastGood": status.last_good or None,
        "stale": status.pid is None or bool(status.trouble and not status.is_told),
        "conditions": [
            {
                "name": condition.name,
                "domain": condition.domain,
                "holds": condition.holds,
                "reason": condition.reason,
                "message": condition.message,
                "since": iso_value(condition.since),
                "refused": {"at": iso_value(condition.refused.at), "why": condition.refused.text}
                if condition.refused is not None
                else None,
            }
            for condition in status.conditions
        ],
        "failure": None
        if failure is None
        else {
            "revision": failure.digest,
            "why": failure.why,
            "failures": failure.failures,
            "at": iso_value(failure.at),
            "givenUp": failure.given_up,
        },
        "groups": [
            {"name": group or None, **dict.fromkeys(_GROUP_KEYS), key: why}
            for key, groups in zip(_GROUP_KEYS, (status.groups, status.blocked, status.held_up), strict=True)
            for group, why in groups.items()
        ],
        "operation": operation_value(status.operation, status.reboot_window),
        "activities": [activity_value(activity) for activity in status.activities],
        "messagesWaiting": status.waiting,
        "work": work_value(status.work),
        "logs": list(status.said),
    }


def _lines(status: Status, now: float, width: int, style: Style) -> Iterator[str]:
    if status.pid is not None:
        process = f"process {status.pid}" if status.pid else "in another process namespace"
        yield _field("controller", paint(f"at work ({process})", "good", style))
        yield from (
            _field(name, line) for name, line in work_lines(status.work, status.conditions, width - _HEAD, style)
        )
        if status.trouble:
            yield _field("", paint(f"it works from memory: {one_line(status.trouble)}", "bad", style))
    else:
        yield _field("controller", paint("not at work", "bad", style) + "; start it: evenkeel run")
    yield _field("engine", f"{status.engine} {status.engine_address}".rstrip())
    if status.engine == "memory":
        yield _field("", paint("the memory engine only simulates: no container of this machine runs", "change", style))
    yield _field("specs", ", ".join(one_line(path) for path in status.specs))
    yield _field("state", one_line(status.state))
    if not status.known:
        yield _field("desired", "nothing yet: no controller ever worked with this state directory")
        return
    is_unknown = bool(status.trouble) and not status.is_told
    nothing = "not known" if is_unknown else "nothing has been asked for yet"
    yield _field("desired", status.desired or nothing)
    if status.message is not None:
        yield _field("", f"asked by {message_text(status.message, now)}; `evenkeel release` gives the files their say")
    same = status.last_good and status.last_good == status.desired
    yield _field(
        "last good",
        f"{status.last_good or ('not known' if is_unknown else 'none yet')}{' (the desired one)' if same else ''}",
    )
    told = (
        ("went back to last-good", status.groups),
        ("cannot be had", status.blocked),
        ("waits", status.held_up),
    )
    for group, became, why in ((group, became, why) for became, groups in told for group, why in groups.items()):
        name = f"group {one_line(group)}" if group else "what is in no group"
        text = f"{name} {became}: {one_line(why)}"
        yield from (_field("", line) for line in textwrap.wrap(text, max(width - _HEAD, 28)))
    yield ""
    if is_unknown:
        yield paint("as it was when the state directory was lost; what happened since is not known:", "change", style)
    elif status.conditions and status.pid is None:
        yield paint("as the last controller left it; what happened since is not known:", "change", style)
    labels = _labels(status.conditions)
    name_width = max([_NAME, *(len(label) + 1 for label in labels.values())])
    since_width = max((len(_since(condition, now)) for condition in status.conditions), default=0)
    for condition in sorted(status.conditions, key=lambda condition: _ORDER.index(condition.name)):
        label = labels[condition.name, condition.domain]
        yield from _condition(condition, f"{label:<{name_width}}", since_width, now, width, style)
    if status.operation is not None:
        yield ""
        yield from operation_lines(status.operation, width, style, status.reboot_window)
    for activity in status.activities:
        yield ""
        yield from activity_lines(activity, now, width, style, served=activity.id not in status.unserved)
    if status.waiting:
        words = "message waits" if status.waiting == 1 else "messages wait"
        yield ""
        yield paint(f"{status.waiting} {words} for the broker", "change", style)
    yield from _failure(status, now, width, style)
    if status.said:
        yield ""
        yield from textwrap.wrap(one_line(f"{logs_hint(*status.said)}."), max(width, 40))


_ORDER = get_args(ConditionName)
_HEAD, _NAME = 12, 17
_GROUP_KEYS = ("failed", "blocked", "waits")
"""Why a group is not as asked for, in JSON."""
_MEANT = (
    "Mount the folder, or put specs into it. Where nothing shall be there: evenkeel apply --allow-empty, or "
    "emptySourceRemovesAll in the settings."
)


def _field(name: str, value: str) -> str:
    return f"{name:<{_HEAD}}{value}"


def _condition(
    condition: Condition, label: str, since_width: int, now: float, width: int, style: Style
) -> Iterator[str]:
    """One condition. Its time is that of the yes or no, and stands beside it, because the reason may be newer."""
    mark = paint("yes", "good", style) if condition.holds else paint("no ", "bad", style)
    since = paint(f"{_since(condition, now):<{since_width}}", "faint", style)
    yield f"{label}{mark} {since}  {condition.reason}".rstrip()
    if condition.message and not (condition.holds and condition.reason == "Converged"):
        yield from _indented(condition.message, width)
    if condition.refused is not None:
        yield from _indented(f"{when_text(condition.refused.at, now)} {condition.refused.text}", width)
    if condition.reason == "Empty":
        yield from _indented(_MEANT, width)


def _labels(conditions: Sequence[Condition]) -> dict[tuple[str, str], str]:
    """The label of each condition: its name, and its domain where several domains have one of that name."""
    times = Counter(condition.name for condition in conditions)
    return {
        (each.name, each.domain): f"{each.name} ({each.domain})" if times[each.name] > 1 else each.name
        for each in conditions
    }


def _since(condition: Condition, now: float) -> str:
    return since_text(condition.since, now) if condition.since else ""


def _failure(status: Status, now: float, width: int, style: Style) -> Iterator[str]:
    failure = status.failure
    if failure is None:
        return
    yield ""
    when = when_text(failure.at, now)
    times = "once" if failure.failures == 1 else f"{failure.failures} times"
    if not failure.given_up:
        yield f"revision {failure.digest} failed {times}, last {when}; it is tried again by itself:"
        yield from _indented(failure.why, width)
        return
    yield paint(f"revision {failure.digest} failed {when} and is not tried again:", "bad", style)
    yield from _indented(failure.why, width)
    kept = f"last good ({status.last_good}) is kept. " if status.last_good else ""
    yield from _indented(f"{kept}Change the specs, or try the same again: evenkeel retry", width)


def _indented(text: str, width: int) -> Iterator[str]:
    for line in text.splitlines():
        yield from textwrap.wrap(
            one_line(line),
            max(width, 40),
            initial_indent="    ",
            subsequent_indent="    ",
            break_on_hyphens=False,
            break_long_words=False,  # half a digest is useless
        )
