"""The settings of the MQTT broker and of the update agent: two sections of the settings, in both shapes.

No value in here is a secret. User and password stand in files that are read whenever a connection is made, so that they
can be replaced while evenkeel runs, and settings can be printed. Defaults that Kanto has, too, are Kanto's
(container-management.md §1.4, §4).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from evenkeel.specs.containers.container import KANTO_STOP_TIMEOUT
from evenkeel.specs.documents.written import Duration, Name
from evenkeel.specs.problem import Flaw
from evenkeel.specs.settings.texts import ONE_SECOND, duration_from, file_from

MqttVersion = Literal["3.1.1", "5"]
UnknownKeys = Literal["accept", "reject"]

LONGEST_KEEP_ALIVE = timedelta(seconds=65535)
_USUAL_BROKER = "tcp://localhost:1883"
_SCHEMES = {
    **dict.fromkeys(("tcp", "mqtt"), (False, False, 1883)),
    **dict.fromkeys(("ssl", "tls", "mqtts", "mqtt+ssl", "tcps"), (True, False, 8883)),
    "ws": (False, True, 80),
    "wss": (True, True, 443),
}
"""Per scheme: whether the connection is encrypted, whether it runs over WebSocket, and the usual port."""


class BrokerAddress(Struct, frozen=True):
    """Where a broker listens. `path` goes with WebSocket only."""

    host: str
    port: int
    tls: bool = False
    websocket: bool = False
    path: str = ""


class TlsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Certificates for brokers that are reached with `ssl://` or `wss://`. PEM files, read at every connection."""

    root_ca: Annotated[
        str, Meta(description="The CAs that are trusted for the broker. Default: the CAs of this machine.")
    ] = ""
    client_cert: Annotated[str, Meta(description="The certificate of this device.")] = ""
    client_key: Annotated[str, Meta(description="The key of that certificate, without passphrase.")] = ""


class WillSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The broker's message when evenkeel falls silent."""

    topic: Annotated[str, Meta(min_length=1, description="Where it is said.")]
    payload: Annotated[str, Meta(description="The content of the message.")] = ""
    retain: Annotated[bool, Meta(description="Whether it is kept for those who ask later.")] = False


class MqttSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The connection to an MQTT broker."""

    enabled: Annotated[bool, Meta(description="Whether there is one.")] = False
    broker: Annotated[str, Meta(description="`tcp://`, `ssl://`, `ws://` or `wss://`, host and port.")] = _USUAL_BROKER
    client_id: Annotated[
        str, Meta(max_length=200, description="Names the session at the broker. Default: made from the machine's id.")
    ] = ""
    version: Annotated[str | int, Meta(description="The protocol: `3.1.1` or `5`.")] = "3.1.1"
    keep_alive: Annotated[Duration, Meta(description="Silence after which broker and device ask for each other.")] = (
        "20s"
    )
    connect_timeout: Annotated[Duration, Meta(description="How long one attempt to connect may take.")] = "30s"
    username: Annotated[str, Meta(description="The user.")] = ""
    username_file: Annotated[str, Meta(description="A file that holds the user instead.")] = ""
    password_file: Annotated[str, Meta(description="A file that holds the password.")] = ""
    tls: TlsSpec = TlsSpec()
    will: WillSpec | None = None


class AutonomousSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Going on without the commands of an update manager."""

    after: Annotated[Duration, Meta(description="When no command came for so long. Default: never.")] | None = None


class UpdateAgentSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The agent that an update manager talks to, as Kanto's Containers Update Agent."""

    enable: Annotated[bool, Meta(description="Whether it is there.")] = False
    domain: Annotated[Name, Meta(description="Names the agent in messages and topics.")] = "containers"
    system_containers: Annotated[
        tuple[Name, ...],
        Meta(description="Containers that no desired state from MQTT touches, unless it brings a list of its own."),
    ] = ()
    verbose_inventory: Annotated[bool, Meta(description="Whether reports repeat defaults.")] = False
    report_values: Annotated[
        bool,
        Meta(
            description="Whether reports have the values of variables and the words of commands, as Kanto's do. All who may "
            "read the topic read them; values that a spec marks as secret are left out."
        ),
    ] = False
    operation_timeout: Annotated[Duration, Meta(description="An operation without command for so long is ended.")] = (
        "1h"
    )
    stop_timeout: Annotated[
        Duration,
        Meta(
            description="The time to end, before it is killed, of a container that a desired state from MQTT asks for."
        ),
    ] = "30s"
    unknown_keys: Annotated[
        UnknownKeys,
        Meta(
            description="Whether a desired state from MQTT may have keys that nobody here knows; IDENTIFIED then tells them."
        ),
    ] = "accept"
    autonomous: AutonomousSpec = AutonomousSpec()
    report_debounce: Annotated[
        Duration, Meta(description="Changes within this time are one report of the current state.")
    ] = "1s"


class TlsSettings(Struct, frozen=True):
    """Absolute paths of PEM files; "" none."""

    root_ca: str = ""
    client_cert: str = ""
    client_key: str = ""


class WillSettings(Struct, frozen=True):
    """Published by the broker, at least once, when the connection ends without a good-bye."""

    topic: str
    payload: str = ""
    retain: bool = False


class MqttSettings(Struct, frozen=True):
    """The connection to a broker."""

    enabled: bool = False
    broker: str = _USUAL_BROKER
    """`broker_address` takes it apart. Default: Kanto's."""
    client_id: str = ""
    """"" is one made from the machine's id: sessions, and with them messages sent meanwhile, need one that stays."""
    version: MqttVersion = "3.1.1"
    """Every broker speaks it."""
    keep_alive: timedelta = timedelta(seconds=20)
    """A silent network is noticed within twice this time."""
    connect_timeout: timedelta = timedelta(seconds=30)
    username: str = ""
    username_file: str = ""
    password_file: str = ""
    password_key: str = ""
    """When not empty: `password_file` is JSON and has the password here, keys between dots. Only for the configuration
    of Kanto, which has it in the middle of everything else."""
    password_variable: str = ""
    """When not empty: the variable of the environment that has the password. Only for Kanto's update manager."""
    tls: TlsSettings = TlsSettings()
    will: WillSettings | None = None

    @property
    def is_configured(self) -> bool:
        """Whether the settings name a broker, be it for commands alone."""
        return self.enabled or self.broker != _USUAL_BROKER


class AutonomousSettings(Struct, frozen=True):
    """`after`: the time without command after which the agent goes on by itself; `None` never, as Kanto's."""

    after: timedelta | None = None


class UpdateAgentSettings(Struct, frozen=True):
    """The agent of an update manager."""

    enable: bool = False
    domain: str = "containers"
    system_containers: tuple[str, ...] = ()
    verbose_inventory: bool = False
    report_values: bool = False
    """A broker keeps the newest report for every reader of the topic, and values may be secrets."""
    operation_timeout: timedelta = timedelta(hours=1)
    """Longer than any update manager waits for a phase, so that no operation is left half-way for ever."""
    stop_timeout: timedelta = KANTO_STOP_TIMEOUT
    unknown_keys: UnknownKeys = "accept"
    autonomous: AutonomousSettings = AutonomousSettings()
    report_debounce: timedelta = timedelta(seconds=1)


class CredentialsInAddress(ValueError):
    """There is a user or a password in the address of a broker, which everybody may read."""


def broker_address(url: str) -> BrokerAddress:
    """ValueError that never repeats `url`, which may hold a password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("expected an address such as tcp://localhost:1883 or ssl://broker.example:8883") from None
    if "@" in parts.netloc:
        raise CredentialsInAddress("an address holds neither user nor password; write `username` and `passwordFile`")
    if parts.scheme not in _SCHEMES or not host or port == 0:
        raise ValueError("expected an address such as tcp://localhost:1883 or ssl://broker.example:8883")
    tls, websocket, usual = _SCHEMES[parts.scheme]
    path = (parts.path or "/mqtt") + (f"?{parts.query}" if parts.query else "")
    if not websocket and (parts.path not in ("", "/") or parts.query):
        raise ValueError("expected nothing behind the port, but for ws:// and wss://")
    return BrokerAddress(host, port or usual, tls, websocket, path if websocket else "")


def mqtt_from(spec: MqttSpec, flaws: list[Flaw]) -> MqttSettings:
    """The settings. Flaws below `mqtt` are appended."""
    root = "mqtt"
    try:
        encrypted = broker_address(spec.broker).tls
    except ValueError as error:
        flaws.append(Flaw((root, "broker"), str(error)))
        encrypted = True
    version: MqttVersion = "5" if str(spec.version) == "5" else "3.1.1"
    if str(spec.version) != version:
        flaws.append(Flaw((root, "version"), "expected `3.1.1` or `5`"))
    keep_alive = duration_from(spec.keep_alive, (root, "keepAlive"), flaws)
    if keep_alive > LONGEST_KEEP_ALIVE:
        flaws.append(Flaw((root, "keepAlive"), "expected a duration of at most 18h12m15s"))
    tls = TlsSettings(
        file_from(spec.tls.root_ca, (root, "tls", "rootCa"), flaws),
        file_from(spec.tls.client_cert, (root, "tls", "clientCert"), flaws),
        file_from(spec.tls.client_key, (root, "tls", "clientKey"), flaws),
    )
    if bool(tls.client_cert) != bool(tls.client_key):
        flaws.append(Flaw((root, "tls"), "`clientCert` and `clientKey` go together"))
    if tls != TlsSettings() and not encrypted:
        flaws.append(Flaw((root, "tls"), "certificates are of no use without encryption", "write ssl:// in `broker`"))
    settings = MqttSettings(
        enabled=spec.enabled,
        broker=spec.broker,
        client_id=spec.client_id,
        version=version,
        keep_alive=keep_alive,
        connect_timeout=duration_from(spec.connect_timeout, (root, "connectTimeout"), flaws),
        username=spec.username,
        username_file=file_from(spec.username_file, (root, "usernameFile"), flaws),
        password_file=file_from(spec.password_file, (root, "passwordFile"), flaws),
        tls=tls,
        will=WillSettings(spec.will.topic, spec.will.payload, spec.will.retain) if spec.will else None,
    )
    if settings.username and settings.username_file:
        flaws.append(Flaw((root, "usernameFile"), "`username` says it already", "leave one of them"))
    if settings.password_file and not (settings.username or settings.username_file):
        flaws.append(Flaw((root, "passwordFile"), "a password needs a user", "write `username` or `usernameFile`"))
    if settings.will and any(sign in settings.will.topic for sign in "+#\0"):
        flaws.append(Flaw((root, "will", "topic"), "a topic to publish to has no wildcards"))
    return settings


def update_agent_from(spec: UpdateAgentSpec, flaws: list[Flaw]) -> UpdateAgentSettings:
    """The settings. Flaws below `updateAgent` are appended."""
    root, after = "updateAgent", spec.autonomous.after
    return UpdateAgentSettings(
        enable=spec.enable,
        domain=spec.domain,
        system_containers=tuple(sorted(set(spec.system_containers))),
        verbose_inventory=spec.verbose_inventory,
        report_values=spec.report_values,
        operation_timeout=duration_from(spec.operation_timeout, (root, "operationTimeout"), flaws),
        stop_timeout=duration_from(spec.stop_timeout, (root, "stopTimeout"), flaws, timedelta(0)),
        unknown_keys=spec.unknown_keys,
        autonomous=AutonomousSettings(
            None if after is None else duration_from(after, (root, "autonomous", "after"), flaws, ONE_SECOND)
        ),
        report_debounce=duration_from(spec.report_debounce, (root, "reportDebounce"), flaws, timedelta(0)),
    )
