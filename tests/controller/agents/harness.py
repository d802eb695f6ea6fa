"""A device with an update agent, driven by messages and read by what it publishes: no broker, no sleeping, a real journal.

`Device` holds what outlives a process (the engine's world, the journal's directory) and the process itself, which may be
cut at any `pulse` (a feedback stored, an entry written, a moment before or after something is done to the engine) and is
then built anew from the journal. What is published is read as the broker would get it, in order, and written as
container-management.md §2.9 writes it: `front DOWNLOADING horn=IDENTIFIED fog=DOWNLOADING`.
"""

from __future__ import annotations

import asyncio
import copy
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.virtual import now

from evenkeel.controller.agents.agent import UpdateAgent
from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Progressed
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.journal.journal import Journal, open_journal
from evenkeel.controller.participants.containers.conduct import ContainersConduct
from evenkeel.controller.participants.containers.participant import containers_participant
from evenkeel.controller.process.clock import Uptime
from evenkeel.reconcilers.capabilities import Logged
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.look import Look
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Failed, Outcome

COMMANDS = ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
DESIRED, COMMAND, GET = (
    "containersupdate/desiredstate",
    "containersupdate/desiredstate/command",
    "containersupdate/currentstate/get",
)

Config = tuple[str, str]


class Asked(NamedTuple):
    """A component as it is asked for."""

    id: str
    version: str
    config: tuple[Config, ...]

    def json(self) -> dict[str, Any]:
        config = [{"key": key, "value": value} for key, value in self.config]
        return {"id": self.id, "version": self.version, "config": config}


def asked(name: str, version: str = "1", *config: Config, image: str = "") -> Asked:
    """`name` of `reg.example/name:version`, or of another image."""
    return Asked(name, version, (("image", image or f"reg.example/{name}:{version}"), *config))


def desired_state(
    activity: str,
    *components: Asked,
    baselines: Mapping[str, Sequence[str]] | None = None,
    config: Sequence[Config] = (),
    timestamp: int = 1,
) -> bytes:
    """A message for `desiredstate`."""
    domain: dict[str, Any] = {"id": "containers", "components": [component.json() for component in components]}
    if config:
        domain["config"] = [{"key": key, "value": value} for key, value in config]
    payload: dict[str, Any] = {"domains": [domain]}
    if baselines:
        payload["baselines"] = [{"title": title, "components": list(ids)} for title, ids in baselines.items()]
    return json.dumps({"activityId": activity, "timestamp": timestamp, "payload": payload}).encode()


def command_message(activity: str, command: str, baseline: str | None = None, timestamp: int = 1) -> bytes:
    """A message for `desiredstate/command`."""
    payload = {"command": command} | ({"baseline": baseline} if baseline is not None else {})
    return json.dumps({"activityId": activity, "timestamp": timestamp, "payload": payload}).encode()


class Said(NamedTuple):
    """One message of feedback."""

    activity: str
    baseline: str | None
    status: str
    message: str
    actions: tuple[tuple[str, str, str], ...]
    """Name, status and message."""

    @property
    def line(self) -> str:
        """As §2.9 writes it, without `(none)`."""
        words = [self.baseline] if self.baseline is not None else []
        return " ".join([*words, self.status, *(f"{name}={status}" for name, status, _ in self.actions)])

    def of(self, name: str) -> tuple[str, str]:
        """Status and message of one component."""
        return next((status, message) for subject, status, message in self.actions if subject == name)


class PowerLoss(BaseException):
    """The process ends here."""


class Wrapped:
    """An engine behind a driver that passes everything on; what it does otherwise is its child's."""

    def __init__(self, engine: Logged[ContainersSeen]) -> None:
        self._engine = engine

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        return await self._engine.observe(look)

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        return await self._engine.perform(action, progress)

    async def output(self, instance: str) -> Output:
        return await self._engine.output(instance)

    async def nudges(self) -> AsyncIterator[None]:
        async for nudge in self._engine.nudges():
            yield nudge

    async def close(self) -> None:
        await self._engine.close()


class Cuttable(Wrapped):
    """An engine, behind a driver that the power can be cut around."""

    def __init__(self, engine: Logged[ContainersSeen], pulse: Callable[[str], None]) -> None:
        super().__init__(engine)
        self._pulse = pulse

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        self._pulse(f"before {type(action).__name__}")
        outcome = await super().perform(action, progress)
        self._pulse(f"after {type(action).__name__}")
        return outcome


class Hasty(Wrapped):
    """An engine whose containers count as proven soon."""

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        if isinstance(action, Verify):
            action = changed(action, container=changed(action.container, stable_for=timedelta(milliseconds=200)))
        return await super().perform(action, progress)


_FAST = "/dev/shm"  # a journal syncs every write
DEVICES: list[Device] = []
"""Those of the test at work; `conftest` scraps them after it."""


class Device:
    """Built inside the virtual loop. `cuts`: at which pulses, counted from 1, the power is lost. With a `driver` of another
    engine its containers are there instead of in memory, and the `clock` has to be that engine's."""

    def __init__(
        self,
        *,
        system: tuple[str, ...] = (),
        catalogue: dict[str, Image] | None = None,
        settings: AgentSettings | None = None,
        conduct: ContainersConduct | None = None,
        patience: timedelta = timedelta(minutes=2),
        driver: Logged[ContainersSeen] | None = None,
        clock: Callable[[], float] = now,
    ) -> None:
        self.clock_is_ahead_s, self._clock = 0.0, clock
        self.boots = 1
        self.engine = MemoryEngine(now=self._now, catalogue=catalogue)
        self.engine.script.pull_rate = 1e9
        self._driver: Logged[ContainersSeen] = driver or self.engine
        self.settings = settings or AgentSettings()
        self.conduct = (conduct or ContainersConduct(system_containers=system))._replace(patience=patience)
        self.pulses: list[str] = []
        self.packet = 0
        self.cuts: list[int] = []
        self._folder = tempfile.TemporaryDirectory(prefix="ek-agent-", dir=_FAST if Path(_FAST).is_dir() else None)
        DEVICES.append(self)
        self.states: list[dict[str, Any]] = []
        self.raw: list[tuple[str, dict[str, Any]]] = []
        self.boot()

    # ── the process ────────────────────────────────────────────────────────────────────────────────────────────

    def boot(self) -> None:
        """Build everything from what is on the disk."""
        self.journal: Journal = open_journal(Path(self._folder.name), self._now)
        self.stopping = asyncio.Event()
        self.containers = self.decisions()
        driver = Cuttable(self._driver, self.pulse)
        self.cycles = Cycles(self.containers, driver, self.journal, self._say, now=self._now)
        participant = containers_participant(
            self.conduct, self.journal, driver, self.containers, self.cycles, self.stopping
        )
        self.agent = UpdateAgent(
            self.settings,
            self.journal,
            participant,
            self.stopping,
            self._say,
            _nothing,
            self._stored,
            self._now,
            self._uptime,
        )

    def _uptime(self) -> Uptime:
        return Uptime(f"boot {self.boots}", asyncio.get_running_loop().time())

    def decisions(self) -> Containers:
        """What decides about containers."""
        return Containers(self.conduct.protected, self.conduct.system_containers)

    def _now(self) -> float:
        return self._clock() + self.clock_is_ahead_s

    def die(self) -> None:
        """Nothing is closed in order, but the file is let go of."""
        self.journal.close()

    def scrap(self) -> None:
        """The end of the test."""
        self.die()
        self._folder.cleanup()

    def twin(self) -> Self:
        """Another device on which the same has happened."""
        other = type(self)(settings=self.settings, conduct=self.conduct, catalogue=dict(self.engine.catalogue))
        other.die()
        for file in Path(self._folder.name).iterdir():
            shutil.copy(file, other._folder.name)
        other.engine.world = copy.deepcopy(self.engine.world)
        other.boot()
        return other

    def reboot(self) -> None:
        """The process ends and is started again; with another number in `boots` the machine, too."""
        self.die()
        self.boot()

    def pulse(self, where: str) -> None:
        self.pulses.append(where)
        if len(self.pulses) in self.cuts:
            raise PowerLoss(where)

    def _say(self, feedback: Feedback) -> None:
        self.journal.say(feedback)
        if not feedback.kind.startswith("step-"):  # those stand right beside what is done to the engine
            self.pulse(f"said {feedback.kind}")

    def _stored(self) -> None:
        self.pulse("stored feedback")

    async def working(self, work: Callable[[], Any]) -> None:
        """Do it; whenever the power is lost meanwhile, boot and do what was left."""
        while True:
            try:
                await work()
                return
            except BaseException as error:
                if not _is_power_loss(error):
                    raise
            self.reboot()
            work = self.agent.work

    async def settle(self) -> None:
        """What the controller does when no message waits: cycles, until there is nothing left."""
        await self.agent.work()
        while isinstance(await self.cycles.run(self.stopping), Progressed):
            pass

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, topic: str, payload: bytes) -> list[Said]:
        """A message arrives and is dealt with; what is published about it."""
        arrived, tries = False, 0
        self.packet += 1

        async def work() -> None:
            nonlocal arrived, tries
            tries += 1
            self.agent.arrived(topic, payload, packet=self.packet, duplicate=tries > 1)
            await self.agent.reports.answer()
            arrived = True
            await self.agent.work()

        while not arrived:  # the broker delivers again what was not acknowledged
            await self.working(work)
        return self.said()

    async def desired(self, activity: str, *components: Asked, **how: Any) -> list[Said]:
        return await self.send(DESIRED, desired_state(activity, *components, **how))

    async def command(self, activity: str, command: str, baseline: str | None = None) -> list[Said]:
        return await self.send(COMMAND, command_message(activity, command, baseline))

    async def commands(self, activity: str, *commands: str, baseline: str | None = None) -> list[Said]:
        return [said for each in commands for said in await self.command(activity, each, baseline)]

    async def bring(self, activity: str, *components: Asked, **how: Any) -> list[Said]:
        """A whole activity, from desired state to clean-up, and its end."""
        said = await self.desired(activity, *components, **how) + await self.commands(activity, *COMMANDS)
        assert said[-1].status == "COMPLETED", said[-1]
        await self.settle()
        return said + self.said()

    async def inventory(self, activity: str = "q") -> dict[str, Any]:
        """The answer to a question for the current state."""
        await self.send(GET, json.dumps({"activityId": activity, "timestamp": 1}).encode())
        return self.states[-1]

    def said(self) -> list[Said]:
        """Feedback that was not read yet; states are put into `states`, everything as it stands on the wire into `raw`."""
        found = []
        while (waiting := self.journal.outbox.oldest()) is not None:
            number, message = waiting
            self.journal.outbox.sent(number)
            content = json.loads(message.payload)
            self.raw.append((message.topic, content))
            if message.topic.endswith("/currentstate"):
                (agent, *_) = content["payload"]["softwareNodes"]
                knows = "containersUnknown" not in [each["key"] for each in agent["parameters"]]
                assert message.retain == knows, "the broker keeps what is known, and nothing else"
                self.states.append(content)
                continue
            assert message.topic == "containersupdate/desiredstatefeedback"
            assert not message.retain
            payload = content["payload"]
            actions = tuple(
                (each["component"]["id"].removeprefix("containers:"), each["status"], each.get("message", ""))
                for each in payload.get("actions", ())
            )
            found.append(
                Said(
                    content["activityId"],
                    payload.get("baseline"),
                    payload["status"],
                    payload.get("message", ""),
                    actions,
                )
            )
        return found

    def entries(self, kind: str) -> list[str]:
        """What was said in the journal."""
        return [entry.message for entry in self.journal.entries(limit=100_000) if entry.kind == kind]

    # ── the world ──────────────────────────────────────────────────────────────────────────────────────────────

    def running(self) -> dict[str, str]:
        """Names → images, of what runs."""
        return self.engine.running()

    def instances(self) -> list[tuple[str, str, str, str]]:
        """Every container: its name in the engine, state, image and content; in order. Ids and times left out."""
        self.engine.running()  # lets processes end
        return sorted((each.engine_name, each.state, each.image, each.image_id[:19]) for each in self.kept().values())

    def kept(self) -> dict[str, Any]:
        return self.engine.world.containers

    def container(self, engine_name: str) -> Container:
        found = next(each.container for each in self.kept().values() if each.engine_name == engine_name)
        assert found is not None
        return found

    def id_of(self, engine_name: str) -> str:
        return next(each.id for each in self.kept().values() if each.engine_name == engine_name)

    def fail(
        self,
        kind: type,
        name: str = "",
        message: str = "scripted",
        times: int = 1_000_000,
        outcome: Callable[[str], Outcome] = Failed,
    ) -> Callable[[], None]:
        """Actions of this kind fail, on the instance of this name or any; what is returned ends that."""
        left = times

        def failure(action: Action) -> Outcome | None:
            nonlocal left
            if not isinstance(action, kind) or (name and name not in self._names(action)) or not left:
                return None
            left -= 1
            return outcome(message)

        self.engine.script.failures.append(failure)

        def stop() -> None:
            with suppress(ValueError):
                self.engine.script.failures.remove(failure)

        return stop

    def _names(self, action: Action) -> set[str]:
        instance = getattr(action, "instance", "")
        container = getattr(action, "container", None)
        names = {getattr(action, "image", ""), getattr(container, "name", ""), getattr(action, "engine_name", "")}
        for each in self.kept().values():
            if instance in (each.id, each.engine_name):
                names |= {each.id, each.engine_name, each.container.name}
        return names


def lines(said: Sequence[Said]) -> list[str]:
    return [each.line for each in said]


def statuses(said: Sequence[Said]) -> list[str]:
    return [each.status for each in said]


def done(outcome: Outcome) -> bool:
    return isinstance(outcome, Done)


def _is_power_loss(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_power_loss(each) for each in error.exceptions)
    return isinstance(error, PowerLoss)


def _nothing(**_: object) -> None:
    pass
