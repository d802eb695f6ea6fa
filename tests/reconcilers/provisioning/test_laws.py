"""Laws of identities, over any mix of pairs that may lie in a folder, on a simulated host and cloud.

The work ends; a pair that is in force and good is replaced only by one that the cloud has let in (INV-12); a settled look finds
nothing to do and asks no cloud; when somebody enters all that lies there, nothing is left to wait for."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controller.drivers.provisioning.device import FOLDER, Device
from tests.controller.drivers.provisioning.openssl import DAY_S, DEVICE
from tests.sampling import examples

from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled, Script, SimulatedCloud, thumbprints
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.inspected import Inspections
from evenkeel.controller.drivers.provisioning.pairs import PairStore
from evenkeel.controller.drivers.provisioning.ports import Hub, Pair
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker
from evenkeel.controller.units import SimulatedUnits
from evenkeel.specs.plan import Step
from evenkeel.specs.provisioning.actions import Switch
from evenkeel.specs.provisioning.pair import Subject
from evenkeel.specs.provisioning.provisioning import Azure, Certificate, Output, Provisioning

HUB, CONNECTION = "one.azure-devices.net", "/data/connection"
KINDS = {"good": 300, "due": 20, "expired": -1, "of another device": 300, "faulty": 300, "of the future": 8000}
"""For how many days each is valid. One begins twenty years from now."""
FUTURE_S = 7300 * DAY_S


class Lie(NamedTuple):
    """One pair that lies there. `is_known`: the hub knows it."""

    kind: str
    is_known: bool


class World(NamedTuple):
    """All that lies there: the pairs, and which of them have a role (a number beyond them is none). `is_plain`: the current one
    lies in plain files. `is_open`: the hub lets in whatever is made, as one whose devices belong to a group."""

    pairs: tuple[Lie, ...]
    current: int
    second: int
    next: int
    is_plain: bool
    wants_second: bool
    is_open: bool


lies = st.builds(Lie, st.sampled_from(sorted(KINDS)), st.booleans())
worlds = st.integers(0, 4).flatmap(
    lambda count: st.builds(
        World,
        st.lists(lies, min_size=count, max_size=count).map(tuple),
        *(st.integers(0, count) for _ in range(3)),
        *(st.booleans() for _ in range(3)),
    )
)


class Watched(SimulatedCloud):
    """The cloud, which notes the pairs that it has let in."""

    def __init__(self, script: Script) -> None:
        super().__init__(script, is_open=False)
        self.let_in, self.asked = set[str](), 0

    async def connect(self, hub: Hub) -> str:
        self.asked += 1
        words = await super().connect(hub)
        assert hub.access.pair is not None
        self.let_in |= thumbprints(hub.access.pair.certificate)
        return words


class Lawful(Device):
    """The device, which holds the law at each switch."""

    def begins(self, step: Step) -> None:
        super().begins(step)
        if isinstance(step.action, Switch):
            certificate, key = self._names()
            seen = SimulatedMaker().inspect(Pair(certificate, key))
            is_good = not seen.fault and seen.name == DEVICE and seen.ends_s > time.time()
            is_refused = seen.sha256 in self.memory.refused
            assert not is_good or is_refused or step.action.sha256 in self.cloud.let_in

    cloud: Watched

    def _names(self) -> tuple[bytes, bytes]:
        paths = (self.at(f"{FOLDER}/device.{end}") for end in ("crt", "key"))
        certificate, key = (path.read_bytes() if path.exists() else b"" for path in paths)
        return certificate, key


def lay(world: World, device: Lawful, entered: Enrolled) -> None:
    """Put all of it there."""
    maker = SimulatedMaker()
    store = PairStore(device.at(FOLDER), Inspections(maker.inspect))
    made = list[Pair]()
    for kind, is_known in world.pairs:
        name = "another-device" if kind == "of another device" else DEVICE
        starts_s = time.time() + FUTURE_S if kind == "of the future" else 0.0
        pair = maker.self_signed("ec-p256", Subject(name, starts_s, time.time() + KINDS[kind] * DAY_S))
        made.append(pair)
        if is_known:
            entered.thumbprints |= thumbprints(pair.certificate)
        if kind != "faulty":
            store.add(pair)
    roles = (("current", world.current), ("second", world.second), ("next", world.next))
    for role, number in roles:
        if number >= len(made):
            continue
        pair, is_faulty = made[number], world.pairs[number].kind == "faulty"
        if role == "current" and (world.is_plain or is_faulty):
            device.put(f"{FOLDER}/device.crt", pair.certificate)
            device.put(f"{FOLDER}/device.key", pair.key + (b" " if is_faulty else b""))
        elif not is_faulty:
            store.switch(role, maker.inspect(pair).sha256)  # type: ignore[arg-type]


@settings(max_examples=examples(40))
@given(world=worlds)
def test_any_mix_comes_to_an_end(world: World) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ek-law-"))
    try:
        asyncio.run(_play(world, folder))
    finally:
        shutil.rmtree(folder)


async def _play(world: World, folder: Path) -> None:
    entered = Enrolled(set() if world.is_open else {"nothing yet"})
    cloud, later_s = Watched(Script(devices={(HUB, DEVICE): entered})), [0.0]

    def begin() -> ProvisioningEngine:
        host, now = Host(folder / "root", is_simulated=True), lambda: time.time() + later_s[0]
        return ProvisioningEngine(host, folder / "state", SimulatedMaker(), cloud, SimulatedUnits(), now)

    device = Lawful(folder / "root", begin)
    device.cloud = cloud
    device.put(CONNECTION, f"HostName={HUB};DeviceId={DEVICE}")
    lay(world, device, entered)
    if world.is_open:
        entered.thumbprints.clear()
    certificate = Certificate("selfSigned", second=world.wants_second)
    azure, output = Azure(connection_string=CONNECTION), Output("/etc/out", "{{ thumbprint }}")
    wanted = Provisioning("azure", FOLDER, certificate=certificate, azure=azure, outputs=(output,))
    for _ in range(6):
        await device.follow(wanted, restarts=True)
        later_s[0] += 7200.0
    made = (await device.look(wanted)).pairs
    assert len(made.by_sha256) <= len(world.pairs) + 3, "nobody makes pair after pair"
    if device.trouble is None:
        asked, current = cloud.asked, made.of(made.current)
        assert current is not None
        assert (current.fault, current.name) == ("", DEVICE)
        assert current.starts_s < time.time() < current.ends_s
        assert made.current in cloud.let_in
        later_s[0] -= 7200.0
        assert await device.follow(wanted) == []
        assert cloud.asked == asked, "a settled look asks no cloud"
        assert device.at("/etc/out").read_text() == current.sha1
    # Somebody enters all that lies there: then nothing is left to wait for.
    for _ in range(5):
        entered.thumbprints |= set((await device.look(wanted)).pairs.by_sha256)
        later_s[0] += 7200.0
        await device.follow(wanted)
    assert device.trouble is None, device.trouble
    await device.driver.close()
