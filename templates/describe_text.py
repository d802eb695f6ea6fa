"""What `evenkeel describe container` says, from values alone: what was asked for, what is there, what differs and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.observed import ContainerSeen
from evenkeel.specs.containers.shorthand import port_text
from evenkeel.specs.feedback import StepAtWork
from evenkeel.specs.output import LastFailure, logs_hint, says_something
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.repeats import Repeated
from evenkeel.specs.visible import one_line
from evenkeel.templates.ago import age_text, when_text
from evenkeel.templates.fitting import hidden_change
from evenkeel.templates.moment import iso_value
from evenkeel.templates.style import PLAIN, Style, paint
from evenkeel.templates.work_text import step_text, step_value


class Instance(NamedTuple):
    """One container of the engine that has the name. `proven`: its health was proven since it was started. `check_said`: what
    the command of its check wrote the last time, as plain text within bounds."""

    seen: ContainerSeen
    proven: bool
    check_said: tuple[str, ...] = ()


class Described(NamedTuple):
    """All that is known of one container. `asked`: where it is asked for; `None` when nobody asks for it. `spec`: what is
    asked for beyond the defaults, as path and text. `roles`: which revisions it is part of. `ailment`: why it is not well.
    `difference`: between what is asked for and what is there, `None` when there is none. `failure`: why the desired revision
    failed, where it failed by this one or is `given_up`: not tried again by itself, and last-good is in force. `last`: how it
    failed the last time, and what it said then. `entries`: what happened to it lately. `by`: whose it is, "nobody" where it is
    gone and its entries are all that is left. `in_force`: which revision all this is told by; `not_done`: what the desired one
    asks for otherwise, as path, old and new text, where it is not in force. `away`: why the engine could not be asked, ""
    when it was. `steps`: what is being done for it just now. `named_in`: where a system container is named; `None` for the
    settings."""

    name: str
    by: str
    asked: Place | None
    spec: tuple[tuple[str, str], ...]
    roles: tuple[tuple[str, str], ...]
    instances: tuple[Instance, ...]
    ailment: str = ""
    difference: ContainerDifference | None = None
    failure: str = ""
    given_up: bool = False
    not_done: tuple[tuple[str, str, str], ...] = ()
    in_force: str = "desired"
    last: LastFailure | None = None
    entries: tuple[Repeated, ...] = ()
    away: str = ""
    steps: tuple[StepAtWork, ...] = ()
    named_in: Place | None = None


def describe_lines(described: Described, now: float, style: Style = PLAIN) -> Iterator[str]:
    """All but the entries, which are dated in local time. `now`: seconds since the epoch."""
    asked = (
        one_line(place_text(described.asked)) if described.asked is not None else "nothing that is in force asks for it"
    )
    yield _field("container", f"{paint(one_line(described.name), 'strong', style)} ({_BY[described.by]})")
    if described.by == "system":
        yield _field("named in", one_line(place_text(described.named_in)) if described.named_in else "the settings")
    else:
        yield _field("asked for", asked)
    for role, digest in described.roles:
        is_told = role == described.in_force == "last-good"
        yield _field(role.replace("-", " "), f"{digest} (in force)" if is_told else digest)
    yield _field("verdict", _verdict(described, style))
    for step in described.steps:
        yield _field("doing", step_text(step))
    if described.failure:
        yield _field("", paint(f"the desired revision failed: {one_line(described.failure)}", "bad", style))
    if described.not_done:
        yield _field("", "what it asks for otherwise is not done, and it is not tried again by itself; evenkeel retry")
        yield from _changes(described.not_done)
    if described.difference is not None:
        yield from _changes((each.path, each.old, each.new) for each in described.difference.changes)
    last = described.last
    if last is not None:
        hint = f"; {logs_hint(described.name)}" if says_something(last.output) else ""
        yield _field("failed", one_line(f"{when_text(last.at, now)}: {last.why}{hint}"))
    for instance in described.instances:
        yield ""
        yield from _instance(instance, described.by == "evenkeel", now, style)
    if described.spec:
        yield ""
        yield paint("what is asked for", "strong", style)
        width = max(len(one_line(path)) for path, _ in described.spec)
        for path, text in described.spec:
            yield f"  {one_line(path):<{width}}  {'' if path.endswith('.' + text) else one_line(text)}".rstrip()


def describe_value(described: Described) -> dict[str, Any]:
    """The same as plain values, with the entries; times are ISO 8601."""
    difference = described.difference
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "ContainerDescription",
        "name": described.name,
        "by": described.by,
        "asked": place_text(described.asked) if described.asked is not None else None,
        "desired": dict(described.roles).get("desired"),
        "lastGood": dict(described.roles).get("last-good"),
        "spec": dict(described.spec),
        "ailment": described.ailment or None,
        "failure": described.failure or None,
        "engineError": described.away or None,
        "namedIn": place_text(described.named_in) if described.named_in is not None else None,
        "doing": [step_value(step) for step in described.steps],
        "inForce": described.in_force,
        "givenUp": described.given_up,
        "notDone": [{"path": path, "old": old, "new": new} for path, old, new in described.not_done],
        "lastFailure": None
        if described.last is None
        else {
            "at": iso_value(described.last.at),
            "why": described.last.why,
            "revision": described.last.revision,
            "logs": says_something(described.last.output),
        },
        "difference": None
        if difference is None
        else {
            "verb": difference.verb,
            "why": difference.why,
            "changes": [{"path": each.path, "old": each.old, "new": each.new} for each in difference.changes],
        },
        "instances": [_instance_value(each) for each in described.instances],
        "events": [
            {
                "seq": each.entry.seq,
                "at": iso_value(each.entry.at),
                "kind": each.entry.kind,
                "message": each.entry.message,
                "times": each.times,
                "since": iso_value(each.since),
            }
            for each in described.entries
        ],
    }


_HEAD = 12
_MOST_CHECK_LINES = 10
_BY = {
    "evenkeel": "evenkeel's",
    "system": "a system container: never touched",
    "others": "others'",
    "nobody": "gone",
    "unknown": "whose it is, the engine alone can tell",
}


def _field(name: str, value: str) -> str:
    return f"{name:<{_HEAD}}{value}"


def _changes(changes: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    for path, old, new in changes:
        text = hidden_change(old, new) or " → ".join(one_line(each) or "(nothing)" for each in (old, new))
        yield _field("", f"{one_line(path) or 'container'}: {text}")


def _verdict(described: Described, style: Style) -> str:
    if described.away:
        return paint(f"not known: {one_line(described.away)}", "bad", style)
    difference, is_last_good = described.difference, described.in_force == "last-good"
    if difference is not None and difference.verb != "keep":
        if described.given_up and not is_last_good:
            what = f"{difference.verb}, which is not done: the desired revision failed and is not tried again by itself"
            return paint(f"{what}; evenkeel retry", "bad", style)
        return paint(f"{difference.verb}: {one_line(difference.why)}", "change", style)
    if described.ailment:
        return paint(f"not well: it {one_line(described.ailment)}", "bad", style)
    if described.by == "nobody":
        return "it is not there; what happened to it, and what it left, is below"
    if described.by != "evenkeel":
        return "evenkeel does nothing about it"
    if not described.instances:
        return "not there, and not to be there: last-good is in force"
    return paint("as last-good asks, and proven" if is_last_good else "as asked, and proven", "good", style)


def _instance(instance: Instance, is_judged: bool, now: float, style: Style) -> Iterator[str]:
    seen = instance.seen
    yield paint(f"{one_line(seen.engine_name)} {seen.id[:12]}", "strong", style)
    ended = seen.state in ("exited", "dead", "restarting")
    state = f"{seen.state} (exit code {seen.exit_code})" if ended else seen.state
    at = seen.started_at if not ended else seen.finished_at
    since = f", since {age_text(at or seen.created_at, now)}" if at or seen.created_at else ""
    restarts = f", {seen.restart_count} restart{'s' * (seen.restart_count != 1)}"
    yield _field("  state", f"{state}{since}{restarts}")
    if seen.error:
        yield _field("  error", one_line(seen.error))
    if seen.health != "none":
        yield _field("  health", one_line(seen.health + _newest(instance)))
    for index, line in enumerate(instance.check_said[-_MOST_CHECK_LINES:]):
        yield _field("" if index else "  check", one_line(line))
    if seen.cut_off:
        yield _field("  network", one_line(seen.cut_off))
    if is_judged:
        yield _field("  proven", "yes" if instance.proven else "no")
    yield _field("  image", f"{one_line(seen.image)} ({seen.image_id.removeprefix('sha256:')[:12]})")
    if seen.address:
        yield _field("  address", one_line(seen.address))
    for port in seen.container.ports if seen.container is not None else ():
        yield _field("  port", one_line(port_text(port)))
    for place, volume in (*seen.volumes, *seen.other_volumes):
        yield _field("  volume", one_line(f"{volume} at {place}"))


def _newest(instance: Instance) -> str:
    check = instance.seen.check
    if check is None or not check.last:
        return ""
    if check.passed:
        return ", the newest check passed"
    return ", the newest check failed" + (f": {check.cause}" if check.cause else "")


def _instance_value(instance: Instance) -> dict[str, Any]:
    seen = instance.seen
    return {
        "id": seen.id,
        "engineName": seen.engine_name,
        "state": seen.state,
        "exitCode": seen.exit_code if seen.state in ("exited", "dead", "restarting") else None,
        "error": seen.error or None,
        "restarts": seen.restart_count,
        "health": seen.health,
        "newestCheckPassed": seen.check.passed if seen.check is not None and seen.check.last else None,
        "checkSaid": list(instance.check_said),
        "cutOff": seen.cut_off or None,
        "proven": instance.proven,
        "image": seen.image,
        "imageId": seen.image_id,
        "address": seen.address or None,
        "ports": [
            {
                "hostIp": port.host_ip,
                "hostPort": port.host_port,
                "hostPortEnd": port.host_port_end if port.host_port_end > port.host_port else None,
                "containerPort": port.container_port,
                "protocol": port.protocol,
            }
            for port in (seen.container.ports if seen.container is not None else ())
        ],
        "volumes": [{"place": place, "volume": volume} for place, volume in (*seen.volumes, *seen.other_volumes)],
        "createdAt": iso_value(seen.created_at),
        "startedAt": iso_value(seen.started_at),
        "finishedAt": iso_value(seen.finished_at),
    }
