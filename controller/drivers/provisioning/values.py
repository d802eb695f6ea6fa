"""The values of an identity that is in force, for containers, programs and files. Some of them are secret."""

from __future__ import annotations

import ssl

from evenkeel.controller.drivers.provisioning.sources import Sources
from evenkeel.specs.provisioning.observed import AzureSeen, IdSeen, Pairs
from evenkeel.specs.provisioning.provisioning import CERTIFICATE, KEY, SECOND_CERTIFICATE, SECOND_KEY, Provisioning
from evenkeel.specs.provisioning.sas import derived_key


def values_of(
    wanted: Provisioning, ids: IdSeen, pairs: Pairs, azure: AzureSeen, sources: Sources | None
) -> dict[str, str] | None:
    """The values of what is in force, by their names; `None` while not all of them are there."""
    found = {"deviceId": ids.id, "caFile": _authorities_file(wanted)}
    one = wanted.certificate
    if one is not None:
        current = pairs.of(pairs.current)
        if current is None or current.fault:
            return None
        in_folder = one.mode != "files"
        found["certificateFile"] = f"{wanted.folder}/{CERTIFICATE}" if in_folder else one.certificate
        found["keyFile"] = f"{wanted.folder}/{KEY}" if in_folder else one.key
        found |= {"thumbprint": current.sha1, "thumbprintSha256": current.sha256}
        second = pairs.of(pairs.second) if one.second else None
        if second is not None:
            found["secondCertificateFile"] = f"{wanted.folder}/{SECOND_CERTIFICATE}"
            found["secondKeyFile"] = f"{wanted.folder}/{SECOND_KEY}"
            found |= {"secondThumbprint": second.sha1, "secondThumbprintSha256": second.sha256}
    if wanted.azure is None:
        return found if ids.id else None
    if sources is None:
        return None
    at = (azure.hub, azure.device)
    if wanted.azure.is_registered:
        assigned = azure.assignments.get(azure.key(pairs.current))
        if assigned is None:
            return None
        at = (assigned.hub, assigned.device)
        found["idScope"] = sources.id_scope
    key = _shared_key(wanted, ids.id, sources)
    found |= {"hub": at[0], "hubDeviceId": at[1], "connectionString": _connection(at, key, sources)}
    return {**found, "sharedAccessKey": key} if key else found


def _shared_key(wanted: Provisioning, device: str, sources: Sources) -> str:
    if sources.connection is not None:
        return sources.connection.key
    azure = wanted.azure
    if not sources.key or azure is None:
        return ""
    return derived_key(sources.key, azure.registration or device) if azure.group_key else sources.key


def _connection(at: tuple[str, str], key: str, sources: Sources) -> str:
    """A connection string for programs that take no other, also where a service has assigned the hub."""
    parts = [f"HostName={at[0]}", f"DeviceId={at[1]}"]
    if key:
        parts.append(f"SharedAccessKey={key}")
    one = sources.connection
    if one is not None and one.token:
        parts.append(f"SharedAccessSignature={one.token}")
    if one is not None and one.gateway:
        parts.append(f"GatewayHostName={one.gateway}")
    return ";".join(parts)


def _authorities_file(wanted: Provisioning) -> str:
    if wanted.azure is not None and wanted.azure.ca:
        return wanted.azure.ca
    return ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
