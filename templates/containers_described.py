"""The part of a description that only containers have: instances, and the last failure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from evenkeel.specs.containers.observed import ContainerSeen
from evenkeel.specs.containers.shorthand import port_text
from evenkeel.specs.output import LastFailure, logs_hint, says_something
from evenkeel.specs.problem import Place, place_text
from evenkeel.specs.visible import one_line
from evenkeel.templates.ago import age_text, when_text
from evenkeel.templates.describe_text import field
from evenkeel.templates.moment import iso_value
from evenkeel.templates.style import Style, paint

_MOST_CHECK_LINES = 10
_WHOSE = {
    "evenkeel": "evenkeel's",
    "system": "a system container: never touched",
    "others": "others'",
    "nobody": "gone",
    "unknown": "whose it is, the engine alone can tell",
}


class Instance(NamedTuple):
    """One container of the engine that has the name. `proven`: its health was proven since it was started.
    `check_said`: what the command of its check wrote the last time, as plain text within bounds."""

    seen: ContainerSeen
    proven: bool
    check_said: tuple[str, ...] = ()


class ContainerOwn(NamedTuple):
    """The part of a container (`templates.describe_text.Own`). `is_judged`: its instances are evenkeel's.
    `notified_by`: the files after whose change the container is started again. `last`: its last failure, with the
    output. `is_system`: the container is never touched; `named_in` has the place that says so, `None` for the
    settings."""

    name: str
    instances: tuple[Instance, ...] = ()
    is_judged: bool = False
    notified_by: tuple[str, ...] = ()
    last: LastFailure | None = None
    is_system: bool = False
    named_in: Place | None = None
    kind: str = "ContainerDescription"

    @property
    def whose(self) -> dict[str, str]:
        return _WHOSE

    @property
    def is_there(self) -> bool:
        return bool(self.instances)

    def origin(self, asked: str) -> tuple[str, str]:
        if not self.is_system:
            return "asked for", asked
        return "named in", one_line(place_text(self.named_in)) if self.named_in else "the settings"

    def lines(self, now: float, style: Style) -> Iterator[str]:
        if self.notified_by:
            yield field("notified by", one_line(", ".join(self.notified_by)))
        if self.last is not None:
            hint = f"; {logs_hint(self.name)}" if says_something(self.last.output) else ""
            yield field("failed", one_line(f"{when_text(self.last.at, now)}: {self.last.why}{hint}"))
        for instance in self.instances:
            yield ""
            yield from _instance(instance, self.is_judged, now, style)

    def value(self) -> dict[str, Any]:
        last = self.last
        return {
            "notifiedBy": list(self.notified_by),
            "namedIn": place_text(self.named_in) if self.named_in is not None else None,
            "lastFailure": None
            if last is None
            else {
                "at": iso_value(last.at),
                "why": last.why,
                "revision": last.revision,
                "logs": says_something(last.output),
            },
            "instances": [_instance_value(each) for each in self.instances],
        }


def _instance(instance: Instance, is_judged: bool, now: float, style: Style) -> Iterator[str]:
    seen = instance.seen
    yield paint(f"{one_line(seen.engine_name)} {seen.id[:12]}", "strong", style)
    ended = seen.state in ("exited", "dead", "restarting")
    state = f"{seen.state} (exit code {seen.exit_code})" if ended else seen.state
    at = seen.started_at if not ended else seen.finished_at
    since = f", since {age_text(at or seen.created_at, now)}" if at or seen.created_at else ""
    restarts = f", {seen.restart_count} restart{'s' * (seen.restart_count != 1)}"
    yield field("  state", f"{state}{since}{restarts}")
    if seen.error:
        yield field("  error", one_line(seen.error))
    if seen.health != "none":
        yield field("  health", one_line(seen.health + _newest(instance)))
    for index, line in enumerate(instance.check_said[-_MOST_CHECK_LINES:]):
        yield field("" if index else "  check", one_line(line))
    if seen.cut_off:
        yield field("  network", one_line(seen.cut_off))
    if is_judged:
        yield field("  proven", "yes" if instance.proven else "no")
    yield field("  image", f"{one_line(seen.image)} ({seen.image_id.removeprefix('sha256:')[:12]})")
    if seen.address:
        yield field("  address", one_line(seen.address))
    for port in seen.container.ports if seen.container is not None else ():
        yield field("  port", one_line(port_text(port)))
    for place, volume in (*seen.volumes, *seen.other_volumes):
        yield field("  volume", one_line(f"{volume} at {place}"))


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
