"""What is remembered of steps, and what of it no loss of power may take: each fact is there before or after the right step."""

from __future__ import annotations

from datetime import timedelta

import pytest

from evenkeel.reconcilers.containers.remembering import forgotten, instances, memory_after, memory_before, taken_over
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Connect, ContainerAction, Create, End, Remove, Start, Update, Verify
from evenkeel.specs.containers.container import Container, Resources, Restart, Stop, proof_name
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.plan import Done, Failed, Outcome, Phase, Retry, Step

WEB = Container("web", "web:1")
NAME = proof_name(WEB)
PROVEN = ContainersMemory(made={"1": 1}, proven={"1": NAME})


def step(action: ContainerAction) -> Step:
    return Step("s", "web", Phase.ACTIVATE, action)


@pytest.mark.parametrize(
    ("action", "after"),
    [
        (End("1", Stop(timeout=timedelta(seconds=1))), changed(PROVEN, stopped=("1",))),
        (Start("1"), changed(PROVEN, proven={})),
        (Connect("1", WEB), changed(PROVEN, proven={})),
        (Update("1", Restart(), Resources(), is_limited=True), changed(PROVEN, proven={})),
        (Update("1", Restart(), Resources()), PROVEN),
        (Verify("1", WEB), changed(PROVEN, watched=("1",), kept=("1",))),
        (Verify("1", changed(WEB, image_volumes="discard")), changed(PROVEN, watched=("1",))),
        (Create(WEB, "web"), PROVEN),
        (Remove("1"), PROVEN),
    ],
)
def test_before_a_step(action: ContainerAction, after: ContainersMemory) -> None:
    assert memory_before(step(action), PROVEN) == after


STOPPED = changed(PROVEN, stopped=("1",), watched=("1",), proven={})


@pytest.mark.parametrize(
    ("action", "outcome", "after"),
    [
        (Create(WEB, "web"), Done(instance="2"), changed(STOPPED, made={"1": 1, "2": 2})),
        (Create(WEB, "web"), Retry("no answer"), STOPPED),
        (Start("1"), Done(), changed(STOPPED, stopped=(), watched=(), switch_s={"web": 1.235})),
        (Start("1"), Retry("no answer"), STOPPED),
        (Verify("1", WEB), Done(), changed(STOPPED, proven={"1": NAME}, watched=())),
        (Verify("1", WEB), Failed("it ended"), changed(STOPPED, watched=())),
        (Verify("1", WEB), Retry("no answer"), STOPPED),
        (End("1", Stop()), Done(), STOPPED),
        (Remove("1"), Done(), ContainersMemory()),
        (Remove("1"), Retry("it is in use"), STOPPED),
    ],
)
def test_after_a_step(action: ContainerAction, outcome: Outcome, after: ContainersMemory) -> None:
    assert memory_after(step(action), outcome, STOPPED, 1.23456) == after


def test_what_evenkeel_meets_is_numbered_once() -> None:
    memory = ContainersMemory()
    for action in (Verify("a", WEB), Start("b"), Verify("a", WEB)):
        memory = memory_before(step(action), memory)
    assert memory.made == {"a": 1, "b": 2}
    memory = memory_after(step(Create(WEB, "web")), Done(instance="c"), forgotten(memory, ["b"]))
    assert memory.made == {"a": 1, "c": 2}


def test_of_switches_the_newest_stay() -> None:
    memory = changed(PROVEN, switch_s={f"c{number}": 1.0 for number in range(1000)})
    memory = memory_after(Step("s", "c100", Phase.ACTIVATE, Start("1")), Done(), memory, 2.0)
    assert (len(memory.switch_s), memory.switch_s["c100"], list(memory.switch_s)[-1]) == (1000, 2.0, "c100")
    memory = memory_after(Step("s", "new", Phase.ACTIVATE, Start("1")), Done(), memory, 0.0004)
    assert (len(memory.switch_s), memory.switch_s["new"], "c0" in memory.switch_s) == (1000, 0.0, False)
    assert memory_after(Step("s", "new", Phase.ACTIVATE, Start("1")), Done(), memory).switch_s == memory.switch_s


def test_an_adoption_is_known_until_it_is_gone() -> None:
    memory = taken_over(PROVEN, "9", "legacy")
    assert taken_over(memory, "9", "other") == memory, "it stays what it is"
    assert instances(memory) == ("1", "9")
    assert forgotten(memory, ["9", "1"]) == ContainersMemory()
