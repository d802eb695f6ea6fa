"""The section of the settings about slots of the operating system: the written shape and the noun."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from evenkeel.specs.problem import Flaw
from evenkeel.specs.settings.texts import file_from

SlotsKind = Literal["auto", "rauc", "memory", "none"]
Marking = Literal["asked", "always"]


class SlotsSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The updater of the slots of the operating system, for documents of the kind `OperatingSystem`."""

    engine: Annotated[
        SlotsKind,
        Meta(
            description="`rauc` over D-Bus; `memory`: slots that are only imagined, and a reboot that reboots nothing; "
            "`none`: the device has none. `auto`: `memory` beside `engine.kind: memory`, else `rauc`."
        ),
    ] = "auto"
    store: Annotated[
        str, Meta(description="A folder for bundles that are downloaded. Default: `bundles` in the state directory.")
    ] = ""
    bus: Annotated[
        str,
        Meta(description="The address of the system bus. Default: `$DBUS_SYSTEM_BUS_ADDRESS`, else the usual one."),
    ] = ""
    mark_good: Annotated[
        Marking,
        Meta(
            description="`asked`: evenkeel marks the booted slot good where a document asks for a system, or where it has "
            "proven the one that runs. `always`: where no document asks for a system, it marks whatever runs, at its start."
        ),
    ] = "asked"


class SlotsSettings(Struct, frozen=True):
    """The updater, and how it is reached."""

    engine: SlotsKind = "auto"
    """RAUC is not spoken to before a document asks for an operating system, or `markGood` is `always`."""
    store: str = ""
    """An absolute path; it needs room for a whole bundle, and must not be on a slot, because an update would lose it."""
    bus: str = ""
    """As in the specification of D-Bus, for example `unix:path=/run/dbus/system_bus_socket`."""
    mark_good: Marking = "asked"
    """A bootloader that tries a slot once, such as GRUB, boots another one after two boots that nobody has marked good."""


def chosen(slots: SlotsSettings, beside: str, state: str) -> SlotsSettings:
    """The settings with what they leave open. `beside`: the kind of the engine of containers; `state`: the state directory."""
    engine = slots.engine if slots.engine != "auto" else "memory" if beside == "memory" else "rauc"
    return SlotsSettings(engine, slots.store or f"{state}/bundles", slots.bus, slots.mark_good)


def slots_from(spec: SlotsSpec, flaws: list[Flaw]) -> SlotsSettings:
    """The section, with a flaw for each value that does not fit."""
    if spec.bus and not spec.bus.startswith("unix:"):
        hint = f"write `unix:path={spec.bus}`" if spec.bus.startswith("/") else "for example unix:path=/path/to/socket"
        flaws.append(Flaw(("slots", "bus"), "expected the address of a socket", hint))
    return SlotsSettings(spec.engine, file_from(spec.store, ("slots", "store"), flaws), spec.bus, spec.mark_good)
