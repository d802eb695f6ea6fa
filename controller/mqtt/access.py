"""The access to a broker, read anew for every connection: address, user, password, certificates.

Files may be replaced while evenkeel runs (a renewed certificate, a rotated password), so nothing is kept. A file that
cannot be read now may be readable at the next attempt; the error is `Unavailable`, with the path and the reason and
never with the content.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evenkeel.controller.process.bounded import read_bounded
from evenkeel.controller.process.moment import of_one_moment
from evenkeel.controller.process.replacing import Stamp
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.settings.mqtt import BrokerAddress, MqttSettings, broker_address

if TYPE_CHECKING:
    import ssl

_LONGEST_SECRET = 65535
_MACHINE_ID = Path("/etc/machine-id")


@dataclass(frozen=True)
class Access:
    """The access to one broker. Its text form shows no secret. `stamps`: of the certificates and the key, as they were read."""

    address: BrokerAddress
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    stamps: tuple[Stamp | None, ...] = ()


def read_access(settings: MqttSettings) -> Access:
    """The access. Raises Unavailable when a file cannot be read or has the wrong content."""
    address = broker_address(settings.broker)
    element = broker_element(settings)
    username = settings.username or (_secret(element, settings.username_file) if settings.username_file else "")
    password = _secret(element, settings.password_file, settings.password_key) if settings.password_file else None
    if settings.password_variable:
        password = _variable(element, settings.password_variable)
    if not address.tls:
        return Access(address, username or None, password)
    try:
        tls, stamps = of_one_moment(certificate_files(settings), lambda: _context(element, settings))
    except OSError as error:
        raise Unavailable(element, f"the certificates cannot be read: {error.strerror or error}") from None
    return Access(address, username or None, password, tls, stamps)


def certificate_files(settings: MqttSettings) -> tuple[Path, ...]:
    """The files of certificates and of the key; none where those of this machine do."""
    files = settings.tls
    return tuple(Path(each) for each in (files.root_ca, files.client_cert, files.client_key) if each)


def broker_element(settings: MqttSettings) -> str:
    """The name of the broker in errors and logs."""
    address = broker_address(settings.broker)
    return f"broker:{address.host}:{address.port}"


def client_id_of(settings: MqttSettings, machine_id: Path = _MACHINE_ID) -> str:
    """The id of the session: the configured one, or one that is constant on this machine and reveals nothing about it.
    MQTT 3.1.1 lets a broker refuse more than 23 characters."""
    if settings.client_id:
        return settings.client_id
    try:
        machine = machine_id.read_text().strip()
    except OSError:
        import socket

        machine = socket.gethostname()
    return f"evenkeel-{hashlib.sha256(f'evenkeel {machine}'.encode()).hexdigest()[:12]}"


def _variable(element: str, name: str) -> str:
    """The text of a variable of the environment."""
    secret = os.environ.get(name, "")
    try:
        if len(secret.encode()) <= _LONGEST_SECRET:
            return secret
        why = "is too long"
    except UnicodeEncodeError:  # its text holds the content
        why = "is not UTF-8 text"
    raise Unavailable(element, f"the variable {name} {why}")


def _secret(element: str, path: str, key: str = "") -> str:
    """The text of a file without its last line break, or the text at `key` of a JSON file."""
    why = ""
    try:
        content = read_bounded(Path(path))
        if not key and len(content) > _LONGEST_SECRET:
            why = "is too long"
        text = content.decode()
        if not key:
            secret: object = text.removesuffix("\n").removesuffix("\r")
        else:
            secret = json.loads(text)
            for part in key.split("."):
                secret = secret.get(part) if isinstance(secret, dict) else None
        if not isinstance(secret, str) or "\0" in secret or len(secret.encode()) > _LONGEST_SECRET:
            why = why or "does not hold what it should"
        elif not why:
            return secret
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError):  # their texts hold the content
        why = "is not UTF-8 text" if not key else "is no valid JSON"
    raise Unavailable(element, f"{path} {why}")


def _context(element: str, settings: MqttSettings) -> ssl.SSLContext:
    import ssl

    files = settings.tls
    try:
        context = ssl.create_default_context(cafile=files.root_ca or None)
    except (OSError, ValueError) as error:
        raise Unavailable(element, f"{files.root_ca}: {_why(error)}") from None
    try:
        if files.client_cert:
            context.load_cert_chain(files.client_cert, files.client_key, password=lambda: "")  # never ask a terminal
    except (OSError, ValueError) as error:
        raise Unavailable(element, f"{files.client_cert}, {files.client_key}: {_why(error)}") from None
    return context


def _why(error: Exception) -> str:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return f"cannot be used: {reason or type(error).__name__}"
