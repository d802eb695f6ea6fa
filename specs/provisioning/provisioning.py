"""Provisioning in normal form: who this device is, how it proves that, and what is made of it.

No field has a secret. They name the files that do, and the templates into which values go.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace

from evenkeel.specs.provisioning.pair import KeyKind
from evenkeel.specs.unit import Unit

DPS_HOST = "global.azure-devices-provisioning.net"
"""The global endpoint of Azure's Device Provisioning Service (provisioning.md §4.4)."""
MQTT_PORT, HTTPS_PORT = 8883, 443
DAY_S = 24 * 60 * 60.0

Origin = Literal["mac", "machineId"]
"""Where an id comes from that nothing has given yet: the first network interface, or /etc/machine-id."""
Spelling = Literal["dashed", "undashed"]
Mode = Literal["selfSigned", "caSigned", "csr", "files"]
"""How a certificate comes about: it signs itself, an authority of files signs it, somebody signs a request, or it is given."""
Transport = Literal["mqtt", "https"]
ANNOUNCED = "/etc/deviceid"
"""Where other programs read the id (provisioning.md §1)."""
CERTIFICATE, KEY = "device.crt", "device.key"
SECOND_CERTIFICATE, SECOND_KEY = "device2.crt", "device2.key"
"""Names in the folder of an identity (provisioning.md §1)."""


class DeviceId(Struct, frozen=True):
    """The id of the device. `value`: not "", that one; otherwise the one that is kept, else that of `ANNOUNCED`, else one
    made of `origin` in this `spelling`."""

    value: str = ""
    origin: Origin = "mac"
    spelling: Spelling = "dashed"


class Certificate(Struct, frozen=True):
    """The certificate of the device.

    `ca` and `ca_key`: the authority of `caSigned`. `request` and `chain`: the file into which `csr` writes the request, and
    the one in which the signed certificate is waited for. `certificate` and `key`: the files of `files`. `second`: a further
    pair is kept ready, whose thumbprint is entered beside the first one. Times are seconds."""

    mode: Mode
    key_kind: KeyKind = "ec-p256"
    valid_s: float = 365 * DAY_S
    renew_before_s: float = 30 * DAY_S
    second: bool = False
    ca: str = ""
    ca_key: str = ""
    request: str = ""
    chain: str = ""
    certificate: str = ""
    key: str = ""

    @property
    def is_given(self) -> bool:
        """Whether somebody else makes the pair, and evenkeel never writes it."""
        return self.mode == "files"


class Azure(Struct, frozen=True):
    """A device at Azure's IoT Hub: by a connection string in a file, or by Azure's Device Provisioning Service.

    `id_scope`, or the file that has it. `registration`: the registration id, "" is the device id. `shared_key`, `group_key`:
    files with a symmetric key, of the device or of the enrolment group; without one the certificate is shown. `ca`:
    authorities to trust beside the system's. `hub_port`: for a hub behind a gateway."""

    connection_string: str = ""
    id_scope: str = ""
    id_scope_file: str = ""
    host: str = DPS_HOST
    port: int = MQTT_PORT
    transport: Transport = "mqtt"
    registration: str = ""
    shared_key: str = ""
    group_key: str = ""
    ca: str = ""
    hub_port: int = MQTT_PORT

    @property
    def is_registered(self) -> bool:
        """Whether a service assigns the hub."""
        return not self.connection_string


class Output(Struct, frozen=True):
    """A file that is made of the values. `template`: its text (Jinja2), or `template_file` has it. `owner`, `group`: names or
    numbers, "" is evenkeel's own. `notify`, `units`: containers and units that have to begin anew after a change."""

    path: str
    template: str | None = None
    template_file: str = ""
    owner: str = ""
    group: str = ""
    mode: int = 0o600
    overwrite: bool = False
    notify: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()


class Provisioning(Struct, frozen=True, tag="Provisioning"):
    """One identity of this device. `folder`: where its id, keys and certificates lie, which outlive an update of the operating
    system there. `notify`, `units`: who has to begin anew when another pair is in force."""

    domain: ClassVar[str] = "provisioning"

    name: str
    folder: str
    device_id: DeviceId = DeviceId()
    certificate: Certificate | None = None
    azure: Azure | None = None
    outputs: tuple[Output, ...] = ()
    notify: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()

    @property
    def supply(self) -> object:
        """The part of which its values are made (`specs.desired.Supplying`)."""
        return replace(self, outputs=(), notify=(), units=())

    @property
    def places(self) -> tuple[str, ...]:
        """The paths of the host that are there once it is in force."""
        one, names = self.certificate, list[str]()
        if one is not None and one.mode != "files":
            names += (CERTIFICATE, KEY, *((SECOND_CERTIFICATE, SECOND_KEY) if one.second else ()))
        return (self.folder, *(f"{self.folder}/{name}" for name in names), *(each.path for each in self.outputs))

    @property
    def secrets(self) -> tuple[str, ...]:
        """The files with secrets that it names."""
        one, azure = self.certificate, self.azure
        found = [one.ca_key, one.key] if one is not None else []
        if azure is not None:
            found += [azure.connection_string, azure.shared_key, azure.group_key]
        return tuple(filter(None, found))

    @property
    def has_key(self) -> bool:
        """Whether a cloud is surely shown a key or a token: it is known by nothing else. A connection string beside a
        certificate may have one, too; only its file tells."""
        azure = self.azure
        if azure is None:
            return False
        return bool(azure.shared_key or azure.group_key) if azure.is_registered else self.certificate is None

    def lacks(self, value: str) -> str:
        """The key without which it never has a value of this name (`specs.values`); "" where it may have one."""
        azure, one = self.azure, self.certificate
        if value in ("certificateFile", "keyFile", "thumbprint", "thumbprintSha256") and one is None:
            return "certificate"
        if value.startswith("second") and (one is None or not one.second):
            return "certificate.second"
        if value in ("hub", "hubDeviceId", "connectionString", "sharedAccessKey") and azure is None:
            return "azure"
        if value == "idScope" and (azure is None or not azure.is_registered):
            return "azure.dps"
        if value == "sharedAccessKey" and azure is not None and azure.is_registered:
            return "" if azure.shared_key or azure.group_key else "azure.dps.sharedKey"
        return ""
