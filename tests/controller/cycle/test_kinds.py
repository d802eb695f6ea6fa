"""The names of documents that ask for no container are nobody's: nothing is said or decided of a container by them."""

from __future__ import annotations

from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.wanted import differing
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state

HAND = Document("SystemContainers", "platform", SystemContainers(("hand",)))


def beside(state: DesiredState, document: Document = HAND) -> DesiredState:
    return desired_state([*state.documents, document])


async def reach(device: Device, state: DesiredState) -> None:
    device.journal.put("desired", state, "files")
    assert isinstance(await device.follow(), Settled)


def test_a_list_of_system_containers_is_no_container_that_is_missing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        for tag in (1, 2):
            await reach(device, beside(device.ask(container("web", f"web:{tag}"))))
            assert isinstance(await device.follow(), Settled)
            assert device.conditions()["Healthy"].holds, device.conditions()["Healthy"].message
        assert device.said("health") == []

    on_device(work)


def test_its_name_may_be_that_of_a_container(on_device: OnDevice) -> None:
    """A container that is ill before a revision is not the revision's fault, though the list of its name has changed."""

    async def work(device: Device) -> None:
        lists = [
            Document("SystemContainers", "web", SystemContainers(names)) for names in (("hand",), ("hand", "foot"))
        ]
        await reach(device, beside(device.ask(container("web"), container("db")), lists[0]))
        device.engine.catalogue["docker.io/library/web:1"] = Image(exits_with=3)
        state = beside(device.ask(container("web"), container("db", "db:2")), lists[1])
        device.journal.put("desired", state, "files")
        assert isinstance(await device.follow(), Settled)
        assert device.journal.digest("last-good") == state.digest
        assert device.said("revision-failed") == []

    on_device(work)


def test_states_differ_in_containers_and_in_what_is_protected() -> None:
    lists = [Document("SystemContainers", "web", SystemContainers(names)) for names in (("a", "b"), ("b", "c"))]
    web = Document("Container", "web", container("web"))
    one, other = (desired_state([web, each]) for each in lists)
    want, also, without = (Containers().select(each) for each in (one, other, desired_state([lists[0]])))
    assert differing(want, want) == ()
    assert differing(want, also) == ("a", "c")
    assert differing(want, without) == ("web",)
    assert list(one.containers()) == ["web"]
    assert one.system_containers() == {"a", "b"}
