"""A double of Azure's Device Provisioning Service and IoT Hub, on a real mosquitto (../shared/protocol/provisioning.md §4).

A front with TLS reads the CONNECT of each client, decides as Azure does, and passes the bytes on to mosquitto. A responder at
mosquitto answers `$dps/…`; an HTTPS server does the same for requests. Nothing here uses code of evenkeel. Microsoft's own SDK
registers with it and connects to it (tests/controller/drivers/provisioning/azure/test_sdk.py).

Its clock goes ahead when somebody waits by `sleep`: who asks again too early is told so (429), and no test waits.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import re
import select
import socket
import socketserver
import ssl
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from .broker import Broker, leave
from .identities import Authority, Issued
from .machine import free_port
from .mqtt_proxy import PUBLISH, Packet

PORT = 8883
"""The SDK of Microsoft knows no other."""
SCOPE = "0ne00ABCDEF"
_CONNECT, _CONNACK, _SUBSCRIBE, _DISCONNECT = 1, 2, 8, 14
_NOT_AUTHORISED, _WRONG_PROTOCOL = 5, 1
_ANSWERS = "$dps/registrations/res/"


@dataclass
class Known:
    """By what a device is let in: certificates with these thumbprints, any of the authority with its name, or a key."""

    prints: set[str] = field(default_factory=set)
    by_authority: bool = False
    key: str = ""


@dataclass
class Enrolled(Known):
    hub: str = ""
    state: str = "assigned"


class Shown(NamedTuple):
    """The certificate of a client: its name, and its thumbprint; "" where it has none."""

    name: str
    thumbprint: str


class Visit(NamedTuple):
    """A connection that was let in, at a host."""

    host: str
    client_id: str
    username: str


class Answer(NamedTuple):
    status: int
    body: dict[str, Any]
    retry_after: int | None = None


class Azure:
    """`dps`, `hub`, `other_hub`: the hosts. `https_port`: that of the provisioning service for requests.

    `retry_after_s`, `polls`: how long and how often a device is told to ask again. `tells_retry_after`: whether it is told how
    long. `troubles`: the statuses of the next answers, with their retry-after. `hasty`: how often somebody asked too early.
    `visits`: who was let in; `farewells`: who has said DISCONNECT. `is_silent`: no answer at all. `words`: those of a
    registration that failed."""

    def __init__(self) -> None:
        self.authority = Authority()
        self._broker = Broker(Path(tempfile.mkdtemp(prefix="ek-mosquitto-")))
        self.dps, self.hub, self.other_hub = _addresses(3)
        self.https_port = free_port(self.dps)
        self.tls = self._context()
        self._servers = [*(_front(self, host) for host in (self.dps, self.hub, self.other_hub)), _web(self)]
        self._is_open = True
        self._responder = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.forget()

    def forget(self) -> None:
        """Nobody is enrolled, and nothing has happened."""
        self.enrolled: dict[str, Enrolled] = {}
        self.group_key = ""
        self.devices: dict[tuple[str, str], Known] = {}
        self.ahead_s, self.retry_after_s, self.polls = 0.0, 3, 1
        self.tells_retry_after, self.words = True, "Custom allocation failed with status code: 400"
        self.troubles: deque[tuple[int, int | None]] = deque()
        self.hasty, self.visits, self.farewells = 0, list[Visit](), list[Visit]()
        self.is_silent = False
        self._operations: dict[str, list[Any]] = {}
        self._present: dict[str, int] = {}

    def start(self) -> None:
        self._broker.start()
        for server in self._servers:
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        ready = threading.Event()
        self._responder.on_connect = _listen
        self._responder.on_subscribe = lambda *_: ready.set()
        self._responder.on_message = self._respond
        self._responder.connect(self._broker.address, self._broker.port)
        self._responder.loop_start()
        assert ready.wait(60)

    def close(self) -> None:
        leave(self._responder)
        self._is_open = False
        for server in self._servers:
            server.shutdown()
            server.server_close()
        self._broker.close()

    # --- what a test says ---------------------------------------------------------------------------------------------

    def now(self) -> float:
        return time.time() + self.ahead_s

    async def sleep(self, seconds: float) -> None:
        """Somebody waits."""
        self.ahead_s += seconds
        await asyncio.sleep(0)

    def enrol(
        self, registration: str, *, hub: str = "", shown: Issued | None = None, key: str = "", **more: Any
    ) -> Enrolled:
        """An individual enrolment. With neither certificate nor key it takes any certificate of the authority."""
        known = Enrolled({self.trusted(shown)} if shown else set(), not shown and not key, key, hub or self.hub, **more)
        self.enrolled[registration] = known
        return known

    def enter(self, device: str, *, hub: str = "", shown: Issued | None = None, key: str = "") -> None:
        """A device at a hub, entered by hand."""
        self.devices[hub or self.hub, device] = Known(
            {self.trusted(shown)} if shown else set(), not shown and not key, key
        )

    def trusted(self, shown: Issued) -> str:
        """The thumbprint of a certificate, whose handshake is not refused from now on: Azure knows thumbprints alone."""
        self.tls.load_verify_locations(cadata=shown.certificate.decode())
        return _thumbprint(ssl.PEM_cert_to_DER_cert(shown.certificate.decode()))

    # --- decisions ----------------------------------------------------------------------------------------------------

    def registers(self, scope: str, registration: str, shown: Shown, token: str) -> bool:
        """Whether a device may register."""
        known: Known | None = self.enrolled.get(registration)
        if known is None and self.group_key:
            known = Known(key=_derived(self.group_key, registration))
        resource = f"{scope}/registrations/{registration}"
        return (
            scope == SCOPE
            and known is not None
            and self._fits(known, registration, shown, token, (resource,), "registration")
        )

    def _lets_in(self, host: str, device: str, shown: Shown, token: str) -> bool:
        known = self.devices.get((host, device))
        return known is not None and self._fits(known, device, shown, token, (f"{host}/devices/{device}", host), "")

    def _fits(self, known: Known, name: str, shown: Shown, token: str, resources: tuple[str, ...], policy: str) -> bool:
        if known.key:
            return not shown.thumbprint and _is_valid(token, resources, known.key, self.now(), policy)
        if token or not shown.thumbprint:
            return False
        return shown.thumbprint in known.prints or (known.by_authority and shown.name == name)

    def register(self, registration: str) -> Answer:
        if trouble := self._trouble():
            return trouble
        operation = f"4.{random.getrandbits(64):016x}"
        self._operations[operation] = [registration, self.now() + self.retry_after_s, self.polls]
        return self._assigning(operation)

    def state(self, operation: str) -> Answer:
        found = self._operations.get(operation)
        if found is None:
            return _error(404, 404204, "Operation not found.")
        registration, not_before, polls = found
        if self.now() < not_before - 0.01:
            self.hasty += 1
            return _error(429, 429001, "Operations are being throttled for this tenant.", self.retry_after_s)
        if trouble := self._trouble():
            return trouble
        if polls > 1:
            found[1:] = [self.now() + self.retry_after_s, polls - 1]
            return self._assigning(operation)
        return self._final(operation, registration)

    def _trouble(self) -> Answer | None:
        if not self.troubles:
            return None
        status, retry_after = self.troubles.popleft()
        return _error(status, status * 1000 + 1, "Try again later.", retry_after)

    def _assigning(self, operation: str) -> Answer:
        after = self.retry_after_s if self.tells_retry_after else None
        return Answer(202, {"operationId": operation, "status": "assigning"}, after)

    def _final(self, operation: str, registration: str) -> Answer:
        known = self.enrolled.get(registration) or Enrolled(key=_derived(self.group_key, registration), hub=self.hub)
        state: dict[str, Any] = {
            "registrationId": registration,
            "status": known.state,
            "substatus": "initialAssignment",
        }
        if known.state == "assigned":
            state |= {"assignedHub": known.hub, "deviceId": registration}
            self.devices = {where: each for where, each in self.devices.items() if where[1] != registration}
            self.devices[known.hub, registration] = known
        if known.state == "failed":
            state |= {"errorCode": 400207, "errorMessage": self.words}
        return Answer(200, {"operationId": operation, "status": known.state, "registrationState": state})

    # --- MQTT ---------------------------------------------------------------------------------------------------------

    def serve(self, client: ssl.SSLSocket) -> None:
        """One connection, until it ends."""
        host, left = client.getsockname()[0], b""
        while not (found := _split(left))[0]:
            piece = client.recv(65536)
            if not piece:
                return
            left += b"" if self.is_silent else piece
        (first, *_), _ = found
        asked = _Connect(first.raw)
        visit = Visit(host, asked.client_id, asked.username)
        code, owned = self._verdict(host, asked, _shown(client))
        if code:
            client.sendall(bytes([_CONNACK << 4, 2, 0, code]))
            client.recv(1)  # a reset would overtake the answer
            return
        self.visits.append(visit)
        if host == self.dps:
            self._present[asked.client_id] = self._present.get(asked.client_id, 0) + 1
        try:
            with socket.create_connection((self._broker.address, self._broker.port)) as broker:
                self._pump(client, broker, left, owned, visit)
        finally:
            if host == self.dps:
                self._present[asked.client_id] -= 1

    def _pump(
        self, client: ssl.SSLSocket, broker: socket.socket, left: bytes, owned: re.Pattern[str], visit: Visit
    ) -> None:
        """Pass the bytes on, in one thread: OpenSSL does not take two."""
        while self._is_open:
            packets, left = _split(left)
            for packet in packets:
                if any(owned.fullmatch(topic) is None for topic in _topics(packet)):
                    return  # Azure ends the connection
                if packet.type == _DISCONNECT:
                    self.farewells.append(visit)
                broker.sendall(packet.raw)
            ready = [client] if client.pending() else select.select([client, broker], [], [], 0.2)[0]
            if broker in ready:
                piece = broker.recv(65536)
                if not piece:
                    return
                client.sendall(piece)
            if client in ready:
                piece = client.recv(65536)
                if not piece:
                    return
                left += piece

    def _verdict(self, host: str, asked: _Connect, shown: Shown) -> tuple[int, re.Pattern[str]]:
        """The code of CONNACK, and the topics that the client may use."""
        if asked.protocol != ("MQTT", 4):
            return _WRONG_PROTOCOL, re.compile("")
        form = (
            r"(?P<scope>[^/]+)/registrations/(?P<device>[^/]+)/api-version=\d{4}-\d\d-\d\d(&.*)?"
            if host == self.dps
            else rf"{re.escape(host)}/(?P<device>[^/]+)/\??api-version=\d{{4}}-\d\d-\d\d(&.*)?"
        )
        found = re.fullmatch(form, asked.username)
        if found is None or found["device"] != asked.client_id:  # a lasting session is no fault: the SDK asks for one
            return _NOT_AUTHORISED, re.compile("")
        device = found["device"]
        if host == self.dps:
            is_let_in = self.registers(found["scope"], device, shown, asked.password)
            topics = r"\$dps/registrations/(res/#|PUT/iotdps-register/.*|GET/iotdps-get-operationstatus/.*)"
        else:
            is_let_in = self._lets_in(host, device, shown, asked.password)
            topics = rf"devices/{re.escape(device)}/.*|\$iothub/.*"
        return 0 if is_let_in else _NOT_AUTHORISED, re.compile(topics)

    def _respond(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        what, _, properties = message.topic.removeprefix("$dps/registrations/").partition("/?")
        fields = {key: values[0] for key, values in parse_qs(properties).items()}
        if what == "PUT/iotdps-register":
            registration = json.loads(message.payload).get("registrationId")
            is_there = self._present.get(registration, 0) > 0
            answer = self.register(registration) if is_there else _error(401, 401002, "Unauthorized")
        elif what == "GET/iotdps-get-operationstatus":
            answer = self.state(fields.get("operationId", ""))
        else:
            return
        more = f"&retry-after={answer.retry_after}" if answer.retry_after is not None else ""
        client.publish(f"{_ANSWERS}{answer.status}/?$rid={fields['$rid']}{more}", json.dumps(answer.body), qos=1)

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(cadata=self.authority.certificate.decode())
        server = self.authority.server((self.dps, self.hub, self.other_hub))
        with tempfile.TemporaryDirectory() as folder:
            for name, content in zip(("crt", "key"), server, strict=True):
                (Path(folder) / name).write_bytes(content)
            context.load_cert_chain(Path(folder) / "crt", Path(folder) / "key")
        return context


class _Connect:
    """The fields of a CONNECT (MQTT 3.1.1 §3.1)."""

    def __init__(self, raw: bytes) -> None:
        assert raw[0] >> 4 == _CONNECT
        self._left = _behind_length(raw)
        name = self._text()
        level, flags = self._left[0], self._left[1]
        self._left = self._left[4:]
        self.protocol = (name, level)
        self.client_id = self._text()
        if flags & 4:
            self._text()
            self._text()
        self.username = self._text() if flags & 0x80 else ""
        self.password = self._text() if flags & 0x40 else ""

    def _text(self) -> str:
        size = int.from_bytes(self._left[:2], "big")
        text, self._left = self._left[2 : 2 + size], self._left[2 + size :]
        return text.decode()


def _topics(packet: Packet) -> list[str]:
    """The topics of a PUBLISH or SUBSCRIBE."""
    if packet.type not in (PUBLISH, _SUBSCRIBE):
        return []
    left, topics = _behind_length(packet.raw), []
    left = left if packet.type == PUBLISH else left[2:]  # the id
    while left:
        size = int.from_bytes(left[:2], "big")
        topics.append(left[2 : 2 + size].decode())
        left = left[3 + size :] if packet.type == _SUBSCRIBE else b""
    return topics


def _listen(client: mqtt.Client, *_: object) -> None:
    client.subscribe("$dps/registrations/#", qos=1)


def _behind_length(raw: bytes) -> bytes:
    """A packet without its first byte and its length, which has up to four."""
    end = next(index for index in range(1, 5) if not raw[index] & 0x80)
    return raw[end + 1 :]


def _split(content: bytes) -> tuple[list[Packet], bytes]:
    """The packets that are whole, and the rest."""
    packets = list[Packet]()
    while True:
        end = next((index for index in range(1, min(5, len(content))) if not content[index] & 0x80), 0)
        size = sum((content[index] & 0x7F) << 7 * (index - 1) for index in range(1, end + 1))
        if not end or len(content) < end + 1 + size:
            return packets, content
        packets.append(Packet(True, content[: end + 1 + size]))
        content = content[end + 1 + size :]


def _front(azure: Azure, host: str) -> socketserver.ThreadingTCPServer:
    """A thread for each connection: asyncio's servers do not send the alert of a handshake that they refuse."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), azure.tls.wrap_socket(self.request, server_side=True) as client:
                azure.serve(client)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

        def shutdown_request(self, request: Any) -> None:
            """The handler has closed it."""
            request.close()

    return Server((host, PORT), Handler)


def _web(azure: Azure) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            shown = _shown(self.connection)
            url = urlsplit(self.path)
            path = re.fullmatch(r"/([^/]+)/registrations/([^/]+)/(register|operations/([^/]+))", url.path)
            if azure.is_silent:
                time.sleep(0.5)
                self.close_connection = True
                return
            if path is None or parse_qs(url.query).get("api-version") != ["2021-06-01"]:
                answer = _error(400, 400001, "Bad request")
            elif not azure.registers(path[1], unquote(path[2]), shown, self.headers.get("Authorization", "")):
                answer = _error(401, 401002, "Unauthorized")
            elif self.command == "PUT" and path[3] == "register":
                is_own = json.loads(body).get("registrationId") == unquote(path[2])
                answer = azure.register(unquote(path[2])) if is_own else _error(400, 400004, "Registration id mismatch")
            else:
                answer = azure.state(unquote(path[4] or ""))
            content = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(content)))
            if answer.retry_after is not None:
                self.send_header("Retry-After", str(answer.retry_after))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.do_PUT()

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that was refused in the handshake, or has gone."""

    server = Server((azure.dps, azure.https_port), Handler)
    server.socket = azure.tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


def _shown(connection: Any) -> Shown:
    content = connection.getpeercert(binary_form=True)
    if not content:
        return Shown("", "")
    names = dict(pair for part in connection.getpeercert()["subject"] for pair in part)
    return Shown(names.get("commonName", ""), _thumbprint(content))


def _thumbprint(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest().upper()


def _derived(group_key: str, registration: str) -> str:
    key = base64.b64decode(group_key)
    return base64.b64encode(hmac.digest(key, registration.encode(), "sha256")).decode()


def _is_valid(token: str, resources: tuple[str, ...], key: str, now: float, policy: str) -> bool:
    name, _, text = token.partition(" ")
    fields = dict(part.split("=", 1) for part in text.split("&") if "=" in part)
    if name != "SharedAccessSignature" or not {"sr", "sig", "se"} <= fields.keys():
        return False
    if fields.get("skn", policy) != policy:  # the SDK names none, the documentation of Microsoft does
        return False
    right = hmac.digest(base64.b64decode(key), f"{fields['sr']}\n{fields['se']}".encode(), "sha256")
    is_right = unquote(fields["sig"]) == base64.b64encode(right).decode()
    return is_right and unquote(fields["sr"]) in resources and fields["se"].isdigit() and int(fields["se"]) > now


def _error(status: int, code: int, message: str, retry_after: int | None = None) -> Answer:
    return Answer(status, {"errorCode": code, "trackingId": "0", "message": message}, retry_after)


def _addresses(count: int) -> tuple[str, ...]:
    """Loopback addresses of this process alone, on which nobody has the port."""
    while True:
        first = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
        found = tuple(f"{first}.{number}" for number in range(1, count + 1))
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for address in found:
                claim = stack.enter_context(socket.socket())
                claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                claim.bind((address, PORT))
            return found
