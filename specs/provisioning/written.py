"""The written form of provisioning: the shape behind `kind: Provisioning`. Its meaning is in `specs.provisioning.documents`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from evenkeel.specs.documents.written import AbsolutePath, Name, Text
from evenkeel.specs.provisioning.pair import KeyKind
from evenkeel.specs.provisioning.provisioning import DPS_HOST, Mode, Origin, Spelling, Transport
from evenkeel.specs.unit import UnitSpec

MOST_TEMPLATE = 256 * 1024
Notified = Annotated[
    tuple[Name | UnitSpec, ...],
    Meta(description="Containers, and `{unit: …}` for units of systemd, that begin anew after a change."),
]


class DeviceIdSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The id of the device. It is kept in `folder`. The kept one counts first, then `/etc/deviceid`, then one that is made."""

    value: (
        Annotated[
            Text,
            Meta(
                description="This id, whatever is kept: one that its cloud takes, and for a certificate at most 64 characters."
            ),
        ]
        | UnsetType
    ) = UNSET
    origin: Annotated[
        Origin,
        Meta(description="What an id is made of: the address of the first network interface, or `/etc/machine-id`."),
    ] = "mac"
    spelling: Annotated[Spelling, Meta(description="How an id is made: `52-54-00-12-34-02` or `525400123402`.")] = (
        "dashed"
    )


class PairSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A certificate and its key, as files."""

    certificate: Annotated[
        AbsolutePath, Meta(description="The certificate (PEM), with the chain above it if there is one.")
    ]
    key: Annotated[AbsolutePath, Meta(description="Its key (PEM), without a password.")]


class CertificateSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The key and the certificate of the device: `device.crt` and `device.key` in `folder`."""

    mode: Annotated[
        Mode,
        Meta(
            description="`selfSigned`; `caSigned`, by `authority`, for labs; `csr`, which writes a request and waits for the "
            "signed certificate; `files`, which are given and checked, and never written."
        ),
    ]
    key_type: Annotated[KeyKind, Meta(description="The kind of the next key. A pair that is good is kept.")] = "ec-p256"
    validity_days: Annotated[int, Meta(ge=1, le=36500, description="For how long a new certificate is valid.")] = 365
    renew_before_days: Annotated[
        int, Meta(ge=0, le=36500, description="So many days before its end the next one is made, or missed.")
    ] = 30
    second: Annotated[
        bool,
        Meta(
            description="With `selfSigned`: keep a second pair ready (`device2.crt`, `device2.key`). Its thumbprint is entered "
            "at the hub beside the first one, and the next renewal uses it."
        ),
    ] = False
    authority: Annotated[PairSpec, Meta(description="With `caSigned`: the authority.")] | UnsetType = UNSET
    request: (
        Annotated[
            AbsolutePath, Meta(description="With `csr`: the file into which the request (PKCS#10, PEM) is written.")
        ]
        | UnsetType
    ) = UNSET
    chain: (
        Annotated[
            AbsolutePath,
            Meta(description="With `csr`: the file in which the signed certificate comes, with its chain."),
        ]
        | UnsetType
    ) = UNSET
    files: Annotated[PairSpec, Meta(description="With `files`: the pair.")] | UnsetType = UNSET


class DpsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Azure's Device Provisioning Service. Give exactly one of `idScope`, `idScopeFile`."""

    id_scope: Annotated[Text, Meta(description="The id scope. It is no secret.")] | UnsetType = UNSET
    id_scope_file: Annotated[AbsolutePath, Meta(description="A file that has the id scope.")] | UnsetType = UNSET
    host: Annotated[Text, Meta(description="Its host, with the port if it is another one.")] = DPS_HOST
    transport: Annotated[Transport, Meta(description="`mqtt` (port 8883) or `https` (port 443).")] = "mqtt"
    registration: Annotated[Text, Meta(description="The registration id. Default: the device id.")] | UnsetType = UNSET
    shared_key: (
        Annotated[
            AbsolutePath, Meta(description="A file with the symmetric key of the device, instead of a certificate.")
        ]
        | UnsetType
    ) = UNSET
    group_key: (
        Annotated[AbsolutePath, Meta(description="A file with the symmetric key of the enrolment group. For labs.")]
        | UnsetType
    ) = UNSET


class AzureSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The device at Azure's IoT Hub. Give exactly one of `connectionString`, `dps`."""

    connection_string: (
        Annotated[
            AbsolutePath,
            Meta(
                description="A file with the connection string of the device: with a key, or without one for a "
                "certificate. It is followed."
            ),
        ]
        | UnsetType
    ) = UNSET
    dps: DpsSpec | UnsetType = UNSET
    ca: Annotated[AbsolutePath, Meta(description="Authorities (PEM) to trust beside the system's.")] | UnsetType = UNSET
    hub_port: Annotated[int, Meta(ge=1, le=65535, description="The port of the hub.")] = 8883


class OutputSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A file that is made of the values of this document. Give exactly one of `template`, `templateFile`."""

    path: Annotated[AbsolutePath, Meta(description="The path of the file. Missing folders are made.")]
    template: (
        Annotated[str, Meta(max_length=MOST_TEMPLATE, description="Its text, a template (Jinja2) over the values.")]
        | UnsetType
    ) = UNSET
    template_file: Annotated[AbsolutePath, Meta(description="A file that has the template.")] | UnsetType = UNSET
    mode: Annotated[str, Meta(description="Permissions, as octal digits in quotes.")] = "0600"
    owner: Annotated[Text, Meta(description="A user, by name or number in quotes.")] | UnsetType = UNSET
    group: Annotated[Text, Meta(description="A group, by name or number in quotes.")] | UnsetType = UNSET
    overwrite: Annotated[
        bool,
        Meta(
            description="Replace a file that evenkeel did not make. It is put back when nobody asks for this any more."
        ),
    ] = False
    notify: Notified = ()


class ProvisioningSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An identity of this device: its id, its key and certificate, the cloud that knows it, and the files made of all that."""

    folder: Annotated[
        AbsolutePath,
        Meta(
            description="Where the id, keys and certificates lie. It has to outlive an update of the operating system."
        ),
    ] = "/data/var/certificates"
    device_id: DeviceIdSpec = DeviceIdSpec()
    certificate: CertificateSpec | UnsetType = UNSET
    azure: AzureSpec | UnsetType = UNSET
    outputs: tuple[OutputSpec, ...] = ()
    notify: Notified = ()
