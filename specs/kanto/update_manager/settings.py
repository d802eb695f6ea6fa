"""The `config.json` of Kanto's update manager → the settings of evenkeel, in their written form (update-manager.md §4).

A configuration that works for Kanto works here, with two exceptions. A known key in another case, which Go takes, is an
error, as in the other configuration of Kanto. A consent command that Kanto does not know is an error, because the owner
would not be asked.

Without `thingsEnabled` the backend is served over Things, as with Kanto, and that is told. The rest of the differences are
warnings. The password is not in the result: it stays where it is.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from evenkeel.specs.kanto.manifest import is_manifest
from evenkeel.specs.kanto.settings import DESIRED_KEYS, without_unknown
from evenkeel.specs.kanto.topics import topic_prefix
from evenkeel.specs.kanto.update_manager.connection import level_of, mqtt_of
from evenkeel.specs.kanto.update_manager.durations import duration_of
from evenkeel.specs.kanto.update_manager.keys import PASSWORD, is_of_update_manager
from evenkeel.specs.problem import Flaw, Path, likely
from evenkeel.specs.reading.tree import Value
from evenkeel.specs.reading.walk import faults, in_words
from evenkeel.specs.settings.settings import SettingsSpec

USUAL_DOMAIN = "device"
_PHASES = ("DOWNLOAD", "UPDATE", "ACTIVATE")
_NO_QUESTION = ("CLEANUP", "ROLLBACK")


class _Agent(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`name` is of older releases and of Leda's page."""

    reboot_required: bool | None = False
    read_timeout: Any = ""
    name: Any = ""


class _Connection(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Durations, the address and the password are looked at apart."""

    broker: str | None = ""
    keep_alive: Any = ""
    disconnect_timeout: Any = ""
    username: str | None = ""
    password: Any = ""
    connect_timeout: Any = ""
    acknowledge_timeout: Any = ""
    subscribe_timeout: Any = ""
    unsubscribe_timeout: Any = ""
    ca_cert: str | None = ""
    cert: str | None = ""
    key: str | None = ""


class _Log(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    log_file: str | None = ""
    log_level: str | None = ""
    log_file_size: int | None = 0
    log_file_count: int | None = 0
    log_file_max_age: int | None = 0


class _Config(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    domain: str | None = ""
    things_enabled: bool | None = True
    reboot_enabled: bool | None = True
    reboot_after: Any = ""
    report_feedback_interval: Any = ""
    current_state_delay: Any = ""
    phase_timeout: Any = ""
    owner_consent_commands: tuple[str, ...] | None = ()
    owner_consent_timeout: Any = ""
    agents: dict[str, _Agent] | None = None
    connection: _Connection | None = None
    log: _Log | None = None


_DURATIONS = (
    ("rebootAfter", ("reboot", "after"), "30s", ""),
    ("reportFeedbackInterval", ("reportFeedbackInterval",), "1m", "0s"),
    ("currentStateDelay", ("currentStateDelay",), "30s", "0s"),
    ("phaseTimeout", ("phaseTimeout",), "10m", ""),
    ("ownerConsentTimeout", ("ownerConsent", "timeout"), "30m", ""),
)
"""The key, its place below `updateManager`, the default, and the meaning of an empty text, "" for the default."""
_SAME: dict[Path, Path] = {
    **{("updateManager", *ours): (theirs,) for theirs, ours, _, _ in _DURATIONS},
    ("updateManager", "domain"): ("domain",),
    ("updateManager", "backend"): ("thingsEnabled",),
    ("updateManager", "agents"): ("agents",),
    ("updateManager", "ownerConsent", "commands"): ("ownerConsentCommands",),
    ("updateManager", "reboot", "enable"): ("rebootEnabled",),
    ("mqtt", "broker"): ("connection", "broker"),
    ("mqtt", "keepAlive"): ("connection", "keepAlive"),
    ("mqtt", "connectTimeout"): ("connection", "connectTimeout"),
    ("mqtt", "username"): ("connection", "username"),
    ("mqtt", "tls", "rootCa"): ("connection", "caCert"),
    ("mqtt", "tls", "clientCert"): ("connection", "cert"),
    ("mqtt", "tls", "clientKey"): ("connection", "key"),
    ("mqtt",): ("connection",),
    ("log", "level"): ("log", "logLevel"),
}
"""The places of settings of evenkeel in that configuration."""


def update_manager_path(path: Path) -> Path:
    """The place in the configuration of Kanto's update manager that a path of our settings comes from; () when there is
    none."""
    for length in range(len(path), 0, -1):
        if path[:length] in _SAME:
            return (*_SAME[path[:length]], *path[length:])
    return ()


def update_manager_settings(value: Value, flaws: list[Flaw]) -> dict[str, Value]:
    """The settings as somebody would have written them, {} where there is an error; flaws have paths of that
    configuration. `mqtt` is there where `connection` is."""
    if not isinstance(value, dict):
        flaws.append(Flaw((), "expected a mapping with `domain`, `agents` and `connection`"))
        return {}
    if (other := _what_else(value)) is not None:
        flaws.append(other)
        return {}
    before = len(flaws)
    value = _without_unknown(value, flaws)
    flaws.extend(faults(value, _Config))
    if any(not flaw.warning for flaw in flaws[before:]):
        return {}
    config: dict[str, Any] = {key: item for key, item in value.items() if item is not None}
    found: dict[str, Value] = {"updateManager": _section(config, flaws)}
    if "connection" in config:
        found["mqtt"] = mqtt_of(config["connection"], flaws)
    if (level := level_of(config.get("log"), flaws)) is not None:
        found["log"] = {"level": level}
    return {} if any(not flaw.warning for flaw in flaws[before:]) else found


def file_password(value: Value) -> str:
    """The password in a configuration, "" when there is none."""
    connection = value.get(PASSWORD[0]) if isinstance(value, dict) else None
    password = connection.get(PASSWORD[1]) if isinstance(connection, dict) else None
    return password if isinstance(password, str) else ""


def _what_else(value: dict[str, Value]) -> Flaw | None:
    """The kind of a file that is something else; Kanto ignores unknown keys, so that any file would do nothing."""
    if is_manifest(value) or not DESIRED_KEYS.isdisjoint(value):
        return Flaw((), "this is what to run, and no configuration", "put the file into a folder of specs")
    if is_of_update_manager(value) or not value.keys() - {"connection", "log"}:
        return None
    if "update_agent" in value or "containers" in value:
        hint = "`evenkeel run --kanto-config` takes it"
        return Flaw((), "this is a configuration of Kanto's container-management", hint)
    own = {field.encode_name for field in msgspec.structs.fields(SettingsSpec)}
    if not own.isdisjoint(value.keys() - {"log"}):
        return Flaw((), "these are settings of evenkeel already", "use the file as it is: evenkeel run --config")
    if not {"domain", "agents", "connection", "log"}.isdisjoint(key.lower() for key in value):
        return None
    return Flaw((), "this is no configuration of Kanto's update manager", "it would have `domain` or `agents`")


def _without_unknown(value: dict[str, Value], flaws: list[Flaw]) -> dict[str, Value]:
    left = without_unknown(value, _Config, (), flaws)
    found: dict[str, Value] = left if isinstance(left, dict) else {}
    for name, kind in (("connection", _Connection), ("log", _Log)):
        if name in found:
            found[name] = without_unknown(found[name], kind, (name,), flaws)
    agents = found.get("agents")
    if isinstance(agents, dict):
        found["agents"] = {
            domain: without_unknown(agent, _Agent, ("agents", domain), flaws) for domain, agent in agents.items()
        }
    return found


def _backend(config: dict[str, Any], flaws: list[Flaw]) -> str:
    """The way of the backend, and a warning where nobody has chosen it: a backend that uses topics hears nothing then."""
    if "thingsEnabled" not in config:
        prefix = topic_prefix(config.get("domain", USUAL_DOMAIN))
        said = (
            f"is not given, so that the backend has to use Things, as with Kanto; there are no topics {prefix}/… for it"
        )
        hint = 'write `"thingsEnabled": true`, or `false` for the topics'
        flaws.append(Flaw(("thingsEnabled",), said, hint, warning=True))
    return "things" if config.get("thingsEnabled", True) else "topics"


def _section(config: dict[str, Any], flaws: list[Flaw]) -> dict[str, Value]:
    reboot: dict[str, Value] = {}
    consent: dict[str, Value] = {}
    found: dict[str, Value] = {"enable": True, "domain": config.get("domain", USUAL_DOMAIN)}
    sections: dict[str, dict[str, Value]] = {"reboot": reboot, "ownerConsent": consent}
    found["backend"] = _backend(config, flaws)
    agents = config.get("agents", {})
    found["agents"] = {domain: _agent(domain, agent, flaws) for domain, agent in agents.items()}
    for theirs, ours, default, empty in _DURATIONS:
        text = duration_of(config.get(theirs), (theirs,), default, empty, flaws)
        if text is not None:
            sections.get(ours[0], found)[ours[-1]] = text
    if "rebootEnabled" in config:
        reboot["enable"] = config["rebootEnabled"]
    commands = _commands(config.get("ownerConsentCommands", ()), flaws)
    if commands:
        consent["commands"] = commands
    return found | {name: section for name, section in sections.items() if section}


def _agent(domain: str, agent: dict[str, Value], flaws: list[Flaw]) -> dict[str, Value]:
    path = ("agents", domain)
    found: dict[str, Value] = {"rebootRequired": bool(agent.get("rebootRequired"))}
    text = duration_of(agent.get("readTimeout"), (*path, "readTimeout"), "1m", "", flaws)
    if text is not None:
        found["readTimeout"] = text
    if agent.get("name") not in (None, "", domain):
        message = f"does nothing, as with Kanto: the agent has its name from the key `{domain}`"
        flaws.append(Flaw((*path, "name"), message, warning=True))
    return found


def _commands(given: list[str], flaws: list[Flaw]) -> list[Value]:
    found: list[Value] = []
    for index, command in enumerate(given):
        path = ("ownerConsentCommands", index)
        if command in _PHASES:
            found.append(command)
        elif command in _NO_QUESTION:
            flaws.append(Flaw(path, f"nobody is asked about {command}, as with Kanto", warning=True))
        else:
            message = f"expected one of {', '.join(_PHASES)}; got {in_words(command)}"
            flaws.append(Flaw(path, message, likely(command, _PHASES)))
    return found
