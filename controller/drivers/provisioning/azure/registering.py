"""A registration at the Device Provisioning Service, from the first question to a final state, over any transport."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from evenkeel.controller.drivers.provisioning.azure.pace import Pace
from evenkeel.controller.drivers.provisioning.azure.secure import Server
from evenkeel.controller.drivers.provisioning.ports import Enrolment
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.registration import Denial, Later, read_answer
from evenkeel.specs.provisioning.sas import derived_key, sas_token

POLICY = "registration"
_EVERY_S = 3.0
"""Between two questions, where the service names no time."""
_SHORTEST_S, _LONGEST_S = 1.0, 30.0
"""The shortest wait, whatever the service says, and the longest one where it says nothing."""


class Answer(NamedTuple):
    """An answer of the service. `retry_after`: its text, or ""."""

    status: int
    body: bytes
    retry_after: str = ""


class Desk(Protocol):
    """The service, as one transport reaches it. Raises DriverError."""

    async def register(self) -> Answer: ...

    async def state(self, operation: str) -> Answer: ...


async def registered(desk: Desk, server: Server, pace: Pace) -> Assignment:
    """Register, and ask until a final state."""
    operation, troubles = "", 0
    while True:
        answer = await (desk.state(operation) if operation else desk.register())
        try:
            verdict = read_answer(answer.status, answer.body, answer.retry_after, operation)
        except (ValueError, RecursionError) as error:
            why = f"{server.who} answers with {answer.status} and nothing that can be understood"
            raise Unavailable(server.element, why) from error
        match verdict:
            case Assignment():
                return verdict
            case Denial():
                raise Refused(server.element, f"{server.who} refuses the registration: {verdict.why}")
            case Later():
                if verdict.operation != operation or answer.status < 400:
                    operation, troubles = verdict.operation, 0
                else:
                    troubles += 1
                otherwise_s = min(_LONGEST_S, 2.0**troubles) if troubles else _EVERY_S
                wait_s = max(_SHORTEST_S, otherwise_s if verdict.after_s is None else verdict.after_s)
                await pace.wait(wait_s, verdict.why, is_away=verdict.is_away)


def token_of(enrolment: Enrolment, expires_s: float) -> str:
    """The token for an enrolment by a key, or "" where it has a certificate. Raises ValueError for a key that is not base64."""
    access, registration = enrolment.access, enrolment.registration
    if access.token or not access.shared_key:
        return access.token
    key = derived_key(access.shared_key, registration) if enrolment.is_group_key else access.shared_key
    return sas_token(f"{enrolment.id_scope}/registrations/{registration}", key, expires_s, POLICY)
