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
from evenkeel.controller.drivers.containers.docker import events
from evenkeel.controller.drivers.containers.docker.events import Ends, NewestEnds
from evenkeel.specs.containers.actions import Create, Start, Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.plan import Done, Failed


def shell(script: str, **fields: Any) -> Container:
    return container("web", command=("/bin/sh", "-c", script), **fields)


def die(at_s: float, code: str = "3", id_: str = "web") -> dict[str, object]:
    actor = {"ID": id_, "Attributes": {"exitCode": code, "image": "web:1"}}
    return {"Type": "container", "Action": "die", "Actor": actor, "timeNano": int(at_s * 1e9)}


class Log:
    """The log of an engine, as it is told: part by part, each word an event. `follows`: the answer goes on after them."""

    def __init__(self, *parts: str, follows: bool = False) -> None:
        self.parts, self._follows = parts, follows

    async def read(self, ends: Ends) -> None:
        for part in self.parts:
            for action in part.split():
                ends.hear({"Action": action})
            await asyncio.sleep(0.1 if part != self.parts[-1] else 0)
        if self._follows:
            await asyncio.Event().wait()


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
    ends = Ends("engine:docker", Log(told).read)
    assert await ends.was_alone(0.05) is alone
    await ends.close()


async def test_the_end_of_an_earlier_life_is_no_answer() -> None:
    """An engine may tell of the past event by event."""
    ends = Ends("engine:docker", Log("start kill die", "start die").read)
    assert not await ends.was_killed(5.0)
    await ends.close()
    ends = Ends("engine:docker", Log("start die", "start kill die").read)
    assert await ends.was_killed(5.0)
    await ends.close()


@pytest.mark.parametrize("follows", [False, True])
async def test_a_log_that_was_shortened_under_its_reader_is_read_again(follows: bool, monkeypatch: Any) -> None:
    """Podman ends the answer, or goes on following what nobody writes any more. What was heard before stays heard."""
    monkeypatch.setattr(events, "_FIRST_READING_S", 0.05)
    log = Log("start kill", follows=follows)
    ends = Ends("engine:podman", log.read)
    await asyncio.sleep(0.01)
    log.parts = ("die",)
    assert await ends.was_killed(5.0)
    await ends.close()


async def test_an_end_that_is_never_told_is_an_error() -> None:
    ends = Ends("engine:podman", Log("start", follows=True).read)
    with pytest.raises(TimedOut, match="does not tell of an end"):
        await ends.was_killed(0.05)
    await ends.close()
    ends = Ends("engine:podman", Log("start").read)
    with pytest.raises(Unavailable, match="the answer ended"):
        await ends.was_killed(0.05)


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
