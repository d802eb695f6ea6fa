"""The written form of registries: the shape behind `kind: Registry`. Its meaning is in `specs.registries.documents`."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from evenkeel.specs.documents.written import AbsolutePath, Text


class CredentialsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Where the credentials of a registry are. Give `passwordFile` with `user` or `userFile`, or exactly one of `helper`,
    `config`."""

    user: Annotated[Text, Meta(description="The user. It is no secret, and is shown.")] | UnsetType = UNSET
    user_file: Annotated[AbsolutePath, Meta(description="A file that has the user.")] | UnsetType = UNSET
    password_file: (
        Annotated[
            AbsolutePath,
            Meta(
                description="A file that has the password or token, in one line. It is followed: what changes there is tried "
                "at the registry, and counts from the next pull on once the registry has let it in."
            ),
        ]
        | UnsetType
    ) = UNSET
    helper: (
        Annotated[
            Text,
            Meta(description="The program `docker-credential-…` that is asked at each pull, by the end of its name."),
        ]
        | UnsetType
    ) = UNSET
    config: (
        Annotated[
            AbsolutePath,
            Meta(
                description="A `config.json` or `auth.json` of Docker or Podman, or the `config.json` of Kanto's "
                "container-management, which is read at each pull."
            ),
        ]
        | UnsetType
    ) = UNSET


class TlsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The trust in this registry, and the certificate that the device shows to it."""

    ca: (
        Annotated[AbsolutePath, Meta(description="Authorities (PEM) that count for this host, beside the system's.")]
        | UnsetType
    ) = UNSET
    certificate: (
        Annotated[AbsolutePath, Meta(description="A certificate (PEM) that the device shows to it. It needs `key`.")]
        | UnsetType
    ) = UNSET
    key: Annotated[AbsolutePath, Meta(description="The key of that certificate (PEM).")] | UnsetType = UNSET


class RegistrySpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A registry of container images, and how it lets this device in."""

    host: Annotated[
        Text,
        Meta(
            description="Its host, with the port if it is not 443, as `registry.example:5000`. With the beginning of a "
            "path, as `quay.io/org`, it is about the images below that alone; the longest that fits counts. Docker Hub is "
            "`docker.io`."
        ),
    ]
    credentials: CredentialsSpec | UnsetType = UNSET
    tls: TlsSpec = TlsSpec()
    insecure: Annotated[
        bool,
        Meta(description="It may be reached without encryption, and its certificate need not be its own. For labs."),
    ] = False
    mirrors: Annotated[
        tuple[Text, ...],
        Meta(
            description="Addresses that are asked before it, in this order, as `https://mirror.example`. Docker would "
            "send the credentials of Docker Hub to a mirror that asks for some: before each pull with credentials it is asked "
            "whether it does, and Docker is given none while it does and is not, with https, in `tokenRealms`. Podman sends a "
            "mirror those that there are for the mirror's own host."
        ),
    ] = ()
    token_realms: Annotated[
        tuple[Text, ...],
        Meta(
            description="Further hosts that may have its credentials, because they give tokens for it. Its own host, hosts "
            "below it, and those that are known to be of the same organisation may have them anyway. An engine that pulls "
            "knows no such list: before each pull the registry is asked which host it names, and the engine is given no "
            "credentials while that is another one."
        ),
    ] = ()
