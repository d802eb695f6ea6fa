"""The contents that a document leads to: the connection string, keys and authorities in its files. The only place where the
driver reads secrets; they live for one look or one action, and their text form shows nothing."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.ports import Access, Lack, Pair
from evenkeel.controller.process.causes import system_words
from evenkeel.specs.provisioning.connection_string import ConnectionString, read_connection_string
from evenkeel.specs.provisioning.observed import Authentication
from evenkeel.specs.provisioning.provisioning import Azure
from evenkeel.specs.provisioning.sas import derived_key, key_bytes

_MOST_LINE, _MOST_PEM = 16 * 1024, 1024**2
_SIMULATED_KEY = "c2ltdWxhdGVkIGtleSBvZiBhIGRldmljZQ=="
SIMULATED_SCOPE = "0ne0SIMULATED"


class Sources(NamedTuple):
    """The contents for Azure. `connection`: `None` where a service assigns the hub. `key`: the symmetric key for a registration
    (base64), "" for a certificate. `authorities`: PEM, b"" for those of the system alone."""

    connection: ConnectionString | None = None
    id_scope: str = ""
    key: str = ""
    authorities: bytes = b""

    def __repr__(self) -> str:
        return "Sources(…)"

    @property
    def by(self) -> Authentication:
        """The means by which the device proves itself to the hub."""
        if self.connection is not None:
            return self.connection.means
        return "key" if self.key else "certificate"

    def hub_access(self, pair: Pair | None, registration: str, *, is_group_key: bool) -> Access:
        """The proof for the hub: a pair, or the key or token of this device."""
        if self.connection is not None:
            key, token = self.connection.key, self.connection.token
            return Access(pair if self.by == "certificate" else None, key, token, self.authorities)
        key = derived_key(self.key, registration) if self.key and is_group_key else self.key
        return Access(None if key else pair, key, "", self.authorities)


def sources_of(azure: Azure, host: Host, device: str) -> Sources:
    """The contents that a document leads to now. `device`: the device id, for what a simulated host makes up. Raises Lack."""
    authorities = _read(host, azure.ca, "authorities to trust", _MOST_PEM, b"") if azure.ca else b""
    if azure.connection_string:
        made_up = f"HostName=simulated.azure-devices.net;DeviceId={device}"
        text = _line(host, azure.connection_string, "the connection string", made_up)
        try:
            found = read_connection_string(text)
        except ValueError as error:
            raise Lack(f"{azure.connection_string}: {error}") from None
        if found.module:
            raise Lack(f"{azure.connection_string} is that of a module: take that of the device, without `ModuleId`")
        return Sources(found, authorities=authorities)
    scope = azure.id_scope or _line(host, azure.id_scope_file, "the id scope", SIMULATED_SCOPE)
    path, key = azure.shared_key or azure.group_key, ""
    if path:
        key = _line(host, path, "a symmetric key", _SIMULATED_KEY)
        try:
            key_bytes(key)
        except ValueError as error:
            raise Lack(f"{path}: {error}") from None
    return Sources(None, scope, key, authorities)


def files_of(azure: Azure) -> tuple[str, ...]:
    """The files that are followed."""
    named = azure.connection_string, azure.id_scope_file, azure.shared_key, azure.group_key, azure.ca
    return tuple(path for path in named if path)


def read_authority(host: Host, certificate: str, key: str) -> Pair:
    """The authority of a lab. Raises Lack."""
    return read_pair(host, certificate, key, "the authority")


def read_pair(host: Host, certificate: str, key: str, whose: str) -> Pair:
    """The contents of two files that are given. `whose`: the subject of the certificate, in words. Raises Lack."""
    return Pair(
        _read(host, certificate, f"the certificate of {whose}", _MOST_PEM),
        _read(host, key, f"the key of {whose}", _MOST_PEM),
    )


def _line(host: Host, path: str, what: str, made_up: str) -> str:
    content = _read(host, path, what, _MOST_LINE, made_up.encode())
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise Lack(f"{path}, which is to have {what}, is no text") from None
    if not text:
        raise Lack(f"{path}, which is to have {what}, is empty")
    if not text.isprintable():
        raise Lack(f"{path}, which is to have {what}, has more than one line, or control characters")
    return text


def _read(host: Host, path: str, what: str, most: int, made_up: bytes | None = None) -> bytes:
    try:
        return host.read(path, most, made_up)
    except FileNotFoundError:
        raise Lack(f"there is no file {path}, which is to have {what}") from None
    except OSError as error:
        raise Lack(f"{path}, which is to have {what}, cannot be read: {system_words(error)}") from None
