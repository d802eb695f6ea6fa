"""When a started container counts as proven: stories of looks, told as tables."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

import pytest

from evenkeel.reconcilers.containers.health import Probed, Verdict, Watch, after_probe, judge, look_again_after
from evenkeel.specs.containers.container import (
    Container,
    ExecProbe,
    Health,
    HttpProbe,
    Restart,
    RestartPolicy,
    longest_proof,
)
from evenkeel.specs.containers.observed import CheckSeen, ContainerSeen, HealthSeen, State

UP_3_S = Container("web", "web:1", stable_for=timedelta(seconds=3))
HEALTHY_2_S = Container(
    "web",
    "web:1",
    stable_for=timedelta(seconds=2),
    health=Health(HttpProbe(80), interval=timedelta(seconds=1), retries=3, start_period=timedelta(seconds=5)),
)


class Look(NamedTuple):
    """What is seen at a time, in seconds since the watch began."""

    at: float
    state: State = "running"
    health: HealthSeen = "none"
    exit_code: int = 0
    restarts: int = 0
    error: str = ""
    cut_off: str = ""
    cause: str = ""
    ended_with: int | None = None


GONE = None
_WORDS = {True: "proven", False: "disproven", None: "interrupted"}


def watch(container: Container, *looks: Look | None, at: float = 0.0) -> str:
    """The verdict of the first look that has one, with its number; "open" when none has."""
    known = Watch(since=at)
    for number, look in enumerate(looks, 1):
        seen = look and ContainerSeen(
            "1", "web", "web", "i", look.state, container, health=look.health, exit_code=look.exit_code,
            restart_count=look.restarts, error=look.error, cut_off=look.cut_off, ended_with=look.ended_with,
            check=CheckSeen("1", cause=look.cause),
        )  # fmt: skip
        known, verdict = judge(container, known, seen, at + (look.at if look else 0.0))
        if verdict is not None:
            return f"{number}: {_WORDS[verdict.proven]}: {verdict.why}"
    return "open"


def with_policy(policy: RestartPolicy, container: Container = UP_3_S) -> Container:
    return Container(container.name, container.image, stable_for=container.stable_for, restart=Restart(policy))


@pytest.mark.parametrize("at", [0.0, 1e9], ids=["at the beginning of time", "later"])
def test_up_for_long_enough(at: float) -> None:
    assert watch(UP_3_S, Look(0), Look(1), Look(2.9), Look(3.0), at=at) == "4: proven: up for 3 s"
    assert watch(UP_3_S, Look(0), Look(2.9), at=at) == "open"


def test_stable_for_nothing_is_up_at_the_first_look() -> None:
    assert watch(Container("web", "web:1", stable_for=timedelta(0)), Look(0)) == "1: proven: up"


def test_gone() -> None:
    """It did not go by itself, which says nothing about it."""
    assert watch(UP_3_S, Look(0), GONE) == "2: interrupted: it was removed from outside while it was watched"


@pytest.mark.parametrize(
    "look",
    [
        Look(40),
        Look(1, health="unhealthy"),
        Look(1, "restarting", exit_code=1),
        Look(1, "dead", exit_code=1),
        Look(1, restarts=1, exit_code=1),
        Look(1, "created", error="network not found"),
    ],
)
@pytest.mark.parametrize("container", [UP_3_S, HEALTHY_2_S], ids=["no check", "checked"])
def test_nothing_counts_against_one_that_is_cut_off(container: Container, look: Look) -> None:
    why = "it was cut off from its network while it was watched: it is on no network"
    cut_off = look._replace(cut_off="it is on no network")
    assert watch(container, Look(0), cut_off) == f"2: interrupted: {why}"
    assert watch(container, cut_off) == f"1: interrupted: {why}"


def test_one_that_ended_well_and_is_cut_off_has_ended_well() -> None:
    looks = (Look(0), Look(1, "exited", cut_off="its network is gone"))
    assert watch(with_policy("no"), *looks) == "2: proven: it ended with exit code 0"


def test_a_command_that_failed_before_the_watch_has_to_fail_again() -> None:
    """The engine counts the failures of commands, also those of the time when the container was cut off."""
    health = Health(ExecProbe(("true",)), timedelta(seconds=10), timedelta(seconds=2), retries=3)
    container = Container("web", "web:1", stable_for=timedelta(seconds=3), health=health)

    def told(*looks: tuple[float, HealthSeen]) -> Verdict | None:
        known, verdict = Watch(since=0.0, began_unhealthy=looks[0][1] == "unhealthy"), None
        for at, seen in looks:
            known, verdict = judge(
                container, known, ContainerSeen("1", "web", "web", "i", "running", container, health=seen), at
            )
        return verdict

    failed = (False, "it failed its health check 3 times in a row")
    assert told((0, "unhealthy"), (12, "unhealthy")) is None
    assert told((0, "unhealthy"), (13, "unhealthy")) == failed
    assert told((0, "unhealthy"), (9, "healthy"), (12, "healthy")) == (True, "healthy for 3 s")
    assert told((0, "starting"), (1, "unhealthy")) == failed, "this is of the watch"


def test_never_started() -> None:
    assert watch(UP_3_S, Look(0, "created")) == "1: disproven: it did not start"
    assert watch(UP_3_S, Look(0, "created", error="no such file")) == "1: disproven: it did not start: no such file"


@pytest.mark.parametrize("policy", ["no", "on-failure", "always", "unless-stopped"])
def test_a_bad_end_disproves_at_once(policy: RestartPolicy) -> None:
    container = with_policy(policy)
    state: State = "exited" if policy == "no" else "restarting"
    assert watch(container, Look(0), Look(1, state, exit_code=7)) == "2: disproven: it ended with exit code 7"
    assert watch(container, Look(0), Look(1, "dead", exit_code=137)) == "2: disproven: it ended with exit code 137"
    told = watch(container, Look(0), Look(1, "exited", exit_code=127, error="not found"))
    assert told == "2: disproven: it ended with exit code 127: not found", "the engine could not put it up again"


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
@pytest.mark.parametrize("exit_code", [0, 137, 255])
def test_who_is_stopped_from_outside_is_neither_proven_nor_disproven(policy: RestartPolicy, exit_code: int) -> None:
    """Somebody's `docker stop`, or an engine that was killed. Ended by its own doing it would be "restarting"."""
    looks = (Look(0), Look(1, "exited", exit_code=exit_code))
    why = f"it was stopped from outside while it was watched (exit code {exit_code})"
    may_end = policy == "on-failure" and exit_code == 0
    assert watch(with_policy(policy), *looks) == (
        "2: proven: it ended with exit code 0" if may_end else f"2: interrupted: {why}"
    )


def test_who_has_no_tries_left_has_ended_by_itself() -> None:
    container = Container("web", "web:1", stable_for=UP_3_S.stable_for, restart=Restart("on-failure", max_retries=3))
    known = Watch(since=0.0, restarts=3)
    seen = ContainerSeen("1", "web", "web", "i", "exited", container, exit_code=1, restart_count=3)
    assert judge(container, known, seen, 1.0)[1] == (False, "it ended with exit code 1")


def test_a_bad_end_before_the_first_look() -> None:
    """The engine was slow, or the controller was away: the first look finds it between two tries."""
    between = ContainerSeen("1", "web", "web", "i", "restarting", UP_3_S, exit_code=1, restart_count=4)
    _, verdict = judge(UP_3_S, Watch(since=0.0, restarts=between.restart_count), between, 0.0)
    assert verdict == (False, "it ended with exit code 1")


def test_a_restart_between_two_looks_begins_the_count_anew() -> None:
    """While it runs again, an engine reports no exit code; a restart is not staying up."""
    looks = [
        Look(0),
        Look(2),
        Look(2.5, restarts=1),
        Look(3.5, restarts=1),
        Look(5.4, restarts=1),
        Look(5.5, restarts=1),
    ]
    assert watch(UP_3_S, *looks) == "6: proven: up for 3 s"
    again = [Look(t, restarts=n) for n, t in enumerate((0.0, 2.0, 4.0, 6.0, 8.0))]
    assert watch(UP_3_S, *again) == "open"


def test_a_restart_with_a_bad_end_disproves() -> None:
    assert watch(UP_3_S, Look(0), Look(1, restarts=1, exit_code=1)) == "2: disproven: it ended with exit code 1"


def test_a_bad_end_of_which_only_the_engine_has_told_disproves() -> None:
    """T5: a container that is up again shows no exit code, so a proof missed its ends until a look came between two."""
    up_again = Look(1, restarts=1)
    failed = "disproven: it ended with exit code 3"
    assert watch(UP_3_S, Look(0), up_again._replace(ended_with=3)) == f"2: {failed}"
    assert watch(UP_3_S, Look(0), up_again, Look(2, restarts=1, ended_with=3)) == f"3: {failed}", "it is heard late"
    assert watch(UP_3_S, Look(0), *(Look(t, restarts=1, ended_with=0) for t in range(1, 5))) == "5: proven: up for 3 s"


def test_who_ends_well_again_and_again_is_not_said_to_be_up() -> None:
    """`unless-stopped` is what Kanto asks for unless told otherwise, also of a program that says hello and ends."""
    looks = [Look(t, state="restarting" if t > 3 else "running", restarts=min(t, 4)) for t in range(10)]
    assert (
        watch(with_policy("unless-stopped"), *looks)
        == "8: proven: it ends with exit code 0, and is started again each time"
    )


def test_restarts_of_old_do_not_count() -> None:
    known = Watch(since=0.0, restarts=9)
    seen = ContainerSeen("1", "web", "web", "i", "running", UP_3_S, restart_count=9, ended_with=3)
    assert judge(UP_3_S, known, seen, 0.0) == (Watch(0.0, 0.0, 0, 9), None)


@pytest.mark.parametrize("policy", ["no", "on-failure"])
def test_a_good_end_proves_what_may_end(policy: RestartPolicy) -> None:
    assert watch(with_policy(policy), Look(0), Look(1, "exited")) == "2: proven: it ended with exit code 0"


def test_paused_is_not_up() -> None:
    assert watch(UP_3_S, Look(0), Look(2, "paused"), Look(3.5), Look(6.4)) == "open"
    assert watch(UP_3_S, *(Look(t, "paused") for t in (0, 20, 33, 34))).startswith("4: disproven: it did not become")


def test_healthy_for_long_enough() -> None:
    looks = [
        Look(0, health="starting"),
        Look(1, health="healthy"),
        Look(2, health="healthy"),
        Look(3, health="healthy"),
    ]
    assert watch(HEALTHY_2_S, *looks) == "4: proven: healthy for 2 s"


def test_up_alone_is_not_healthy() -> None:
    assert watch(HEALTHY_2_S, *(Look(t, health="starting") for t in range(10))) == "open"
    assert watch(HEALTHY_2_S, *(Look(t) for t in range(10))) == "open"


def test_unhealthy_while_it_starts_does_not_count() -> None:
    looks = [Look(t, health="unhealthy") for t in (0, 1, 2, 3, 4)]
    assert watch(HEALTHY_2_S, *looks) == "open"
    assert watch(HEALTHY_2_S, *looks, *(Look(t, health="healthy") for t in (5, 6, 7))) == "8: proven: healthy for 2 s"


def test_unhealthy_too_often_in_a_row() -> None:
    looks = [Look(t, health="unhealthy") for t in (5, 6, 7)]
    assert watch(HEALTHY_2_S, *looks) == "3: disproven: it failed its health check 3 times in a row"


def test_a_good_look_breaks_the_row() -> None:
    row: list[HealthSeen] = ["unhealthy", "unhealthy", "healthy", "unhealthy", "unhealthy", "healthy", "unhealthy"]
    assert watch(HEALTHY_2_S, *(Look(5 + n, health=health) for n, health in enumerate(row))) == "open"


def test_healthy_and_ill_again_begins_the_count_anew() -> None:
    looks = [
        Look(6, health="healthy"),
        Look(7.9, health="unhealthy"),
        Look(8, health="healthy"),
        Look(9.9, health="healthy"),
    ]
    assert watch(HEALTHY_2_S, *looks) == "open"


def test_never_healthy_ends_at_last() -> None:
    limit_s = longest_proof(HEALTHY_2_S).total_seconds()
    assert watch(HEALTHY_2_S, Look(0), Look(limit_s, health="starting")) == "open"
    told = watch(HEALTHY_2_S, Look(0), Look(limit_s + 1, health="starting"))
    assert told == f"2: disproven: it did not become healthy within {limit_s:g} s"
    cause = "its program curl is not in the container"
    told = watch(HEALTHY_2_S, Look(0), Look(limit_s + 1, health="starting", cause=cause))
    assert told == f"2: disproven: it did not become healthy within {limit_s:g} s: {cause}"


@pytest.mark.parametrize(
    ("container", "expected"),
    [
        (Container("a", "a", stable_for=timedelta(0)), 0.05),
        (Container("a", "a", stable_for=timedelta(seconds=1.5)), 0.5),
        (Container("a", "a", stable_for=timedelta(minutes=5)), 1.0),
        (HEALTHY_2_S, 2 / 3),
        (Container("a", "a", stable_for=timedelta(0), health=Health(HttpProbe(80), timedelta(seconds=9))), 0.05),
        (Container("a", "a", stable_for=timedelta(minutes=1), health=Health(HttpProbe(80), timedelta(seconds=9))), 1.0),
    ],
)
def test_how_often_is_looked(container: Container, expected: float) -> None:
    assert look_again_after(container) == expected


def test_how_long_is_watched() -> None:
    assert longest_proof(UP_3_S) == timedelta(seconds=33)
    assert longest_proof(HEALTHY_2_S) == timedelta(seconds=5 + 3 * (1 + 5) + 2 + 30)


# ── probes over time ──────────────────────────────────────────────────────────────────────────────────────────────


def probed(*probes: tuple[float, bool], up_s: float = 100.0) -> list[HealthSeen]:
    """What is said after each probe, given as time and whether it went well; three retries, every 10 s."""
    check = Health(HttpProbe(80), interval=timedelta(seconds=10), retries=3, start_period=timedelta(seconds=5))
    known: Probed | None = None
    said = []
    for at, well in probes:
        known = after_probe(check, known, well=well, now=at, up_s=up_s + at)
        said.append(known.health)
    return said


def test_one_late_answer_makes_nobody_sick() -> None:
    assert probed((0, True), (10, False), (20, True), (30, False), (40, False), (50, True)) == ["healthy"] * 6


def test_as_many_failures_in_a_row_as_there_are_retries_do() -> None:
    assert probed((0, True), (10, False), (20, False), (30, False)) == ["healthy"] * 3 + ["unhealthy"]


def test_failures_count_once_an_interval_however_often_one_looks() -> None:
    assert probed((0, True), (1, False), (2, False), (3, False), (4, False)) == ["healthy"] * 5


def test_who_was_never_found_healthy_is_not_called_so() -> None:
    assert probed((0, False)) == ["unhealthy"]


def test_who_has_just_started_is_starting() -> None:
    assert probed((0, False), (4, False), (6, False), up_s=0) == ["starting", "starting", "unhealthy"]


def test_who_is_sick_is_well_with_the_first_good_answer() -> None:
    assert probed((0, False), (1, True), (2, False)) == ["unhealthy", "healthy", "healthy"]


# ── containers that run once ───────────────────────────────────────────────────────────────────────────────────────

JOB = Container("job", "job:1", restart=Restart("no"), run_once=timedelta(seconds=60))
TRIES = Container("job", "job:1", restart=Restart("on-failure", 2), run_once=timedelta(seconds=60))


def test_a_job_is_proven_by_its_end_and_not_by_being_up() -> None:
    assert watch(JOB, Look(0), Look(30)) == "open"
    assert watch(JOB, Look(0), Look(30, "exited")) == "2: proven: it ended with exit code 0"
    assert watch(JOB, Look(0, "exited")) == "1: proven: it ended with exit code 0"
    assert watch(JOB, Look(0), Look(1, "exited", exit_code=3)) == "2: disproven: it ended with exit code 3"
    assert longest_proof(JOB) > timedelta(seconds=60)


def test_a_job_that_does_not_end_is_disproven_in_time() -> None:
    assert watch(JOB, Look(0), Look(60)) == "open"
    assert watch(JOB, Look(0), Look(61)) == "2: disproven: it did not end within 60 s"
    again = Look(61, "restarting", exit_code=1, restarts=2)
    assert (
        watch(TRIES, again._replace(at=0), again)
        == "2: disproven: it did not end within 60 s; it keeps ending with exit code 1"
    )


def test_a_job_may_be_started_again_by_its_engine() -> None:
    first, second = Look(1, "restarting", exit_code=1, restarts=1), Look(2, restarts=1)
    assert watch(TRIES, Look(0), first, second) == "open"
    assert watch(TRIES, Look(0), first, second, Look(3, "exited", restarts=1)) == "4: proven: it ended with exit code 0"
    last = Look(3, "exited", exit_code=1, restarts=2)
    why = "it ended with exit code 1, also after it was started again 2 times"
    assert watch(TRIES, Look(0), first, second, last) == f"4: disproven: {why}"


def test_the_end_of_a_job_that_others_made_says_nothing() -> None:
    stopped = Look(1, "exited", exit_code=143)
    why = "it was stopped from outside while it was watched (exit code 143)"
    assert watch(TRIES, Look(0), stopped, stopped._replace(at=7)) == f"3: interrupted: {why}"
    assert watch(TRIES, Look(0), stopped, Look(2, restarts=1), stopped._replace(at=7, restarts=1)) == "open"
    assert watch(JOB, Look(0), GONE).startswith("2: interrupted: it was removed")
    assert watch(JOB, Look(0, cut_off="it is on no network")).startswith("1: interrupted: it was cut off")
    assert watch(JOB, Look(0, "created", error="no such file")) == "1: disproven: it did not start: no such file"


def test_a_job_is_looked_at_often_at_first_and_once_a_second_later() -> None:
    waits = [look_again_after(JOB, watched_s) for watched_s in (0.0, 1.0, 5.0, 600.0)]
    assert waits == [0.05, 0.1, 0.5, 1.0]
