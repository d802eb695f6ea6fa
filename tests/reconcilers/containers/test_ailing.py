"""Who is not well, of what is there."""

from __future__ import annotations

from typing import Any

import pytest

from evenkeel.reconcilers.containers.observation import ailing
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, Restart, RestartPolicy
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, State, end_of


def one(
    state: State = "running", policy: RestartPolicy = "unless-stopped", id_: str = "1", name: str = "web", **seen: Any
) -> ContainerSeen:
    container = Container(name, "web:1", restart=Restart(policy, seen.pop("max_retries", 0)))
    return ContainerSeen(id_, name, name, "i", state, container, **seen)


def told(*containers: ContainerSeen, stopped: tuple[str, ...] = ()) -> tuple[str, ...]:
    seen = ContainersSeen("test", containers=containers)
    return tuple(
        f"{subject} {ailment.why}" for subject, ailment in ailing(seen, ContainersMemory(stopped=stopped)).items()
    )


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (one("exited", "always"), "web is not running (exit code 0)"),
        (one("exited", exit_code=137), "web is not running (exit code 137)"),
        (one("exited", "on-failure", exit_code=1), "web is not running (exit code 1)"),
        (one("exited", "on-failure", exit_code=1, max_retries=3, restart_count=3), "web ended with exit code 1"),
        (one("exited", "no", exit_code=2), "web ended with exit code 2"),
        (one("paused"), "web is paused"),
        (one("created", error="port is taken"), "web does not start: port is taken"),
        (one("dead", error="task is left"), "web is dead: task is left"),
        (one("dead"), "web is dead"),
        (one(health="unhealthy"), "web fails its health check"),
        (one("restarting", exit_code=1, restart_count=1), "web ended with exit code 1"),
        (one("restarting", exit_code=1, restart_count=2), "web keeps ending with exit code 1"),
        (one(restart_count=3, lately_started=True), "web was restarted 3 times"),
        (one(restart_count=1, lately_started=True), "web was started again once"),
        (one(restart_count=2, lately_started=True, finished_at=7.0), "web was started again 2 times"),
        (
            one(restart_count=1, lately_started=True, ended_with=3),
            "web was started again after it ended with exit code 3",
        ),
    ],
)
def test_what_should_be_up_and_is_not_well_is_told(seen: ContainerSeen, sentence: str) -> None:
    assert told(seen) == (sentence,)


def test_one_that_was_replaced_is_not_ailing_beside_a_job_that_is_over() -> None:
    """It was down before the switch, so that nobody stopped it."""
    old = changed(one("exited", exit_code=137), id="0", engine_name="web.old-0")
    assert told(old, one("exited", "no")) == ()
    assert told(old, one("exited", "no", exit_code=1)) == ("web is not running (exit code 137)",)
    assert told(changed(old, engine_name="web"), changed(one("exited", "no"), engine_name="web.old-1")) != ()


@pytest.mark.parametrize(
    "seen",
    [
        one(),
        one(health="healthy"),
        one("exited", "no"),
        one("exited", "on-failure"),
        one("created"),
        one("restarting"),
        one(restart_count=3),
        one(restart_count=1, lately_started=True, ended_with=0),
        one(restart_count=1, ended_with=3),
        ContainerSeen("1", "web", "web", "i", "exited", exit_code=1),
    ],
)
def test_what_is_well_or_may_end_or_is_of_others_is_not(seen: ContainerSeen) -> None:
    assert told(seen) == ()


def test_between_two_ends_the_newest_exit_code_is_told() -> None:
    """S7, S8: a loop was well in between, and the exit code was gone. Nothing is told of an end that was not seen."""
    one_end, many = (one(restart_count=count, lately_started=True, finished_at=7.0) for count in (1, 4))
    seen = ContainersSeen("test", containers=(one_end,))
    (found,) = ailing(seen, ContainersMemory(ends={"1": (end_of(one_end), 3)})).values()
    assert (found.why, found.refutes) == ("was started again after it ended with exit code 3", False)
    (found,) = ailing(seen, ContainersMemory(ends={"1": ("0 6.0", 3)})).values()
    assert (found.why, found.instance) == ("was started again once", ""), "how that end was is not known"
    stays_up = changed(one_end, lately_started=False)
    assert (
        ailing(ContainersSeen("test", containers=(stays_up,)), ContainersMemory(ends={"1": (end_of(one_end), 3)})) == {}
    )
    (found,) = ailing(
        ContainersSeen("test", containers=(many,)), ContainersMemory(ends={"1": (end_of(many), 127)})
    ).values()
    assert found.why.startswith("was restarted 4 times, the last time after exit code 127, which a shell gives")


@pytest.mark.parametrize("policy", ["no", "always", "unless-stopped", "on-failure"])
def test_a_switch_is_no_illness(policy: RestartPolicy) -> None:
    """Neither is what was stopped for it ill, nor what is to be started, at any of its steps."""
    old = one("exited", policy, "old", exit_code=143)
    assert told(one("running", policy, "old"), one("created", policy, "new")) == ()
    assert told(old, one("created", policy, "new"), stopped=("old",)) == ()
    assert told(old, one("running", policy, "new"), stopped=("old",)) == ()
    assert told(old, one("running", policy, "new")) == (), "the journal was lost meanwhile"
    assert told(old, stopped=("old",)) == (), "about to be removed"


def test_another_name_that_is_up_excuses_nobody() -> None:
    assert told(one(), one("exited", id_="2", name="db")) == ("db is not running (exit code 0)",)
