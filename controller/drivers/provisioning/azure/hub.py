"""Azure's IoT Hub (provisioning.md §4.6): a device connects, and is let in or not."""

from __future__ import annotations

from evenkeel.controller.drivers.provisioning.azure.conversation import Login, conversation
from evenkeel.controller.drivers.provisioning.azure.secure import Server
from evenkeel.controller.drivers.provisioning.ports import Hub
from evenkeel.specs.provisioning.sas import sas_token

_VERSION = "2021-04-12"


async def knock(server: Server, hub: Hub, token: str) -> str:
    """Connect and leave again; how the device was let in, in words. Raises DriverError."""
    login = Login(hub.device, f"{hub.host}/{hub.device}/?api-version={_VERSION}", token)
    async with conversation(server, login):
        means = "its certificate" if not token else "its shared key" if hub.access.shared_key else "its token"
        return f"{hub.host} lets the device {hub.device} in by {means}"


def token_of(hub: Hub, expires_s: float) -> str:
    """The token for a hub, or "" where the device has a certificate. Raises ValueError for a key that is not base64."""
    access = hub.access
    if access.token or not access.shared_key:
        return access.token
    return sas_token(f"{hub.host}/devices/{hub.device}", access.shared_key, expires_s)
