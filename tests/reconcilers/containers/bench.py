"""A bench: real cycles, a real journal and the memory engine, on virtual time, with somebody who watches every action.

The watcher asserts the invariants at the moment of each action, and can cut the power before or after the effect of any of
them; what was going on is cancelled, and a new controller finds the engine as it was left, with its journal or without.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.virtual import now

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Waiting
from evenkeel.controller.cycle.stage import StageLimits
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine, WorldContainer
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.reconcilers.containers import Containers, compare
from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import Container, condition_of
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Outcome, Plan

SYSTEM = "system"
STRANGER = "stranger"
_FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None


def asking(containers: Sequence[Container]) -> DesiredState:
    return desired_state([Document("Container", container.name, container) for container in containers])


class Cut(NamedTuple):
    """The power goes at the action of this number, before or after its effect; the journal may go with it."""

    action: int
    after: bool
    journal_lost: bool = False


class Watched:
    """The driver, watched. Actions are counted over all controllers."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.done: list[Action] = []
        self.proven: set[str] = set()
        self.to_fetch: tuple[Container, ...] = ()
        self.group_of: dict[str, str] = {}
        """The groups of containers; each waits for its own images alone."""
        self.kept_up: frozenset[str] = frozenset()
        self.cuts: list[Cut] = []
        self.power_gone = asyncio.Event()
        self.untouchable: dict[str, WorldContainer] = {}

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        return await self.engine.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self.done.append(action)
        number = len(self.done)
        self._check(action)
        cut = next((cut for cut in self.cuts if cut.action == number), None)
        if cut and not cut.after:
            await self._cut()
        if isinstance(action, Start):
            self.proven.discard(action.instance)
        outcome = await self.engine.perform(action, progress)
        if isinstance(action, Verify) and isinstance(outcome, Done):
            self.proven.add(outcome.instance)
        if cut and cut.after:
            await self._cut()
        return outcome

    async def output(self, instance: str) -> Output:
        return await self.engine.output(instance)

    def nudges(self) -> AsyncIterator[None]:
        return self.engine.nudges()

    async def close(self) -> None:
        await self.engine.close()

    async def _cut(self) -> None:
        self.power_gone.set()
        await asyncio.Event().wait()

    def _check(self, action: Action) -> None:
        """INV-01, INV-02: what is somebody else's, and system containers, are never touched; then all others."""
        for id_, kept in self.untouchable.items():
            assert self.engine.world.containers.get(id_) == kept, f"{kept.engine_name} was touched"
        match action:
            case Pull():
                return
            case Create(engine_name=name):
                assert name not in {kept.engine_name for kept in self.untouchable.values()}
            case Start() | End() | Rename() | Update() | Verify() | Remove():
                assert action.instance not in self.untouchable
        self._check_fetched(action)
        if isinstance(action, Start):
            self._check_dependencies(self.engine.world.containers[action.instance])
        if isinstance(action, Remove):
            self._check_removal(self.engine.world.containers.get(action.instance))

    def _check_fetched(self, action: Action) -> None:
        """INV-04: when the first thing of a group is disturbed, everything wanted of it is created already or can be."""
        world, group = self.engine.world, self.group_of.get(self._subject(action), "")
        for container in self.to_fetch:
            if self.group_of.get(container.name, "") != group:
                continue
            made = any(
                kept.container is not None and (kept.container.name, kept.image) == (container.name, container.image)
                for kept in world.containers.values()
            )
            assert made or container.image in world.images, f"{action} before {container.image} was fetched"

    def _subject(self, action: Action) -> str:
        if isinstance(action, Create):
            return action.container.name
        kept = self.engine.simulation.named(action.traits.facts.get("instance", "")) if self.group_of else None
        return kept.container.name if kept is not None and kept.container is not None else ""

    def _check_dependencies(self, starting: WorldContainer) -> None:
        """INV-06: what a container depends on is proven, in the form in which it is wanted, before it starts; or was started,
        where that is enough. A job is proven when it has ended well."""
        wanted = {container.name: container for container in self.to_fetch}
        container = wanted.get(starting.container.name) if starting.container is not None else None
        conditions = (
            {name: condition_of(container, name) for name in container.depends_on} if container is not None else {}
        )
        for name, condition in conditions.items():
            may_end = wanted[name].restart.policy in ("no", "on-failure")
            assert any(
                kept.container is not None
                and kept.container.name == name
                and compare.same_identity(wanted[name], kept.container)
                and (
                    kept.started_at
                    if condition == "started"
                    else kept.id in self.proven and (kept.state == "running" or may_end)
                )
                and (condition != "completed" or (kept.state == "exited" and not kept.exit_code))
                for kept in self.engine.simulation.present()
            ), f"{starting.engine_name} starts before {name} is {condition}"

    def _check_removal(self, removed: WorldContainer | None) -> None:
        """INV-05: what was proven goes only when something of its name is proven and was at work, if the name matters."""
        if removed is None or removed.container is None or removed.id not in self.proven:
            return
        name = removed.container.name
        if name not in self.kept_up:
            return
        others = [
            kept
            for kept in self.engine.world.containers.values()
            if kept.container is not None and kept.container.name == name and kept.id in self.proven and kept != removed
        ]
        assert any(kept.state != "created" for kept in others), (
            f"{removed.engine_name} removed before its successor is proven"
        )


class Bench:
    """One device."""

    def __init__(self, folder: Path, catalogue: dict[str, Image] | None = None) -> None:
        self.engine = MemoryEngine(catalogue, now=now)
        self.driver = Watched(self.engine)
        self.said: list[Feedback] = []
        self._folder, self._states = folder, 0
        self.limits = StageLimits()
        self._news, self._cut = asyncio.Event(), asyncio.Event()
        self.journal = self._open()

    def protect(self) -> None:
        """Put a system container of evenkeel's own and a stranger's container there, which must stay as they are."""
        plain = Container(name=SYSTEM, image="docker.io/library/system:1")
        kept = WorldContainer("0ff", SYSTEM, "sha256:system", plain, "running", plain.image)
        self.engine.world.containers[kept.id] = kept
        self.engine.put_foreign(changed(plain, name=STRANGER))
        self.driver.untouchable = {
            id_: kept for id_, kept in self.engine.world.containers.items() if kept.engine_name in (SYSTEM, STRANGER)
        }

    def cycles(self) -> Cycles:
        """A controller, as after a start."""
        return Cycles(
            Containers((SYSTEM,)),
            self.driver,
            self.journal,
            self._say,
            self.limits,
            now=now,
            wake=self._news.set,
            interrupt=self._cut.set,
        )

    async def converge(
        self, state: DesiredState, cuts: Sequence[Cut] = (), *, good: DesiredState | None = None
    ) -> Ending:
        """Ask for a state and follow it to its end, through all cuts (counted from here). `good`: what it goes back to,
        because it must fail."""
        begun = len(self.driver.done)
        self.driver.cuts = [cut._replace(action=cut.action + begun) for cut in cuts]
        wanted = containers_of(state)
        self.driver.to_fetch = () if good is not None else tuple(wanted.values())
        self.driver.kept_up = frozenset(wanted if good is None else wanted.keys() & containers_of(good))
        self.journal.put("desired", state, "test")
        while True:
            self.driver.power_gone.clear()
            work = asyncio.ensure_future(self._follow(self.cycles()))
            gone = asyncio.ensure_future(self.driver.power_gone.wait())
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if work.done() and not self.driver.power_gone.is_set():
                return work.result()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            cut = next(cut for cut in self.driver.cuts if cut.action <= len(self.driver.done))
            self.driver.cuts = [other for other in self.driver.cuts if other.action > len(self.driver.done)]
            if cut.journal_lost:
                self.journal.close()
                self.journal = self._open()
                self.journal.put("desired", state, "test")

    async def abandon(self, state: DesiredState, actions: int) -> None:
        """Ask for a state and lose the power at the action of this number."""
        self.driver.to_fetch, self.driver.kept_up = (), frozenset()
        self.driver.cuts = [Cut(len(self.driver.done) + max(actions, 1), after=actions % 2 == 0)]
        self.driver.power_gone.clear()
        self.journal.put("desired", state, "test")
        work = asyncio.ensure_future(self._follow(self.cycles()))
        gone = asyncio.ensure_future(self.driver.power_gone.wait())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        for each in (work, gone):
            each.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)

    async def _follow(self, cycles: Cycles) -> Ending:
        retries = 0
        for _ in range(300):
            self._news.clear()
            self._cut.clear()
            ending = await cycles.run(self._cut)
            if isinstance(ending, Retrying) and retries < 20:
                retries += 1
                await asyncio.sleep(max(ending.after_s, 10.0))
            elif isinstance(ending, Waiting) and ending.again_s:
                await asyncio.sleep(ending.again_s)
            elif not isinstance(ending, Progressed) and cycles.fetched_beside:
                await self._news.wait()
            elif not isinstance(ending, Progressed):
                return ending
        raise AssertionError(f"does not converge: {self.said[-12:]}")

    async def plan(self, state: DesiredState) -> Plan:
        """What would be done now."""
        reconciler = Containers((SYSTEM,))
        want = reconciler.select(state)
        memory = self.journal.memories.of(reconciler.memory)
        seen = await self.engine.observe(reconciler.look(want, memory))
        return reconciler.plan(reconciler.diff(want, seen, memory), seen, memory)

    def own(self) -> list[WorldContainer]:
        """What evenkeel may touch."""
        return [kept for kept in self.engine.world.containers.values() if kept.id not in self.driver.untouchable]

    def working(self, name: str) -> list[Container]:
        """What works under a name, as it was asked for."""
        self.engine.running()  # lets processes end that end by themselves
        return [
            kept.container
            for kept in self.own()
            if kept.container is not None
            and kept.container.name == name
            and kept.state == "running"
            and kept.engine_name == engine_name(name)
        ]

    def close(self) -> None:
        self.journal.close()

    def _say(self, feedback: Feedback) -> None:
        self.said.append(self.journal.say(feedback))

    def _open(self) -> Journal:
        self._states += 1
        return open_journal(self._folder / str(self._states), now)


@contextmanager
def bench(catalogue: dict[str, Image] | None = None) -> Iterator[Bench]:
    folder = Path(tempfile.mkdtemp(dir=_FAST))
    it = Bench(folder, catalogue)
    try:
        yield it
    finally:
        it.close()
        shutil.rmtree(folder)


def containers_of(state: DesiredState) -> dict[str, Container]:
    return {d.name: d.wanted for d in state.documents if isinstance(d.wanted, Container)}
