"""One device with the two domains that ship: files on a simulated host, and containers that mount them.

Each start of a container notes what its file held: a container works with what it has read at its start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.controller.stage import Reading, Scripted
from tests.virtual import now

from evenkeel.controller.cycle.domain import AnyDomain, Domain
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.drivers.files import FilesEngine
from evenkeel.controller.drivers.files.memory import Entry, MemoryDisk, memory_files
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Conduct
from evenkeel.controller.settings.provided import Provided
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.files import Files
from evenkeel.specs.containers.actions import Start
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Condition, Feedback
from evenkeel.specs.files.actions import Write
from evenkeel.specs.files.file import File
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Done, Failed, Outcome

from .two import run_until

PATH = "/etc/app/app.conf"
_MOST_LOOKS = 300


class Power:
    """Goes after so many actions of any domain."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        """The domain and the action, in order."""
        self.lasts, self.gone = -1, asyncio.Event()
        self.spins = False
        """Whether looks follow each other without end, while no time passes."""
        self._looks, self._at = 0, -1.0
        self.stop: Callable[[], object] = list

    def look(self) -> None:
        """A domain looks."""
        at = asyncio.get_running_loop().time()
        self._looks, self._at = (self._looks + 1 if at == self._at else 1), at
        if self._looks > _MOST_LOOKS:
            self.spins = True
            self.stop()

    async def note(self, domain: str, action: Action, outcome: Outcome) -> None:
        if isinstance(outcome, Done):
            self.done.append((domain, action.traits.facts["action"]))
            if len(self.done) == self.lasts:
                self.gone.set()
                await asyncio.sleep(3600)  # the process is gone before it hears of it


class Engine(MemoryEngine):
    """The memory engine. `content` tells what a file holds."""

    def __init__(self, power: Power, content: Callable[[], str], provided: Provided | None = None) -> None:
        super().__init__(now=now, provided=provided)
        self._power, self._content = power, content
        self.read: dict[str, str] = {}
        """What a container has read at its start, by its name."""
        self.bad: set[str] = set()
        """Contents with which a container does not come up."""
        self.ill: set[str] = set()
        """Images that do not come up, whatever they read."""
        self.ends_after_s = 0.1
        """The time after which what does not come up ends."""

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        self._power.look()
        return await super().observe(look)

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        if isinstance(action, Start):
            kept = next(
                each for each in self.world.containers.values() if action.instance in (each.id, each.engine_name)
            )
            self.read[kept.container.name if kept.container else ""] = self._content()
            is_bad = self._content() in self.bad or kept.image.removeprefix("docker.io/library/") in self.ill
            self.catalogue[kept.image] = Image(exits_with=1, exits_after_s=self.ends_after_s) if is_bad else Image()
        outcome = await super().perform(action, progress)
        await self._power.note("containers", action, outcome)
        return outcome


class Disk(FilesEngine):
    """The simulated host."""

    def __init__(self, power: Power, engine: FilesEngine) -> None:
        self._power, self._engine = power, engine
        self.refuses = ""
        """A content that cannot be written; "" is none."""

    async def observe(self, look: Look = Look()) -> Any:
        self._power.look()
        return await self._engine.observe(look)

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        if isinstance(action, Write) and self.refuses and action.content == self.refuses:
            return Failed("is scripted to be refused")
        outcome = await self._engine.perform(action, progress)
        await self._power.note("files", action, outcome)
        return outcome

    def nudges(self) -> Any:
        return self._engine.nudges()

    async def close(self) -> None:
        await self._engine.close()


class ScriptedDevice:
    """Domains beside containers, under one controller on virtual time. A device begins its domains in `start`."""

    def __init__(self, state: Path, content: Callable[[], str] = lambda: "") -> None:
        self.power = Power()
        self.engine = Engine(self.power, content)
        self.journal: Journal = open_journal(state, now)

    def begin(self, *domains: AnyDomain, on_entry: Callable[[Feedback], None] = lambda entry: None) -> None:
        """A new process with these domains, and the containers."""
        self.source = Scripted()
        conduct, wake_ups = Conduct(tries=2, now=now, on_entry=on_entry), WakeUps(jitter=lambda: 0.5)
        self.domains: list[AnyDomain] = [*domains, Domain(Containers(), self.engine)]
        every = timedelta(seconds=60)
        self.controller = Controller(self.journal, self.domains, self.source, (), every, wake_ups, conduct=conduct)

    def at(self, seconds: float, act: Callable[..., object], *given: object) -> None:
        """Do something in so many seconds."""
        asyncio.get_running_loop().call_later(seconds, act, *given)

    async def play(self, seconds: float) -> None:
        """Run the controller for so long."""
        self.power.stop = self.controller.stop
        self.at(seconds, self.controller.stop)
        await self.controller.run()
        assert not self.power.spins

    async def die(self, actions: int) -> bool:
        """Run the controller until so many actions were done, and end it then without a word; False when there were fewer."""
        self.power.lasts, self.power.gone = actions, asyncio.Event()
        await run_until(self.controller, self.power.gone)
        self.power.lasts = -1
        return self.power.gone.is_set()

    def outcome(self) -> tuple[list[str], bool, str]:
        """The images that run, and the truth and the reason of `Settled`."""
        return sorted(self.engine.running().values()), *self.settled()

    def settled(self) -> tuple[bool, str]:
        known = self._settled()
        return known.holds, known.reason

    def reason(self) -> str:
        """The words of `Settled`."""
        return self._settled().message

    def _settled(self) -> Condition:
        known = self.journal.condition("Settled")
        assert known is not None
        return known

    def said(self, kind: str) -> list[Feedback]:
        return [entry for entry in self.journal.entries(limit=100_000) if entry.kind == kind]


class Mixed(ScriptedDevice):
    """A device of files and containers."""

    def __init__(self, state: Path) -> None:
        super().__init__(state, self.content)
        self.heard: list[tuple[str, str]] = []
        """Each entry, and the reason of `Settled` at its moment."""
        files = memory_files()
        assert isinstance(files.system, MemoryDisk)
        self.disk = files.system
        self.files = Disk(self.power, files)
        self.start()

    def start(self) -> None:
        """A new process."""
        self.begin(Domain(Files(), self.files), on_entry=self._hear)

    def _hear(self, entry: Feedback) -> None:
        known = self.journal.condition("Settled")
        self.heard.append((entry.kind, known.reason if known is not None else ""))

    # ── the world ──────────────────────────────────────────────────────────────────────────────────────────────

    def content(self) -> str:
        """What the file holds; "" when it is not there."""
        found = self.disk.world.entries.get(PATH)
        return found.content.decode() if found is not None else ""

    def write(self, content: str) -> None:
        """Somebody else writes the file."""
        for folder in ("/etc", "/etc/app"):
            self.disk.world.entries.setdefault(folder, Entry("folder", mode=0o755))
        self.disk.world.entries[PATH] = Entry("file", content.encode())

    def running(self) -> list[str]:
        return sorted(each.removeprefix("docker.io/library/") for each in self.engine.running().values())

    # ── what is asked and told ─────────────────────────────────────────────────────────────────────────────────

    def ask(self, content: str | None, *images: str, **file: Any) -> None:
        """The files ask for this from now on; the container `web` is notified of the content."""
        self.source.readings.put_nowait(asking(content, *images, **file))

    async def settle(self, content: str | None, *images: str, **file: Any) -> None:
        """Ask for this, and reach it."""
        self.ask(content, *images, **file)
        await self.play(200)
        assert (self.content(), self.running()) == (content or "", sorted(images))
        assert self.settled() == (True, "Converged")
        self.start()
        self.power.done.clear()


def asking(content: str | None, *images: str, **file: Any) -> Reading:
    """What files ask for. Without a `content` they ask for no file."""
    containers = [normal(Container(image.partition(":")[0], image)) for image in images]
    documents = [Document("Container", each.name, each) for each in containers]
    if content is not None:
        wanted = File("conf", PATH, content, notify=("web",), **file)
        documents.append(Document("File", wanted.name, wanted))
    return Reading(desired_state(documents))


Work = Callable[[Mixed], Coroutine[Any, Any, None]]
OnMixed = Callable[[Work], None]
