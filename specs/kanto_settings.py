"""Kanto's `config.json` → the settings of evenkeel, in their written form.

Two sections mean something here: `connection` and `update_agent` (container-management.md §1.4, §4). In them, Kanto takes no
notice of what it does not know, so that `verbose_inventory` of its own sample does nothing; here that is an error with the
nearest key. All other sections are about its engine and are passed over.

A configuration that works for Kanto works here. Certificates beside an address without encryption, which Kanto passes over,
and timeouts of its own, which it never uses, are left out. The password is not in the result: it stays where it is.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from evenkeel.specs.mqtt import broker_address
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.quantity import parse_duration
from evenkeel.specs.text import Value
from evenkeel.specs.walk import faults

SECTIONS = ("connection", "update_agent")
PASSWORD = ("connection", "client_password")


class _Transport(Struct, frozen=True, forbid_unknown_fields=True):
    root_ca: str | None = ""
    client_cert: str | None = ""
    client_key: str | None = ""


class _Connection(Struct, frozen=True, forbid_unknown_fields=True):
    broker_url: str | None = ""
    keep_alive: str | None = ""
    disconnect_timeout: str | None = ""
    client_username: str | None = ""
    client_password: Any = ""
    """A text; but what it is instead is not repeated."""
    connect_timeout: str | None = ""
    acknowledge_timeout: str | None = ""
    subscribe_timeout: str | None = ""
    unsubscribe_timeout: str | None = ""
    transport: _Transport | None = None


class _UpdateAgent(Struct, frozen=True, forbid_unknown_fields=True):
    enable: bool | None = False
    domain: str | None = ""
    system_containers: tuple[str, ...] | None = ()
    verbose_inventory_report: bool | None = False


_SAME: dict[Path, Path] = {
    ("mqtt", "broker"): ("connection", "broker_url"),
    ("mqtt", "keepAlive"): ("connection", "keep_alive"),
    ("mqtt", "connectTimeout"): ("connection", "connect_timeout"),
    ("mqtt", "username"): ("connection", "client_username"),
    ("mqtt", "tls", "rootCa"): ("connection", "transport", "root_ca"),
    ("mqtt", "tls", "clientCert"): ("connection", "transport", "client_cert"),
    ("mqtt", "tls", "clientKey"): ("connection", "transport", "client_key"),
    ("mqtt", "tls"): ("connection", "transport"),
    ("mqtt", "enabled"): ("update_agent", "enable"),
    ("updateAgent", "enable"): ("update_agent", "enable"),
    ("updateAgent", "domain"): ("update_agent", "domain"),
    ("updateAgent", "systemContainers"): ("update_agent", "system_containers"),
    ("updateAgent", "verboseInventory"): ("update_agent", "verbose_inventory_report"),
}
"""Where Kanto has what our settings have."""
_UNUSED = ("disconnect_timeout", "acknowledge_timeout", "subscribe_timeout", "unsubscribe_timeout")


def kanto_path(path: Path) -> Path:
    """The place in Kanto's configuration that a path of our settings comes from; () when there is none."""
    for length in range(len(path), 0, -1):
        if path[:length] in _SAME:
            return (*_SAME[path[:length]], *path[length:])
    return ()


def kanto_settings(value: Value, flaws: list[Flaw]) -> dict[str, Value]:
    """The settings as somebody would have written them; flaws have paths of Kanto's configuration."""
    if not isinstance(value, dict):
        flaws.append(Flaw((), "expected a mapping with `connection` and `update_agent`"))
        return {}
    sections = {"connection": _Connection, "update_agent": _UpdateAgent}
    before = len(flaws)
    for name, expected in sections.items():
        found = faults(value[name], expected) if value.get(name) is not None else ()
        flaws.extend(msgspec.structs.replace(flaw, path=(name, *flaw.path)) for flaw in found)
    connection, password = value.get("connection"), kanto_password(value)
    if isinstance(connection, dict):
        _check_timeouts(connection, flaws)
        if password is None and connection.get("client_password") is not None:
            flaws.append(Flaw(PASSWORD, "expected a text"))
    return {} if len(flaws) > before else _written(value)


def kanto_password(value: Value) -> str | None:
    """The password in Kanto's configuration; `None` when there is no text, "" when it is empty."""
    connection = value.get("connection") if isinstance(value, dict) else None
    password = connection.get("client_password") if isinstance(connection, dict) else None
    return password if isinstance(password, str) else None


def _check_timeouts(connection: dict[str, Value], flaws: list[Flaw]) -> None:
    for key in _UNUSED:
        text = connection.get(key)
        if isinstance(text, str) and text:
            try:
                parse_duration(text)
            except ValueError as error:
                flaws.append(Flaw(("connection", key), str(error)))


def _written(value: dict[str, Value]) -> dict[str, Value]:
    written: dict[str, Value] = {}
    for ours, theirs in _SAME.items():
        item: Any = value
        for key in theirs:
            item = item.get(key) if isinstance(item, dict) else None
        if ours != ("mqtt", "tls") and item not in (None, "", []):
            _put(written, ours, item)
    mqtt: Any = written.get("mqtt", {})
    if "tls" in mqtt and not _is_encrypted(str(mqtt.get("broker", "tcp://localhost"))):
        del mqtt["tls"]
    return written


def _put(written: Any, path: Path, item: Value) -> None:
    *sections, key = path
    for section in sections:
        written = written.setdefault(section, {})
    written[key] = item


def _is_encrypted(url: str) -> bool:
    try:
        return broker_address(url).tls
    except ValueError:
        return True
