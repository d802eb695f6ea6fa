"""The written form of an operating system: the shape behind `kind: OperatingSystem`. Its meaning is in
`specs.slots.documents`, which also has the words for texts that do not have their form: the patterns here are for editors."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from evenkeel.specs.documents.written import AbsolutePath, Duration, Name, Text
from evenkeel.specs.slots.system import Drift, Rebooting
from evenkeel.specs.window import WINDOW_PATTERN

SHA256_PATTERN = "^[0-9a-f]{64}$"
BUNDLE_PATTERN = "^(https?|file)://"
VERSION_PATTERN = r"^[!-~]([ -~]{0,198}[!-~])?$"
"""Printable characters of ASCII: what RAUC and os-release have as versions."""
MOST_TRIES = 10


class SystemHealthSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """When a booted system counts as good. All of it has to hold at the same time."""

    units: Annotated[
        tuple[Text, ...],
        Meta(description="Units of systemd that have to be active, with their suffix, as `chronyd.service`."),
    ] = ()
    containers: Annotated[tuple[Name, ...], Meta(description="Containers of the specs that have to be healthy.")] = ()
    command: (
        Annotated[tuple[str, ...], Meta(min_length=1, description="A command of the device that must exit 0.")]
        | UnsetType
    ) = UNSET
    stable_for: Annotated[Duration, Meta(description="For so long, without a break.")] = "1m"


class BootSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The time and the tries of a system that is booted for the first time."""

    deadline: Annotated[
        Duration,
        Meta(description="After the boot `health` has to hold within this time. Otherwise the revision fails."),
    ] = "10m"
    tries: Annotated[
        int,
        Meta(
            ge=1,
            le=MOST_TRIES,
            description="How often evenkeel boots it before the revision fails. The bootloader counts by itself beside that.",
        ),
    ] = 1


class ActivationSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """When the device changes over to an installed system."""

    window: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": WINDOW_PATTERN},
                description="The part of the day in which it is activated and booted, in local time, as `02:00-04:30`. "
                "Default: at any time.",
            ),
        ]
        | UnsetType
    ) = UNSET
    reboot: Annotated[
        Rebooting,
        Meta(
            description="`others`: evenkeel activates the slot and waits until somebody else reboots the device, such as an "
            "update manager."
        ),
    ] = "self"


class OperatingSystemSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The operating system of the device, in one of its slots. A device has at most one document of this kind."""

    version: Annotated[
        str,
        Meta(
            extra_json_schema={"pattern": VERSION_PATTERN},
            description="The version, in quotes, exactly as the bundle has it. The system is told by it.",
        ),
    ]
    bundle: Annotated[
        str,
        Meta(
            extra_json_schema={"pattern": BUNDLE_PATTERN},
            description="The address of the bundle: `https://…`, or `file:///…` for one that is on the device. `http://…` "
            "needs `insecure`.",
        ),
    ]
    sha256: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": SHA256_PATTERN},
                description="The SHA-256 of the whole bundle, compared before the install. The signature is checked anyway.",
            ),
        ]
        | UnsetType
    ) = UNSET
    insecure: Annotated[bool, Meta(description="Allow `http`.")] = False
    ca: (
        Annotated[
            AbsolutePath,
            Meta(
                description="A file with the certificates that the server is trusted by. Default: those of the device."
            ),
        ]
        | UnsetType
    ) = UNSET
    proxy: Annotated[Text, Meta(description="The address of a proxy, as `http://proxy:3128`.")] | UnsetType = UNSET
    credentials: (
        Annotated[
            AbsolutePath,
            Meta(
                description="A file whose first line is `USER:PASSWORD` or `Bearer TOKEN`, for the server of the bundle. It is "
                "read at each download, and never shown."
            ),
        ]
        | UnsetType
    ) = UNSET
    client_cert: (
        Annotated[
            AbsolutePath,
            Meta(description="A file with the certificate of this device, as PEM, for a server that asks for one."),
        ]
        | UnsetType
    ) = UNSET
    client_key: (
        Annotated[
            AbsolutePath,
            Meta(
                description="A file with the key of `clientCert`, as PEM, without a passphrase. It is read at each download, "
                "and never shown."
            ),
        ]
        | UnsetType
    ) = UNSET
    stream: Annotated[
        bool,
        Meta(
            description="Install from the server without storing the bundle, where the updater can. RAUC can with verity "
            "bundles; `sha256` is not compared then."
        ),
    ] = False
    health: SystemHealthSpec = SystemHealthSpec()
    boot: BootSpec = BootSpec()
    activation: ActivationSpec = ActivationSpec()
    drift: Annotated[
        Drift,
        Meta(
            description="What is done about another system that somebody has booted by hand, or that the bootloader fell back "
            "to later: `tell`, or `repair`, which installs and boots this one again."
        ),
    ] = "tell"
