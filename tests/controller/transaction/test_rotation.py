"""A certificate that is rotated by hand while a hub does not know the new one yet: nothing is lost, and nothing fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.virtual import run

from evenkeel.controller.drivers.provisioning import room
from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled
from evenkeel.reconcilers.provisioning.rotation import rotation
from evenkeel.specs.plan import Done
from evenkeel.specs.provisioning.actions import Follow, Make, Request
from evenkeel.specs.provisioning.observed import ProvisioningLook
from evenkeel.specs.provisioning.provisioning import Azure, Certificate

from .test_provisioning_and_containers import CHAIN, FOLDER, HUB, WEB_1, WEB_2, Device

ID = "52-54-00-12-34-02"


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    it = Device(tmp_path)
    yield it
    it.journal.close()


async def rotate(device: Device, **fields: Any) -> Follow | Make | Request | None:
    """What `evenkeel provision --rotate` does: decide, and have the driver do it."""
    seen = await device.driver.observe(ProvisioningLook(documents=(device.identity(**fields),)))
    action = rotation(seen.subjects[0], seen)
    if action is not None:
        outcome = await device.driver.perform(action, lambda message, done, total: None)
        assert isinstance(outcome, Done), outcome
    return action


def test_a_revision_that_comes_before_the_new_pair_is_entered_does_not_fail(device: Device) -> None:
    async def work() -> None:
        connection = device.folder / "connection"
        connection.write_text(f"HostName={HUB};DeviceId={ID}\n")
        azure = Azure(connection_string=str(connection))
        device.script.devices[HUB, ID] = entered = Enrolled()
        await device.settle(azure=azure)
        before = await device.seen(azure=azure)
        entered.thumbprints.add(before.pairs.current)
        assert isinstance(await rotate(device, azure=azure), Make)
        assert await rotate(device, azure=azure) is None, "it is under way"
        device.ask(WEB_2, azure=azure)
        await device.play(900)
        waiting = await device.seen(azure=azure)
        assert waiting.pairs.current == before.pairs.current
        assert not device.said("revision-failed")
        entered.thumbprints.add(waiting.pairs.next)
        device.start()
        device.ask(WEB_2, azure=azure)
        await device.play(900)
        after = await device.seen(azure=azure)
        assert device.outcome() == ([WEB_2], True, "Converged")
        assert (after.pairs.current, list(after.pairs.by_sha256)) == (waiting.pairs.next, [waiting.pairs.next])

    run(work())


def test_the_second_pair_follows_and_another_one_is_made(device: Device) -> None:
    async def work() -> None:
        fields: dict[str, Any] = {"certificate": Certificate("selfSigned", second=True)}
        await device.settle(**fields)
        before = await device.seen(**fields)
        assert isinstance(await rotate(device, **fields), Follow)
        device.ask(**fields)
        await device.play(900)
        after = await device.seen(**fields)
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert after.pairs.current == before.pairs.second
        assert {after.pairs.current, after.pairs.second} == set(after.pairs.by_sha256)
        assert after.pairs.second not in before.pairs.by_sha256

    run(work())


def test_there_is_no_rotation_of_what_others_give_or_of_nothing(device: Device) -> None:
    async def work() -> None:
        with pytest.raises(ValueError, match="no certificate is in force yet"):
            await rotate(device)
        with pytest.raises(ValueError, match=r"its certificate is given: replace /c\.crt and /c\.key"):
            await rotate(device, certificate=Certificate("files", certificate="/c.crt", key="/c.key"))
        with pytest.raises(ValueError, match="no certificate is asked for"):
            await rotate(device, certificate=None)
        await device.settle()
        device.later_s = -3e9
        with pytest.raises(ValueError, match="the clock says"):
            await rotate(device)
        device.later_s = 0.0
        csr = Certificate("csr", request="/data/request.csr", chain=CHAIN)
        assert isinstance(await rotate(device, certificate=csr), Request)
        assert await rotate(device, certificate=csr) is None

    run(work())


def test_one_process_at_a_time_changes_the_folder(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        await device.settle()
        before = await device.seen()
        monkeypatch.setattr(room, "_PATIENCE_S", 0.1)
        with room.alone(device.driver.host.path(FOLDER)):
            (action,) = [rotation(before, await device.driver.observe())]
            assert action is not None
            outcome = await device.driver.perform(action, lambda message, done, total: None)
        assert "another process of evenkeel has changed" in getattr(outcome, "message", "")
        assert (await device.seen()).pairs == before.pairs
        assert isinstance(await device.driver.perform(action, lambda message, done, total: None), Done)

    run(work())
