"""The section of the settings about registries of images: the written shape and the noun."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from evenkeel.specs.documents.written import AbsolutePath
from evenkeel.specs.problem import Flaw
from evenkeel.specs.settings.texts import file_from


class RegistriesSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The files by which the engine goes to registries, for documents of the kind `Registry`; and where registries are asked
    for beside the specs."""

    daemon_file: Annotated[
        str,
        Meta(
            description="dockerd's `daemon.json`. Default: the one that its command line names, else "
            "`/etc/docker/daemon.json`."
        ),
    ] = ""
    certificates: Annotated[
        str,
        Meta(
            description="The folder of certificates by host. Default: `certs.d` in `/etc/docker` or `/etc/containers`; of a "
            "user who is not root, in `~/.config/docker` or `~/.config/containers`."
        ),
    ] = ""
    auth_file: Annotated[
        str,
        Meta(
            description="Podman's `auth.json`. Default: `/run/containers/0/auth.json`; of a user who is not root, "
            "`$XDG_RUNTIME_DIR/containers/auth.json`."
        ),
    ] = ""
    drop_ins: Annotated[
        str,
        Meta(
            description="The folder for Podman's entries about registries. Default: `/etc/containers/registries.conf.d`; of a "
            "user who is not root, `~/.config/containers/registries.conf.d`."
        ),
    ] = ""
    kanto: Annotated[
        tuple[AbsolutePath, ...],
        Meta(
            description="Files `config.json` of Kanto's container-management, whose registries are asked for, too. They are "
            "read and watched as the specs are: while something is wrong in one, what was in force stays in force."
        ),
    ] = ()


class RegistriesSettings(Struct, frozen=True):
    """Absolute paths; each default is "", because it depends on the engine, on the user, and on the process of dockerd."""

    daemon_file: str = ""
    certificates: str = ""
    auth_file: str = ""
    drop_ins: str = ""
    kanto: tuple[str, ...] = ()
    """Default none: Kanto's file says what Kanto does, and a device may have both."""


def registries_from(spec: RegistriesSpec, flaws: list[Flaw]) -> RegistriesSettings:
    """The section, with a flaw for each value that does not fit."""
    return RegistriesSettings(
        file_from(spec.daemon_file, ("registries", "daemonFile"), flaws),
        file_from(spec.certificates, ("registries", "certificates"), flaws),
        file_from(spec.auth_file, ("registries", "authFile"), flaws),
        file_from(spec.drop_ins, ("registries", "dropIns"), flaws),
        tuple(dict.fromkeys(spec.kanto)),
    )
