"""Documents about provisioning: from the written form to the normal form, and the flaws that no pattern tells."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import UnsetType

from evenkeel.specs.documents.on_host import id_flaws, mode_of, normal_id, path_flaws, place_flaws
from evenkeel.specs.documents.reference import Claim, Reference
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.provisioning.device_id import (
    device_flaw,
    device_suggestion,
    name_flaw,
    registration_flaw,
    suggestion,
)
from evenkeel.specs.provisioning.provisioning import (
    DAY_S,
    HTTPS_PORT,
    MQTT_PORT,
    Azure,
    Certificate,
    DeviceId,
    Output,
    Provisioning,
)
from evenkeel.specs.provisioning.template import PRIVATE_HINT, names_in, never_there, open_flaw
from evenkeel.specs.provisioning.written import (
    AzureSpec,
    CertificateSpec,
    DpsSpec,
    OutputSpec,
    PairSpec,
    ProvisioningSpec,
)
from evenkeel.specs.unit import notified_names, notified_units
from evenkeel.specs.values import SECRET

Flaws = list[Flaw]

_ADDRESS = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(\d{1,5}))?")
_ID_SCOPE = re.compile(r"[A-Za-z0-9]{4,32}")
_SECRET_MODE = 0o600


def provisioning(metadata: MetadataSpec, spec: ProvisioningSpec, flaws: Flaws) -> Provisioning:
    """The normal form of written provisioning. Paths of flaws begin below `spec`. No flaw repeats a template."""
    flaws.extend(place_flaws(("folder",), spec.folder))
    value = _text(spec.device_id.value)
    certificate = None if isinstance(spec.certificate, UnsetType) else _certificate(spec.certificate, flaws)
    azure = None if isinstance(spec.azure, UnsetType) else _azure(spec.azure, flaws)
    flaws.extend(_id_flaws(value, certificate, azure) if value else ())
    found = Provisioning(
        name=metadata.name,
        folder=spec.folder,
        device_id=DeviceId(value, spec.device_id.origin, spec.device_id.spelling),
        certificate=certificate,
        azure=azure,
        outputs=tuple(_output(index, each, spec.folder, flaws) for index, each in enumerate(spec.outputs)),
        notify=notified_names(spec.notify),
        units=notified_units(spec.notify, ("notify",), flaws),
    )
    if azure is not None and azure.is_registered and not (azure.shared_key or azure.group_key) and certificate is None:
        message = "a registration needs something to show: a certificate, or a symmetric key"
        flaws.append(Flaw(("azure", "dps"), message, "add `certificate`", lacks=("sharedKey", "groupKey")))
    flaws.extend(_template_flaws(found))
    paths = [each.path for each in found.outputs]
    for index, path in enumerate(paths):
        if path in paths[:index]:
            flaws.append(Flaw(("outputs", index, "path"), "another output has this path"))
    return found


def notified(wanted: Provisioning) -> tuple[Reference, ...]:
    """The containers that begin anew after a change."""
    names = {name for output in wanted.outputs for name in output.notify}
    return (
        Reference("notify", wanted.notify, is_need=False),
        Reference("outputs", tuple(sorted(names)), is_need=False),
    )


def claimed(wanted: Provisioning) -> tuple[Claim, ...]:
    """The folder and the paths of outputs, each of which belongs to one document. Those that cannot be are nobody's."""
    at = [("folder", wanted.folder), *(("outputs", each.path) for each in wanted.outputs)]
    sound = [(key, path) for key, path in at if path.startswith("/") and not any(path_flaws((), path))]
    return tuple(Claim(key, path, is_whole=True) for key, path in sound)


def _id_flaws(value: str, certificate: Certificate | None, azure: Azure | None) -> Iterator[Flaw]:
    """A hub takes more than a service that assigns one does: capital letters are those of another device there."""
    at: Path = ("deviceId", "value")
    registers = azure is not None and azure.is_registered and not azure.registration
    why, better = (registration_flaw, suggestion) if registers else (device_flaw, device_suggestion)
    if flaw := why(value):
        yield Flaw(at, flaw, f"write `{better(value)}`" if better(value) else "")
    elif certificate is not None and (flaw := name_flaw(value)):
        yield Flaw(at, flaw)


def id_scope_flaw(text: str) -> str:
    """The reason why a text can be no id scope; "" when it can."""
    return "" if _ID_SCOPE.fullmatch(text) else "expected letters and digits, as `0ne00AB12CD`"


def _certificate(spec: CertificateSpec, flaws: Flaws) -> Certificate:
    belongs: dict[str, tuple[str, ...]] = {
        "caSigned": ("authority",),
        "csr": ("request", "chain"),
        "files": ("files",),
        "selfSigned": (),
    }
    given = {
        key
        for key, value in (
            ("authority", spec.authority),
            ("request", spec.request),
            ("chain", spec.chain),
            ("files", spec.files),
        )
        if not isinstance(value, UnsetType)
    }
    for key in belongs[spec.mode]:
        if key not in given:
            flaws.append(Flaw(("certificate",), f"`mode: {spec.mode}` needs `{key}`", f"add `{key}`", lacks=(key,)))
    for key in sorted(given - set(belongs[spec.mode])):
        flaws.append(Flaw(("certificate", key), f"has no meaning with `mode: {spec.mode}`", "leave it out"))
    if spec.second and spec.mode != "selfSigned":
        flaws.append(Flaw(("certificate", "second"), "a second pair goes with `mode: selfSigned`", "leave it out"))
    if spec.mode != "files" and spec.renew_before_days >= spec.validity_days:
        message = f"expected fewer than the {spec.validity_days} days of `validityDays`"
        flaws.append(Flaw(("certificate", "renewBeforeDays"), message))
    authority, files = _pair(spec.authority, "authority", flaws), _pair(spec.files, "files", flaws)
    request, chain = _text(spec.request), _text(spec.chain)
    for key, path in (("request", request), ("chain", chain)):
        flaws.extend(path_flaws(("certificate", key), path) if path else ())
    if request and request == chain:
        flaws.append(Flaw(("certificate", "chain"), "expected another file than that of the request"))
    return Certificate(
        mode=spec.mode,
        key_kind=spec.key_type,
        valid_s=spec.validity_days * DAY_S,
        renew_before_s=spec.renew_before_days * DAY_S,
        second=spec.second,
        ca=authority[0],
        ca_key=authority[1],
        request=request,
        chain=chain,
        certificate=files[0],
        key=files[1],
    )


def _pair(spec: PairSpec | UnsetType, key: str, flaws: Flaws) -> tuple[str, str]:
    if isinstance(spec, UnsetType):
        return "", ""
    flaws.extend(path_flaws(("certificate", key, "certificate"), spec.certificate))
    flaws.extend(path_flaws(("certificate", key, "key"), spec.key))
    return spec.certificate, spec.key


def _azure(spec: AzureSpec, flaws: Flaws) -> Azure:
    connection, ca = _text(spec.connection_string), _text(spec.ca)
    if bool(connection) == (not isinstance(spec.dps, UnsetType)):
        message = "expected exactly one of `connectionString`, `dps`"
        path: Path = ("azure", "dps") if connection else ("azure",)
        flaws.append(Flaw(path, message, lacks=() if connection else ("connectionString", "dps")))
    for key, text in (("connectionString", connection), ("ca", ca)):
        flaws.extend(path_flaws(("azure", key), text) if text else ())
    dps = DpsSpec() if isinstance(spec.dps, UnsetType) else spec.dps
    host, port = _address(dps.host, MQTT_PORT if dps.transport == "mqtt" else HTTPS_PORT, flaws)
    if not isinstance(spec.dps, UnsetType):
        flaws.extend(_dps_flaws(dps))
    return Azure(
        connection_string=connection,
        id_scope=_text(dps.id_scope),
        id_scope_file=_text(dps.id_scope_file),
        host=host,
        port=port,
        transport=dps.transport,
        registration=_text(dps.registration),
        shared_key=_text(dps.shared_key),
        group_key=_text(dps.group_key),
        ca=ca,
        hub_port=spec.hub_port,
    )


def _dps_flaws(spec: DpsSpec) -> Iterator[Flaw]:
    at: Path = ("azure", "dps")
    scope, scope_file = _text(spec.id_scope), _text(spec.id_scope_file)
    if bool(scope) == bool(scope_file):
        message = "expected exactly one of `idScope`, `idScopeFile`"
        yield Flaw((*at, "idScopeFile") if scope else at, message, lacks=() if scope else ("idScope", "idScopeFile"))
    if scope and (why := id_scope_flaw(scope)):
        yield Flaw((*at, "idScope"), why)
    shared, group, registration = _text(spec.shared_key), _text(spec.group_key), _text(spec.registration)
    if shared and group:
        yield Flaw((*at, "groupKey"), "expected at most one of `sharedKey`, `groupKey`", "leave one of them out")
    for key, text in (("idScopeFile", scope_file), ("sharedKey", shared), ("groupKey", group)):
        yield from path_flaws((*at, key), text) if text else ()
    if registration and (why := registration_flaw(registration)):
        yield Flaw((*at, "registration"), why)


def _address(text: str, usual: int, flaws: Flaws) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(text)
    port = int(match[2]) if match is not None and match[2] else usual
    if match is None or not 0 < port < 65536:
        flaws.append(Flaw(("azure", "dps", "host"), "expected a host, with a port or without one, and no scheme"))
        return text, usual
    return match[1].lower(), port


def _output(index: int, spec: OutputSpec, folder: str, flaws: Flaws) -> Output:
    at: Path = ("outputs", index)
    flaws.extend(place_flaws((*at, "path"), spec.path))
    if f"{spec.path}/".startswith(f"{folder}/"):
        flaws.append(Flaw((*at, "path"), f"{folder} is the folder of keys and certificates", "write it elsewhere"))
    template, file = spec.template, _text(spec.template_file)
    if isinstance(template, UnsetType) == (not file):
        path = at if not file else (*at, "templateFile")
        message = "expected exactly one of `template`, `templateFile`"
        flaws.append(Flaw(path, message, lacks=() if file else ("template", "templateFile")))
    flaws.extend(path_flaws((*at, "templateFile"), file) if file else ())
    mode = mode_of(spec.mode, _SECRET_MODE, (*at, "mode"), flaws)
    for key, value in (("owner", spec.owner), ("group", spec.group)):
        if not isinstance(value, UnsetType):
            flaws.extend(id_flaws((*at, key), value))
    return Output(
        path=spec.path,
        template=None if isinstance(template, UnsetType) else template,
        template_file=file,
        owner=normal_id(spec.owner),
        group=normal_id(spec.group),
        mode=mode,
        overwrite=spec.overwrite,
        notify=notified_names(spec.notify),
        units=notified_units(spec.notify, (*at, "notify"), flaws),
    )


def _template_flaws(found: Provisioning) -> Iterator[Flaw]:
    for index, output in enumerate(found.outputs):
        if output.template is None:
            continue
        at: Path = ("outputs", index, "template")
        try:
            why, hint = never_there(output.template, found)
        except ValueError as error:
            yield Flaw(at, str(error))
        else:
            yield from [Flaw(at, why, hint)] if why else ()
            secrets = names_in(output.template) & SECRET if found.has_key and not why else ()
            if open_why := open_flaw(output, secrets):
                yield Flaw(("outputs", index, "mode"), open_why, PRIVATE_HINT)


def _text(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value
