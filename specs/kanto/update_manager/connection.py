"""The sections `connection` and `log` in the configuration of Kanto's update manager (update-manager.md §4.2).

Timeouts of the original that evenkeel has no use for, and files of a log, do nothing here and are warnings.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from evenkeel.specs.kanto.settings import is_encrypted
from evenkeel.specs.kanto.update_manager.durations import duration_of
from evenkeel.specs.kanto.update_manager.keys import LOG_FILES, PASSWORD, UNUSED
from evenkeel.specs.problem import Flaw, Path, likely
from evenkeel.specs.reading.quantity import duration_text, parse_duration
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import in_words
from evenkeel.specs.settings.mqtt import LONGEST_KEEP_ALIVE, CredentialsInAddress, broker_address

_LEVELS = {"ERROR": "error", "WARN": "warning", "INFO": "info", "DEBUG": "debug", "TRACE": "debug"}


def mqtt_of(connection: dict[str, Any], flaws: list[Flaw]) -> dict[str, Value]:
    """The section `mqtt` for `connection`, whose values have the right types, but for durations and the password."""
    found: dict[str, Value] = {"enabled": True}
    given = {key: item for key, item in connection.items() if item not in (None, "")}
    broker = _broker(given.get("broker", ""), flaws)
    if broker:
        found["broker"] = broker
    for key, default in (("keepAlive", "20s"), ("connectTimeout", "30s")):
        path = ("connection", key)
        text = duration_of(given.get(key), path, default, "", flaws)
        if text is not None:
            found[key] = _in_bounds(key, text, path, flaws)
    if "username" in given:
        found["username"] = given["username"]
    if "password" in given and not isinstance(given["password"], str):
        flaws.append(Flaw(PASSWORD, "expected a text"))
    elif "password" in given and "username" not in given:
        flaws.append(Flaw(PASSWORD, "does nothing: there is no `username`", warning=True))
    files: dict[str, Value] = {
        ours: given[theirs]
        for ours, theirs in (("rootCa", "caCert"), ("clientCert", "cert"), ("clientKey", "key"))
        if theirs in given
    }
    if files and is_encrypted(broker or "tcp://localhost"):
        found["tls"] = files
    elif files:
        message = "certificates do nothing: the address of the broker is one without encryption"
        flaws.append(Flaw(("connection",), message, "write ssl:// in `broker` if that is meant", warning=True))
    unused = [f"`{key}`" for key in UNUSED if key in given]
    if unused:
        verb = "does" if len(unused) == 1 else "do"
        message = f"{', '.join(unused)} {verb} nothing here: evenkeel has no such limits"
        flaws.append(Flaw(("connection",), message, warning=True))
    return found


def _broker(address: str, flaws: list[Flaw]) -> str:
    """The address; one without a scheme is one of TCP, as the client of the original takes it. Faults but credentials are
    found by the settings."""
    path = ("connection", "broker")
    if address and "://" not in address and "@" not in address:
        address = f"tcp://{'127.0.0.1' if address.startswith(':') else ''}{address}"
        flaws.append(
            Flaw(path, "expected an address with a scheme; it is read as one of TCP", "write tcp:// first", True)
        )
    try:
        broker_address(address)
    except CredentialsInAddress:
        message = "an address holds neither user nor password"
        flaws.append(Flaw(path, message, "write `username` and `password`"))
    except ValueError:
        pass
    return address


def _in_bounds(key: str, text: str, path: Path, flaws: list[Flaw]) -> str:
    """A keep-alive or a time to connect that evenkeel can have. To Kanto a keep-alive of 0 is none."""
    least = LONGEST_KEEP_ALIVE if key == "keepAlive" and parse_duration(text) == timedelta(0) else timedelta(seconds=1)
    if parse_duration(text) >= least:
        return text
    counts = duration_text(least)
    flaws.append(Flaw(path, f"{text} is not possible here; {counts} counts", f'write "{counts}"', warning=True))
    return counts


def level_of(log: dict[str, Any] | None, flaws: list[Flaw]) -> str | None:
    """The level of the log; `None` for the default."""
    given = {key: item for key, item in (log or {}).items() if item not in (None, "", 0)}
    files = [f"`{key}`" for key in LOG_FILES if key in given]
    if files:
        verb = "does" if len(files) == 1 else "do"
        message = f"{', '.join(files)} {verb} nothing here: evenkeel logs to standard error"
        flaws.append(Flaw(("log",), message, "journald keeps and rotates files", warning=True))
    level = given.get("logLevel")
    if level is None:
        return None
    if str(level).upper() not in _LEVELS:
        message = f"expected one of {', '.join(_LEVELS)}, got {in_words(level)}; ERROR counts, as with Kanto"
        flaws.append(Flaw(("log", "logLevel"), message, likely(str(level), _LEVELS), warning=True))
        return "error"
    return _LEVELS[str(level).upper()]
