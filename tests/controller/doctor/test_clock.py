"""A clock that cannot be right, as the doctor tells of it: by an injected clock, on a simulated device with an identity."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.controller.cli.command import Device as Commanded
from tests.controller.cli.inside import DeviceInside

from evenkeel.controller.cycle.domain import AnyDomain, Domain
from evenkeel.controller.doctor.checks import clock, identities
from evenkeel.controller.doctor.device import Device, GivenSettings
from evenkeel.controller.drivers.provisioning.memory import memory_provisioning
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.reconcilers.provisioning import ProvisioningDecisions
from evenkeel.specs.codec import changed
from evenkeel.specs.doctor.finding import Finding
from evenkeel.specs.provisioning.provisioning import DAY_S
from evenkeel.specs.settings.settings import Settings


class Clocked(Device):
    """A device whose identities are looked at by the same injected clock."""

    def __init__(self, device: Commanded, now: Now) -> None:
        settings = changed(Settings(), state=str(device.state), specs=(str(device.specs),))
        super().__init__(GivenSettings(settings), now)
        self._identities = Domain(ProvisioningDecisions(), memory_provisioning(device.state, now=now))

    @property
    def domains(self) -> Sequence[AnyDomain]:
        return (self._identities,)


def looked(device: Commanded, now: Now) -> tuple[Finding, Finding]:
    """The findings about the clock and about identities."""

    async def work() -> tuple[Finding, Finding]:
        async with Clocked(device, now) as it:
            return await clock.look(it), await identities.look(it)

    return asyncio.run(work())


@pytest.mark.e2e
def test_a_clock_before_1970_or_before_the_certificate_is_told(tmp_path: Path) -> None:
    device = DeviceInside(tmp_path)
    device.run("provision", "--no-cloud", "--no-second", "--yes")
    right_s = system_now()

    of_clock, of_identities = looked(device, lambda: right_s)
    assert of_clock.details[0].state == "ok"
    assert of_identities.state == "ok"

    of_clock, of_identities = looked(device, lambda: -5 * DAY_S)
    assert (of_clock.state, of_clock.details[0].evidence) == (
        "failed",
        "it is a time before 1970 here, before there was any evenkeel",
    )
    assert "set the clock" in of_clock.details[0].remedy
    assert of_identities.state == "failed"

    of_clock, of_identities = looked(device, lambda: right_s - 5 * DAY_S)
    assert of_clock.details[0].state == "warning"
    assert "the newest entry of the journal is from 5 d later" in of_clock.details[0].evidence
    (early,) = (each for each in of_identities.details if each.state == "failed")
    assert "device.crt is not valid before" in early.evidence
    assert early.remedy == "look at the clock first; then at the file"
