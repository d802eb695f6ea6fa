"""An update of one container that an update manager commands over MQTT, on a real engine, with one fault on its way.

The agent is driven by messages and read by what it publishes; there is no broker. The update manager sends its desired state,
then each command when it has heard the answer to the last. Trouble that passes is waited out, so that no single fault is a
reason to fail. COMPLETED is true at the moment at which it is said, and nothing takes it back.
"""

from __future__ import annotations

import asyncio
import time

from tests.controller.agents.harness import COMMANDS, DEVICES, Device, Hasty, asked
from tests.engines.dockerd import Dockerd
from tests.engines.proxy import Proxy
from tests.until import PATIENCE_S

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine

from .account import Account
from .bench import CALL_TIMEOUT_S, STRANGER, SUBJECT
from .engine_story import check_switch

_LOOKS = 3
"""Between the stop on UPDATE and the start on ACTIVATE: each command ends and begins with one."""


class Activity:
    """`web` goes from one of two images to the other and back; its image is pulled anew each time. `db` has the third."""

    about, beside = (SUBJECT,), ("db",)

    def __init__(self, dockerd: Dockerd, proxy: Proxy, images: tuple[str, str, str], docker_config: str) -> None:
        self._dockerd, self._proxy, self._images, self._turn = dockerd, proxy, images, 0
        self._engine = DockerEngine(proxy.address, access=PullAccess(docker_config), call_timeout_s=CALL_TIMEOUT_S)
        self._device = Device(driver=Hasty(self._engine), clock=time.time)

    async def begin(self) -> None:
        await self.turn()

    async def turn(self) -> None:
        self._turn += 1
        id_, image, db = f"a{self._turn}", self._images[self._turn % 2], asked("db", "1", image=self._images[2])
        self._dockerd.api("DELETE", f"/images/{image}", force=True)
        said = await self._device.desired(id_, asked(SUBJECT, str(self._turn), image=image), db)
        said += await self._device.commands(id_, *COMMANDS)
        context = (self._proxy.met, [each.line for each in said], said[-1].message)
        assert said[-1].status == "COMPLETED", context
        self._check_in_force(context)
        await self._settle()
        assert self._device.said() == [], "it is the last word"
        self._check_in_force(context)

    def check(self, account: Account) -> None:
        check_switch(account, _LOOKS)
        assert account.happened("create", "start", "die", "destroy") == ["create", "die", "start", "destroy"]

    async def _settle(self) -> None:
        """What the controller does when no message waits."""
        async with asyncio.timeout(PATIENCE_S):
            ending: object = None
            while ending != Settled():
                ending = await self._device.cycles.run(asyncio.Event())
                await asyncio.sleep(0.05)

    def _check_in_force(self, context: object) -> None:
        running = {SUBJECT: "running", "db": "running", STRANGER: "running"}
        assert self._dockerd.containers() == running, context
        assert self._dockerd.inspect(SUBJECT)["Config"]["Image"] == self._images[self._turn % 2], context

    async def close(self) -> None:
        await self._engine.close()
        self._device.scrap()
        DEVICES.remove(self._device)
