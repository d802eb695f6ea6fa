"""A device with an update manager, both of evenkeel's agents, and agents of other control units: a whole controller on
virtual time, a broker in memory, simulated slots and containers.

What outlives a process is here: slots, containers, other control units, and the directory of the journal. `restarts`
and `reboots` end the process and begin another one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from tests.controller.device_process import DeviceProcess, Published
from tests.controller.mqtt.memory_link import MemoryLink
from tests.controller.operations.moments import Moments
from tests.reconcilers.operations.agents import Agent
from tests.virtual import now, run

from evenkeel.controller.cycle.domain import AnyDomain, Domain
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.drivers.slots.memory import MemorySlots, factory
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.ports import Serving
from evenkeel.controller.mqtt.router import Router
from evenkeel.controller.mqtt.session import is_of
from evenkeel.controller.operations.conduct import OperationsConduct
from evenkeel.controller.operations.values import Values
from evenkeel.controller.operations.wait import wait_for
from evenkeel.controller.serving import agent_roles, operations_role
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.ports import Progress
from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.events import AgentFeedback
from evenkeel.specs.plan import Action, Outcome
from evenkeel.specs.preconditions.source import ValueSource
from evenkeel.specs.settings.mqtt import MqttSettings
from evenkeel.specs.settings.self_update import SelfUpdateAgentSettings
from evenkeel.specs.settings.settings import Settings, UpdateAgentSettings

DECISIONS = Conduct(reboots=("self-update",), rank={"self-update": 1})
LOCAL = ("self-update", "containers")


def demand(
    activity: str,
    os: str = "",
    web: str = "",
    others: Mapping[str, str] | None = None,
    baselines: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A message for `vehicleupdate/desiredstate`: versions of the operating system, of the container `web`, and of the
    application of other control units."""
    domains: list[dict[str, Any]] = []
    if os:
        config = [{"key": "image", "value": f"https://updates.example/v{os}.raucb"}]
        domains.append({"id": "self-update", "components": [{"id": "os-image", "version": os, "config": config}]})
    if web:
        config = [{"key": "image", "value": f"reg.example/web:{web}"}]
        domains.append({"id": "containers", "components": [{"id": "web", "version": web, "config": config}]})
    for domain, version in (others or {}).items():
        domains.append({"id": domain, "components": [{"id": "app", "version": version}]})
    payload: dict[str, Any] = {"domains": domains}
    if baselines:
        payload["baselines"] = [{"title": title, "components": list(each)} for title, each in baselines.items()]
    return json.dumps({"activityId": activity, "timestamp": 1, "payload": payload})


def feedback_payload(told: AgentFeedback) -> dict[str, Any]:
    """Feedback of another control unit on the wire."""
    actions = [
        {
            "component": {"id": each.component, "version": each.version},
            "status": each.status,
            "progress": each.progress,
        }
        for each in told.actions
    ]
    return {"status": told.status, "message": told.message, "actions": actions}


def report_payload(agent: Agent) -> dict[str, Any]:
    """Its report of its current state on the wire."""
    nodes = [
        {"id": f"{agent.domain}-agent", "version": "1", "type": "APPLICATION"},
        {"id": agent.component, "version": agent.runs, "type": "IMAGE"},
    ]
    return {"softwareNodes": nodes}


class Broker(MemoryLink):
    """The link of one process to the broker. Other control units hear what is published."""

    def __init__(self, heard: Callable[[str, Any], None], moments: Moments) -> None:
        super().__init__(100_000)
        self.published: list[Published] = []
        self._hear, self._again, self._moments = heard, asyncio.Event(), moments

    async def connections(self) -> AsyncIterator[bool]:
        while True:
            again = self._again
            yield True
            await again.wait()
            yield False

    def reconnects(self) -> None:
        """The broker was away for a moment."""
        again, self._again = self._again, asyncio.Event()
        again.set()

    async def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> None:
        assert qos == 1
        await self._moments.around(topic, partial(self._publish, topic, payload, retain=retain))

    async def _publish(self, topic: str, payload: bytes, *, retain: bool) -> None:
        await super().publish(topic, payload, qos=1, retain=retain)
        content = json.loads(payload) if payload else None
        self.published.append(Published(topic, content, retain))
        asyncio.get_running_loop().call_soon(self._hear, topic, content)

    def hears(self, topic: str) -> bool:
        return any(is_of(each, topic) for each in self._topics)


class DyingSlots(MemorySlots):
    """Slots whose actions are effects."""

    moments: Moments

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        return await self.moments.around(type(action).__name__, partial(super().perform, action, progress))


class DyingContainers(MemoryEngine):
    """Containers whose actions are effects."""

    moments: Moments

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        return await self.moments.around(type(action).__name__, partial(super().perform, action, progress))


class Device(DeviceProcess):
    """Within a virtual loop. `agents`: of other control units."""

    def __init__(
        self,
        state: Path,
        agents: Sequence[Agent] = (),
        decisions: Conduct = DECISIONS,
        local: Sequence[str] = LOCAL,
        values: Mapping[str, ValueSource] | None = None,
        read_timeout_s: float = 30.0,
        **conduct: Any,
    ) -> None:
        super().__init__(factory("1"))
        self._state, self._values = state, values or {}
        self.others = {agent.domain: agent for agent in agents}
        self.conduct = OperationsConduct(
            "vehicle", dict.fromkeys((*local, *self.others), read_timeout_s), decisions, version="1.0", **conduct
        )
        self._settings = Settings(
            mqtt=MqttSettings(enabled=True),
            update_agent=UpdateAgentSettings(enable="containers" in local, report_debounce=timedelta(0)),
            self_update_agent=SelfUpdateAgentSettings(enable="self-update" in local, report_debounce=timedelta(0)),
        )
        self.moments = Moments()
        self.containers = DyingContainers(now=now)
        self.containers.moments = self.moments
        self._former: Broker | None = None
        """The session of the process before, as the broker has it."""
        self.is_away = False
        """Other control units hear nothing."""
        self.reboots = 0
        self._boot()

    # ── the process ────────────────────────────────────────────────────────────────────────────────────────────────

    def _boot(self) -> None:
        former, self.link = self._former, Broker(self._publish_reached, self.moments)
        if former is not None:
            self.link.follow(former)
        self.slots = DyingSlots(self.world, now)
        self.slots.moments = self.moments
        self.slots.machine.dies = self._goes_down
        domains: list[AnyDomain] = [Domain(Slots(), self.slots), Domain(Containers(), self.containers)]
        self._begin(open_journal(self._state, now), self.link, self.slots, domains, self._agents)
        self._is_going = False

    def _agents(self, controller: Controller) -> Serving:
        router = Router(self.link, self.journal, controller.say, controller.defects)  # type: ignore[arg-type]
        roles = tuple(agent_roles(self._settings, self.journal, self.domains, controller, router, now, self._clock))
        names = {"containers": "containers", "slots": "self-update"}
        local = {names[role.domain]: role for role in roles}
        values = Values(self._values, self._clock, now)
        manager = operations_role(
            self.conduct,
            local,
            self.journal,
            controller,
            router,
            self.slots.machine,
            values,
            now,
            self._clock,
            self.slots.machine.second_of_day,
        )
        for role in (*roles, manager):
            router.add(role)
        return Serving(roles, router.serve)

    async def _goes_down(self) -> None:
        """systemd tells all services to stop."""
        self._is_going = True
        self.controller.stop()

    def _over(self) -> None:
        self._former = self.link
        super()._over()

    async def ends(self) -> None:
        """The process is told to end, and begins anew."""
        await self.stops()
        self._boot()
        await self.starts()

    async def restarts(self) -> None:
        await self.dies()
        self._boot()
        await self.starts()

    async def loses_power(self) -> None:
        """The whole device begins anew; other control units too."""
        await self.dies()
        self._booted()
        await self.starts()

    def _booted(self) -> None:
        self.reboots += 1
        self.slots.cut_power()
        for agent in self.others.values():
            agent.boot()
        self._boot()

    async def plays(self, seconds: float) -> None:
        """Time passes, and the device boots as often as it is told to."""
        clock = asyncio.get_running_loop().time
        ends = clock() + seconds
        while clock() < ends:
            await asyncio.sleep(min(1.0, ends - clock()))
            await self._goes_with_its_system()

    async def _goes_with_its_system(self) -> None:
        if self._is_going and self._work is not None:
            await self._work
            self._over()
            self._booted()
            await self.starts()

    async def reaches_moment(self) -> None:
        """Until the moment at which the process has to end."""
        clock = asyncio.get_running_loop().time
        ends = clock() + 3600
        while not self.moments.reached.is_set():
            assert clock() < ends, "there was no such effect"
            await wait_for(self.moments.reached, 1.0)
            if not self.moments.reached.is_set():
                await self._goes_with_its_system()
        self.moments.stop()

    # ── messages ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _publish_reached(self, topic: str, content: Any) -> None:
        """A message has reached other control units."""
        if self.is_away:
            return
        for agent in self.others.values():
            prefix = f"{agent.domain.replace('-', '')}update"
            if not topic.startswith(f"{prefix}/"):
                continue
            id_ = content["activityId"]
            if topic == f"{prefix}/desiredstate":
                self._tell(prefix, id_, agent.slice())
            elif topic == f"{prefix}/desiredstate/command":
                self._tell(prefix, id_, agent.command(content["payload"]["command"]))
            elif topic == f"{prefix}/currentstate/get":
                self.reports(agent, id_)

    def _tell(self, prefix: str, id_: str, all_of_it: Iterator[AgentFeedback]) -> None:
        for told in all_of_it:
            content = {"activityId": id_, "timestamp": 1, "payload": feedback_payload(told)}
            self._deliver(f"{prefix}/desiredstatefeedback", content)

    def reports(self, agent: Agent, id_: str) -> None:
        """An agent reports its current state."""
        prefix = f"{agent.domain.replace('-', '')}update"
        content = {"activityId": id_, "timestamp": int(now() * 1000), "payload": report_payload(agent)}
        self._deliver(f"{prefix}/currentstate", content)

    def _deliver(self, topic: str, content: Any) -> None:
        if self.link.hears(topic):
            self.link.deliver(topic, json.dumps(content))

    def asks(self, text: str) -> None:
        """Somebody publishes a desired state."""
        self.link.deliver("vehicleupdate/desiredstate", text)

    def sends(self, topic: str, activity: str, **payload: Any) -> None:
        """Somebody publishes to the update manager."""
        self.link.deliver(topic, json.dumps({"activityId": activity, "timestamp": 1, "payload": payload}))

    # ── what came of it ────────────────────────────────────────────────────────────────────────────────────────────

    def said(self, topic: str = "vehicleupdate/desiredstatefeedback") -> list[Published]:
        return [each for each in (*self.everything, *self.link.published) if each.topic == topic]

    def statuses(self, activity: str) -> list[str]:
        """Statuses in order; one that is told again and again counts once."""
        found: list[str] = []
        for each in self.said():
            status = each.content["payload"]["status"]
            if each.content["activityId"] == activity and found[-1:] != [status]:
                found.append(status)
        return found

    def end(self) -> tuple[str, str]:
        payload = self.said()[-1].content["payload"]
        return payload["status"], payload.get("message", "")

    @property
    def os(self) -> str:
        """The version that is booted."""
        bundle = self.world.running()
        return bundle.version if bundle is not None else ""

    @property
    def web(self) -> str:
        """The images that run."""
        return ", ".join(sorted(each.removeprefix("reg.example/") for each in self.containers.running().values()))

    def breaks(self, web: str) -> None:
        """This version of `web` does not stay up."""
        self.containers.catalogue[f"reg.example/web:{web}"] = Image(exits_with=1)


def played(story: Callable[[Any], Any], make: Callable[[], Device]) -> None:
    """Play a story on a device that is made within the virtual loop, from its start to its end."""

    async def whole() -> None:
        device = make()
        await device.starts()
        try:
            await story(device)
        finally:
            await device.dies()

    run(whole())
