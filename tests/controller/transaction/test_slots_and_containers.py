"""One revision over the operating system and containers, with a whole controller that is told to stop when the device goes
down, and another one after the boot."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.controller.stage import Reading, Scripted
from tests.virtual import now, run

from evenkeel.controller.cycle.domain import Domain
from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine
from evenkeel.controller.drivers.slots.memory import Bundle, MemorySlots, factory
from evenkeel.controller.drivers.slots.witness import DomainWitness
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.loop.controller import Controller
from evenkeel.controller.loop.queue import WakeUps
from evenkeel.controller.loop.worker import Conduct
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.slots import Slots
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.slots.system import Health, OperatingSystem

FAST = "/dev/shm" if Path("/dev/shm").is_dir() else None
HEALTH = Health(("app.service",), ("web",), stable_for=timedelta(seconds=10))


def asking(version: str, image: str) -> Reading:
    container = normal(Container("web", image))
    address = f"https://updates.test/{version}.raucb"
    system = OperatingSystem("os", version, address, health=HEALTH, deadline=timedelta(minutes=2))
    documents = [Document("Container", "web", container), Document("OperatingSystem", "os", system)]
    return Reading(desired_state(documents))


class Device:
    """Slots and an engine, whose containers run again after a boot, as an engine starts them."""

    def __init__(self, state: Path) -> None:
        self.world = factory()
        self.slots, self.engine = MemorySlots(self.world, now), MemoryEngine(now=now)
        self.slots.witness = DomainWitness(Containers(), self.engine)
        self.slots.machine.dies = self._goes_down
        self.journal = open_journal(state, now)
        self.said: list[Feedback] = []
        self.boots = 0

    def settle(self, version: str, image: str) -> tuple[str, list[str], str]:
        """Ask for this, through all reboots; the version and the images that run, and the reason of `Settled` at last."""

        async def work() -> None:
            while await self._live(asking(version, image)):
                self.slots.cut_power()
                self.boots += 1
                assert self.boots < 10, "the device reboots for ever"

        run(work())
        settled, running = self.journal.condition("Settled"), self.world.running()
        assert settled is not None
        assert running is not None
        images = [each.removeprefix("docker.io/library/") for each in self.engine.running().values()]
        return running.version, images, settled.reason

    async def _live(self, reading: Reading) -> bool:
        """One process; whether it ended because the device goes down."""
        self._is_going = False
        domains = [Domain(Slots(), self.slots), Domain(Containers(), self.engine)]
        wake_ups, source = WakeUps(jitter=lambda: 0.5), Scripted()
        conduct = Conduct(tries=2, now=now, on_entry=self.said.append)
        every = timedelta(seconds=60)
        self._controller = Controller(self.journal, domains, source, (), every, wake_ups, conduct=conduct)
        source.readings.put_nowait(reading)
        late = asyncio.get_running_loop().call_later(900, self._controller.stop)
        await self._controller.run()
        late.cancel()
        return self._is_going

    async def _goes_down(self) -> None:
        """systemd tells all services to stop."""
        self._is_going = True
        self._controller.stop()
        await asyncio.Event().wait()

    def texts(self, *kinds: str) -> list[str]:
        return [each.message for each in self.said if each.kind in kinds]


@contextmanager
def on_device() -> Iterator[Device]:
    folder = Path(tempfile.mkdtemp(dir=FAST))
    device = Device(folder)
    try:
        yield device
    finally:
        device.journal.close()
        shutil.rmtree(folder)


def test_one_revision_changes_both_and_the_reboot_is_no_failure() -> None:
    with on_device() as device:
        assert device.settle("1.0.0", "web:1") == ("1.0.0", ["web:1"], "Converged")
        assert device.settle("2.0.0", "web:2") == ("2.0.0", ["web:2"], "Converged")
        assert device.boots == 1
        assert device.texts("step-failed", "step-retrying", "revision-failed", "defect") == []
        assert device.journal.attempts.of(asking("2.0.0", "web:2").desired.digest) is None


def test_a_first_revision_with_a_container_that_the_health_names_waits_for_nothing() -> None:
    """The container is started only once the system is proven."""
    with on_device() as device:
        assert device.settle("2.0.0", "web:1") == ("2.0.0", ["web:1"], "Converged")
        assert device.texts("step-failed", "revision-failed") == []


def test_the_system_is_booted_and_proven_before_a_container_is_touched() -> None:
    with on_device() as device:
        device.settle("1.0.0", "web:1")
        del device.said[:]
        device.settle("2.0.0", "web:2")
        steps = [each.message for each in device.said if each.kind == "step-started"]
        good, stops = steps.index("mark slot B good"), [step for step in steps if step.startswith("stop")]
        assert stops
        assert good < steps.index(stops[0])
        assert steps.index("fetch https://updates.test/2.0.0.raucb") < steps.index("install 2.0.0 into slot B")


def test_a_container_that_is_not_well_on_the_new_system_takes_both_back() -> None:
    with on_device() as device:
        device.settle("1.0.0", "web:1")
        device.engine.catalogue["docker.io/library/web:2"] = Image(exits_with=1)
        assert device.settle("2.0.0", "web:2") == ("1.0.0", ["web:1"], "RolledBack")
        assert device.boots == 2
        assert not any("fell back" in text for text in device.texts("revision-failed", "step-failed"))


def test_a_boot_that_falls_back_leaves_the_containers_untouched() -> None:
    with on_device() as device:
        device.settle("1.0.0", "web:1")
        before = {each.id for each in device.engine.world.containers.values()}
        device.world.served["https://updates.test/2.0.0.raucb"] = Bundle("2.0.0", boots=False)
        assert device.settle("2.0.0", "web:2") == ("1.0.0", ["web:1"], "RolledBack")
        what = "slot B (2.0.0) did not boot, or went down before it was good"
        assert device.texts("revision-failed") == [f"os: the bootloader fell back to slot A (1.0.0): {what}"]
        running = {each.id for each in device.engine.world.containers.values()}
        assert before <= running
        assert device.boots == 1


def test_a_unit_of_the_gate_that_is_not_well_takes_the_system_back() -> None:
    with on_device() as device:
        device.settle("1.0.0", "web:1")
        device.world.served["https://updates.test/2.0.0.raucb"] = Bundle("2.0.0", is_well=False)
        assert device.settle("2.0.0", "web:1") == ("1.0.0", ["web:1"], "RolledBack")
        (why,) = device.texts("revision-failed")
        assert why == "os: slot B (2.0.0) is not well 2m after its boot: app.service is failed"


def test_a_failed_revision_is_not_tried_again_after_a_restart() -> None:
    with on_device() as device:
        device.settle("1.0.0", "web:1")
        device.world.served["https://updates.test/2.0.0.raucb"] = Bundle("2.0.0", boots=False)
        device.settle("2.0.0", "web:1")
        boots = device.boots
        assert device.settle("2.0.0", "web:1") == ("1.0.0", ["web:1"], "RolledBack")
        assert device.boots == boots


def test_an_update_that_is_taken_back_before_the_reboot_costs_none() -> None:
    with on_device() as device:
        device.settle("1.0.0", "web:1")
        device.engine.catalogue["docker.io/library/web:2"] = Image(pull="missing")
        assert device.settle("2.0.0", "web:2")[:2] == ("1.0.0", ["web:1"])
        assert device.boots == 0
        assert device.world.primary == "rootfs.0"
