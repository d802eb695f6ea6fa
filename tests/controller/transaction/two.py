"""One device with two domains: `first` runs on an engine of its own and switches first, `second` is everything else.

Both are the containers domain over again, so that a law of the transaction is tried on a domain that knows all there is: pulls,
proofs, ways back. A container whose name begins with `a` belongs to `first`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from tests.controller.stage import Scripted, asking
from tests.virtual import now

from evenkeel.controller.cycle.domain import Domain
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.ports import Serving
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Conduct
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.plan import Action, Done, Outcome


class FirstMemory(ContainersMemory, frozen=True):
    domain: ClassVar[str] = "first"


class SecondMemory(ContainersMemory, frozen=True):
    domain: ClassVar[str] = "second"


class Half(Containers):
    """Half of the containers."""

    def __init__(self, memory: type[ContainersMemory], is_mine: Callable[[str], bool]) -> None:
        super().__init__()
        self.memory, self.domain, self._is_mine = memory, memory.domain, is_mine  # type: ignore[misc]

    def select(self, desired: DesiredState) -> ContainersWanted:
        want = super().select(desired)
        return want._replace(documents=tuple(each for each in want.documents if self._is_mine(each[0].name)))


class Engine(MemoryEngine):
    """The memory engine, which writes down what was done."""

    def __init__(self, name: str, done: list[tuple[str, str]], **given: Any) -> None:
        super().__init__(**given)
        self._name, self._done = name, done
        self.dies_after, self.died = -1, asyncio.Event()

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        outcome = await super().perform(action, progress)
        if isinstance(outcome, Done):
            self._done.append((self._name, action.traits.facts["action"]))
            if len(self._done) == self.dies_after:
                self.died.set()
                await asyncio.sleep(3600)  # the process is gone before it hears of it
        return outcome


async def run_until(controller: Controller, death: asyncio.Event) -> None:
    """Run a controller until that, for ten minutes at most, and end it then without a word."""
    work, died = asyncio.ensure_future(controller.run()), asyncio.ensure_future(death.wait())
    await asyncio.wait({work, died}, timeout=600.0, return_when=asyncio.FIRST_COMPLETED)
    for task in (work, died):
        task.cancel()
    await asyncio.gather(work, died, return_exceptions=True)


class Two:
    """The device."""

    def __init__(self, state: Path, agents: Callable[[Controller], Serving] | None = None) -> None:
        self._agents = agents
        self.done: list[tuple[str, str]] = []
        """What was done, in order: the domain and the action."""
        self.first = Engine("first", self.done, now=now)
        self.second = Engine("second", self.done, now=now)
        self._state = state
        self.journal: Journal = open_journal(state, now)
        self.start()

    def start(self) -> None:
        """A new process."""
        self.source = Scripted()

        self.controller = Controller(
            self.journal,
            [
                Domain(Half(FirstMemory, lambda name: name.startswith("a")), self.first),
                Domain(Half(SecondMemory, lambda name: not name.startswith("a")), self.second),
            ],
            self.source,
            (),
            timedelta(seconds=60),
            WakeUps(jitter=lambda: 0.5),
            agents=self._agents,
            conduct=Conduct(tries=2, now=now),
        )

    def restart(self) -> None:
        """A new process, which reads everything from the disk."""
        self.journal.close()
        self.journal = open_journal(self._state, now)
        self.start()

    def lose_journal(self) -> None:
        """It is gone, and the next process begins another."""
        self.journal.close()
        self._state = self._state.with_name(f"{self._state.name}-new")
        self.journal = open_journal(self._state, now)
        self.start()

    def ask(self, *images: str) -> None:
        """The files ask for this from now on."""
        self.source.readings.put_nowait(asking(*images))

    def at(self, seconds: float, act: Callable[..., object], *given: object) -> None:
        """Do something in so many seconds."""
        asyncio.get_running_loop().call_later(seconds, act, *given)

    async def play(self, seconds: float) -> None:
        """Run the controller for so long."""
        self.at(seconds, self.controller.stop)
        await self.controller.run()

    async def die(self, actions: int) -> bool:
        """Run the controller until so many actions were done, and end it then without a word; False when there were fewer."""
        died = asyncio.Event()
        for engine in (self.first, self.second):
            engine.dies_after, engine.died = actions, died
        await run_until(self.controller, died)
        for engine in (self.first, self.second):
            engine.dies_after = -1
        return died.is_set()

    async def settle(self, *images: str) -> None:
        """Ask for this, and reach it."""
        self.ask(*images)
        await self.play(200)
        assert self.running() == sorted(images)
        assert self.settled() == (True, "Converged")
        self.start()
        self.done.clear()

    def running(self) -> list[str]:
        """The images at work, in both domains."""
        found = [*self.first.running().values(), *self.second.running().values()]
        return sorted(each.removeprefix("docker.io/library/") for each in found)

    def settled(self) -> tuple[bool, str]:
        known = self.journal.condition("Settled")
        assert known is not None
        return known.holds, known.reason

    def said(self, kind: str) -> list[Feedback]:
        return [entry for entry in self.journal.entries(limit=100_000) if entry.kind == kind]

    def refuse(self, engine: Engine, *images: str, how: str = "exits") -> None:
        """From now on these images are no good: they end at once, or (`how` is `pull`) cannot be fetched."""
        for each in images:
            broken = Image(exits_with=1) if how == "exits" else Image(pull="unreachable")
            engine.catalogue[f"docker.io/library/{each}"] = broken


Work = Callable[[Two], Coroutine[Any, Any, None]]
OnTwo = Callable[[Work], None]
