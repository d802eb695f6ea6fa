"""The simulated cloud behaves as Azure does, in virtual time."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest
from tests.engines.identities import Issued, self_signed

from evenkeel.controller.drivers.provisioning.azure.simulated import Enrolled, Script, SimulatedCloud, thumbprints
from evenkeel.controller.drivers.provisioning.ports import Access, Cloud, Enrolment, Hub, Pair
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.sas import derived_key

pytestmark = pytest.mark.virtual
DPS, HUB, OTHER, DEVICE = "dps", "hub-1.net", "hub-2.net", "device-7"
KEY = base64.b64encode(b"a key").decode()
OWN, STRANGE = self_signed(DEVICE), self_signed(DEVICE)


def enrolment(shown: Issued | None = OWN, *, scope: str = "0ne1", key: str = "", group: bool = False) -> Enrolment:
    access = Access(Pair(*shown) if shown else None, key, name=DEVICE if shown else "")
    return Enrolment(DPS, 8883, "mqtt", scope, DEVICE, access, group)


def at(host: str, shown: Issued | None = OWN, key: str = "") -> Hub:
    return Hub(host, 8883, DEVICE, Access(Pair(*shown) if shown else None, key))


@pytest.fixture
def script() -> Script:
    return Script(scopes={"0ne1": HUB})


@pytest.fixture
def cloud(script: Script) -> Cloud:
    return SimulatedCloud(script)


async def test_a_device_is_assigned_when_the_time_has_come_and_known_at_its_hub_alone(
    script: Script, cloud: Cloud
) -> None:
    script.retry_after_s, script.polls = 20.0, 3
    loop, began = asyncio.get_running_loop(), time.monotonic()
    before_s = loop.time()
    assert await cloud.register(enrolment()) == Assignment(HUB, DEVICE)
    assert loop.time() - before_s == 60.0
    assert time.monotonic() - began < 20
    assert "lets the device" in await cloud.connect(at(HUB))
    for hub in (at(OTHER), at(HUB, STRANGE), at(HUB, None, KEY)):
        with pytest.raises(Refused, match="not authorized"):
            await cloud.connect(hub)


async def test_it_is_moved_when_its_enrolment_names_another_hub(script: Script, cloud: Cloud) -> None:
    await cloud.register(enrolment())
    script.enrolments[DEVICE] = Enrolled(hub=OTHER)
    with pytest.raises(Refused):
        await cloud.connect(at(OTHER))
    assert await cloud.register(enrolment()) == Assignment(OTHER, DEVICE)
    await cloud.connect(at(OTHER))
    with pytest.raises(Refused):
        await cloud.connect(at(HUB))


async def test_scopes_thumbprints_and_keys_that_are_not_known_are_refused(script: Script, cloud: Cloud) -> None:
    with pytest.raises(Refused, match="401: Unauthorized"):
        await cloud.register(enrolment(scope="0ne2"))
    script.enrolments[DEVICE] = Enrolled(thumbprints(OWN.certificate))
    await cloud.register(enrolment())
    with pytest.raises(Refused, match="401: Unauthorized"):
        await cloud.register(enrolment(STRANGE))
    script.enrolments[DEVICE].is_disabled = True
    with pytest.raises(Refused, match="the enrolment is disabled"):
        await cloud.register(enrolment())
    script.enrolments = {DEVICE: Enrolled(key=KEY)}
    await cloud.register(enrolment(None, key=KEY))
    with pytest.raises(Refused, match="401: Unauthorized"):
        await cloud.register(enrolment(None, key=derived_key(KEY, "x")))


async def test_the_key_of_a_group_is_that_of_its_devices(script: Script, cloud: Cloud) -> None:
    script.group_key = KEY
    await cloud.register(enrolment(None, key=KEY, group=True))
    await cloud.connect(at(HUB, None, derived_key(KEY, DEVICE)))
    with pytest.raises(Refused):
        await cloud.connect(at(HUB, None, KEY))
    with pytest.raises(Refused, match="401: Unauthorized"):
        await cloud.register(enrolment(None, key=KEY))


async def test_another_name_than_the_certificates_is_refused(cloud: Cloud) -> None:
    wanted = enrolment()
    with pytest.raises(Refused, match="both must be equal"):
        await cloud.register(wanted._replace(registration="device-8"))


async def test_it_may_be_away_or_take_too_long(script: Script, cloud: Cloud) -> None:
    script.retry_after_s, script.polls = 50.0, 3
    with pytest.raises(TimedOut, match="the limit of 120 s is over by then"):
        await cloud.register(enrolment())
    script.away = {DPS, HUB}
    for call in (cloud.register(enrolment()), cloud.connect(at(HUB))):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await call


async def test_a_cloud_that_begins_anew_lets_an_assigned_device_in(cloud: Cloud) -> None:
    """The next process of evenkeel has another one."""
    found = await cloud.register(enrolment())
    await SimulatedCloud(Script(scopes={"0ne1": HUB})).connect(at(found.hub))


def test_thumbprints_are_those_of_the_first_certificate() -> None:
    chain = OWN.certificate + STRANGE.certificate
    assert thumbprints(chain) == thumbprints(OWN.certificate) != thumbprints(STRANGE.certificate)
    assert sorted(map(len, thumbprints(chain))) == [40, 64]
