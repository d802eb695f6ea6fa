"""The proof of a container that was started.

A pure fold over observations: `judge` takes the watch so far, one look at the instance and the time, and returns the
watch and, at its end, the verdict. Without a health check a container is proven when it has stayed up for its
`stableFor`, or has ended well; with one, when it was healthy for that long, and an end before disproves it. A process
that ends badly disproves it at once: a start that returns is no activation (defect A11).

An end that was caused by somebody else or by the engine proves nothing, whatever its exit code. Where that can be told
here, the watch is over without a verdict about the container, which is started and watched again; the rest is told by
the engine (`controller/drivers/containers/verify.py`). Nothing is proven, either, while a container is cut off from its
network: it is connected and watched from the beginning.
"""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.reconcilers.containers.causes import exit_text
from evenkeel.specs.containers.container import (
    Container,
    ExecProbe,
    Health,
    Restart,
    longest_proof,
    runs_once,
    time_to_end,
)
from evenkeel.specs.containers.observed import ContainerSeen, HealthSeen


class Watch(NamedTuple):
    """The state of a watch. Times are seconds on one clock."""

    since: float
    good_since: float | None = None
    bad_probes: int = 0
    restarts: int = 0
    is_unexplained: bool = False
    """Whether the engine has started it again after an end whose exit code is not told yet."""
    bad_at: float | None = None
    """When a failed probe was last counted; of one that runs once, since when it is down although it may be started again."""
    ended: bool = False
    """Whether it has been good since then because it had ended well, and not because it was up."""
    began_unhealthy: bool = False
    """Whether the first look found it unhealthy. The engine's word for that comes from before the watch."""


class Verdict(NamedTuple):
    """The end of a watch. `proven` is `None` when it says nothing about the container."""

    proven: bool | None
    why: str


def judge(container: Container, watch: Watch, seen: ContainerSeen | None, now: float) -> tuple[Watch, Verdict | None]:
    """The watch after one more look; the verdict when there is one. `seen` is `None` when the instance is gone."""
    if seen is None:
        return watch, Verdict(None, "it was removed from outside while it was watched")
    if (within := time_to_end(container)) is not None:
        if seen.state != "exited" or not is_put_up_again(container.restart, seen):
            return watch._replace(bad_at=None), _end(seen, within.total_seconds(), now - watch.since)
        since = now if watch.bad_at is None else watch.bad_at
        if now - since < _STARTED_AGAIN_S:
            return watch._replace(bad_at=since), None
        return watch, Verdict(None, f"it was stopped from outside while it was watched (exit code {seen.exit_code})")
    restarted = seen.restart_count > watch.restarts
    if restarted:
        watch = watch._replace(restarts=seen.restart_count, good_since=None, is_unexplained=seen.state == "running")
    if seen.state == "exited" and not seen.error and is_put_up_again(container.restart, seen):
        return watch, Verdict(None, f"it was stopped from outside while it was watched (exit code {seen.exit_code})")
    if seen.state == "exited" and seen.exit_code == 0 and container.restart.policy in ("no", "on-failure"):
        if container.health is not None:
            return watch, Verdict(False, "it ended with exit code 0 before its health check had proven it")
        return watch, Verdict(True, "it ended with exit code 0")
    if seen.cut_off:
        return watch, Verdict(None, f"it was cut off from its network while it was watched: {seen.cut_off}")
    code = seen.exit_code if seen.state in ("exited", "dead", "restarting") or restarted else 0
    if watch.is_unexplained and seen.ended_with is not None:
        watch, code = watch._replace(is_unexplained=False), code or seen.ended_with
    if code:
        return watch, Verdict(False, f"it ended with {exit_text(code, seen.error)}")
    if seen.state == "created":
        return watch, Verdict(False, f"it did not start{': ' + seen.error if seen.error else ''}")
    good = seen.state in ("running", "restarting") if container.health is None else seen.health == "healthy"
    if container.health is not None and seen.health == "unhealthy":
        watch = _count_failure(container.health, watch, now)
        if watch.bad_probes >= container.health.retries:
            times = "once" if watch.bad_probes == 1 else f"{watch.bad_probes} times in a row"
            return watch, Verdict(False, f"it failed its health check {times}{_cause(seen)}")
    if not good:
        return _late(container, watch._replace(good_since=None), seen, now)
    watch = watch._replace(
        good_since=now if watch.good_since is None else watch.good_since,
        bad_probes=0,
        bad_at=None,
        ended=seen.state != "running" or (watch.ended and watch.good_since is not None),
    )
    stable_s = container.stable_for.total_seconds()
    if now - (now if watch.good_since is None else watch.good_since) >= stable_s:
        if watch.ended:
            return watch, Verdict(True, "it ends with exit code 0, and is started again each time")
        how = "healthy" if container.health else "up"
        return watch, Verdict(True, f"{how} for {stable_s:g} s" if stable_s else how)
    return watch, None


_STARTED_AGAIN_S = 5.0
"""The time in which an engine starts a container again. Podman (4.3) shows it as exited until then."""


def _end(seen: ContainerSeen, limit_s: float, watched_s: float) -> Verdict | None:
    """The verdict about a container that runs to its end. Its engine may start it again after an end that was not well."""
    if seen.state == "exited" and not seen.exit_code and not seen.error:
        return Verdict(True, "it ended with exit code 0")
    if seen.state in ("exited", "dead"):
        times = "once" if seen.restart_count == 1 else f"{seen.restart_count} times"
        again = f", also after it was started again {times}" if seen.restart_count else ""
        return Verdict(False, f"it ended with {exit_text(seen.exit_code, seen.error)}{again}")
    if seen.state == "created":
        return Verdict(False, f"it did not start{': ' + seen.error if seen.error else ''}")
    if seen.cut_off:
        return Verdict(None, f"it was cut off from its network while it was watched: {seen.cut_off}")
    if watched_s > limit_s:
        keeps = f"; it keeps ending with {exit_text(seen.exit_code)}" if seen.exit_code else ""
        return Verdict(False, f"it did not end within {limit_s:g} s{keeps}")
    return None


def look_again_after(container: Container, watched_s: float = 0.0) -> float:
    """Seconds between two looks: often enough to see a fast end or a fast start, whatever the interval of the check. One
    that runs to its end is looked at less often the longer that takes."""
    if runs_once(container):
        return min(max(watched_s / 10, 0.05), 1.0)
    return min(max(container.stable_for.total_seconds() / 3, 0.05), 1.0)


def is_put_up_again(restart: Restart, seen: ContainerSeen) -> bool:
    """Whether this policy has the engine start a container again that has ended like this. Such a container is never
    "exited" by its own doing, but "restarting" (measured with Docker 20.10): it was stopped by hand, or with its
    engine."""
    if restart.policy == "on-failure":
        return seen.exit_code != 0 and (not restart.max_retries or seen.restart_count < restart.max_retries)
    return restart.policy in ("always", "unless-stopped")


class Probed(NamedTuple):
    """The results of probes of a container so far; `failures` in a row since it was found healthy, the newest counted
    at `counted_at` (seconds on one clock)."""

    health: HealthSeen
    failures: int = 0
    counted_at: float = 0.0


def after_probe(check: Health, known: Probed | None, *, well: bool, now: float, up_s: float) -> Probed:
    """The results after one more probe, counted as engines count those of commands. A healthy container stays so until
    the check failed `retries` times in a row, at most once an interval. Before it is healthy a single probe decides,
    except that a container that has been up for less than the start period (`up_s`) is still starting."""
    if well:
        return Probed("healthy")
    if known is None or known.health != "healthy":
        return Probed("starting" if up_s < check.start_period.total_seconds() else "unhealthy")
    if known.failures and now - known.counted_at < check.interval.total_seconds():
        return known
    failures = known.failures + 1
    return Probed("unhealthy" if failures >= check.retries else "healthy", failures, now)


def _count_failure(health: Health, watch: Watch, now: float) -> Watch:
    """One more failed probe. It counts once an interval, however often one looks, and not while the container starts. A
    command is counted by the engine, which says "unhealthy" after enough failures. That may be about a time before the
    watch, when the container was cut off, until the command has run again."""
    watch = watch._replace(good_since=None)
    if isinstance(health.probe, ExecProbe):
        runs_again_s = (health.interval + health.timeout).total_seconds()
        is_old = watch.began_unhealthy and now - watch.since <= runs_again_s
        return watch if is_old else watch._replace(bad_probes=health.retries)
    starting = now - watch.since < health.start_period.total_seconds()
    just_counted = watch.bad_at is not None and now - watch.bad_at < health.interval.total_seconds()
    if starting or just_counted:
        return watch
    return watch._replace(bad_probes=watch.bad_probes + 1, bad_at=now)


def _cause(seen: ContainerSeen) -> str:
    """Why the newest check has failed, where the cause is well known."""
    return f": {seen.check.cause}" if seen.check is not None and seen.check.cause else ""


def _late(container: Container, watch: Watch, seen: ContainerSeen, now: float) -> tuple[Watch, Verdict | None]:
    limit_s = longest_proof(container).total_seconds()
    if now - watch.since > limit_s:
        return watch, Verdict(False, f"it did not become healthy within {limit_s:g} s{_cause(seen)}")
    return watch, None
