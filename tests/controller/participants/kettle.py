"""A participant that has nothing to do with containers: a kettle, whose firmware is an update's only component."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evenkeel.controller.participants.components import Interrupted, Oversight
from evenkeel.controller.participants.participant import Identified, Tell, Waits
from evenkeel.controller.participants.phases import Phases
from evenkeel.reconcilers.standing import Standing
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Command
from evenkeel.specs.kanto.updateagent import Inventory, SoftwareNode


class Kettle:
    """The device itself: `firmware` is at work, `flashed` lies in its second slot. `fails_at` a command; `hangs` at any."""

    def __init__(self) -> None:
        self.firmware, self.flashed, self.is_on = "1", "", True
        self.fails_at: Command | None = None
        self.hangs = False
        self.clock: list[str] = []
        """Firmware that was at work, in order."""


class KettleComponents:
    """The `Components` of a kettle; what is wanted is a version."""

    def __init__(self, kettle: Kettle) -> None:
        self._kettle = kettle

    def begin(self, revision: str) -> None:
        pass

    def wanted(self, activity: Activity) -> str:
        return activity.actions[0].version if activity.actions else ""

    def wanted_before(self, activity: Activity) -> str:
        return activity.actions[0].image_before if activity.actions else ""

    async def drive(
        self,
        action: ActivityAction,
        want: str,
        command: Command,
        oversight: Oversight,
    ) -> str:
        kettle = self._kettle
        if kettle.hangs:
            await oversight.cut.wait()
            raise Interrupted
        if kettle.fails_at == command:
            if command == "ACTIVATE":
                self._boot(f"broken {want}")
            return f"the kettle is dry at {command}"
        if command == "DOWNLOAD":
            kettle.flashed = want
        elif command == "ACTIVATE" and kettle.firmware != want:
            self._boot(want)
        elif command == "CLEANUP":
            kettle.flashed = ""
        return ""

    def _boot(self, version: str) -> None:
        self._kettle.firmware = version
        self._kettle.clock.append(version)

    async def fetch(
        self,
        action: ActivityAction,
        want: str,
        oversight: Oversight,
    ) -> tuple[str, str]:
        why = await self.drive(action, want, "DOWNLOAD", oversight)
        return "" if why else f"sum of {self._kettle.flashed}", why

    async def put_up(
        self,
        action: ActivityAction,
        want: str,
        command: Command,
        oversight: Oversight,
    ) -> tuple[str, Standing]:
        why = await self.drive(action, want, command, oversight)
        return why, await self.standing(action, want, oversight)

    async def restore(
        self, action: ActivityAction, before: str, oversight: Oversight, *, gives_way: bool = False
    ) -> str:
        self._kettle.flashed = ""
        if self._kettle.firmware != before:
            self._boot(before)
        return ""

    async def standing(self, action: ActivityAction, want: str, oversight: Oversight) -> Standing:
        if not self._kettle.is_on:
            return Standing("unknown", "the kettle is off")
        at_work = self._kettle.firmware
        return Standing("proven") if at_work == want else Standing("away", f"{at_work} is at work, not {want}")

    async def standings(
        self, actions: Sequence[ActivityAction], want: str, oversight: Oversight
    ) -> dict[str, Standing]:
        return {action.subject: await self.standing(action, want, oversight) for action in actions}


class KettleParticipant:
    """A `Participant`."""

    domain = "kettle"

    def __init__(self, kettle: Kettle, stopping: asyncio.Event) -> None:
        self._kettle, self._cut, self._stopping = kettle, asyncio.Event(), stopping
        phases = Phases(KettleComponents(kettle), self._cut, stopping)
        self._phases = phases

    def interrupt(self) -> None:
        self._cut.set()

    def resume(self) -> None:
        if not self._stopping.is_set():
            self._cut.clear()

    async def identify(
        self, target: DesiredState, components: Sequence[tuple[str, str]], waits: Waits
    ) -> Identified | str | None:
        if not self._kettle.is_on:
            return "the kettle is off"
        (component,) = components
        name, version = component
        before = self._kettle.firmware
        action = ActivityAction(name, version, "recreate", "IDENTIFIED", "New firmware.", image_before=before)
        return Identified((action,) if version != before else (), DesiredState())

    async def carry_out(self, activity: Activity, tell: Tell) -> Activity | None:
        return await self._phases.carry_out(activity, tell)

    async def confirm(self, activity: Activity, tell: Tell) -> Activity | None:
        return await self._phases.confirm(activity, tell)

    async def close(self, activity: Activity, waits: Waits) -> Activity | None:
        return await self._phases.close(activity, waits)

    def state_to_keep(self, activity: Activity) -> DesiredState:
        return activity.target

    async def inventory(self) -> Inventory:
        if not self._kettle.is_on:
            raise Unavailable("kettle", "it is off")
        return Inventory((SoftwareNode("kettle:firmware", self._kettle.firmware, type="APPLICATION"),))

    def unknown(self, why: str) -> Inventory:
        return Inventory((SoftwareNode("kettle", name=why),))
