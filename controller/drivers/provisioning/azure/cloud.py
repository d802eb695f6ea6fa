"""Azure as a `Cloud`. A call has a limit of time, may be cancelled at any moment, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evenkeel.controller.drivers.provisioning.azure.pace import Pace, Sleep, limit
from evenkeel.controller.drivers.provisioning.ports import Access, Enrolment, Hub
from evenkeel.controller.process.clock import Now
from evenkeel.specs.errors import Refused
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.registration import registration_fault

_REGISTER_S, _CONNECT_S = 120.0, 30.0
_TOKEN_S = 3600.0
"""A token is used at once, and a clock may be some minutes off."""


class AzureCloud:
    """`now`: the time of day, for the end of tokens. `sleep`: waits, as the service asks for it."""

    def __init__(
        self, now: Now, *, sleep: Sleep = asyncio.sleep, register_s: float = _REGISTER_S, connect_s: float = _CONNECT_S
    ) -> None:
        self._now, self._sleep, self._register_s, self._connect_s = now, sleep, register_s, connect_s

    async def register(self, enrolment: Enrolment) -> Assignment:
        from evenkeel.controller.drivers.provisioning.azure import dps_https, dps_mqtt, registering
        from evenkeel.controller.drivers.provisioning.azure.secure import discreet, server_at

        who, element, access = "the provisioning service", f"cloud:{enrolment.host}", enrolment.access
        if why := registration_fault(enrolment.registration, access.name if access.pair and access.name else None):
            raise Refused(element, why)
        token = _token(element, lambda: registering.token_of(enrolment, self._now() + _TOKEN_S))
        with discreet(_secrets(access, token)):
            async with limit(element, who, self._register_s):
                server = server_at(who, enrolment.host, enrolment.port, access)
                pace = Pace(element, self._register_s, self._sleep)
                register = dps_mqtt.register if enrolment.transport == "mqtt" else dps_https.register
                return await register(server, enrolment, token, pace)

    async def connect(self, hub: Hub) -> str:
        from evenkeel.controller.drivers.provisioning.azure.hub import knock, token_of
        from evenkeel.controller.drivers.provisioning.azure.secure import discreet, server_at

        who, element = "the hub", f"cloud:{hub.host}"
        token = _token(element, lambda: token_of(hub, self._now() + _TOKEN_S))
        with discreet(_secrets(hub.access, token)):
            async with limit(element, who, self._connect_s):
                return await knock(server_at(who, hub.gateway or hub.host, hub.port, hub.access), hub, token)


def _token(element: str, make: Callable[[], str]) -> str:
    try:
        return make()
    except ValueError as error:
        raise Refused(element, str(error)) from None


def _secrets(access: Access, token: str) -> tuple[str, ...]:
    """The texts that nobody may repeat: keys, and the signatures of tokens."""
    signatures = (part for each in (token, access.token) for part in each.split("&") if part.startswith("sig="))
    return (access.shared_key, access.token, token, *(each.removeprefix("sig=") for each in signatures))
