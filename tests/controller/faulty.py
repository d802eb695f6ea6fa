"""A stage with faults to plant: in the decisions, the driver, the source and the sinks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from tests.controller.stage import Counting, Reading, Scripted, Stage

from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.actions import Start
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Outcome


class PowerLoss(BaseException):
    """The process ends here."""


class Faulty(Containers):
    """Decisions with a defect in one of them, for states that name an image."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks: dict[str, Exception] = {}
        """Method → what it raises where the image is `web:2`."""
        self.everywhere = False

    def _break(self, method: str, images: Sequence[str]) -> None:
        if method in self.breaks and (self.everywhere or any(image.endswith("web:2") for image in images)):
            raise self.breaks[method]

    def diff(self, want: Any, seen: ContainersSeen, memory: ContainersMemory) -> tuple[ContainerDifference, ...]:
        self._break("diff", [container.image for container, _ in want.documents])
        return super().diff(want, seen, memory)


class FaultyEngine(Counting):
    """The memory engine, with a driver that raises what no driver should."""

    look_raises: Exception | None = None
    nudge_raises: Exception | None = None
    step_raises: BaseException | None = None
    steps: type = Start
    steps_left = 1_000_000

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        if self.look_raises is not None:
            raise self.look_raises
        return await super().observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        if self.step_raises is not None and isinstance(action, self.steps):
            self.steps_left -= 1
            if self.steps_left >= 0:
                raise self.step_raises
        return await super().perform(action, progress)

    async def nudges(self) -> AsyncIterator[None]:
        if self.nudge_raises is not None:
            raise self.nudge_raises
        async for nudge in super().nudges():
            yield nudge
            if self.nudge_raises is not None:
                raise self.nudge_raises


class FaultyStage(Stage):
    """A stage with faults to plant."""

    def make(self) -> Any:
        self.engine = FaultyEngine(now=self.engine._now)
        self.containers = Faulty()
        return super().make()

    @property
    def plans(self) -> Faulty:
        assert isinstance(self.containers, Faulty)
        return self.containers

    @property
    def driver(self) -> FaultyEngine:
        assert isinstance(self.engine, FaultyEngine)
        return self.engine


class FaultySource(Scripted):
    """A source whose reading breaks for as long as a test wants."""

    fault: Exception | None = None

    async def changes(self) -> AsyncIterator[Reading]:
        if self.fault is not None:
            raise self.fault
        async for reading in super().changes():
            yield reading
            if self.fault is not None:
                raise self.fault
