"""Which of several instances of one name is the one that a rollback restores."""

from __future__ import annotations

from typing import Any

import pytest

from evenkeel.reconcilers.containers.observation import at_work
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, State


def one(id_: str, name: str, state: State, **seen: Any) -> ContainerSeen:
    return ContainerSeen(id_, "web", name, f"i{id_}", state, Container("web", f"web:{id_}"), f"web:{id_}", **seen)


OLD_STOPPED = one("1", "web.old-1", "exited", exit_code=143)
BOTH_PROVEN = ContainersMemory(proven={"1": "", "2": ""}, stopped=("1",), made={"1": 1, "2": 2})


@pytest.mark.parametrize(
    ("new", "memory"),
    [
        (one("2", "web", "restarting", exit_code=1, restart_count=9), BOTH_PROVEN),
        (one("2", "web", "running", health="unhealthy"), BOTH_PROVEN),
        (one("2", "web", "exited", exit_code=1), BOTH_PROVEN),
        (one("2", "web", "running"), ContainersMemory(proven={"1": ""}, stopped=("1",))),
        (one("2", "web.next-1", "created"), BOTH_PROVEN),
    ],
)
def test_in_a_switch_that_failed_or_is_not_finished_it_is_the_old_one(
    new: ContainerSeen, memory: ContainersMemory
) -> None:
    """A switch that failed may have been left as it was, and the next desired state finds it so."""
    for order in ((OLD_STOPPED, new), (new, OLD_STOPPED)):
        assert at_work(ContainersSeen("test", containers=order), memory)["web"].id == "1"


def test_after_a_switch_that_went_well_it_is_the_new_one() -> None:
    new = one("2", "web", "running", health="healthy")
    for order in ((OLD_STOPPED, new), (new, OLD_STOPPED)):
        assert at_work(ContainersSeen("test", containers=order), BOTH_PROVEN)["web"].id == "2"
