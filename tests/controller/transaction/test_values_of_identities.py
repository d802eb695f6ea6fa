"""One revision over an identity and a container that gets a value of it: order, another value, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.controller.stage import Reading
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.containers.memory.world import WorldContainer
from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled
from evenkeel.controller.settings.provided import FILE, Provided
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Start
from evenkeel.specs.containers.container import Container, ValueFrom
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import Action, Outcome
from evenkeel.specs.provisioning.provisioning import Azure, Provisioning

from .mixed import Engine
from .test_provisioning_and_containers import HUB, OTHER_HUB, WEB_1, WEB_2, Device

NAME = "52-54-00-12-34-02"
KEY, NEXT_KEY = "bm90aGluZyB0byBzZWU=", "c29tZXRoaW5nIGVsc2U="


def connection(hub: str, key: str) -> str:
    return f"HostName={hub};DeviceId={NAME};SharedAccessKey={key}"


class Reader(Engine):
    """An engine whose containers do not come up with some values."""

    def __init__(self, device: Device, folder: Path) -> None:
        super().__init__(device.power, lambda: "", Provided(folder / "state" / FILE))
        self.refused: set[str] = set()

    async def perform(self, action: Action, progress: Callable[[str, int, int], None]) -> Outcome:
        outcome = await super().perform(action, progress)
        if isinstance(action, Start):
            kept = self.simulation.find(action.instance)
            is_bad = not self.refused.isdisjoint(dict(kept.handed).values())
            self.catalogue[kept.image] = Image(exits_with=1) if is_bad else Image()
        return outcome


class Values(Device):
    """A device with a connection string in a file, and a container that has it among its variables."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.engine = Reader(self, folder)
        self.start()
        for hub, key in ((HUB, KEY), (OTHER_HUB, KEY)):
            self.enter(hub, key)
        self.file, self.other = folder / "connection", folder / "other"
        self.file.write_text(connection(HUB, KEY))
        self.other.write_text(connection(OTHER_HUB, KEY))

    def enter(self, hub: str, key: str) -> None:
        self.script.devices[hub, NAME] = Enrolled(key=key)

    def asking(self, image: str, *, is_asked: bool = True, **fields: Any) -> Reading:
        source = ValueFrom("CONNECTION_STRING", "azure", "connectionString")
        container = normal(Container("web", image, values_from=(source,)))
        documents = [Document("Container", "web", container)]
        if is_asked:
            documents.append(Document("Provisioning", "azure", self.asked(**fields)))
        return Reading(desired_state(documents))

    def asked(self, file: Path | None = None) -> Provisioning:
        azure = Azure(connection_string=str(file or self.file))
        return changed(self.identity(certificate=None, outputs=()), azure=azure)

    def at_work(self) -> WorldContainer:
        """The one container that runs."""
        (kept,) = (each for each in self.engine.simulation.present() if each.state == "running")
        return kept

    def value(self) -> str:
        return dict(self.at_work().handed)["CONNECTION_STRING"]

    def creations(self) -> int:
        return self.power.done.count(("containers", "create"))

    def told(self) -> bytes:
        """Everything that the journal holds."""
        self.journal.close()
        return b"".join(path.read_bytes() for path in (self.folder / "state").glob("journal*"))


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Values]:
    it = Values(tmp_path)
    yield it
    it.journal.close()


def test_a_fresh_container_waits_for_its_value_and_gets_it(device: Values) -> None:
    async def work() -> None:
        await device.settle()
        assert device.value() == connection(HUB, KEY)
        told = device.told()
        assert b"connectionString" in told, "the reference is there"
        assert KEY.encode() not in told

    run(work())


def test_a_settled_device_creates_nothing_whatever_becomes_of_the_file(device: Values) -> None:
    """Also when the values are gone until the identity is looked at again, as on a device that was restored."""

    async def work() -> None:
        await device.settle()
        before = device.at_work().id
        device.script.away.add(HUB)
        device.file.unlink()
        (device.folder / "state" / FILE).unlink()
        device.ask()
        device.at(300, device.file.write_text, connection(HUB, KEY))
        await device.play(900)
        assert (device.at_work().id, device.creations()) == (before, 0)

    run(work())


def test_another_value_creates_the_container_anew(device: Values) -> None:
    """Nobody asks for anything else: somebody has put another key into the file."""

    async def work() -> None:
        await device.settle()
        before = device.at_work().id
        device.enter(HUB, NEXT_KEY)
        device.file.write_text(connection(HUB, NEXT_KEY))
        device.ask()
        await device.play(300)
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert (device.value(), device.creations()) == (connection(HUB, NEXT_KEY), 1)
        assert device.at_work().id != before
        told = [entry.message for entry in device.journal.entries(limit=1000) if entry.subject == "web"]
        assert any("the value of CONNECTION_STRING differs" in each for each in told), told
        stored = device.told()
        assert KEY.encode() not in stored
        assert NEXT_KEY.encode() not in stored

    run(work())


@pytest.mark.parametrize("image", [WEB_1, WEB_2], ids=["the identity alone", "both"])
def test_a_container_that_does_not_come_up_with_its_new_value_takes_the_identity_back(
    device: Values, image: str
) -> None:
    async def work() -> None:
        await device.settle()
        assert isinstance(device.engine, Reader)
        device.engine.refused.add(connection(OTHER_HUB, KEY))
        device.ask(image, file=device.other)
        await device.play(900)
        assert device.outcome() == ([WEB_1], False, "RolledBack")
        assert device.value() == connection(HUB, KEY)
        assert len(device.engine.simulation.present()) == 1
        (failed,), (back,) = device.said("revision-failed"), device.said("rolled-back")
        assert "web" in failed.message
        assert back.message.endswith("is in force again: azure, web")
        steps = [entry for entry in device.said("step-done") if entry.message.startswith("up for")]
        assert max(entry.seq for entry in steps) < back.seq, "web was proven with its former value before"

    run(work())


def test_a_revision_of_the_identity_alone_brings_the_new_value(device: Values) -> None:
    async def work() -> None:
        await device.settle()
        device.ask(file=device.other)
        await device.play(300)
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert (device.value(), device.creations()) == (connection(OTHER_HUB, KEY), 1)
        order = device.power.done
        assert order.index(("provisioning", "provide")) < order.index(("containers", "create"))

    run(work())


def test_an_identity_that_hands_out_no_such_value_is_waited_for(device: Values) -> None:
    async def work() -> None:
        device.file.unlink()
        device.ask()
        told: list[str] = []
        device.at(200, lambda: told.append(device.reason()))
        device.at(210, device.file.write_text, connection(HUB, KEY))
        await device.play(900)
        assert "web: CONNECTION_STRING has no value yet: provisioning azure hands out no values" in told[0]
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert not device.said("revision-failed")

    run(work())
