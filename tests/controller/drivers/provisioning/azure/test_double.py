"""The double of Azure refuses what Azure refuses, also where evenkeel never asks for it."""

from __future__ import annotations

import base64

import pytest
from tests.engines.azure_double import PORT, SCOPE, Azure
from tests.until import soon

from evenkeel.controller.drivers.provisioning.azure.conversation import Login, conversation
from evenkeel.controller.drivers.provisioning.azure.secure import Server, server_at
from evenkeel.controller.drivers.provisioning.ports import Access
from evenkeel.specs.errors import DriverError, Refused
from evenkeel.specs.provisioning.sas import sas_token

DEVICE = "device-7"
KEY = base64.b64encode(b"a key of this device").decode()
USERNAME = "{hub}/device-7/?api-version=2021-04-12"


def server(azure: Azure, host: str) -> Server:
    return server_at("it", host, PORT, Access(authorities=azure.authority.certificate))


@pytest.mark.parametrize(
    ("client_id", "username"),
    [
        (DEVICE, USERNAME),
        (DEVICE, "{hub}/device-7/api-version=2020-09-30"),
        ("device-8", USERNAME),
        (DEVICE, "{hub}/device-7"),
        (DEVICE, "{hub}/device-7/?api-version=new"),
        (DEVICE, "{other_hub}/device-7/?api-version=2021-04-12"),
        (DEVICE, f"{SCOPE}/registrations/device-7/api-version=2019-03-31"),
        (DEVICE, ""),
    ],
)
async def test_the_form_of_the_user_name_and_the_client_id_count(azure: Azure, client_id: str, username: str) -> None:
    azure.enter(DEVICE, key=KEY)
    token = sas_token(f"{azure.hub}/devices/{DEVICE}", KEY, azure.now() + 60)
    name = username.format(hub=azure.hub, other_hub=azure.other_hub)
    is_right = client_id == DEVICE and "{hub}/device-7/" in username and "new" not in username
    try:
        async with conversation(server(azure, azure.hub), Login(client_id, name, token)):
            was_let_in = True
    except Refused:
        was_let_in = False
    assert was_let_in is is_right
    assert bool(azure.visits) is is_right


@pytest.mark.parametrize("topic", ["devices/device-8/messages/events/", "$dps/registrations/res/#", "anything"])
async def test_another_devices_topic_ends_the_connection(azure: Azure, topic: str) -> None:
    azure.enter(DEVICE, key=KEY)
    token = sas_token(f"{azure.hub}/devices/{DEVICE}", KEY, azure.now() + 60)
    login = Login(DEVICE, USERNAME.format(hub=azure.hub), token)
    with pytest.raises(DriverError, match="ended the connection without a word"):
        async with conversation(server(azure, azure.hub), login) as talk:
            await talk.subscribe(topic)
    assert azure.farewells == []


async def test_its_own_topics_are_free_and_the_broker_is_real(azure: Azure) -> None:
    azure.enter(DEVICE, key=KEY)
    token = sas_token(f"{azure.hub}/devices/{DEVICE}", KEY, azure.now() + 60)
    login = Login(DEVICE, USERNAME.format(hub=azure.hub), token)
    topic = f"devices/{DEVICE}/messages/events/"
    async with conversation(server(azure, azure.hub), login) as talk:
        await talk.subscribe(f"{topic}#")
        assert await talk.ask(topic, b"{}", topic.__eq__) == (topic, b"{}")
    await soon(lambda: azure.farewells == azure.visits)
