"""With which exit code a container ended that its engine has started again: only the events tell."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.controller.drivers.containers.docker.rig import Rig, container, run_inside
from tests.controller.drivers.containers.docker.test_engine_life import listening
from tests.engines.dockerd import Dockerd
from tests.until import soon

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.drivers.containers.docker.events import Ends, NewestEnds
from evenkeel.specs.containers.actions import Create, Start, Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.plan import Done, Failed


def shell(script: str, **fields: Any) -> Container:
    return container("web", command=("/bin/sh", "-c", script), **fields)


def die(at_s: float, code: str = "3", id_: str = "web") -> dict[str, object]:
    actor = {"ID": id_, "Attributes": {"exitCode": code, "image": "web:1"}}
    return {"Type": "container", "Action": "die", "Actor": actor, "timeNano": int(at_s * 1e9)}


def test_the_newest_end_is_the_one_that_was_told_after_it_was_dated() -> None:
    ends = NewestEnds()
    assert ends.code("web", 100.0) is None
    ends.hear(die(100.02))
    assert ends.code("web", 100.0) == 3
    assert ends.code("db", 100.0) is None
    assert ends.code("web", 0.0) is None, "it has not ended"
    assert ends.code("web", 105.0) is None, "an end that was not heard"
    ends.hear(die(105.01, "0"))
    assert ends.code("web", 105.0) == 0
    ends.forget_all_but({"db"})
    assert ends.code("web", 105.0) is None


@pytest.mark.parametrize(
    "event",
    [
        {},
        "die",
        die(101.0) | {"Action": "start"},
        die(101.0, "many"),
        die(101.0) | {"timeNano": "101"},
        die(101.0) | {"Actor": {"ID": "web", "Attributes": {}}},
        die(101.0) | {"Actor": None},
    ],
)
def test_what_tells_of_no_exit_code_is_passed_over(event: object) -> None:
    ends = NewestEnds()
    ends.hear(event)
    assert ends.code("web", 100.0) is None


@pytest.mark.parametrize(
    ("told", "alone"),
    [
        ("start die", True),
        ("start kill die start die", True),
        ("start die start kill die", False),
        ("start kill die", False),
        ("die", False),  # an engine remembers so many events
        ("start", False),
        ("", False),
    ],
)
async def test_an_end_is_its_own_when_all_since_its_start_is_told(told: str, alone: bool) -> None:
    ends = Ends("engine:docker")
    ends.listening = asyncio.ensure_future(asyncio.sleep(0.0))
    for action in told.split():
        ends.hear({"Action": action})
    assert await ends.was_alone(0.05) is alone


async def test_the_first_end_of_one_that_is_up_again_is_told(clean_dockerd: Dockerd, rig: Rig) -> None:
    """T3: its engine had started it again after 0.1 s, and of a first crash nothing was told at all."""
    waits = "while [ ! -e /told ]; do sleep 0.1; done"
    await rig.settle(shell(f"{waits}; [ -e /ended ] || {{ touch /ended; exit 3; }}; sleep 3600"))
    async with listening(rig.engine) as nudges:
        assert run_inside(clean_dockerd, "web", "/bin/touch", "/told")[0] == 0
        await _is_up_again(clean_dockerd)
        await nudges.quiet()
        ending = await rig.follow()
    assert isinstance(ending, Settled)
    told = "was started again after it ended with exit code 3"
    assert ending.unwell == {"web": told}
    assert [entry.message for entry in rig.said if entry.kind == "health"] == [f"web {told}"]


async def test_a_first_end_that_nobody_heard_is_told_without_its_code(clean_dockerd: Dockerd, rig: Rig) -> None:
    await rig.settle(shell("[ -e /ended ] || { touch /ended; sleep 3; exit 3; }; sleep 3600"))
    await _is_up_again(clean_dockerd)
    ending = await rig.follow()
    assert isinstance(ending, Settled)
    assert ending.unwell == {"web": "was started again once"}
    assert rig.journal.failures.last("web") is None, "it may have ended well"


async def test_the_first_end_within_a_proof_disproves(clean_dockerd: Dockerd, rig: Rig) -> None:
    """T5: a proof looks every second, and saw an end only when the pauses of the engine had grown to about that."""
    wanted = shell("sleep 1.5; exit 3", stable_for=timedelta(seconds=20))
    created = await rig.perform(Create(wanted, "web"))
    assert isinstance(created, Done)
    await rig.perform(Start(created.instance))
    assert await rig.perform(Verify(created.instance, wanted)) == Failed("it ended with exit code 3")
    assert clean_dockerd.inspect("web")["RestartCount"] <= 2


async def _is_up_again(dockerd: Dockerd) -> None:
    def is_up_again() -> bool:
        found = dockerd.inspect("web")
        return bool(found["RestartCount"] == 1 and found["State"]["Status"] == "running")

    await soon(is_up_again)
