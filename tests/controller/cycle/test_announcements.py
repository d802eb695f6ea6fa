"""Each difference is announced once, also one that begins while others are being dealt with."""

from __future__ import annotations

from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Progressed, Settled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.container import Resources


def announced(device: Device) -> list[tuple[str, str, str]]:
    entries = [entry for entry in device.journal.entries() if entry.kind in ("plan", "drift")]
    return [(entry.kind, entry.subject, entry.message.partition(":")[0]) for entry in entries]


def test_drift_that_is_found_while_another_is_repaired_is_told(on_device: OnDevice) -> None:
    """O12: why it differed was lost in log and events."""

    async def work(device: Device) -> None:
        await device.reach(container("a"), container("b"), container("c"))
        before = len(announced(device))
        device.engine.kill("a")
        assert isinstance(await device.cycle(), Progressed)
        device.engine.remove("b")
        device.engine.change("c", resources=Resources(memory=1 << 26))
        assert isinstance(await device.follow(), Settled)
        assert announced(device)[before:] == [
            ("drift", "a", "start"),
            ("drift", "b", "create"),
            ("drift", "c", "recreate"),
        ]
        device.engine.kill("a")
        await device.follow()
        assert announced(device)[before + 3 :] == [("drift", "a", "start")]

    on_device(work)


def test_drift_in_the_middle_of_a_revision_is_told_from_what_was_asked_for(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("a"), container("b"))
        before = len(announced(device))
        device.ask(container("a", "a:2"), container("b"))
        assert isinstance(await device.cycle(), Progressed)
        device.engine.kill("b")
        assert isinstance(await device.follow(), Settled)
        assert announced(device)[before:] == [("plan", "a", "recreate"), ("drift", "b", "start")]

    on_device(work)


def test_a_revision_that_is_retried_is_announced_anew(on_device: OnDevice) -> None:
    """S16: its plan was said at the first try, and no more."""

    async def work(device: Device) -> None:
        await device.reach(container("web"))
        failing = device.ask(container("web", "bad:1"))
        for tries in (1, 2, 3):
            await device.follow()
            assert device.running() == {"web": "web:1"}
            plans = [
                each for each in device.journal.entries() if each.kind == "plan" and each.revision == failing.digest
            ]
            assert [each.message.partition(":")[0] for each in plans] == ["recreate"] * tries
            assert device.journal.attempts.forgive_all(failing.digest)

    on_device(work, bad=Image(exits_with=3))
