"""Kanto's `config.json` → the settings of evenkeel, in their written form.

Two sections mean something here: `connection` and `update_agent` (container-management.md §1.4, §4), of `manager`
`default_ctrs_stop_timeout`, and of `deployment` the folder of manifests. `specs.kanto.omissions` names the rest, with
remedies. In the two sections Kanto ignores unknown keys, so that `verbose_inventory` of its own sample does nothing;
here it does nothing either, and is a warning with the nearest key. Go takes keys in any case; a known key in another
case is an error, because ignoring it could lead to another broker than Kanto's.

A configuration that works for Kanto works here. Certificates beside an address without encryption, which Kanto ignores,
and timeouts of its own, which it never uses, are left out. The password is not in the result: it stays where it is.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from evenkeel.specs.containers.container import KANTO_STOP_TIMEOUT
from evenkeel.specs.kanto.manifest import is_manifest
from evenkeel.specs.kanto.update_manager.keys import is_of_update_manager
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text, parse_duration
from evenkeel.specs.reading.secrecy import key_words
from evenkeel.specs.reading.suggest import for_key
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import faults, in_words
from evenkeel.specs.settings.mqtt import CredentialsInAddress, broker_address
from evenkeel.specs.settings.settings import SettingsSpec

SECTIONS = ("connection", "update_agent")
_ALL_SECTIONS = frozenset((*SECTIONS, "containers", "deployment", "grpc_server", "log", "manager", "network", "things"))
"""The sections of Kanto's configuration (container-management.md §3.4); evenkeel has `log`, too."""
DESIRED_KEYS = frozenset(("payload", "baselines", "domains", "specification"))
"""Keys of a desired state."""
PASSWORD = ("connection", "client_password")
STOP_TIMEOUT = "default_ctrs_stop_timeout"
_MOST_MILLISECONDS = 65_535_000
"""The longest keep-alive that MQTT can say."""


class _Transport(Struct, frozen=True, forbid_unknown_fields=True):
    root_ca: str | None = ""
    client_cert: str | None = ""
    client_key: str | None = ""


class _Connection(Struct, frozen=True, forbid_unknown_fields=True):
    """Durations are looked at apart."""

    broker_url: str | None = ""
    keep_alive: Any = ""
    disconnect_timeout: Any = ""
    client_username: str | None = ""
    client_password: Any = ""
    """A text; a value that is none is not repeated."""
    connect_timeout: Any = ""
    acknowledge_timeout: Any = ""
    subscribe_timeout: Any = ""
    unsubscribe_timeout: Any = ""
    transport: _Transport | None = None


class _UpdateAgent(Struct, frozen=True, forbid_unknown_fields=True):
    enable: bool | None = False
    domain: str | None = ""
    system_containers: tuple[str, ...] | None = ()
    verbose_inventory_report: bool | None = False


_KINDS: dict[str, type[Struct]] = {"connection": _Connection, "update_agent": _UpdateAgent}
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
    ("updateAgent", "stopTimeout"): ("manager", STOP_TIMEOUT),
    ("specs",): ("deployment", "ctr_dir"),
}
"""The places of settings of evenkeel in Kanto's configuration."""
_USED = ("keep_alive", "connect_timeout")
UNUSED = ("disconnect_timeout", "acknowledge_timeout", "subscribe_timeout", "unsubscribe_timeout")


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
    before = len(flaws)
    if is_manifest(value) or not DESIRED_KEYS.isdisjoint(value):
        what = "this is what to run, and no configuration"
        flaws.append(Flaw((), what, "put the file into a folder of specs; it is read there as it is"))
        return {}
    if (other := _what_else(value)) is not None:
        flaws.append(other)
        return {}
    flaws.extend(
        _other_spelling((key,), key.lower()) for key in value if key not in SECTIONS and key.lower() in SECTIONS
    )
    known = {name: without_unknown(value.get(name), kind, (name,), flaws) for name, kind in _KINDS.items()}
    connection, password = known["connection"], kanto_password(value)
    if isinstance(connection, dict):
        transport = ("connection", "transport")
        known["connection"] = connection = {
            **connection,
            "transport": without_unknown(connection.get("transport"), _Transport, transport, flaws),
        }
        _check_timeouts(connection, flaws)
        _check_address(connection.get("broker_url"), flaws)
        if password is None and connection.get("client_password") is not None:
            flaws.append(Flaw(PASSWORD, "expected a text"))
    known["manager"] = _stop_timeout(value.get("manager"), flaws)
    known["deployment"] = _manifests(value.get("deployment"))
    for name, kind in _KINDS.items():
        found = faults(known[name], kind) if known[name] is not None else ()
        flaws.extend(msgspec.structs.replace(flaw, path=(name, *flaw.path)) for flaw in found)
    return {} if any(not flaw.warning for flaw in flaws[before:]) else _written(known)


def _what_else(value: dict[str, Value]) -> Flaw | None:
    """The kind of a file that has nothing of Kanto's in it; `None` when it has something, or is empty as Kanto's may
    be. Kanto ignores unknown keys, so that any file would do nothing, and would look migrated."""
    theirs = _ALL_SECTIONS.intersection(key.lower() for key in value)
    own = {field.encode_name for field in msgspec.structs.fields(SettingsSpec)} - _ALL_SECTIONS
    if theirs <= {"connection", "log"} and is_of_update_manager(value):
        hint = "`evenkeel update-manager -config-file` takes it, and `evenkeel migrate`"
        return Flaw((), "this is a configuration of Kanto's update manager", hint)
    if theirs <= {"log"} and not own.isdisjoint(value):
        return Flaw((), "these are settings of evenkeel already", "use the file as it is, with --config")
    if value and not theirs:
        names = ", ".join(f"`{name}`" for name in sorted(_ALL_SECTIONS))
        return Flaw((), "this is no configuration of Kanto's container-management", f"it would have one of {names}")
    return None


def kanto_password(value: Value) -> str | None:
    """The password in Kanto's configuration; `None` when there is no text, "" when it is empty."""
    connection = value.get("connection") if isinstance(value, dict) else None
    password = connection.get("client_password") if isinstance(connection, dict) else None
    return password if isinstance(password, str) else None


def without_unknown(value: Value, expected: type[Struct], path: Path, flaws: list[Flaw]) -> Value:
    """`value` without the keys that Kanto ignores, each of which is told."""
    if not isinstance(value, dict):
        return value
    fields = expected.__struct_encode_fields__
    spellings = {field.lower(): field for field in fields}
    for key in value:
        if key in fields:
            continue
        if key.lower() in spellings:
            flaws.append(_other_spelling((*path, key), spellings[key.lower()]))
        else:
            message = f"{key_words('unknown key', key)}, which does nothing, as with Kanto"
            flaws.append(Flaw((*path, key), message, for_key(key, fields), warning=True))
    return {key: item for key, item in value.items() if key in fields}


def _stop_timeout(manager: Value, flaws: list[Flaw]) -> Value:
    """The one key of the manager that means something here: a duration, or whole seconds. Any other value is the
    default."""
    given = manager.get(STOP_TIMEOUT) if isinstance(manager, dict) else None
    if given is None or given == "":
        return None
    is_number = isinstance(given, int) and not isinstance(given, bool)
    text = f"{given}s" if is_number or (isinstance(given, str) and re.fullmatch("[0-9]{1,9}", given)) else given
    try:
        if isinstance(text, str):
            parse_duration(text)
            return {STOP_TIMEOUT: text}
    except ValueError:
        pass
    message = f"expected a duration, got {in_words(given)}; the default counts, as with Kanto"
    flaws.append(
        Flaw(("manager", STOP_TIMEOUT), message, f'for example "{duration_text(KANTO_STOP_TIMEOUT)}"', warning=True)
    )
    return None


def _manifests(deployment: Value) -> Value:
    """The folder of manifests that Kanto reads at its start."""
    given = (
        deployment.get("ctr_dir") if isinstance(deployment, dict) and deployment.get("enable") is not False else None
    )
    return {"ctr_dir": [given]} if isinstance(given, str) and given.startswith("/") else None


def _other_spelling(path: Path, key: str) -> Flaw:
    return Flaw(path, f"Kanto takes this for `{key}`", f"write `{key}`")


def _check_address(url: Value, flaws: list[Flaw]) -> None:
    """Credentials have keys of their own in Kanto's configuration, too. Their other faults are found by the
    settings."""
    try:
        broker_address(url if isinstance(url, str) else "")
    except CredentialsInAddress:
        message = "an address holds neither user nor password"
        flaws.append(Flaw(("connection", "broker_url"), message, "write `client_username` and `client_password`"))
    except ValueError:
        pass


def _check_timeouts(connection: dict[str, Value], flaws: list[Flaw]) -> None:
    for key in (*_USED, *UNUSED):
        path, given = ("connection", key), connection.get(key)
        if given is None or given == "":
            continue
        if not isinstance(given, str):
            flaws.append(Flaw(path, f"expected a duration, got {in_words(given)}", _duration_meant(key, given)))
        elif re.fullmatch("[0-9]{4,9}", given):
            flaws.append(Flaw(path, f"{in_words(given)} does not fit", _duration_meant(key, int(given))))
        elif key in UNUSED:
            try:
                parse_duration(given)
            except ValueError as error:
                flaws.append(Flaw(path, str(error)))


def _duration_meant(key: str, number: Value) -> str:
    """The text for a number, in which older releases of Kanto counted milliseconds (§4); seconds where that would be too
    short to be meant."""
    if not isinstance(number, int | float) or isinstance(number, bool) or not 1 <= number <= _MOST_MILLISECONDS:
        return 'for example "20s"'
    if key in _USED and number < 1000:
        return f'write "{duration_text(timedelta(seconds=number))}"'
    text = duration_text(timedelta(milliseconds=number))
    return f'write "{text}"; numbers of older releases of Kanto are milliseconds'


def _written(value: dict[str, Value]) -> dict[str, Value]:
    written: dict[str, Value] = {}
    for ours, theirs in _SAME.items():
        item: Any = value
        for key in theirs:
            item = item.get(key) if isinstance(item, dict) else None
        if ours != ("mqtt", "tls") and item not in (None, "", []):
            _put(written, ours, item)
    mqtt: Any = written.get("mqtt", {})
    if "tls" in mqtt and not is_encrypted(str(mqtt.get("broker", "tcp://localhost"))):
        del mqtt["tls"]
    return written


def _put(written: Any, path: Path, item: Value) -> None:
    *sections, key = path
    for section in sections:
        written = written.setdefault(section, {})
    written[key] = item


def is_encrypted(url: str) -> bool:
    try:
        return broker_address(url).tls
    except ValueError:
        return True
