"""The settings of an identity, as paths and texts of its spec. They name the places of secrets, and have none."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.specs.provisioning.provisioning import DAY_S, DPS_HOST, HTTPS_PORT, MQTT_PORT, Azure, Provisioning

_Texts = Iterator[tuple[str, str]]


def asked_texts(wanted: Provisioning) -> tuple[tuple[str, str], ...]:
    """Its folder, and all that is asked for beyond the defaults, in the order of the reference; of a template no content."""
    return tuple(each for each in _texts(wanted) if each[1])


def _texts(wanted: Provisioning) -> _Texts:
    yield "folder", wanted.folder
    yield "deviceId.value", wanted.device_id.value
    yield "deviceId.origin", wanted.device_id.origin if wanted.device_id.origin != "mac" else ""
    yield "deviceId.spelling", wanted.device_id.spelling if wanted.device_id.spelling != "dashed" else ""
    one = wanted.certificate
    if one is not None:
        yield "certificate.mode", one.mode
        yield "certificate.keyType", one.key_kind if one.key_kind != "ec-p256" else ""
        yield "certificate.validityDays", _days(one.valid_s, 365)
        yield "certificate.renewBeforeDays", _days(one.renew_before_s, 30)
        yield "certificate.second", "true" if one.second else ""
        yield "certificate.authority", _both(one.ca, one.ca_key)
        yield "certificate.request", one.request
        yield "certificate.chain", one.chain
        yield "certificate.files", _both(one.certificate, one.key)
    if wanted.azure is not None:
        yield from _azure_texts(wanted.azure)
    for output in wanted.outputs:
        heard = ", ".join((*output.notify, *(unit.name for unit in output.units)))
        yield "outputs", f"{output.path} ({output.mode:04o})" + (f", notifies {heard}" if heard else "")
    yield "notify", ", ".join((*wanted.notify, *(unit.name for unit in wanted.units)))


def _azure_texts(azure: Azure) -> _Texts:
    yield "azure.connectionString", azure.connection_string
    yield "azure.dps.idScope", azure.id_scope
    yield "azure.dps.idScopeFile", azure.id_scope_file
    if azure.is_registered:
        usual = DPS_HOST, MQTT_PORT if azure.transport == "mqtt" else HTTPS_PORT
        yield "azure.dps.host", f"{azure.host}:{azure.port}" if (azure.host, azure.port) != usual else ""
        yield "azure.dps.transport", azure.transport if azure.transport != "mqtt" else ""
        yield "azure.dps.registration", azure.registration
        yield "azure.dps.sharedKey", azure.shared_key
        yield "azure.dps.groupKey", azure.group_key
    yield "azure.ca", azure.ca
    yield "azure.hubPort", str(azure.hub_port) if azure.hub_port != MQTT_PORT else ""


def _days(seconds: float, usual: int) -> str:
    days = round(seconds / DAY_S)
    return str(days) if days != usual else ""


def _both(certificate: str, key: str) -> str:
    return f"{certificate}, {key}" if certificate else ""


def otherwise(kept: Provisioning | None, wish: Provisioning | None) -> tuple[tuple[str, str, str], ...]:
    """The settings in which `wish` differs from `kept`, as path, old and new text; the folder alone, for an identity that only
    one of them asks for. Outputs are told together."""
    if kept is None or wish is None:
        old, new = (each.folder if each is not None else "" for each in (kept, wish))
        return (("", old, new),) if old or new else ()
    before, after = _by_path(kept), _by_path(wish)
    found = ((path, before.get(path, ""), after.get(path, "")) for path in dict.fromkeys((*after, *before)))
    return tuple(each for each in found if each[1] != each[2])


def _by_path(wanted: Provisioning) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, text in asked_texts(wanted):
        found[path] = f"{found[path]}; {text}" if path in found else text
    return found
