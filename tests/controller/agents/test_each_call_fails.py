"""Each single call of an activity to the engine fails, once, a few times, or from then on: what is said is true all the same.

A course is what is asked for and which commands come. It is played without a fault to count its calls; then again for each
call and each kind of fault, with the fault at that call. Whatever the activity comes to, no statement of it is false when it
is made, it comes to an end, and afterwards exactly what is in force runs.

An ordinary run draws some calls of each course, `make thorough` takes all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import pytest
from tests.controller.agents.harness import DEVICES, Device, asked, statuses
from tests.sampling import sampled
from tests.truth import Truth
from tests.virtual import run

from evenkeel.controller.cycle.endings import Progressed, Settled
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.drivers.containers.memory.world import image_id
from evenkeel.controller.journal.mailbox import MOST_TRIES
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome, Retry

_FOR_EVER = 1_000_000
_FORWARD = ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
_WAYS = {
    "forward": _FORWARD,
    "back": ("DOWNLOAD", "UPDATE", "ACTIVATE", "ROLLBACK", "CLEANUP"),
    "back-early": ("DOWNLOAD", "UPDATE", "ROLLBACK", "CLEANUP"),
    "given-up": ("DOWNLOAD", "UPDATE", "CLEANUP"),
}


class Course(NamedTuple):
    """`before` and `after`: versions by name. `pushed`: what the tag that `lamp` is of names from the activity on;
    `pushed_late`: what its new tag names once it was fetched. `behaves`: images that do not run for ever."""

    way: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    pushed: Image | None = None
    behaves: Mapping[str, Image] = {}
    pushed_late: Image | None = None


_BEFORE = {"lamp": "1", "horn": "1"}
_CRASH, _LATE, _SICK = Image(exits_with=1), Image(exits_with=1, exits_after_s=2.0), Image(start_error="no such file")
COURSES = {
    **{
        f"{what}-{way}": course._replace(way=way)
        for way in _WAYS
        for what, course in {
            "good": Course("", _BEFORE, {"lamp": "2", "horn": "1"}),
            "crash": Course("", _BEFORE, {"lamp": "2", "horn": "1"}, behaves={"lamp:2": _CRASH}),
            "pushed": Course("", _BEFORE, _BEFORE, pushed=Image(version=2)),
            "pushed-crash": Course("", _BEFORE, _BEFORE, pushed=Image(version=2, exits_with=1)),
        }.items()
    },
    "proof-fails": Course("forward", _BEFORE, {"lamp": "2", "horn": "1"}, behaves={"lamp:2": _LATE}),
    "start-fails-back": Course("back", _BEFORE, {"lamp": "2", "horn": "1"}, behaves={"lamp:2": _SICK}),
    "pushed-late": Course("forward", _BEFORE, {"lamp": "2", "horn": "1"}, pushed_late=Image(version=2)),
    "added": Course("forward", {"lamp": "1"}, _BEFORE),
    "added-back": Course("back", {"lamp": "1"}, _BEFORE),
    "removed": Course("forward", _BEFORE, {"lamp": "1"}),
    "removed-back": Course("back", _BEFORE, {"lamp": "1"}),
    "removed-crash": Course("forward", _BEFORE, {"lamp": "2"}, behaves={"lamp:2": _CRASH}),
    "two": Course("forward", _BEFORE, {"lamp": "2", "horn": "2"}),
    "two-back": Course("back", _BEFORE, {"lamp": "2", "horn": "2"}),
    "two-second-crashes": Course("forward", _BEFORE, {"lamp": "2", "horn": "2"}, behaves={"horn:2": _CRASH}),
}


class Fault(NamedTuple):
    """What a look raises, how a step ends or what it raises, and for how many calls."""

    look: Callable[[], Exception]
    step: Callable[[], Outcome | Exception]
    times: int


_RETRY = "it fails for once"
FAULTS = {
    "unavailable-once": Fault(lambda: Unavailable("engine:x", "blip"), lambda: Retry(_RETRY, outside=True), 1),
    "unavailable-thrice": Fault(lambda: Unavailable("engine:x", "blip"), lambda: Retry(_RETRY, outside=True), 3),
    "late-once": Fault(lambda: TimedOut("engine:x", "no answer"), lambda: Retry(_RETRY), 1),
    "late-thrice": Fault(lambda: TimedOut("engine:x", "no answer"), lambda: Retry(_RETRY), 3),
    "refused-once": Fault(lambda: Refused("engine:x", "no"), lambda: OSError("nobody expects this"), 1),
    "refused-thrice": Fault(lambda: Refused("engine:x", "no"), lambda: OSError("nobody expects this"), 3),
    "lasting-outside": Fault(lambda: Unavailable("engine:x", "away"), lambda: Retry("away", outside=True), _FOR_EVER),
    "lasting-inside": Fault(lambda: TimedOut("engine:x", "no answer"), lambda: Retry("it fails"), _FOR_EVER),
    "lasting-steps": Fault(lambda: Refused("engine:x", "no"), lambda: OSError("nobody expects this"), _FOR_EVER),
}


_MOST_DRAWN = 2
"""Faults of one course in an ordinary run."""


class Faulty(MemoryEngine):
    """The memory engine, of which calls fail from the one of a number on, while it is `armed`. The calls are counted."""

    calls = 0
    armed = False
    fault: Fault | None = None
    at = 0

    def _failing(self) -> Fault | None:
        if not self.armed:
            return None
        self.calls += 1
        if self.fault is None or not self.at < self.calls <= self.at + self.fault.times:
            return None
        return self.fault

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        fault = self._failing()
        if fault is not None:
            raise fault.look()
        return await super().observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        fault = self._failing()
        if fault is None:
            return await super().perform(action, progress)
        ending = fault.step()
        if isinstance(ending, Exception):
            raise ending
        return ending


class Play:
    """One course, with a fault at one call or none."""

    def __init__(self, course: Course, fault: Fault | None = None, at: int = 0) -> None:
        self.course = course
        catalogue = {f"reg.example/{image}": behaviour for image, behaviour in course.behaves.items()}
        self.device = Device(catalogue=catalogue)
        self.engine = Faulty(now=self.device._now, catalogue=dict(catalogue))
        self.engine.script.pull_rate = 1e9
        self.engine.fault, self.engine.at = fault, at
        self.device.engine = self.device._driver = self.engine
        self.device.die()
        self.device.boot()
        self.truth = Truth(self.engine)
        self.said: list[str] = []
        self.good_before = ""

    async def go(self) -> int:
        """Play it and hold every statement against the world; how many calls to the engine the activity took."""
        device, course = self.device, self.course
        await device.bring("before", *(asked(name, version) for name, version in course.before.items()))
        before, self.good_before = self._there(), device.journal.digest("last-good")
        if course.pushed is not None:
            self.engine.catalogue["reg.example/lamp:1"] = course.pushed
        after = {name: self._content(name, version) for name, version in course.after.items()}
        await device.desired("x", *(asked(name, version) for name, version in course.after.items()))
        self.engine.armed = True
        for command in _WAYS[course.way]:
            said = await self._command(command)
            self._check(said, before, after)
            if command == "DOWNLOAD" and course.pushed_late is not None and "DOWNLOAD_SUCCESS" in said:
                self.engine.catalogue["reg.example/lamp:2"] = course.pushed_late
        self.engine.armed = False
        assert self.said[-1] in ("COMPLETED", "INCOMPLETE"), self.said
        await self._check_convergence(before, after)
        return self.engine.calls

    async def _command(self, command: str) -> list[str]:
        """What breaks is begun again, as the controller does."""
        device = self.device
        try:
            said = await device.command("x", command)
        except OSError:
            for _ in range(MOST_TRIES):
                with suppress(OSError):
                    await device.agent.work()
            said = device.said()
        self.said += statuses(said)
        return statuses(said)

    def _content(self, name: str, version: str) -> str:
        image = f"reg.example/{name}:{version}"
        return image_id(image, self.engine.simulation.offered(image).version)

    def _there(self) -> dict[str, list[tuple[str, str]]]:
        """Contents and states of all instances, by name."""
        own = {name: self.truth.own(name) for name in ("lamp", "horn")}
        return {name: [(each.image_id, each.state) for each in its] for name, its in own.items() if its}

    def _check(self, said: Sequence[str], before: Mapping[str, object], after: Mapping[str, str]) -> None:
        """Nothing was awaited since the last of it was said, and no hands act here."""
        there = self._there()
        up = {name: [content for content, state in its if state == "running"] for name, its in there.items()}
        wanted = {name: [content] for name, content in after.items()}
        if "ACTIVATION_SUCCESS" in said:
            assert {name: its for name, its in up.items() if its} == wanted, self.said
        if "ROLLBACK_SUCCESS" in said:
            assert there == before, self.said
        if "COMPLETED" in said:
            assert {name: its for name, its in up.items() if its} == wanted, self.said
            assert there.keys() == wanted.keys(), self.said
        if "CLEANUP_SUCCESS" in said:
            expected = {name: [(content, "running")] for name, content in after.items()}
            is_activated = "ACTIVATION_SUCCESS" in self.said and "ROLLBACK" not in self.said
            # what was activated may turn out to be unwell, or nobody can look at it once more before the end
            assert there == before or (is_activated and there == expected), self.said
        good = self.device.journal.revision("last-good")
        if "INCOMPLETE" in said and good is not None and good.digest != self.good_before:
            containers = [each.wanted for each in good.documents if isinstance(each.wanted, Container)]
            assert not any(self.truth.not_there(each) for each in containers), self.said

    async def _check_convergence(self, before: Mapping[str, object], after: Mapping[str, str]) -> None:
        """Without a fault exactly what is in force runs: all of the activity, or what was before it."""
        device = self.device
        ending: object = Progressed()
        for _ in range(20):
            await device.agent.work()
            ending = await device.cycles.run(device.stopping)
            if isinstance(ending, Settled) and not ending.left_over:
                break
            await asyncio.sleep(0.0 if isinstance(ending, Progressed) else 30.0)
        assert isinstance(ending, Settled), ending
        assert not ending.unwell
        expected = {name: [(content, "running")] for name, content in after.items()}
        assert self._there() in ([expected] if self.said[-1] == "COMPLETED" else [before, expected])
        desired = device.journal.revision("desired")
        assert desired is not None
        wanted = [each.wanted for each in desired.documents if isinstance(each.wanted, Container)]
        assert {each.name for each in wanted} == self._there().keys()
        assert not any(self.truth.not_there(each) for each in wanted)
        assert device.said() == [], "the end is the last word"


def played(course: Course, fault: Fault | None = None, at: int = 0) -> int:
    """How many calls to the engine its activity took."""

    async def story() -> int:
        return await Play(course, fault, at).go()

    calls = run(story())
    DEVICES.pop().scrap()
    return calls


@pytest.mark.parametrize("name", COURSES)
def test_whichever_call_fails_no_statement_is_false(name: str) -> None:
    course = COURSES[name]
    calls = played(course)
    failing = [(fault, at) for fault in FAULTS for at in range(calls)]
    for fault, at in sampled(failing, _MOST_DRAWN, f"{name}, calls"):
        try:
            played(course, FAULTS[fault], at)
        except AssertionError as error:
            raise AssertionError(f"{name}: {fault} at call {at} of {calls}: {error}") from error
