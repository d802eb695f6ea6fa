"""What the controller does to one container by files, on a real engine, with one fault on its way.

The controller's cycles run in this process, on a journal and a driver of their own; the proxy between them and the engine
disturbs one request. No fault here is the fault of the spec: a revision that fails, or that is not tried any more, is wrong.

The old instance is stopped before the new one is started, for both may want the same port, device or file. So a switch is the
one time without a running instance. It lasts from that stop to that start: nothing else is done meanwhile, and a fault in it
costs one more try, not another switch. Whatever is no switch has no such time.
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from tests.controller.drivers.containers.docker.rig import SECOND, Rig, container
from tests.engines.dockerd import Dockerd
from tests.engines.proxy import Proxy
from tests.until import PATIENCE_S

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container, Health, HttpProbe, Resources

from .account import Account
from .bench import CALL_TIMEOUT_S, STRANGER, SUBJECT

NETWORK = "evenkeel"
_ONCE_MORE = 2
"""How often a request is made at most when one fault happens. A creation is refused: it is asked for after an engine has said
that there is no container at all."""
_LOOKS = 0
"""Between stop and start of an undisturbed switch. A fault costs another one, and one that confirms a strange answer."""


def check_switch(account: Account, looks: int = _LOOKS) -> None:
    """What a switch promises: an instance is there all the time, and one runs but for the time between stop and start.
    `looks`: how many there are between the two when nothing happens."""
    assert account.absences == 0, "there was a moment without an instance"
    assert len(account.gaps) <= 1, "one switch, one time without a running instance"
    for gap in account.gaps:
        assert gap.is_over, "nothing runs any more"
        assert gap.happened == ("start",), "nothing else keeps the new one from starting"
        assert set(gap.writes) <= {"stop", "start", "create"}, gap
        assert all(gap.writes.count(each) <= _ONCE_MORE for each in gap.writes), gap
        assert gap.looks <= looks + 2, gap


class _Updates:
    """The controller's cycles on one journal, behind the proxy."""

    def __init__(self, proxy: Proxy, folder: Path, docker_config: str = "") -> None:
        self._proxy, self._last_seq = proxy, 0
        self._rig = Rig(proxy.address, folder)
        self._rig.engine = DockerEngine(proxy.address, access=PullAccess(docker_config), call_timeout_s=CALL_TIMEOUT_S)
        self._rig.cycles = Cycles(Containers(), self._rig.engine, self._rig.journal, self._rig._say)

    async def converge(self, *wanted: Container) -> None:
        """Until nothing is left to do, and all was said once."""
        ending = await self._rig.converge(*wanted)
        async with asyncio.timeout(PATIENCE_S):
            while ending != Settled() and not isinstance(
                ending, Stalled
            ):  # what was replaced is removed a little later
                await asyncio.sleep(0.05)
                ending = await self._rig.cycles.run(asyncio.Event())
        said = [(entry.kind, entry.subject, entry.message) for entry in self._rig.said]
        assert ending == Settled(), (self._proxy.met, ending, said)
        assert not [each for each in said if each[0] in ("revision-failed", "rolling-back")], (self._proxy.met, said)
        numbers = [entry.seq for entry in self._rig.said]
        first = self._last_seq + 1
        assert numbers == list(range(first, first + len(numbers))), "feedback is numbered without a gap"
        self._last_seq = max([self._last_seq, *numbers])

    async def close(self) -> None:
        await self._rig.close()


class Switch:
    """`web` goes from one image to another and back; an image from a registry is pulled anew each time."""

    about, beside = (SUBJECT,), ("db",)

    def __init__(
        self, dockerd: Dockerd, proxy: Proxy, folder: Path, images: tuple[str, str], docker_config: str = ""
    ) -> None:
        self._dockerd, self._images, self._turn = dockerd, images, 0
        self._updates = _Updates(proxy, folder, docker_config)

    async def begin(self) -> None:
        await self.turn()

    async def turn(self) -> None:
        self._turn += 1
        image = self._images[self._turn % 2]
        if "/" in image:
            self._dockerd.api("DELETE", f"/images/{image}", force=True)
        await self._updates.converge(container(SUBJECT, image), container("db"))

    def check(self, account: Account) -> None:
        check_switch(account)
        assert len(account.gaps) == 1
        assert account.happened("create", "start", "die", "destroy") == ["create", "die", "start", "destroy"]
        assert self._dockerd.containers() == {SUBJECT: "running", "db": "running", STRANGER: "running"}
        assert self._dockerd.inspect(SUBJECT)["Config"]["Image"].endswith(self._images[self._turn % 2])

    async def close(self) -> None:
        await self._updates.close()


class Fleet:
    """Twenty containers go from one image to another at once, and back. `web` is one of them."""

    about, beside = (SUBJECT, *(f"app-{number:02}" for number in range(19))), ()

    def __init__(self, dockerd: Dockerd, proxy: Proxy, folder: Path) -> None:
        self._dockerd, self._turn = dockerd, 0
        self._updates = _Updates(proxy, folder)

    async def begin(self) -> None:
        await self.turn()

    async def turn(self) -> None:
        self._turn += 1
        await self._updates.converge(*(container(name, f"sleeper:{1 + self._turn % 2}") for name in self.about))

    def check(self, account: Account) -> None:
        assert account.absences == 0, "there was a moment without an instance"
        assert [gap.is_over for gap in account.gaps] == [True], "one switch, one time without a running instance"
        assert account.gaps[0].happened == ("start",), "nothing else keeps the new one from starting"
        assert account.happened("create", "start", "die", "destroy") == ["create", "die", "start", "destroy"]
        assert self._dockerd.containers() == dict.fromkeys((*self.about, STRANGER), "running")

    async def close(self) -> None:
        await self._updates.close()


class InPlace:
    """The limits of `web` change, up and down. It runs on."""

    about, beside = (SUBJECT,), ("db",)

    def __init__(self, dockerd: Dockerd, proxy: Proxy, folder: Path) -> None:
        self._dockerd, self._turn = dockerd, 0
        self._updates = _Updates(proxy, folder)

    async def begin(self) -> None:
        await self.turn()

    async def turn(self) -> None:
        self._turn += 1
        limited = container(SUBJECT, resources=Resources(memory=self._memory()))
        await self._updates.converge(limited, container("db"))

    def check(self, account: Account) -> None:
        assert account.happened("create", "start", "die", "destroy", "rename") == [], "it is changed where it runs"
        assert self._dockerd.inspect(SUBJECT)["HostConfig"]["Memory"] == self._memory()

    def _memory(self) -> int:
        return (64 + 32 * (self._turn % 2)) * 1024**2

    async def close(self) -> None:
        await self._updates.close()


class FirstAndLast:
    """On an engine that evenkeel has never been at: the network and the first container are made, and then nothing is asked for
    any more."""

    about, beside = (SUBJECT,), ()

    def __init__(self, dockerd: Dockerd, proxy: Proxy, folder: Path) -> None:
        self._dockerd, self._proxy, self._folder = dockerd, proxy, folder / "first"

    async def begin(self) -> None:
        pass

    async def turn(self) -> None:
        self._folder.mkdir()
        updates = _Updates(self._proxy, self._folder)
        try:
            await updates.converge(container(SUBJECT))
            assert self._dockerd.containers() == {SUBJECT: "running", STRANGER: "running"}
            networks = self._networks()
            assert len(networks) == 1
            assert self._dockerd.inspect(SUBJECT)["NetworkSettings"]["Networks"][NETWORK]["NetworkID"] == networks[0]
            for _ in range(2):  # an engine that says there is nothing is believed until the next look
                await updates.converge()
        finally:
            await updates.close()
            shutil.rmtree(self._folder)
        assert self._dockerd.containers() == {STRANGER: "running"}
        for id_ in self._networks():  # the next turn is a first one, too
            assert self._dockerd.api("DELETE", f"/networks/{id_}")[0] == 204

    def check(self, account: Account) -> None:
        happened = account.happened("create", "start", "die", "destroy")
        assert happened == ["create", "start", "die", "destroy"], f"each once, stopped because it was to be: {happened}"

    def _networks(self) -> list[str]:
        listed = self._dockerd.api("GET", "/networks")[1]
        return [each["Id"] for each in listed if each["Name"] == NETWORK]

    async def close(self) -> None:
        pass


class CutOff:
    """Somebody takes `web` from its network, over which it is checked. It is put back, and runs on."""

    about, beside = (SUBJECT,), ("db",)

    def __init__(self, dockerd: Dockerd, proxy: Proxy, folder: Path) -> None:
        self._dockerd = dockerd
        self._updates = _Updates(proxy, folder)
        check = Health(HttpProbe(80, "/health"), SECOND / 5, SECOND, 3, 60 * SECOND)
        self._wanted = (container(SUBJECT, "web:1", health=check), container("db"))

    async def begin(self) -> None:
        await self._updates.converge(*self._wanted)

    async def turn(self) -> None:
        body = {"Container": SUBJECT, "Force": True}
        status, answer = self._dockerd.api("POST", f"/networks/{NETWORK}/disconnect", body)
        assert status == 200, answer
        await self._updates.converge(*self._wanted)

    def check(self, account: Account) -> None:
        assert account.happened("create", "start", "die", "destroy") == [], "it is put back where it runs"
        endpoint = self._dockerd.inspect(SUBJECT)["NetworkSettings"]["Networks"][NETWORK]
        assert endpoint["IPAddress"]
        assert SUBJECT in endpoint["Aliases"]

    async def close(self) -> None:
        await self._updates.close()
