"""The output of containers of the memory engine, and the results of their checks."""

from __future__ import annotations

from evenkeel.controller.drivers.containers.memory.world import Image, WorldContainer
from evenkeel.reconcilers.containers.causes import answer_cause, check_cause, is_good_answer
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, ExecProbe, Health, HttpProbe
from evenkeel.specs.containers.observed import CheckSeen, ContainersLook
from evenkeel.specs.containers.output import last_lines
from evenkeel.specs.containers.redaction import marked
from evenkeel.specs.output import Output


def output_of(kept: WorldContainer, image: Image) -> Output:
    """The output of a container since it was first started. As in real engines, output needs a log that can be read."""
    env = (*kept.container.env, *kept.handed) if kept.container is not None else ()
    secret = marked(kept.container) if kept.container is not None else ()
    lines = last_lines(image.output, env, secret) if kept.started_at else ()
    is_checked = kept.container is not None and kept.container.health is not None and not image.healthy
    check = last_lines(image.check_output, env, secret) if is_checked else ()
    code = kept.exit_code if kept.state in ("exited", "dead", "restarting") else None
    if kept.container is not None and kept.container.log.driver == "none":
        return Output(check=check, unread="configured logging driver does not support reading", exit_code=code)
    return Output(lines, check, exit_code=code)


def is_well(check: Health, image: Image) -> bool:
    """Whether a try of the check succeeds."""
    status = image.answers.get(check.probe.path, 200) if isinstance(check.probe, HttpProbe) else 200
    return image.healthy and is_good_answer(status)


def failed_check(newest: CheckSeen, check: Health, image: Image) -> CheckSeen:
    """The newest result, with the cause if it is bad and that is scripted."""
    if newest.passed or is_well(check, image):
        return newest
    match check.probe:
        case ExecProbe(command=command):
            return changed(newest, cause=check_cause(image.check_exit, image.check_output, command[0]))
        case HttpProbe(path=path) if path in image.answers:
            return changed(newest, cause=answer_cause(check.probe, image.answers[path]))
        case _:
            return newest


def check_in_force(container: Container, look: ContainersLook) -> Health | None:
    """The check that is in force: a command of the engine's as it was at creation, or a network check as it is asked
    for now."""
    created_with = container.health
    if look.checks is None or (created_with is not None and isinstance(created_with.probe, ExecProbe)):
        return created_with
    asked = look.checks.get(container.name)
    return None if asked is not None and isinstance(asked.probe, ExecProbe) else asked
