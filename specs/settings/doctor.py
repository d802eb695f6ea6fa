"""The section of the settings about the doctor: things to look at beside those that the other settings name."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from evenkeel.specs.name import is_name
from evenkeel.specs.problem import Flaw
from evenkeel.specs.unit import is_unit, unit_hint

_LONGEST_INTERFACE = 15
"""Characters in the name of a network interface (Linux, IFNAMSIZ)."""


class DoctorSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Things that `evenkeel doctor` looks at beside those that the other settings name."""

    can: Annotated[tuple[str, ...], Meta(description="CAN interfaces that have to be up, as `can0`.")] = ()
    units: Annotated[
        tuple[str, ...], Meta(description="Units of systemd that have to be active, as `gpsd.socket`.")
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        Meta(description="Hosts with a port that have to be reached over TCP, as `cloud.example:8883`."),
    ] = ()
    ping: Annotated[str, Meta(description="A host that has to answer a ping. Default: none is pinged.")] = ""


class DoctorSettings(Struct, frozen=True):
    """Names of interfaces and units, and hosts."""

    can: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Registries that documents ask for, and the broker, are reached anyway. No host is asked that nobody has named."""
    ping: str = ""


def doctor_from(spec: DoctorSpec, flaws: list[Flaw]) -> DoctorSettings:
    """The section, with a flaw for each value that does not fit."""
    for index, name in enumerate(spec.can):
        if not is_interface(name):
            flaws.append(Flaw(("doctor", "can", index), "expected the name of an interface", "for example can0"))
    for index, unit in enumerate(spec.units):
        if not is_unit(unit):
            flaws.append(Flaw(("doctor", "units", index), "expected the name of a unit of systemd", unit_hint(unit)))
    for index, host in enumerate(spec.hosts):
        try:
            host_and_port(host)
        except ValueError as error:
            flaws.append(Flaw(("doctor", "hosts", index), str(error), "for example cloud.example:8883"))
    if spec.ping and not is_host(spec.ping):
        flaws.append(Flaw(("doctor", "ping"), "expected the name or the address of a host"))
    return DoctorSettings(
        tuple(dict.fromkeys(spec.can)), tuple(dict.fromkeys(spec.units)), tuple(dict.fromkeys(spec.hosts)), spec.ping
    )


def is_interface(name: str) -> bool:
    """Whether `name` can be that of a network interface."""
    return is_name(name) and len(name) <= _LONGEST_INTERFACE


def is_host(text: str) -> bool:
    """Whether `text` can be the name or the address of a host; never an option of a program."""
    return bool(text) and text[0] not in "-." and all(each.isalnum() or each in "-._:%" for each in text)


def host_and_port(text: str) -> tuple[str, int]:
    """The host and the port in `host:port`; an IPv6 address stands in brackets. ValueError when it is none."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not port.isdecimal() or not 0 < int(port) < 65536 or not is_host(host):
        raise ValueError("expected a host and a port")
    return host, int(port)
