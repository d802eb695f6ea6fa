"""Azure as a cloud, against the double on a real mosquitto: both transports, certificates and keys, and every refusal."""

from __future__ import annotations

import asyncio
import base64
import threading
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.engines.azure_double import PORT, SCOPE, Azure, Visit
from tests.engines.identities import Authority, Issued, self_signed
from tests.engines.machine import free_port
from tests.until import soon

from evenkeel.controller.drivers.provisioning.azure.cloud import AzureCloud
from evenkeel.controller.drivers.provisioning.ports import Access, Enrolment, Hub, Pair
from evenkeel.specs.errors import DriverError, Refused, TimedOut, Unavailable
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.sas import derived_key, sas_token

DEVICE = "device-7"
KEY = base64.b64encode(b"a key of this device").decode()
GROUP_KEY = base64.b64encode(b"a key of the whole group").decode()
WRONG_KEY = base64.b64encode(b"a key of somebody else").decode()
Transport = Literal["mqtt", "https"]
UNAUTHORISED = {"mqtt": "does not let this device in: not authorized", "https": "401: Unauthorized (401002)"}
both = pytest.mark.parametrize("transport", ["mqtt", "https"])


@pytest.fixture(scope="module")
def pair(azure_double: Azure) -> Issued:
    """By the authority that the double knows."""
    return azure_double.authority.device(DEVICE)


class Device:
    """This device, with the double's time."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.cloud = AzureCloud(azure.now, sleep=azure.sleep)

    def access(self, shown: Issued | None = None, **more: Any) -> Access:
        pair = Pair(shown.certificate, shown.key) if shown else None
        return Access(pair, authorities=self.azure.authority.certificate, **more)

    def enrolment(self, transport: Transport, access: Access, **more: Any) -> Enrolment:
        port = PORT if transport == "mqtt" else self.azure.https_port
        wanted = {"id_scope": SCOPE, "registration": DEVICE, "port": port, **more}
        return Enrolment(host=self.azure.dps, transport=transport, access=access, **wanted)

    async def register(self, transport: Transport, access: Access, **more: Any) -> Assignment:
        return await self.cloud.register(self.enrolment(transport, access, **more))

    async def connect(self, access: Access, *, host: str = "", device: str = DEVICE, port: int = PORT) -> str:
        return await self.cloud.connect(Hub(host or self.azure.hub, port, device, access))


@pytest.fixture
def device(azure: Azure) -> Device:
    return Device(azure)


async def refusal(work: Any) -> str:
    with pytest.raises(Refused) as caught:
        await work
    for secret in (KEY, GROUP_KEY, WRONG_KEY, "sig=", "PRIVATE"):
        assert secret not in str(caught.value)
    return caught.value.message


# --- registration -----------------------------------------------------------------------------------------------------


@both
async def test_a_certificate_registers_and_is_let_in_where_it_was_assigned(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    azure.polls = 3
    assignment = await device.register(transport, device.access(pair, name=DEVICE))
    assert assignment == Assignment(azure.hub, DEVICE)
    assert (azure.hasty, azure.ahead_s) == (0, 9)
    told = await device.connect(device.access(pair), host=assignment.hub)
    assert told == f"{azure.hub} lets the device {DEVICE} in by its certificate"
    assert azure.visits[-1] == Visit(azure.hub, DEVICE, f"{azure.hub}/{DEVICE}/?api-version=2021-04-12")
    await soon(lambda: azure.farewells == azure.visits, what="DISCONNECT on each connection")


@both
async def test_a_self_signed_certificate_registers_by_its_thumbprint(
    device: Device, azure: Azure, transport: Transport
) -> None:
    own, former = self_signed(DEVICE), self_signed(DEVICE)
    azure.enrol(DEVICE, shown=own)
    azure.trusted(former)
    assert await device.register(transport, device.access(own)) == Assignment(azure.hub, DEVICE)
    assert UNAUTHORISED[transport] in await refusal(device.register(transport, device.access(former)))
    assert "not authorized" in await refusal(device.connect(device.access(former)))


@both
async def test_keys_of_a_device_and_of_a_group_register(device: Device, azure: Azure, transport: Transport) -> None:
    azure.enrol(DEVICE, key=KEY, hub=azure.other_hub)
    assert await device.register(transport, device.access(shared_key=KEY)) == Assignment(azure.other_hub, DEVICE)
    await device.connect(device.access(shared_key=KEY), host=azure.other_hub)
    azure.group_key = GROUP_KEY
    access = device.access(shared_key=GROUP_KEY)
    found = await device.register(transport, access, is_group_key=True, registration="device-8")
    assert found == Assignment(azure.hub, "device-8")
    own = derived_key(GROUP_KEY, "device-8")
    assert "by its shared key" in await device.connect(device.access(shared_key=own), device="device-8")


@both
async def test_a_device_that_was_moved_is_let_in_at_its_new_hub_alone(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    first = await device.register(transport, device.access(pair))
    azure.enrolled[DEVICE].hub = azure.other_hub
    second = await device.register(transport, device.access(pair))
    assert (first.hub, second.hub) == (azure.hub, azure.other_hub)
    await device.connect(device.access(pair), host=second.hub)
    assert "not authorized" in await refusal(device.connect(device.access(pair), host=first.hub))


@both
async def test_a_service_that_is_busy_is_asked_again_when_it_says_so(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    azure.troubles.extend([(429, 7), (503, None), (500, None), (429, 0)])
    assert await device.register(transport, device.access(pair)) == Assignment(azure.hub, DEVICE)
    assert (azure.hasty, azure.ahead_s) == (0, 7 + 4 + 8 + 3 + 1)


@both
async def test_a_service_that_names_no_time_is_asked_again_after_a_while(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    azure.tells_retry_after = False
    await device.register(transport, device.access(pair))
    assert (azure.hasty, azure.ahead_s) == (0, 3)


@both
async def test_a_service_in_trouble_is_away_and_one_with_a_queue_takes_too_long(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    azure.troubles.extend([(503, None)] * 50)
    with pytest.raises(Unavailable, match=r"the service answers 503: Try again later\. \(503001\)"):
        await device.register(transport, device.access(pair))
    assert 60 < azure.ahead_s < 120
    azure.troubles.clear()
    azure.troubles.append((429, 3600))
    before_s = azure.ahead_s
    with pytest.raises(TimedOut, match="wants to be asked again in 3600 s; the limit of 120 s is over by then"):
        await device.register(transport, device.access(pair))
    assert azure.ahead_s == before_s


@both
@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("disabled", "the enrolment is disabled"),
        ("unassigned", "the service has assigned no hub"),
        ("failed", r"failed to assign a hub: Custom allocation failed with status code: 400 (400207)"),
    ],
)
async def test_other_final_states_are_a_no_in_words(
    device: Device, azure: Azure, pair: Issued, transport: Transport, state: str, words: str
) -> None:
    azure.enrol(DEVICE, state=state)
    assert words in await refusal(device.register(transport, device.access(pair)))


async def test_words_that_repeat_a_secret_are_not_shown(device: Device, azure: Azure) -> None:
    azure.enrol(DEVICE, key=KEY, state="failed")
    azure.words = f"your key is {KEY}"
    assert "words that are not shown" in await refusal(device.register("mqtt", device.access(shared_key=KEY)))


@both
async def test_an_answer_that_is_too_long_is_not_kept(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE, state="failed")
    azure.words = "x" * 300_000
    with pytest.raises(Unavailable, match=r"answer (that )?is too long"):
        await device.register(transport, device.access(pair))


# --- refusals ---------------------------------------------------------------------------------------------------------


@both
async def test_the_service_refuses_what_azure_refuses(device: Device, azure: Azure, transport: Transport) -> None:
    azure.enrol(DEVICE, key=KEY)
    for access, more in (
        (device.access(shared_key=WRONG_KEY), {}),
        (device.access(shared_key=KEY), {"id_scope": "0ne0000WRONG"}),
        (device.access(shared_key=KEY), {"registration": "device-9"}),
        (device.access(shared_key=KEY), {"is_group_key": True}),
        (device.access(token=sas_token(f"{SCOPE}/registrations/{DEVICE}", KEY, azure.now() - 1, "registration")), {}),
        (device.access(), {}),
    ):
        assert UNAUTHORISED[transport] in await refusal(device.register(transport, access, **more))
    assert azure.visits == []


@both
async def test_another_name_is_refused_before_anybody_is_asked_and_else_by_the_service(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol("device-9")
    access = device.access(pair, name=DEVICE)
    told = await refusal(device.register(transport, access, registration="device-9", port=free_port()))
    assert (
        told
        == "the registration id is `device-9` and the common name of the certificate is `device-7`: both must be equal"
    )
    told = await refusal(device.register(transport, device.access(pair), registration="device-9"))
    assert UNAUTHORISED[transport] in told


@both
async def test_a_certificate_that_the_server_does_not_take_is_refused_in_its_words(
    device: Device, azure: Azure, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    expired = azure.authority.device(DEVICE, begins=-2, ends=-1)
    told = await refusal(device.register(transport, device.access(expired)))
    assert told == "the provisioning service does not take the certificate of this device: certificate expired"
    stranger = Authority("somebody else").device(DEVICE)
    assert "certificate of this device: unknown ca" in await refusal(
        device.register(transport, device.access(stranger))
    )


@both
async def test_a_server_that_nobody_vouches_for_is_not_trusted(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    access = Access(Pair(pair.certificate, pair.key))
    told = await refusal(device.register(transport, access))
    assert "the certificate of the provisioning service is not trusted" in told
    assert azure.visits == []


@both
async def test_authorities_of_the_system_are_trusted(
    device: Device, azure: Azure, pair: Issued, transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document names none for the public cloud."""
    (tmp_path / "system.crt").write_bytes(azure.authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.crt"))
    azure.enrol(DEVICE)
    access = Access(Pair(pair.certificate, pair.key), name=DEVICE)
    assert await device.register(transport, access) == Assignment(azure.hub, DEVICE)


async def test_a_token_that_cannot_be_sent_is_refused_without_being_told(device: Device, azure: Azure) -> None:
    token = f"SharedAccessSignature sr=x&sig={KEY}&se=1\r\nX: y"
    told = await refusal(device.register("https", device.access(token=token)))
    assert told == "the token or an id has characters that no request can have"


@pytest.mark.parametrize("broken", ["key", "pem", "authorities", "base64"])
async def test_what_cannot_be_used_is_refused_with_the_reason(
    device: Device, azure: Azure, pair: Issued, broken: str
) -> None:
    other = azure.authority.device(DEVICE)
    access, words = {
        "key": (device.access(Issued(pair.certificate, other.key)), "key values mismatch"),
        "pem": (device.access(Issued(b"no PEM", b"no PEM")), "cannot be used"),
        "authorities": (Access(authorities=b"no PEM"), "cannot be used"),
        "base64": (device.access(shared_key="not base64!"), "the shared key is not base64"),
    }[broken]
    assert words in await refusal(device.connect(access))


async def test_a_hub_lets_in_by_key_and_by_token_and_refuses_the_wrong_ones(device: Device, azure: Azure) -> None:
    azure.enter(DEVICE, key=KEY)
    assert "by its shared key" in await device.connect(device.access(shared_key=KEY))
    resource = f"{azure.hub}/devices/{DEVICE}"
    token = sas_token(resource, KEY, azure.now() + 60)
    assert "by its token" in await device.connect(device.access(token=token))
    for wrong in (
        device.access(shared_key=WRONG_KEY),
        device.access(token=sas_token(resource, KEY, azure.now() - 1)),
        device.access(token=sas_token(f"{azure.hub}/devices/device-9", KEY, azure.now() + 60)),
        device.access(),
    ):
        assert await refusal(device.connect(wrong)) == "the hub does not let this device in: not authorized"
    assert "not authorized" in await refusal(device.connect(device.access(shared_key=KEY), device="device-9"))
    assert "not authorized" in await refusal(device.connect(device.access(shared_key=KEY), host=azure.other_hub))
    assert len(azure.visits) == 2


async def test_a_hub_says_that_a_certificate_has_expired(device: Device, azure: Azure) -> None:
    azure.enter(DEVICE)
    expired = azure.authority.device(DEVICE, begins=-2, ends=-1)
    told = await refusal(device.connect(device.access(expired)))
    assert told == "the hub does not take the certificate of this device: certificate expired"


# --- networks ---------------------------------------------------------------------------------------------------------


@both
async def test_nobody_there_is_no_refusal(device: Device, pair: Issued, transport: Transport) -> None:
    with pytest.raises(Unavailable, match="cannot be reached: connection refused"):
        await device.register(transport, device.access(pair), port=free_port(device.azure.dps))


@both
async def test_a_server_that_does_not_answer_takes_too_long(azure: Azure, pair: Issued, transport: Transport) -> None:
    azure.is_silent = True
    device = Device(azure)
    device.cloud = AzureCloud(azure.now, sleep=azure.sleep, register_s=0.2, connect_s=0.2)
    with pytest.raises(TimedOut, match=r"did not answer within 0\.2 s"):
        await device.register(transport, device.access(pair))
    with pytest.raises(TimedOut):
        await device.connect(device.access(pair))


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@both
async def test_a_call_may_be_cancelled_at_any_moment_and_leaves_nothing(
    device: Device, azure: Azure, pair: Issued, transport: Transport
) -> None:
    azure.enrol(DEVICE)
    access = device.access(pair)
    await device.register(transport, access)
    await soon(lambda: len(azure.farewells) == len(azure.visits))
    azure.polls = 10**9
    device.cloud = AzureCloud(azure.now, sleep=azure.sleep, register_s=10**9)
    threads = threading.active_count()
    for moment_s in (0.0, 0.005, 0.01, 0.02, 0.05):
        call = asyncio.create_task(device.register(transport, access))
        await asyncio.sleep(moment_s)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await soon(lambda: len(asyncio.all_tasks()) == 1, what="the end of all tasks")
    # each connection has a thread at the double, and asyncio keeps one that resolves names
    await soon(lambda: threading.active_count() <= threads + 1, what="the end of all connections")


async def test_no_file_is_left_open(device: Device, azure: Azure, pair: Issued) -> None:
    """The double's files are those of this process, too. It closes its own when its threads end."""
    azure.enrol(DEVICE)
    threads = threading.active_count()

    async def calls() -> None:
        for transport in ("mqtt", "https"):
            await device.register(transport, device.access(pair))
        with pytest.raises(DriverError):
            await device.connect(device.access(pair), device="device-9")
        await soon(lambda: threading.active_count() <= threads + 1)

    await calls()
    before = open_files()
    for _ in range(3):
        await calls()
    await soon(lambda: open_files() <= before, what="no more open files than before")
