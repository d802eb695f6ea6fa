"""A device with slots and the Self Update Agent: a whole controller on virtual time, a broker in memory, a simulated device.

What outlives a process is here: the world with its slots, and the directory of the journal. `reboot` ends the process, boots
whatever the bootloader chooses, and begins another process.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from tests.controller.device_process import DeviceProcess, Published
from tests.controller.mqtt.memory_link import MemoryLink
from tests.controller.stage import Reading
from tests.virtual import now

from evenkeel.controller.cycle.domain import AnyDomain, Domain
from evenkeel.controller.drivers.slots.memory import MemorySlots, World, factory
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.ports import Serving
from evenkeel.controller.mqtt.router import Router
from evenkeel.controller.serving import agent_roles
from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.settings.mqtt import MqttSettings
from evenkeel.specs.settings.self_update import SelfUpdateAgentSettings
from evenkeel.specs.settings.settings import Settings
from evenkeel.specs.slots.system import OperatingSystem

URL = "https://updates.example/v2.raucb"
COMMANDS = ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
DESIRED, COMMAND, GET = (
    "selfupdate/desiredstate",
    "selfupdate/desiredstate/command",
    "selfupdate/currentstate/get",
)
FEEDBACK, STATE = "selfupdate/desiredstatefeedback", "selfupdate/currentstate"


class Said(NamedTuple):
    """One message of feedback; `component`, `action`, `progress` and `text` are of its action, "" and -1 without one."""

    activity: str
    status: str
    message: str
    component: str = ""
    version: str = ""
    action: str = ""
    progress: int = -1
    text: str = ""


class Link(MemoryLink):
    """A link that keeps what was published, with its flag."""

    def __init__(self) -> None:
        super().__init__(100_000)
        self.published: list[Published] = []
        self._returns = asyncio.Event()

    async def connections(self) -> AsyncIterator[bool]:
        yield True
        while True:
            await self._returns.wait()
            self._returns.clear()
            yield True

    def reconnects(self) -> None:
        """The connection to the broker was lost, and is there again."""
        self._returns.set()

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        await super().publish(topic, payload, qos=qos, retain=retain)
        assert qos == 1, "self-update-agent.md §1"
        assert payload, "nobody can read an empty message"
        self.published.append(Published(topic, json.loads(payload), retain))


def desired(activity: str | None, version: str, url: str | None = URL, component: str = "os-image", **more: Any) -> str:
    """A message for `desiredstate`. `more`: further settings of the component."""
    config = [{"key": key, "value": value} for key, value in {"image": url, **more}.items() if value is not None]
    domain = {"id": "self-update", "components": [{"id": component, "version": version, "config": config}]}
    envelope = {"activityId": activity, "timestamp": 1, "payload": {"domains": [domain]}}
    return json.dumps({key: value for key, value in envelope.items() if value is not None})


def command(activity: str, name: str) -> str:
    payload = {"baseline": "BASELINE NAME", "command": name}
    return json.dumps({"activityId": activity, "timestamp": 1, "payload": payload})


class Device(DeviceProcess):
    """Within a virtual loop."""

    def __init__(self, state: Path, world: World | None = None, *, marks_any: bool = False, **settings: Any) -> None:
        super().__init__(world or factory("1"))
        self._state, self._marks_any = state, marks_any
        asked = SelfUpdateAgentSettings(enable=True, report_debounce=timedelta(0), **settings)
        self._settings = Settings(mqtt=MqttSettings(enabled=True), self_update_agent=asked)
        self._read = 0
        self._boot()

    # ── the process ────────────────────────────────────────────────────────────────────────────────────────────

    def _boot(self) -> None:
        self.link, self.engine = Link(), MemorySlots(self.world, now)
        domains: list[AnyDomain] = [Domain(Slots(marks_any=self._marks_any), self.engine)]
        self._begin(open_journal(self._state, now), self.link, self.engine, domains, self._agents)

    def _agents(self, controller: Controller) -> Serving:
        router = Router(self.link, self.journal, controller.say, controller.defects)  # type: ignore[arg-type]
        roles = tuple(agent_roles(self._settings, self.journal, self.domains, controller, router, now, self._clock))
        for role in roles:
            router.add(role)
        return Serving(roles, router.serve)

    @property
    def is_on(self) -> bool:
        """Whether the process lives."""
        return self._work is not None

    async def restarts(self, *, in_order: bool = True) -> None:
        """The process begins anew on the same boot."""
        await (self.stops() if in_order else self.dies())
        self._boot()
        await self.starts()

    async def reboots(self) -> None:
        """Somebody reboots the device."""
        await self.stops()
        self.engine.cut_power()
        self._boot()
        await self.starts()

    async def loses_power(self) -> None:
        """The power goes, and comes again."""
        await self.dies()
        self.engine.cut_power()
        self._boot()
        await self.starts()

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────

    async def send(self, topic: str, text: str, wait_s: float = 20.0) -> list[Said]:
        """Somebody publishes; the feedback of the next seconds."""
        self.link.deliver(topic, text)
        await asyncio.sleep(wait_s)
        return self.said()

    async def asks(self, activity: str, version: str = "2", url: str = URL) -> list[Said]:
        return await self.send(DESIRED, desired(activity, version, url))

    async def commands(self, activity: str, *names: str, wait_s: float = 20.0) -> list[Said]:
        return [said for name in names for said in await self.send(COMMAND, command(activity, name), wait_s)]

    def asks_in_files(self, system: OperatingSystem) -> None:
        """The files ask for this from now on."""
        state = desired_state([Document("OperatingSystem", system.name, system)])
        self.source.readings.put_nowait(Reading(state))

    async def inventory(self, activity: str = "q") -> tuple[str, bool]:
        """The answer to a question within two seconds: the version of the operating system, and the flag."""
        self.link.deliver(GET, json.dumps({"activityId": activity, "timestamp": 1}))
        await asyncio.sleep(2)
        answers = [each for each in self.states() if each.content.get("activityId") == activity]
        return answers[-1].content["payload"]["softwareNodes"][1]["version"], answers[-1].retain

    def states(self) -> list[Published]:
        """All reports of the current state."""
        return [each for each in (*self.everything, *self.link.published) if each.topic == STATE]

    def said(self) -> list[Said]:
        """Feedback that was not read yet."""
        all_of_it = [each for each in (*self.everything, *self.link.published) if each.topic == FEEDBACK]
        fresh, self._read = all_of_it[self._read :], len(all_of_it)
        assert not any(each.retain for each in fresh)
        return [_said(each.content) for each in fresh]

    # ── the world ──────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def runs(self) -> str:
        """The version that is booted; "" for none."""
        bundle = self.world.running()
        return bundle.version if bundle is not None else ""

    @property
    def primary(self) -> str:
        """The name in the bootloader of the slot that boots next."""
        return self.world.slots[self.world.primary].bootname

    def versions(self) -> dict[str, str]:
        """The versions in the slots, by name in the bootloader."""
        return {
            each.bootname: each.bundle.version if each.bundle is not None and each.content == "ok" else "?"
            for each in self.world.slots.values()
        }

    def reason(self) -> str:
        """Of the condition `Settled`."""
        settled = self.journal.condition("Settled")
        return settled.reason if settled is not None else ""


def _said(content: Any) -> Said:
    payload = content["payload"]
    head = content["activityId"], payload["status"], payload["message"]
    for action in payload["actions"]:
        component = action["component"]
        return Said(
            *head,
            component["id"],
            component.get("version", ""),
            action["status"],
            action["progress"],
            action["message"],
        )
    return Said(*head)


def statuses(said: Sequence[Said]) -> list[str]:
    """Statuses in order; one that is told again and again counts once."""
    found: list[str] = []
    for each in said:
        if not found or found[-1] != each.status:
            found.append(each.status)
    return found


Story = Callable[[Device], Coroutine[Any, Any, None]]
