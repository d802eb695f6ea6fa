"""The Device Provisioning Service over HTTPS (provisioning.md §4.5)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from evenkeel.controller.distribution.client import fetch, open_client
from evenkeel.controller.distribution.failures import Failure
from evenkeel.controller.drivers.provisioning.azure.pace import Pace
from evenkeel.controller.drivers.provisioning.azure.registering import Answer, registered
from evenkeel.controller.drivers.provisioning.azure.secure import Server, failure_of
from evenkeel.controller.drivers.provisioning.ports import Enrolment
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.provisioning.cloud import Assignment

if TYPE_CHECKING:
    import httpx

_VERSION = "2021-06-01"
_SILENCE_S = 30.0


async def register(server: Server, enrolment: Enrolment, token: str, pace: Pace) -> Assignment:
    """Register by requests over HTTPS. Raises DriverError."""
    async with open_client(f"{server.host}:{server.port}", server.tls, _SILENCE_S) as client:
        return await registered(_HttpsDesk(client, server, enrolment, token), server, pace)


class _HttpsDesk:
    def __init__(self, client: httpx.AsyncClient, server: Server, enrolment: Enrolment, token: str) -> None:
        self._client, self._server, self._registration = client, server, enrolment.registration
        path = f"{quote(enrolment.id_scope, safe='')}/registrations/{quote(enrolment.registration, safe='')}"
        self._url = f"https://{server.host}:{server.port}/{path}"
        self._headers = {"Content-Type": "application/json", **({"Authorization": token} if token else {})}

    async def register(self) -> Answer:
        return await self._ask("PUT", "register", json.dumps({"registrationId": self._registration}).encode())

    async def state(self, operation: str) -> Answer:
        return await self._ask("GET", f"operations/{quote(operation, safe='')}", b"")

    async def _ask(self, method: str, what: str, body: bytes) -> Answer:
        import httpx

        server, url = self._server, f"{self._url}/{what}?api-version={_VERSION}"
        try:
            answer = await fetch(self._client, method, url, content=body, headers=self._headers)
        except httpx.TimeoutException as error:
            raise TimedOut(server.element, f"{server.who} did not answer within {_SILENCE_S:g} s") from error
        except Failure as error:
            raise Unavailable(server.element, f"{server.who} cannot be understood: {error.why}") from error
        except (httpx.HTTPError, OSError, ExceptionGroup) as error:
            lost = isinstance(error, (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError))
            raise await failure_of(
                server, ConnectionError(str(error)) if lost and not _has_tls(error) else error
            ) from error
        return Answer(answer.status, answer.body, answer.headers.get("retry-after", ""))


def _has_tls(error: BaseException | None) -> bool:
    """Whether the TLS library has its words in a chain of errors."""
    import ssl

    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error is not None
