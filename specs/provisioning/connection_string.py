"""Connection strings of devices at Azure's IoT Hub (provisioning.md §4.1).

A connection string may hold a key. No error and no text form repeats one, nor any part that may be one.
"""

from __future__ import annotations

import re
from typing import Literal

from msgspec import Struct

from evenkeel.specs.problem import nearest
from evenkeel.specs.provisioning.device_id import device_flaw
from evenkeel.specs.provisioning.sas import key_bytes, token_expiry

Means = Literal["key", "token", "certificate"]
"""The means by which a device shows who it is: a key that it shares with the hub, a token, or an X.509 certificate."""

_NAMES = ("HostName", "DeviceId", "SharedAccessKey", "SharedAccessSignature", "x509", "ModuleId", "GatewayHostName")
_OF_A_SERVICE = "SharedAccessKeyName"
_MEANS = ("SharedAccessKey", "SharedAccessSignature", "x509")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")


class ConnectionString(Struct, frozen=True):
    """The way of a device to its hub. `host`: of the hub. `key` (base64) and `token` are secret; with neither, the device shows
    an X.509 certificate. `gateway`: the host to connect to instead, or ""."""

    host: str
    device: str
    key: str = ""
    token: str = ""
    module: str = ""
    gateway: str = ""

    @property
    def means(self) -> Means:
        return "key" if self.key else "token" if self.token else "certificate"

    @property
    def ends_s(self) -> float:
        """The end of the token, in seconds since the epoch; 0 for one that never ends, or without a token."""
        return float(token_expiry(self.token)) if self.token else 0.0

    def __repr__(self) -> str:
        return f"ConnectionString(host={self.host!r}, device={self.device!r}, means={self.means!r})"


def read_connection_string(text: str) -> ConnectionString:
    """The connection string in `text`; blanks and line breaks around it do not count. Raises ValueError with the number of the
    part that is wrong and a suggestion."""
    fields = _fields(text)
    for name in ("HostName", "DeviceId"):
        if not fields.get(name):
            raise ValueError(
                f"the connection string has no `{name}`: expected `HostName=…;DeviceId=…` and then the key"
            )
    given = [name for name in _MEANS if name in fields]
    if len(given) > 1:
        raise ValueError(f"the connection string has {' and '.join(given)}: keep one of them")
    key, token = fields.get("SharedAccessKey", ""), fields.get("SharedAccessSignature", "")
    if "SharedAccessKey" in fields:
        key_bytes(key)
    if "SharedAccessSignature" in fields:
        token_expiry(token)
    if fields.get("x509", "true").lower() != "true":
        raise ValueError("`x509` is not `true`: leave it out, or give a SharedAccessKey instead")
    for name in ("HostName", "GatewayHostName"):
        if name in fields and not is_host(fields[name]):
            raise ValueError(f"`{name}` is no name of a host: expected it alone, as `myhub.azure-devices.net`")
    for name in ("DeviceId", "ModuleId"):
        if name in fields and (flaw := device_flaw(fields[name])):
            raise ValueError(f"`{name}` is no id: {flaw}")
    module, gateway = fields.get("ModuleId", ""), fields.get("GatewayHostName", "")
    return ConnectionString(fields["HostName"], fields["DeviceId"], key, token, module, gateway)


def is_host(name: str) -> bool:
    """Whether a text is the name or the IPv4 address of a host: no scheme, no port, no path."""
    return bool(_HOST.match(name))


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    parts = text.strip().split(";")
    for number, part in enumerate(parts, 1):
        name, equals, value = part.strip().partition("=")
        if not name and not equals and number == len(parts) > 1:
            continue  # a semicolon at the end
        if not equals:
            raise ValueError(f"part {number} of the connection string has no `=`: expected `name=value;name=value`")
        if name == _OF_A_SERVICE:
            raise ValueError(
                f"the connection string is one of a service, for it has {_OF_A_SERVICE}, and would let this device act for"
                " all others: take that of the device itself, with its DeviceId"
            )
        if name not in _NAMES:  # the name is not told, for a key that was pasted alone looks like one
            hint = nearest(name, _NAMES) or f"expected one of {', '.join(_NAMES)}"
            raise ValueError(f"part {number} of the connection string has an unknown name: {hint}")
        if name in fields:
            raise ValueError(f"`{name}` is in the connection string more than once")
        fields[name] = value.strip()
    return fields
