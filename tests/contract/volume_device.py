"""A device whose controller is asked for one container, and whose plans are held against what becomes of volumes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.memories import adopt

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.domain import Domain
from evenkeel.controller.cycle.endings import Ending, Progressed, Retrying, Settled, Waiting
from evenkeel.controller.cycle.preview import preview
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.naming import volume_name
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.container import Container, Mount, Resources, Restart, RestartPolicy
from evenkeel.specs.containers.difference import VolumeFate, of_containers
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Outcome, Plan

from .kits import PLACE, Kit

NAME = "db"
OWN = volume_name(NAME, PLACE)


class Wish(NamedTuple):
    """What is asked of the container."""

    image: str = "db:1"
    level: str | None = "a"
    memory: int | None = None
    discards: bool = False
    is_mounted: bool = False
    restart: RestartPolicy = "no"


def state_of(wish: Wish | None) -> DesiredState:
    if wish is None:
        return desired_state([])
    more: dict[str, Any] = {"image_volumes": "discard"} if wish.discards else {}
    container = Container(
        NAME,
        wish.image,
        env=(("LEVEL", wish.level),) if wish.level is not None else (),
        resources=Resources(wish.memory),
        mounts=(Mount(PLACE, "/usr", read_only=True),) if wish.is_mounted else (),
        restart=Restart(wish.restart),
        stable_for=timedelta(seconds=60 if wish.image == "bad:1" else 0.1),  # no proof comes before it has ended
        **more,
    )
    return desired_state([Document("Container", NAME, normal(container))])


class Cut(NamedTuple):
    """The power goes before or after the action of this number."""

    action: int
    after: bool


class Device:
    """The engine of a kit, and a controller that loses its power where it is told to."""

    def __init__(self, kit: Kit, folder: Path, now: Now = system_now) -> None:
        self.kit, self._now = kit, now
        self.journal = open_journal(folder, now)
        self._cut: Cut | None = None
        self._gone = asyncio.Event()
        self.goes_back = False
        """Whether the container that is there is the last good one, so that a failed successor is taken back for it."""
        self.is_adopted = False
        """Whether the container that is there was adopted, and nothing was made of it yet."""
        self._known = ""
        """The volume that is found again for a container that is created; "" when that is the one with evenkeel's name."""
        self._failed: set[Wish] = set()
        self._was_good = False
        """Whether anything was good, so that what fails does not stay."""
        self._fleeting = set[str]()
        """Volumes that began with what asked to discard them, and failed."""
        kit.declare()

    # ── a driver ───────────────────────────────────────────────────────────────────────────────────────────────

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        return await self.kit.driver.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        cut, self._cut = self._cut, self._cut and self._cut._replace(action=self._cut.action - 1)
        is_last = cut is not None and cut.action == 1
        if cut and is_last and not cut.after:
            await self._stand_still()
        outcome = await self.kit.driver.perform(action, progress)
        if cut and is_last:
            await self._stand_still()
        return outcome

    async def output(self, instance: str) -> Output:
        return await self.kit.driver.output(instance)

    async def _stand_still(self) -> None:
        self._gone.set()
        await asyncio.Event().wait()

    def nudges(self) -> AsyncIterator[None]:
        return self.kit.driver.nudges()

    async def close(self) -> None:
        self.journal.close()

    # ── what is asked ──────────────────────────────────────────────────────────────────────────────────────────

    async def plan(self, wish: Wish | None) -> Plan:
        """What `evenkeel plan` shows."""

        return (await preview([Domain(Containers(), self)], self.journal, state_of(wish))).plans[0].plan

    async def fates(self, wish: Wish | None) -> tuple[VolumeFate, ...]:
        return tuple(
            fate for difference in of_containers((await self.plan(wish)).differences) for fate in difference.volumes
        )

    def want(self, wish: Wish | None) -> None:
        self.journal.put("desired", state_of(wish), "test")

    async def step(self) -> Ending:
        """One cycle."""
        return await Cycles(Containers(), self, self.journal, self._say, now=self._now).run(asyncio.Event())

    async def is_there(self) -> bool:
        return any(each.engine_name == NAME for each in (await self.observe()).containers)

    async def ask(self, wish: Wish | None, cut: Cut | None = None) -> Ending:
        """Ask for the container, or for none, and follow that to its end."""
        self._cut = cut
        self.want(wish)
        while True:
            self._gone.clear()
            work = asyncio.ensure_future(self._follow())
            gone = asyncio.ensure_future(self._gone.wait())
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            gone.cancel()
            if not self._gone.is_set():
                return work.result()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def ask_until_cut(self, wish: Wish, cut: Cut) -> None:
        """Ask for the container, and leave it when the power goes."""
        self._cut = cut
        self._gone.clear()
        self.want(wish)
        work = asyncio.ensure_future(self._follow())
        await self._gone.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)

    async def _follow(self) -> Ending:
        cycles = Cycles(Containers(), self, self.journal, self._say, now=self._now)
        ending: Ending = Progressed()
        for _ in range(300):
            ending = await cycles.run(asyncio.Event())
            if isinstance(ending, Retrying):
                await asyncio.sleep(max(ending.after_s, 0.01))
            elif isinstance(ending, Waiting) and ending.again_s:
                await asyncio.sleep(ending.again_s)
            elif not isinstance(ending, Progressed):
                return ending
        raise AssertionError(f"does not converge: {ending}")

    def _say(self, entry: Feedback) -> None:
        self.journal.say(entry)

    # ── what is true of it ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def volume(self) -> str:
        """The volume of the container; "" when it has none."""
        return self.kit.volumes(NAME).get(PLACE, "")

    @property
    def text(self) -> str:
        """What is in it."""
        return self.kit.contents()[self.volume]

    def write(self, text: str) -> None:
        self.kit.write(self.volume, text)

    async def adopt(self, *, vanishes: bool = False, volume_at: str = "") -> str:
        """Somebody runs the container, `vanishes` with `--rm`, `volume_at` with `-v`, and it is adopted; its id."""
        id_ = await self.kit.somebody_runs(NAME, "db:1", vanishes=vanishes, volume_at=volume_at)
        assert adopt(self.journal, id_, NAME)
        self.is_adopted = True
        return id_

    async def ask_truly(self, wish: Wish | None, cut: Cut | None = None) -> None:
        """Ask, and hold what became of all volumes against what the plan said of it."""
        before, had = self.kit.contents(), self.volume
        plan = await self.plan(wish)
        fates = {
            fate.volume: fate.fate for difference in of_containers(plan.differences) for fate in difference.volumes
        }
        ending = await self.ask(wish, cut)
        after = self.kit.contents()
        lost = {name for name, text in before.items() if text and after.get(name) != text}
        keeps = wish is not None and not wish.discards and not wish.is_mounted
        if wish is not None and wish.image == "bad:1":
            assert not isinstance(ending, Settled)
            assert not lost, "what a failed update has not replaced was lost"
            comes_back = self.goes_back or self.is_adopted
            assert not had or not comes_back or self.volume == had
            is_tried = wish not in self._failed
            if not comes_back and not self._was_good and is_tried:  # it stays, and has what a good one would have
                for name, fate in fates.items():
                    assert (self.volume == name) is (fate == "carried"), (name, fate, self.volume)
                if keeps:
                    assert self.volume == self._expected(wish, had, fates, before)
            # What is to keep data gets no volume that began with a failed `discard`, and does not change what is found again.
            # It does so when it is the very container that began so, and is proven once more.
            if had and (self.is_adopted or (keeps and is_tried and self.volume == had)):
                self._known = had
            self.goes_back, self.is_adopted = comes_back, False
            self._failed.add(wish)
            if wish.discards and not comes_back and self.volume != had:
                self._fleeting.add(self.volume)
            return
        assert ending == Settled(), ending
        self.goes_back, self.is_adopted, self._was_good = wish is not None, False, True
        assert lost <= {name for name, fate in fates.items() if fate == "removed"}, (lost, fates)
        for name, fate in fates.items():
            assert (self.volume == name) is (fate == "carried"), (name, fate, self.volume)
            assert name in after or fate == "removed"
        if wish is not None and keeps:
            assert self.volume == self._expected(wish, had, fates, after)
            if self.volume:
                self._known = self.volume

    def _expected(self, wish: Wish, had: str, fates: dict[str, str], there: dict[str, str]) -> str:
        """The volume of a container that keeps data. `had`: that of the container before; `there`: all that were there."""
        found = self._known if self._known in there else OWN
        aside = next((name for name, fate in fates.items() if fate == "carried"), "")  # of one that failed before
        if (
            had in self._fleeting and had in fates
        ):  # a new container; without a fate, the one that was there has it still
            had = ""
        return had or aside or (found if wish.image != "sleeper:1" else "")
