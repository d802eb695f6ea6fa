"""The keys of the `config.json` of Kanto's update manager, each with its flag and its variable of the environment
(update-manager.md §4.2)."""

from __future__ import annotations

from typing import Literal, NamedTuple

from evenkeel.specs.reading.tree import Value

Kind = Literal["text", "truth", "duration", "number", "words"]
"""`truth`: true or false, as a flag `-x` or `-x=false`. `words`: a list, as a flag with commas."""


class Key(NamedTuple):
    """`path`: the keys of `config.json` to it. `default`: that of the original, for the reader of a help text. `without`:
    whether there is no variable."""

    path: tuple[str, ...]
    flag: str
    kind: Kind
    default: str
    meaning: str
    without: bool = False

    @property
    def variable(self) -> str:
        """Its name in the environment, "" when it has none."""
        return "" if self.without else variable_of(self.flag)


def variable_of(flag: str) -> str:
    """`self-update-read-timeout` → `SELF_UPDATE_READ_TIMEOUT`."""
    return flag.upper().replace("-", "_")


CONFIG_FILE = "config-file"
DOMAINS = "domains"
PASSWORD = ("connection", "password")
PASSWORD_FLAG = "mqtt-conn-password"
_UNUSED = "does nothing here; evenkeel has no such limit"
_ELSEWHERE = "does nothing here; evenkeel logs to standard error"

KEYS = (
    Key(("domain",), "domain", "text", "device", "name of the update manager in topics"),
    Key(("thingsEnabled",), "things-enabled", "truth", "true", "Things instead of topics for the backend"),
    Key(("rebootEnabled",), "reboot-enabled", "truth", "true", "whether the device is rebooted"),
    Key(("rebootAfter",), "reboot-after", "duration", "30s", "time before the reboot"),
    Key(("reportFeedbackInterval",), "report-feedback-interval", "duration", "1m", "time between reports of progress"),
    Key(("currentStateDelay",), "current-state-delay", "duration", "30s", "time in which reports of agents are one"),
    Key(("phaseTimeout",), "phase-timeout", "duration", "10m", "time that a phase may take"),
    Key(
        ("ownerConsentCommands",),
        "owner-consent-commands",
        "words",
        "",
        "commands that the owner has to agree to, with commas",
        without=True,
    ),
    Key(("ownerConsentTimeout",), "owner-consent-timeout", "duration", "30m", "time that the owner has"),
    Key(("connection", "broker"), "mqtt-conn-broker", "text", "tcp://localhost:1883", "address of the broker"),
    Key(("connection", "keepAlive"), "mqtt-conn-keep-alive", "duration", "20s", "keep-alive of the connection"),
    Key(("connection", "disconnectTimeout"), "mqtt-conn-disconnect-timeout", "duration", "250ms", _UNUSED),
    Key(("connection", "username"), "mqtt-conn-username", "text", "", "user at the broker"),
    Key(PASSWORD, PASSWORD_FLAG, "text", "", "password; use the file or the variable, others can read a command line"),
    Key(("connection", "connectTimeout"), "mqtt-conn-connect-timeout", "duration", "30s", "time to connect"),
    Key(("connection", "acknowledgeTimeout"), "mqtt-conn-ack-timeout", "duration", "15s", _UNUSED),
    Key(("connection", "subscribeTimeout"), "mqtt-conn-sub-timeout", "duration", "15s", _UNUSED),
    Key(("connection", "unsubscribeTimeout"), "mqtt-conn-unsub-timeout", "duration", "5s", _UNUSED),
    Key(("connection", "caCert"), "mqtt-conn-ca-cert", "text", "", "certificates of authorities, an absolute path"),
    Key(("connection", "cert"), "mqtt-conn-cert", "text", "", "certificate of the device, an absolute path"),
    Key(("connection", "key"), "mqtt-conn-key", "text", "", "key of that certificate, an absolute path"),
    Key(("log", "logFile"), "log-file", "text", "", _ELSEWHERE),
    Key(("log", "logLevel"), "log-level", "text", "INFO", "ERROR, WARN, INFO, DEBUG or TRACE"),
    Key(("log", "logFileSize"), "log-file-size", "number", "2", _ELSEWHERE),
    Key(("log", "logFileCount"), "log-file-count", "number", "5", _ELSEWHERE),
    Key(("log", "logFileMaxAge"), "log-file-max-age", "number", "28", _ELSEWHERE),
)
AGENT_KEYS = (
    Key(("rebootRequired",), "reboot-required", "truth", "false", "whether updates of a domain need a reboot"),
    Key(("readTimeout",), "read-timeout", "duration", "1m", "time to wait for the report of a domain's agent"),
)
"""Below `agents` and the domain; the flag has the domain before it, `-containers-read-timeout`."""

UNUSED = ("disconnectTimeout", "acknowledgeTimeout", "subscribeTimeout", "unsubscribeTimeout")
LOG_FILES = ("logFile", "logFileSize", "logFileCount", "logFileMaxAge")
USUAL_AGENT = "containers"
"""The only agent where a configuration has no `agents`."""

_OWN = {key.path[0] for key in KEYS if len(key.path) == 1} | {"agents"}
_IN = {key.path for key in KEYS if len(key.path) == 2}


def is_of_update_manager(value: Value) -> bool:
    """Whether a file is a configuration of Kanto's update manager: it has a key that no other file of Kanto's has."""
    if not isinstance(value, dict):
        return False
    inner = {(name, key) for name in ("connection", "log") if isinstance(part := value.get(name), dict) for key in part}
    return not _OWN.isdisjoint(value) or not _IN.isdisjoint(inner)
