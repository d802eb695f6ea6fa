"""One connection, from the attempt to its end, as paho makes it: runs in the thread of the link and ends by itself.

A line lives once. paho's own reconnecting is not used: it keeps messages, packet ids and credentials from one
connection to the next, retries with secrets that were replaced meanwhile, and its thread dies of unexpected errors.
Each event is told as an `Event`, from this thread. `publish`, `subscribe`, `acknowledge` and `leave` may be called from
another thread while the line runs. The caller of those calls `release` when it has ended.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from evenkeel.controller.mqtt.access import Access, client_id_of
from evenkeel.specs.settings.mqtt import MqttSettings

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

    from evenkeel.controller.mqtt.bounded import BoundedClient

WINDOW = 20
"""The most messages under way in each direction, as far as a broker can be told."""
_SESSION_EXPIRY_S = 30 * 24 * 3600
"""With MQTT 5 a broker forgets a device that was away for longer; with 3.1.1 it decides by itself."""
_TOPIC_AND_PROPERTIES = 128 * 1024
_GRACE_S = 2.0
SILENT, LOST = "the broker fell silent", "the connection was lost"
UNANSWERED = "the broker does not acknowledge what it is sent"
RENEWED = "another certificate is in force"
_TAKEN_OVER = 0x8E
"""MQTT 5: a client of the same id has connected. With 3.1.1, and from some brokers with 5, the connection is only lost."""
_HEAR_OUT_S = 0.5
_NOT_ALLOWED = (0x86, 0x87, 0x8A, 0x8C)
"""Answers to a CONNECT that are about who connects: bad user or password, not authorised, banned, bad authentication method.
paho tells those of MQTT 3.1.1 by the same numbers."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING")
"""OpenSSL's reasons for an answer that is no TLS."""


class Accepted(NamedTuple):
    """The broker has accepted the connection. It takes `window` messages before it has to acknowledge one, and no
    packet of more than `most_bytes` (0: it does not say)."""

    session_present: bool
    window: int
    most_bytes: int


class Arrived(NamedTuple):
    """A message came; `topic` is `None` when it is no text, `mid` is its packet id, 0 with QoS 0. `size`: of the whole
    payload, of which a part may be missing."""

    topic: str | None
    payload: bytes
    mid: int
    retained: bool
    duplicate: bool
    size: int


class Published(NamedTuple):
    """The broker has message `mid`, or refuses it for good."""

    mid: int
    refusal: str


class Subscribed(NamedTuple):
    """The answer to subscription `mid`, in the order of its topics."""

    mid: int
    refused: list[bool]


Event = Accepted | Arrived | Published | Subscribed


class Line:
    """One connection."""

    def __init__(
        self, settings: MqttSettings, most_bytes: int, tell: Callable[[Line, Event], None], lasting: bool = True
    ) -> None:
        """`tell` is called from the thread of `run`. `lasting`: the broker keeps the session when the line ends."""
        self._settings, self._most_bytes, self._tell, self._lasting = settings, most_bytes, tell, lasting
        self._client: BoundedClient | None = None
        self._accepted_at, self._why, self._leaving = 0.0, "", False
        self.access: Access | None = None
        """The access that it shows."""
        self.is_refused = False
        """Whether the broker did not let this device in, for what it has shown."""

    @property
    def held_s(self) -> float:
        """Seconds since the broker accepted the connection."""
        return time.monotonic() - self._accepted_at if self._accepted_at else 0.0

    def run(self, access: Access, stop: threading.Event, meanwhile: Callable[[Line, Access], None]) -> str:
        """Connect and stay until the connection ends, or until `stop` is set and the broker has the DISCONNECT; the
        reason of the end. `meanwhile` is called about once a second while the connection is there."""
        timeout_s, self.access = self._settings.connect_timeout.total_seconds(), access
        try:
            client = self._client = self._new_client(access, timeout_s)
            self._connect(client, access)
            deadline, said = time.monotonic() + timeout_s, False
            while not client.loop(1.0):
                now = time.monotonic()
                if stop.is_set() and not said:
                    self.leave()
                    deadline, said = now + _GRACE_S, True
                if self._accepted_at and not said:
                    meanwhile(self, access)
                if now > deadline and (said or not self._accepted_at):
                    return self._why or "no answer from the broker"
        except Exception as error:  # noqa: BLE001 - whatever a broker sends that paho does not expect
            _close_sockets(error)
            # The alert of the other side about a certificate; with TLS 1.3 it may follow the handshake.
            self.is_refused = not self._accepted_at and "ALERT" in str(getattr(error, "reason", ""))
            return _reason(error) + self._question(error, access)
        return self._why or self._lost(access)

    def _question(self, error: Exception, access: Access) -> str:
        """A question that helps to find the mistake: a broker without TLS resets the connection, or answers in another
        protocol."""
        if access.tls is None or self._accepted_at:
            return ""
        is_plain = isinstance(error, ConnectionResetError) or getattr(error, "reason", "") in _NO_TLS
        return f"; does the broker speak TLS at port {access.address.port}?" if is_plain else ""

    def _lost(self, access: Access) -> str:
        """The reason of a connection that ended without one. If it ended before it was accepted, the other side
        probably speaks another protocol. With TLS 1.3 a broker says after the handshake that it wants a certificate, or
        nothing."""
        if self._accepted_at:
            return LOST
        self.is_refused = access.tls is not None
        if access.tls is None:
            what = "expect TLS (`ssl://`)"
        elif self._settings.tls.client_cert:
            what = "trust the client certificate"
        else:
            what = "want a client certificate (`mqtt.tls.clientCert`)"
        return f"{LOST} before the broker let anybody in; does it {what}?"

    def subscribe(self, topics: list[str]) -> int:
        """Subscribe to topics with QoS 1; the id of the request, 0 when the connection ended meanwhile."""
        client = self._client
        return (client.subscribe([(topic, 1) for topic in topics])[1] or 0) if client is not None else 0

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool) -> int:
        """Send a message; its id. The message may be lost unless `published` follows."""
        client = self._client
        return client.publish(topic, payload, qos, retain).mid if client is not None else 0

    def acknowledge(self, mid: int) -> None:
        """Tell the broker that a message need not be delivered again."""
        if self._client is not None:
            self._client.ack(mid, 1)

    def leave(self) -> None:
        """Send DISCONNECT: the line ends soon."""
        self._leaving = True
        if self._client is not None:
            self._client.disconnect()

    def renew(self) -> None:
        """Send DISCONNECT, so that another line takes over with other certificates."""
        self._why = RENEWED
        self.leave()

    def give_up(self, why: str) -> None:
        """End the line soon, because it is of no use."""
        self._why = why
        if self._client is not None:
            self._client.disconnect()

    def release(self) -> None:
        """Free the resources that paho holds. Only after `run` returned."""
        client, self._client = self._client, None
        if client is not None:
            client.reinitialise()

    def _new_client(self, access: Access, timeout_s: float) -> BoundedClient:
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        from evenkeel.controller.mqtt.bounded import BoundedClient

        five = self._settings.version == "5"
        client = BoundedClient(
            CallbackAPIVersion.VERSION2,
            client_id=client_id_of(self._settings),
            clean_session=None if five else not self._lasting,
            protocol=MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311,
            transport="websockets" if access.address.websocket else "tcp",
            reconnect_on_failure=False,
            manual_ack=True,
        )
        client.most_bytes = self._most_bytes + _TOPIC_AND_PROPERTIES
        client.connect_timeout = timeout_s
        if access.address.websocket:
            client.ws_set_options(access.address.path)
        if access.tls is not None:
            client.tls_set_context(access.tls)
        if access.username is not None:
            client.username_pw_set(access.username, access.password)
        will = self._settings.will
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message, client.on_publish = self._on_message, self._on_publish
        client.on_subscribe, client.on_socket_close = self._on_subscribe, self._on_socket_close
        client.on_socket_open = _send_at_once
        client.on_socket_register_write = _nothing  # otherwise paho writes from the thread that publishes
        return client

    def _connect(self, client: Client, access: Access) -> None:
        host, port = access.address.host, access.address.port
        keep_alive = int(self._settings.keep_alive.total_seconds())
        if self._settings.version != "5":
            client.connect(host, port, keep_alive)
            return
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        properties: Any = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_EXPIRY_S if self._lasting else 0
        properties.ReceiveMaximum = WINDOW
        properties.MaximumPacketSize = self._most_bytes + _TOPIC_AND_PROPERTIES
        client.connect(host, port, keep_alive, clean_start=not self._lasting, properties=properties)

    def _on_connect(self, client: Client, _: object, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._why = f"refused by the broker: {str(reason).lower()}"
            self.is_refused = reason.value in _NOT_ALLOWED
            return
        self._accepted_at = time.monotonic()
        window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        self._tell(self, Accepted(flags.session_present, window, getattr(properties, "MaximumPacketSize", 0)))

    def _on_disconnect(self, client: Client, _: object, flags: Any, reason: Any, properties: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            hint = f"; another client uses the clientId {client_id_of(self._settings)}" * (reason.value == _TAKEN_OVER)
            self._why = self._why or f"ended by the broker: {str(reason).lower()}{hint}"
        elif str(reason) == "Keep alive timeout":
            self._why = self._why or (SILENT if self._accepted_at else "no answer from the broker")

    def _on_message(self, client: Client, _: object, message: MQTTMessage) -> None:
        topic: str | None = None
        with suppress(UnicodeDecodeError):
            topic = message.topic
        mid, payload = message.mid if message.qos else 0, bytes(message.payload)
        size = len(payload) + (self._client.take_dropped() if self._client is not None else 0)
        self._tell(self, Arrived(topic, payload, mid, bool(message.retain), bool(message.dup), size))

    def _on_publish(self, client: Client, _: object, mid: int, reason: Any, properties: Any) -> None:
        self._tell(self, Published(mid, str(reason).lower() if reason.is_failure else ""))

    def _on_subscribe(self, client: Client, _: object, mid: int, reasons: Any, properties: Any) -> None:
        self._tell(self, Subscribed(mid, [reason.is_failure for reason in reasons]))

    def _on_socket_close(self, client: Client, _: object, sock: Any) -> None:
        """Read the rest before the end when leaving. Closing a socket with unread bytes resets the connection, and the
        broker may miss the last packets: acknowledgements and DISCONNECT."""
        import socket

        if self._leaving and isinstance(sock, socket.socket):
            with suppress(OSError):
                sock.settimeout(_HEAR_OUT_S)
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(65536):
                    pass


def _send_at_once(client: Client, _: object, sock: Any) -> None:
    """Send small packets without a wait for the acknowledgement of those before them (TCP_NODELAY), which the other side
    may delay by 40 ms. A duplicate is set, because paho's socket may be a wrapper for TLS or WebSocket; the option
    belongs to the connection. paho calls this when the connection, with its handshakes, is there."""
    import os
    import socket

    with socket.socket(fileno=os.dup(sock.fileno())) as own:
        if own.family in (socket.AF_INET, socket.AF_INET6):
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _nothing(*_: object) -> None:
    """The socket is polled by the line's own loop."""


def _reason(error: Exception) -> str:
    """The reason, without the words of a broker or a file."""
    reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "") or getattr(error, "reason", "")
    return str(reason).lower() or (str(error) if isinstance(error, OSError) else type(error).__name__)


def _close_sockets(error: Exception) -> None:
    """paho forgets the socket of a handshake that failed; it is still there where the error came from."""
    import socket

    for frame, _ in traceback.walk_tb(error.__traceback__):
        for value in list(frame.f_locals.values()):
            if isinstance(value, socket.socket):
                value.close()
