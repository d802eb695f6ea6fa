"""The section of the settings about registries: the written shape and the noun."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from evenkeel.specs.documents.written import AbsolutePath
from evenkeel.specs.problem import Flaw


class RegistriesSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Where registries are asked for beside the specs."""

    kanto: Annotated[
        tuple[AbsolutePath, ...],
        Meta(
            description="Files `config.json` of Kanto's container-management, whose registries are asked for, too. They are "
            "watched as the specs are."
        ),
    ] = ()


class RegistriesSettings(Struct, frozen=True):
    """Where registries are asked for beside the specs."""

    kanto: tuple[str, ...] = ()
    """Absolute paths. Default none: Kanto's file says what Kanto does, and a device may have both."""


def registries_from(spec: RegistriesSpec, flaws: list[Flaw]) -> RegistriesSettings:
    """The section, with a flaw for each value that does not fit."""
    return RegistriesSettings(tuple(dict.fromkeys(spec.kanto)))
