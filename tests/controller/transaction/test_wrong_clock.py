"""Identities at a clock that is wrong and looks right: ahead by years, or set back. Nothing is lost; it heals by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.virtual import now, run

from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled
from evenkeel.specs.provisioning.actions import Make
from evenkeel.specs.provisioning.provisioning import DAY_S, Azure, Certificate
from evenkeel.templates.provisioning_described import Identity

from .test_provisioning_and_containers import HUB, WEB_1, Device
from .test_rotation import ID, rotate

ROLLOVER_S = 1024 * 7 * DAY_S
"""After so many weeks a GPS receiver begins to count anew, and one that is too old, or too new, is wrong by them."""


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    it = Device(tmp_path)
    yield it
    it.journal.close()


def entered_at_a_hub(device: Device) -> tuple[Azure, Enrolled]:
    """A device whose thumbprints somebody enters."""
    connection = device.folder / "connection"
    connection.write_text(f"HostName={HUB};DeviceId={ID}\n")
    device.script.devices[HUB, ID] = entered = Enrolled()
    return Azure(connection_string=str(connection)), entered


async def at(device: Device, later_s: float, **fields: Any) -> None:
    """A process that begins while the clock is ahead by so much, and works for a while."""
    device.later_s = later_s
    device.start()
    device.ask(**fields)
    await device.play(900)


@pytest.mark.parametrize("fields", [{}, {"azure": None, "outputs": ()}], ids=["cloud", "no-cloud"])
def test_a_certificate_of_the_future_is_followed_once_the_clock_is_right(
    device: Device, fields: dict[str, Any]
) -> None:
    async def work() -> None:
        device.later_s = ROLLOVER_S
        await device.settle(**fields)
        wrong = (await device.seen(**fields)).pairs.current
        await at(device, 0.0, **fields)
        pairs = (await device.seen(**fields)).pairs
        current = pairs.of(pairs.current)
        assert current is not None
        assert current.starts_s < now() < current.ends_s
        assert device.outcome() == ([WEB_1], True, "Converged")
        assert device.reason("Healthy") == ""
        assert (wrong in pairs.by_sha256) == bool(fields), "where no cloud has let the new one in, the former one stays"

    run(work())


def test_a_clock_that_is_ahead_for_a_while_costs_no_pair_that_a_hub_knows(device: Device) -> None:
    async def work() -> None:
        azure, entered = entered_at_a_hub(device)
        fields: dict[str, Any] = {"azure": azure, "certificate": Certificate("selfSigned", second=True)}
        await device.settle(**fields)
        before = (await device.seen(**fields)).pairs
        entered.thumbprints |= {before.current, before.second}
        await at(device, ROLLOVER_S, **fields)
        wrong = (await device.seen(**fields)).pairs
        assert (wrong.current, wrong.second) == (before.current, before.second)
        assert wrong.next, "the pairs that are known have expired by that clock"
        await at(device, 0.0, **fields)
        pairs = (await device.seen(**fields)).pairs
        assert (pairs.current, pairs.second) == (before.current, before.second)
        assert (device.outcome(), device.reason("Healthy")) == (([WEB_1], True, "Converged"), "")
        there = await device.seen(**fields)
        assert there.pairs.next == wrong.next
        assert Identity("azure", there, now()).next is None, "nobody is to enter it"
        assert Identity("azure", there, now() + ROLLOVER_S + DAY_S).next is not None
        current = before.of(before.current)
        assert current is not None
        await at(device, current.ends_s - 5 * DAY_S - now(), **fields)
        pairs = (await device.seen(**fields)).pairs
        assert pairs.next not in ("", wrong.next), "both end soon"
        entered.thumbprints.add(pairs.next)
        await at(device, device.later_s + 7200, **fields)
        after = (await device.seen(**fields)).pairs
        assert after.current == pairs.next
        assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_a_rotation_does_not_wait_for_a_pair_of_the_future(device: Device) -> None:
    async def work() -> None:
        azure, entered = entered_at_a_hub(device)
        await device.settle(azure=azure)
        before = (await device.seen(azure=azure)).pairs
        entered.thumbprints.add(before.current)
        await at(device, ROLLOVER_S, azure=azure)
        wrong = (await device.seen(azure=azure)).pairs.next
        await at(device, 0.0, azure=azure)
        assert isinstance(await rotate(device, azure=azure), Make)
        pairs = (await device.seen(azure=azure)).pairs
        assert pairs.next not in ("", wrong)
        entered.thumbprints.add(pairs.next)
        await at(device, 0.0, azure=azure)
        after = (await device.seen(azure=azure)).pairs
        assert (after.current, set(after.by_sha256)) == (pairs.next, {pairs.next})

    run(work())


def test_a_clock_that_is_set_back_costs_no_pair_that_a_hub_knows(device: Device) -> None:
    async def work() -> None:
        azure, entered = entered_at_a_hub(device)
        await device.settle(azure=azure)
        before = (await device.seen(azure=azure)).pairs
        entered.thumbprints.add(before.current)
        await at(device, -60 * DAY_S, azure=azure)
        told = "azure has a certificate that is not valid yet, if the clock is right"
        assert device.reason("Healthy").startswith(told)
        back = (await device.seen(azure=azure)).pairs
        assert back.current == before.current
        assert back.next
        await at(device, 0.0, azure=azure)
        assert (await device.seen(azure=azure)).pairs.current == before.current
        assert (device.outcome(), device.reason("Healthy")) == (([WEB_1], True, "Converged"), "")
        assert Identity("azure", await device.seen(azure=azure), now()).next is None
        assert isinstance(await rotate(device, azure=azure), Make), "nobody enters the one of the wrong clock"

    run(work())


def test_without_a_cloud_a_clock_that_is_set_back_costs_no_pair(device: Device) -> None:
    async def work() -> None:
        fields: dict[str, Any] = {"azure": None, "outputs": ()}
        await device.settle(**fields)
        before = (await device.seen(**fields)).pairs
        for later_s in (-60 * DAY_S, 0.0):
            await at(device, later_s, **fields)
            assert before.current in (await device.seen(**fields)).pairs.by_sha256
            assert device.outcome() == ([WEB_1], True, "Converged")

    run(work())


def test_a_clock_after_2100_decides_nothing(device: Device) -> None:
    async def work() -> None:
        fields: dict[str, Any] = {"certificate": Certificate("selfSigned", second=True)}
        await device.settle(**fields)
        before = (await device.seen(**fields)).pairs
        await at(device, 4_200_000_000 - now(), **fields)
        assert (await device.seen(**fields)).pairs == before
        assert "the clock says 2103-02-04T" in device.reason("Healthy")

    run(work())


def test_a_renewal_that_was_postponed_by_a_wrong_clock_is_tried(device: Device) -> None:
    async def work() -> None:
        azure, entered = entered_at_a_hub(device)
        await device.settle(azure=azure)
        before = (await device.seen(azure=azure)).pairs
        entered.thumbprints.add(before.current)
        await rotate(device, azure=azure)
        following = (await device.seen(azure=azure)).pairs.next
        await at(device, 300 * DAY_S, azure=azure)
        assert (await device.seen(azure=azure)).pairs.current == before.current
        entered.thumbprints.add(following)
        await at(device, 0.0, azure=azure)
        assert (await device.seen(azure=azure)).pairs.current == following

    run(work())
