"""One short MQTT 3.1.1 connection to Azure: questions and their answers, in the event loop. Only this module of the domain
imports paho.

The link of `controller.mqtt` lives in a thread and connects again for ever. This connection ends with its context, whatever
ends that, and leaves no thread and no socket. Nothing pings: a call is over before the keep-alive time is.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from evenkeel.controller.drivers.provisioning.azure.secure import Server, connect, failure, failure_of, ready
from evenkeel.specs.errors import Refused, Unavailable

KEEP_ALIVE_S = 600
"""Longer than any call. Azure takes at most 1177 s (provisioning.md §4.6)."""
_MOST_BYTES = 256 * 1024


class Login(NamedTuple):
    """The fields of CONNECT. `password`: "" where a certificate is shown."""

    client_id: str
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Login(client_id={self.client_id!r}, username={self.username!r}, …)"


class _TooLong(OSError):
    """A packet is larger than any answer."""


class _Client(Client):
    """paho's client on a connection that is there already. It has no public way to give one, and it keeps no error."""

    connection: ssl.SSLSocket
    error: OSError | None = None

    def _create_socket_connection(self) -> socket.socket:
        return self.connection

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > _MOST_BYTES:  # the rest of one packet
            raise self._note(_TooLong())
        try:
            return super()._sock_recv(bufsize)
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._note(error) from None

    def _sock_send(self, buf: bytes | bytearray) -> int:
        try:
            return super()._sock_send(buf)
        except BlockingIOError:
            raise
        except OSError as error:
            raise self._note(error) from None

    def _note(self, error: OSError) -> OSError:
        self.error = self.error or error
        return error


class Conversation:
    """A connection on which this device was let in."""

    def __init__(self, server: Server, login: Login, connection: ssl.SSLSocket) -> None:
        client = self._client = _Client(
            CallbackAPIVersion.VERSION2,
            client_id=login.client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connection, self._connection, self._server = connection, connection, server
        client.username_pw_set(login.username, login.password or None)
        client.on_connect, client.on_message, client.on_subscribe = (
            self._on_connect,
            self._on_message,
            self._on_subscribe,
        )
        self._verdict: Any = None
        self._subscribed: bool | None = None
        self._messages: deque[tuple[str, bytes]] = deque()

    async def begin(self) -> None:
        """Send CONNECT and wait for the answer. Raises Refused or Unavailable."""
        self._client.connect(self._server.host, self._server.port, KEEP_ALIVE_S)
        await self._until(lambda: self._verdict is not None)
        if self._verdict.is_failure:
            words = f"{self._server.who} does not let this device in: {str(self._verdict).lower()}"
            passes = str(self._verdict).lower() == "server unavailable"
            raise (Unavailable if passes else Refused)(self._server.element, words)

    async def subscribe(self, topic: str) -> None:
        """Subscribe to a topic. Raises Refused or Unavailable."""
        self._subscribed = None
        self._client.subscribe(topic, qos=1)
        await self._until(lambda: self._subscribed is not None)
        if not self._subscribed:
            raise Refused(self._server.element, f"{self._server.who} refuses the subscription to {topic}")

    async def ask(self, topic: str, payload: bytes, is_answer: Callable[[str], bool]) -> tuple[str, bytes]:
        """Publish a question; the topic and the payload of the answer. Other messages are dropped. Raises Unavailable."""
        self._client.publish(topic, payload, qos=1)
        while True:
            await self._until(lambda: bool(self._messages))
            answer = self._messages.popleft()
            if is_answer(answer[0]):
                return answer

    def leave(self) -> None:
        """Send DISCONNECT, as far as there is a connection."""
        self._client.disconnect()

    def release(self) -> None:
        """Close all that is open."""
        self._client._reset_sockets()
        self._connection.close()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            client = self._client
            if client.socket() is None:
                if isinstance(client.error, _TooLong):
                    raise Unavailable(self._server.element, f"{self._server.who} sends an answer that is too long")
                lost = client.error or ConnectionResetError()
                if self._verdict is not None:
                    raise failure(self._server, lost) from None
                raise await failure_of(self._server, lost) from None
            if client.want_write():
                await ready(self._connection, writing=True)
                client.loop_write()
            elif not self._connection.pending():
                await ready(self._connection)
            client.loop_read()

    def _on_connect(self, client: Client, _: object, flags: object, reason: Any, properties: object) -> None:
        self._verdict = reason

    def _on_subscribe(self, client: Client, _: object, mid: int, reasons: Any, properties: object) -> None:
        self._subscribed = not any(reason.is_failure for reason in reasons)

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        with contextlib.suppress(UnicodeDecodeError):
            self._messages.append((message.topic, bytes(message.payload)))


@contextlib.asynccontextmanager
async def conversation(server: Server, login: Login) -> AsyncIterator[Conversation]:
    """A context with a connection on which this device was let in. It ends with DISCONNECT. Raises Refused with the words of
    the server, or Unavailable."""
    try:
        connection = await connect(server)
    except OSError as error:
        raise await failure_of(server, error) from error
    talk = Conversation(server, login, connection)
    try:
        await talk.begin()
        yield talk
    finally:
        talk.leave()
        talk.release()
