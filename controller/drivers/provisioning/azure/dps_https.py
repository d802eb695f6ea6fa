"""The Device Provisioning Service over HTTPS (provisioning.md §4.5).

httpx loses a connection that is cancelled in its handshake (controller/distribution/client.py), and a registration may be
cancelled at any moment. So h11 speaks here, on a connection of `secure`: one for each question.
"""

from __future__ import annotations

import json
import ssl
from urllib.parse import quote

import h11

from evenkeel.controller.drivers.provisioning.azure.pace import Pace
from evenkeel.controller.drivers.provisioning.azure.registering import Answer, registered
from evenkeel.controller.drivers.provisioning.azure.secure import Server, connect, failure_of, ready
from evenkeel.controller.drivers.provisioning.ports import Enrolment
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.provisioning.cloud import Assignment

_VERSION = "2021-06-01"
_MOST_BYTES, _PIECE = 256 * 1024, 64 * 1024


async def register(server: Server, enrolment: Enrolment, token: str, pace: Pace) -> Assignment:
    """Register by requests over HTTPS. Raises DriverError."""
    return await registered(_HttpsDesk(server, enrolment, token), server, pace)


class _HttpsDesk:
    def __init__(self, server: Server, enrolment: Enrolment, token: str) -> None:
        self._server, self._registration = server, enrolment.registration
        self._path = f"/{quote(enrolment.id_scope, safe='')}/registrations/{quote(enrolment.registration, safe='')}"
        self._headers = {"Host": server.host, "Content-Type": "application/json", "Connection": "close"}
        if token:
            self._headers["Authorization"] = token

    async def register(self) -> Answer:
        return await self._ask("PUT", "register", json.dumps({"registrationId": self._registration}).encode())

    async def state(self, operation: str) -> Answer:
        return await self._ask("GET", f"operations/{quote(operation, safe='')}", b"")

    async def _ask(self, method: str, what: str, body: bytes) -> Answer:
        server = self._server
        try:
            connection = await connect(server)
            try:
                target = f"{self._path}/{what}?api-version={_VERSION}"
                headers = [*self._headers.items(), ("Content-Length", str(len(body)))]
                return await _exchange(connection, h11.Request(method=method, target=target, headers=headers), body)
            finally:
                connection.close()
        except h11.LocalProtocolError:  # its text has what was to be sent
            raise Refused(server.element, "the token or an id has characters that no request can have") from None
        except h11.RemoteProtocolError as error:
            raise Unavailable(server.element, f"{server.who} does not speak HTTP as it should: {error}") from None
        except OSError as error:
            raise await failure_of(server, error) from error


async def _exchange(connection: ssl.SSLSocket, request: h11.Request, body: bytes) -> Answer:
    """One request and its answer. Raises OSError and h11.ProtocolError."""
    http = h11.Connection(h11.CLIENT)
    await _send(connection, http.send(request) + http.send(h11.Data(body)) + http.send(h11.EndOfMessage()))
    status, retry_after, content = 0, "", b""
    while True:
        event = http.next_event()
        match event:
            case h11.NEED_DATA:
                piece = await _receive(connection)
                if not piece and not status:
                    raise ConnectionResetError
                http.receive_data(piece)
            case h11.Response():
                status = event.status_code
                retry_after = dict(event.headers).get(b"retry-after", b"").decode("ascii", "replace")
            case h11.Data():
                content += event.data
                if len(content) > _MOST_BYTES:
                    raise h11.RemoteProtocolError("its answer is too long")
            case h11.EndOfMessage():
                return Answer(status, content, retry_after)
            case h11.ConnectionClosed() | h11.PAUSED:
                raise h11.RemoteProtocolError("it ends before its answer does")
            case _:
                pass  # 100 Continue, which nobody asked for


async def _send(connection: ssl.SSLSocket, content: bytes) -> None:
    while content:
        try:
            content = content[connection.send(content) :]
        except ssl.SSLWantWriteError:
            await ready(connection, writing=True)
        except ssl.SSLWantReadError:
            await ready(connection)


async def _receive(connection: ssl.SSLSocket) -> bytes:
    while True:
        try:
            return connection.recv(_PIECE)
        except ssl.SSLWantReadError:
            await ready(connection)
        except ssl.SSLWantWriteError:
            await ready(connection, writing=True)
