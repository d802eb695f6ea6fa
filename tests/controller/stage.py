"""A whole controller for tests on virtual time: source, engine, sink and supervisor that a test speaks for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.virtual import now

from evenkeel.controller.cycle.domain import Domain
from evenkeel.controller.cycle.stage import StageLimits
from evenkeel.controller.drivers.containers.memory import MemoryEngine
from evenkeel.controller.journal.journal import Journal, keep_journal
from evenkeel.controller.journal.lock import Lock
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Conduct
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.problem import Place, Problem

RESYNC_S = 60.0


class Reading(NamedTuple):
    """What a source found."""

    desired: DesiredState = desired_state([])
    problems: tuple[Problem, ...] = ()
    is_empty: bool = False
    missing: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    nothing: tuple[Place, ...] = ()


EMPTY = Reading(is_empty=True)
BROKEN = Reading(problems=(Problem(Place("/etc/x.yaml", 3, 5), "spec.image", "no image"),))
DOUBTFUL = Problem(Place("/etc/x.yaml", 3, 5), "spec.ports[0]", "written the other way round", severity="warning")


def asking(*images: str) -> Reading:
    containers = [normal(Container(image.partition(":")[0], image)) for image in images]
    return Reading(desired_state([Document("Container", each.name, each) for each in containers]))


class Scripted:
    """A source that a test speaks for."""

    def __init__(self) -> None:
        self.readings: asyncio.Queue[Reading] = asyncio.Queue()
        self.looks = 0
        self.closed = False

    async def changes(self) -> AsyncIterator[Reading]:
        try:
            while True:
                yield await self.readings.get()
        finally:
            self.closed = True

    def look(self) -> None:
        self.looks += 1


class Listener:
    """A sink that takes, or fails as a test wants."""

    def __init__(self, name: str = "listener") -> None:
        self.name = name
        self.taken: list[Feedback] = []
        self.batches: list[int] = []
        self.failure: Exception | None = None

    async def take(self, entries: Sequence[Feedback]) -> None:
        await asyncio.sleep(0.01)
        if self.failure is not None:
            raise self.failure
        self.batches.append(len(entries))
        self.taken.extend(entries)

    def kinds(self) -> list[str]:
        return [entry.kind for entry in self.taken]


class Counting(MemoryEngine):
    """The memory engine, with a count of looks at it."""

    looks = fresh_looks = 0
    closed = False

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        self.looks += 1
        self.fresh_looks += look.fresh
        return await super().observe(look)

    async def close(self) -> None:
        self.closed = True
        await super().close()


class Heart:
    """Who hears of the controller's life."""

    every_s = 0.0

    def __init__(self) -> None:
        self.heard: list[str] = []

    def started(self) -> None:
        self.heard.append("started")

    def alive(self) -> None:
        self.heard.append("alive")

    def state(self, text: str) -> None:
        self.heard.append(text)

    def stopping(self) -> None:
        self.heard.append("stopping")


class Stage:
    """All that a test plays with."""

    def __init__(self, state: Path, **settings: Any) -> None:
        self.clock_is_ahead_s = 0.0
        self.engine = Counting(now=self.now)
        self.state, self.lock = state, Lock(state)
        self.lock.take()
        self.journal: Journal = keep_journal(state, self.now)
        self.source, self.sink, self.heart = Scripted(), Listener(), Heart()
        self.sinks = [self.sink]
        self.settings, self.limits, self.containers = settings, StageLimits(), Containers()
        self.conduct = Conduct(self.limits, now=self.now)
        self.controller = self.make()

    def now(self) -> float:
        """The time of day as the device has it."""
        return now() + self.clock_is_ahead_s

    def make(self) -> Controller:
        """A controller, as after a start."""

        return Controller(
            self.journal,
            [Domain(self.containers, self.engine)],
            self.source,
            self.sinks,
            timedelta(seconds=RESYNC_S),
            WakeUps(jitter=lambda: 0.5),
            life=self.heart,
            lock=self.lock,
            conduct=self.conduct,
            **self.settings,
        )

    def say(self, *readings: Reading) -> None:
        for reading in readings:
            self.source.readings.put_nowait(reading)

    def at(self, seconds: float, act: Callable[..., object], *arguments: object) -> None:
        """Do something in so many seconds."""
        asyncio.get_running_loop().call_later(seconds, act, *arguments)

    async def play(self, seconds: float) -> None:
        """Run the controller for so long."""
        self.at(seconds, self.controller.stop)
        await self.controller.run()

    def conditions(self) -> dict[str, bool]:
        return {each.name: each.holds for each in self.journal.conditions()}

    def condition(self, name: str) -> Condition:
        return next(each for each in self.journal.conditions() if each.name == name)

    def running(self) -> dict[str, str]:
        return {name: image.removeprefix("docker.io/library/") for name, image in self.engine.running().items()}


def time() -> float:
    return asyncio.get_running_loop().time()


Work = Callable[[Stage], Coroutine[Any, Any, None]]


OnStage = Callable[..., None]
