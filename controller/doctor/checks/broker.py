"""The broker: whether it lets this device in, with the access that the settings name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.specs.doctor.finding import Finding
from evenkeel.specs.settings.mqtt import broker_address

if TYPE_CHECKING:
    from evenkeel.controller.mqtt import MqttLink

_CONNECT_S = 3.0
_BEGINNING = "not started"


async def look(device: Device) -> Finding:
    """A connection beside the controller's, which leaves nothing at the broker."""
    settings = device.settings.mqtt
    if not settings.is_configured:
        raise NotApplicable("the settings name no broker")
    from evenkeel.controller.agents.commander import passing_link

    address = broker_address(settings.broker)
    name = f"{address.host}:{address.port}"  # the rest of it may hold a secret
    begun = asyncio.get_running_loop().time()
    async with passing_link(device.settings, "doctor") as link:
        why = await why_not(link, _CONNECT_S)
    if why:
        remedy = "look whether the broker runs, and at user, password and certificates below `mqtt` in the settings"
        return Finding("failed", f"{name}: {why}", remedy)
    took = (asyncio.get_running_loop().time() - begun) * 1000
    who = "with a user" if settings.username or settings.username_file else "without a user"
    return Finding("ok", f"{name} lets this device in {who}, within {took:.0f} ms")


async def why_not(link: MqttLink, limit_s: float) -> str:
    """The reason why the first attempt of a link did not succeed; "" once all of it is in force."""
    change = asyncio.Event()
    link.on_change = change.set
    try:
        async with asyncio.timeout(limit_s):
            while not link.connected and link.why in ("", _BEGINNING):
                await change.wait()
                change.clear()
    except TimeoutError:
        return f"no answer within {limit_s:g} s"
    return "" if link.connected else link.why
