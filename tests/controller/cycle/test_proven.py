"""What was proven in a failed revision is kept up where there is nothing to go back to; the revision is not tried again."""

from __future__ import annotations

import pytest
from tests.controller.cycle.test_verdicts import checked
from tests.controller.device import Device, OnDevice, container
from tests.memories import adopt, memory

from evenkeel.controller.cycle.endings import Retrying, Settled, Stalled
from evenkeel.controller.cycle.preview import revision_notes
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Create, Start, Verify
from evenkeel.specs.containers.container import Device as HostDevice
from evenkeel.specs.plan import Retry

WHY = "bad: it ended with exit code 1"
CRASHER = Image(exits_with=1)
KEPT = f"{WHY}; there is no last-good state to go back to; what was proven in it is kept up"


def created(device: Device) -> int:
    """How many containers were ever made."""
    return device.engine.world.created


def up(device: Device) -> dict[str, str]:
    """What runs beside the one that crashes, which its engine starts again and again."""
    return {name: image for name, image in device.running().items() if name not in ("bad", "worse")}


async def fail(device: Device) -> None:
    """The first revision of all fails for `bad`; `web` and `map` are proven in it, `late` was never begun."""
    late = container("late", depends_on=("bad",))
    device.ask(container("bad"), container("web"), container("map"), late)
    assert await device.follow() == Stalled(WHY)
    assert up(device) == {"web": "web:1", "map": "map:1"}


@pytest.mark.parametrize("is_new_process", [False, True])
@pytest.mark.parametrize("hand", ["stops it", "removes it"])
def test_what_was_proven_in_a_failed_first_revision_is_put_up_again(
    on_device: OnDevice, hand: str, is_new_process: bool
) -> None:
    async def work(device: Device) -> None:
        await fail(device)
        made = created(device)
        device.engine.kill("web") if hand == "stops it" else device.engine.remove("web")
        if is_new_process:
            device.start()
        assert await device.follow() == Stalled(WHY)
        assert up(device) == {"web": "web:1", "map": "map:1"}
        assert created(device) - made == (hand == "removes it"), "the failed one is not tried again"
        assert device.settled() == (False, "RevisionFailed")
        assert device.conditions()["Settled"].message == f"{KEPT} (map, web)"
        assert device.conditions()["Healthy"].message.startswith("bad ")
        assert [text.split(":")[0] for _, text in device.said("drift")] == ["start" if hand == "stops it" else "create"]
        assert device.journal.digest("last-good") == ""

    on_device(work, bad=CRASHER)


def test_the_note_of_a_plan_tells_what_is_kept_up(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await fail(device)
        desired = device.journal.revision("desired")
        assert desired is not None
        assert revision_notes(device.journal, ["containers"], desired)[1].startswith(
            "what was proven in it is kept up (map, web) until"
        )

    on_device(work, bad=CRASHER)


def test_what_cannot_be_put_up_again_is_told_and_tried_and_keeps_no_other_one_down(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        gps = container("gps", devices=(HostDevice("/dev/gps", "/dev/gps"),))
        device.ask(container("bad"), container("web"), gps)
        assert await device.follow() == Stalled(WHY)
        device.engine.script.absent.add("/dev/gps")
        device.engine.kill("gps")
        device.engine.kill("web")
        for _ in range(8):
            device.start()
            assert isinstance(await device.follow(), Retrying), "however often it fails"
        assert up(device) == {"web": "web:1"}
        assert device.settled() == (False, "RevisionFailed")
        assert "gps is not running" in device.conditions()["Healthy"].message
        device.engine.script.absent.clear()
        assert await device.follow() == Stalled(WHY)
        assert up(device) == {"web": "web:1", "gps": "gps:1"}

    on_device(work, bad=CRASHER)


def test_one_that_is_gone_and_cannot_be_made_again_is_told(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await fail(device)
        device.engine.remove("web")
        device.fail(Retry("no space left on device"), Create)
        assert isinstance(await device.follow(), Retrying)
        await device.cycle()
        assert "web is not there" in device.conditions()["Healthy"].message

    on_device(work, bad=CRASHER)


@pytest.mark.parametrize("kind", [Start, Verify])
def test_one_whose_repair_was_cut_short_is_still_kept_up(on_device: OnDevice, kind: type[Start | Verify]) -> None:
    """It is not proven at that moment."""

    async def work(device: Device) -> None:
        await fail(device)
        device.engine.kill("web")
        device.fail(Retry("busy"), kind, times=1)
        assert isinstance(await device.follow(), Retrying)
        device.start()
        device.engine.kill("web")
        assert await device.follow() == Stalled(WHY)
        assert up(device) == {"web": "web:1", "map": "map:1"}
        web = next(each for each in device.engine.world.containers.values() if each.engine_name == "web")
        assert web.id in memory(device.journal).proven

    on_device(work, bad=CRASHER)


def test_what_an_earlier_failed_revision_had_proven_is_not_taken_for_this_one(on_device: OnDevice) -> None:
    """`web:2` cannot be made, and is not tried again for the sake of `web:1`; nor is anything removed."""

    async def work(device: Device) -> None:
        await fail(device)
        device.ask(container("bad"), container("web", "worse:1"), container("map"), container("new"))
        assert isinstance(await device.follow(), Stalled)
        made = created(device)
        there = set(device.engine.world.containers)
        device.engine.kill("map")
        device.engine.kill("new")
        assert isinstance(await device.follow(), Stalled)
        assert {"map", "new"} <= up(device).keys()
        assert created(device) == made
        assert set(device.engine.world.containers) == there
        assert device.conditions()["Settled"].message.endswith("is kept up (map, new)")

    on_device(work, bad=CRASHER, worse=CRASHER)


def test_with_nothing_proven_nothing_is_done(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.ask(container("bad"))
        assert await device.follow() == Stalled(WHY)
        steps = device.said("step-started")
        assert await device.follow() == Stalled(WHY)
        assert device.said("step-started") == steps
        text = f"{WHY}; there is no last-good state to go back to; nothing is done about it"
        assert device.conditions()["Settled"].message == text

    on_device(work, bad=CRASHER)


def test_an_adopted_container_does_not_become_what_is_gone_back_to(on_device: OnDevice) -> None:
    """All that was proven would be removed for it."""

    async def work(device: Device) -> None:
        await fail(device)
        device.engine.put_foreign(container("other"))
        other = next(each for each in device.engine.world.containers.values() if each.engine_name == "other")
        adopt(device.journal, other.id, "other")
        device.engine.kill("web")
        assert await device.follow() == Stalled(WHY)
        assert up(device) == {"web": "web:1", "map": "map:1", "other": "other:1"}
        assert device.journal.digest("last-good") == ""

    on_device(work, bad=CRASHER)


def test_a_revision_that_succeeds_ends_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await fail(device)
        device.engine.catalogue["docker.io/library/bad:1"] = Image(version=2)
        state = device.ask(checked("bad", "good:1"), container("web"))
        assert isinstance(await device.follow(), Settled)
        assert device.journal.digest("last-good") == state.digest
        assert device.journal.digest("proven") == "", "its content is not kept any longer than it is needed"

    on_device(work, bad=CRASHER)
