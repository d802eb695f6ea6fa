"""The Device Provisioning Service over MQTT (provisioning.md §4.4)."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, quote

from evenkeel.controller.drivers.provisioning.azure.conversation import Conversation, Login, conversation
from evenkeel.controller.drivers.provisioning.azure.pace import Pace
from evenkeel.controller.drivers.provisioning.azure.registering import Answer, registered
from evenkeel.controller.drivers.provisioning.azure.secure import Server
from evenkeel.controller.drivers.provisioning.ports import Enrolment
from evenkeel.specs.provisioning.cloud import Assignment

_VERSION = "2019-03-31"
_ANSWERS = "$dps/registrations/res/"


async def register(server: Server, enrolment: Enrolment, token: str, pace: Pace) -> Assignment:
    """Register on one connection. Raises DriverError."""
    registration = enrolment.registration
    login = Login(registration, f"{enrolment.id_scope}/registrations/{registration}/api-version={_VERSION}", token)
    async with conversation(server, login) as talk:
        await talk.subscribe(f"{_ANSWERS}#")
        return await registered(_MqttDesk(talk, registration), server, pace)


class _MqttDesk:
    def __init__(self, talk: Conversation, registration: str) -> None:
        self._talk, self._registration, self._asked = talk, registration, 0

    async def register(self) -> Answer:
        return await self._ask("PUT/iotdps-register", "")

    async def state(self, operation: str) -> Answer:
        return await self._ask("GET/iotdps-get-operationstatus", f"&operationId={quote(operation, safe='')}")

    async def _ask(self, what: str, more: str) -> Answer:
        self._asked += 1
        number = str(self._asked)
        body = json.dumps({"registrationId": self._registration}).encode() if not more else b""
        question = f"$dps/registrations/{what}/?$rid={number}{more}"
        topic, payload = await self._talk.ask(question, body, lambda topic: _parts(topic)[1] == number)
        status, _, retry_after = _parts(topic)
        return Answer(status, payload, retry_after)


def _parts(topic: str) -> tuple[int, str, str]:
    """Status, number of the question and retry-after of `$dps/registrations/res/202/?$rid=1&retry-after=3`."""
    status, _, properties = topic.removeprefix(_ANSWERS).partition("/?")
    fields = parse_qs(properties)
    if not (topic.startswith(_ANSWERS) and status.isascii() and status.isdigit()):
        return 0, "", ""
    return int(status), fields.get("$rid", [""])[0], fields.get("retry-after", [""])[0]
