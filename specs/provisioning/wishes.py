"""Wishes about an identity, as a person or a script has them, and the `spec` of a document that says the same.

Nothing is validated here: the document is read as any other one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from evenkeel.specs.provisioning.provisioning import Mode

KIND = "Provisioning"
OfMode = Literal["selfSigned", "caSigned", "csr", "files", "none"]
"""A mode, or `none` for no certificate."""
_OWN_KEYS: dict[Mode, tuple[str, ...]] = {
    "selfSigned": ("second",),
    "caSigned": ("authority",),
    "csr": ("request", "chain"),
    "files": ("files",),
}
"""The keys of `certificate` that belong to one mode alone."""
REQUEST, CHAIN = "request.csr", "signed.crt"
"""The names for `csr` in the folder of the identity, where nothing else is said."""


class Wishes(NamedTuple):
    """Wishes; empty, or `None`, is "as it is". `connection_file`: the file with the connection string. `no_cloud`: the identity
    is made and shown to no cloud. All paths are absolute."""

    folder: str = ""
    device_id: str = ""
    mode: OfMode | None = None
    second: bool | None = None
    authority: str = ""
    authority_key: str = ""
    request: str = ""
    chain: str = ""
    cert: str = ""
    key: str = ""
    id_scope: str = ""
    id_scope_file: str = ""
    connection_file: str = ""
    shared_key_file: str = ""
    group_key_file: str = ""
    registration: str = ""
    no_cloud: bool = False

    @property
    def by_registration(self) -> bool:
        """Whether the provisioning service is meant."""
        given = self.id_scope, self.id_scope_file, self.shared_key_file, self.group_key_file, self.registration
        return any(given)


def spec_with(spec: Mapping[str, Any], wishes: Wishes, usual_folder: str) -> dict[str, Any]:
    """A written `spec` with the wishes; all else in it stays. `usual_folder`: the folder where the spec names none."""
    found = dict(spec)
    if wishes.folder and wishes.folder != found.get("folder", usual_folder):
        found["folder"] = wishes.folder
    if wishes.device_id:
        found["deviceId"] = {**found.get("deviceId", {}), "value": wishes.device_id}
    folder = found.get("folder", usual_folder)
    certificate = _certificate(found.get("certificate", {}), wishes, folder)
    _put(found, "certificate", certificate)
    azure = {} if wishes.no_cloud else _azure(found.get("azure", {}), wishes)
    _put(found, "azure", azure)
    return found


def _certificate(spec: Mapping[str, Any], wishes: Wishes, folder: str) -> dict[str, Any]:
    mode = wishes.mode or spec.get("mode", "none")
    if mode == "none":
        return {}
    others = {key for each, keys in _OWN_KEYS.items() if each != mode for key in keys}
    found = {"mode": mode, **{key: value for key, value in spec.items() if key not in (*others, "mode")}}
    if mode == "selfSigned" and wishes.second is not None:
        _put(found, "second", wishes.second)
    if wishes.authority:
        found["authority"] = {"certificate": wishes.authority, "key": wishes.authority_key}
    if wishes.cert:
        found["files"] = {"certificate": wishes.cert, "key": wishes.key}
    if mode == "csr":
        found["request"] = wishes.request or found.get("request", f"{folder}/{REQUEST}")
        found["chain"] = wishes.chain or found.get("chain", f"{folder}/{CHAIN}")
    return found


def _azure(spec: Mapping[str, Any], wishes: Wishes) -> dict[str, Any]:
    found = dict(spec)
    if wishes.connection_file:
        found.pop("dps", None)
        found["connectionString"] = wishes.connection_file
    if wishes.by_registration:
        found.pop("connectionString", None)
        dps = dict(found.get("dps", {}))
        for key, value, other in (
            ("idScope", wishes.id_scope, "idScopeFile"),
            ("idScopeFile", wishes.id_scope_file, "idScope"),
            ("sharedKey", wishes.shared_key_file, "groupKey"),
            ("groupKey", wishes.group_key_file, "sharedKey"),
            ("registration", wishes.registration, ""),
        ):
            if value:
                dps.pop(other, None)
                dps[key] = value
        found["dps"] = dps
    return found


def _put(found: dict[str, Any], key: str, value: object) -> None:
    """Set a key, or remove it for an empty value."""
    if value:
        found[key] = value
    else:
        found.pop(key, None)
