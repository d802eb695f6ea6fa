"""Health checks in the engine's words: the check that a container has, and the results that the engine has."""

from __future__ import annotations

from datetime import timedelta

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.reconcilers.containers.causes import check_cause
from evenkeel.specs.containers.container import Container, ExecProbe, Health
from evenkeel.specs.containers.observed import CheckSeen, HealthSeen

_HEALTH: dict[str, HealthSeen] = {"starting": "starting", "healthy": "healthy", "unhealthy": "unhealthy"}


def health_of(state: answers.State) -> HealthSeen:
    """The engine's word for the result of its check."""
    return _HEALTH.get((state.get("Health") or {}).get("Status", ""), "none")


def newest_check(state: answers.State, check: Health | None) -> CheckSeen | None:
    """The newest result of the engine's check. Its time names it, and is compared only with that of another result. The
    results of a container that does not run are from its life before and do not count. Neither do those of an image's
    own check, which proves nothing."""
    told = state.get("Health")
    if told is None or check is None or state.get("Status") != "running":
        return None
    results = told.get("Log") or ()
    last = results[-1].get("Start", "") if results else ""
    passed = health_of(state) == "healthy" and not told.get("FailingStreak", 0)
    return CheckSeen(last, passed, _cause(results[-1], check) if results and not passed else "")


def _cause(result: answers.HealthResult, check: Health) -> str:
    program = check.probe.command[0] if isinstance(check.probe, ExecProbe) and check.probe.command else ""
    return check_cause(result.get("ExitCode", 0), result.get("Output", ""), program)


def asked_check(check: answers.Healthcheck, asked: Container | None, image_config: answers.Config) -> Health | None:
    """The check of a container. Probes over the network are evenkeel's own; a command is the engine's.

    An image's own check was not asked for: it is in force where a spec has none, and lends its start period to one
    without.
    """
    wish = asked.health if asked else None
    if asked is not None and (wish is None or not isinstance(wish.probe, ExecProbe)):
        return wish
    test = check.get("Test") or []
    if len(test) < 2 or test[0] != "CMD" or (asked is None and check == (image_config.get("Healthcheck") or {})):
        return None
    return Health(
        ExecProbe(tuple(test[1:])),
        interval=_duration(check.get("Interval")) or _ENGINES_HEALTH.interval,
        timeout=_duration(check.get("Timeout")) or _ENGINES_HEALTH.timeout,
        retries=check.get("Retries") or _ENGINES_HEALTH.retries,
        start_period=timedelta(0) if wish and not wish.start_period else _duration(check.get("StartPeriod")),
    )


_ENGINES_HEALTH = Health(ExecProbe(()), interval=timedelta(seconds=30), timeout=timedelta(seconds=30), retries=3)
"""The engine's defaults for a check."""


def _duration(nanoseconds: int | None) -> timedelta:
    return timedelta(microseconds=(nanoseconds or 0) // 1000)
