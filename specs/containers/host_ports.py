"""Claims of host ports, and ports that are claimed twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from evenkeel.specs.containers.container import Port, host_ports

Owner = TypeVar("Owner")


def taken_twice(claims: Iterable[tuple[Owner, Port]]) -> Iterator[tuple[Owner, Owner, Port]]:
    """The second claimant, the first one, and the port. A range does not count, because the engine takes a free port of
    it."""
    taken: dict[tuple[int, str, str], dict[str, Owner]] = {}
    for owner, port in claims:
        if len(host_ports(port)) != 1:
            continue
        everywhere = "::" if ":" in port.host_ip else "0.0.0.0"
        holders = taken.setdefault((port.host_port, port.protocol, everywhere), {})
        address = next((each for each in (everywhere, port.host_ip) if each in holders), None)
        if address is None and port.host_ip == everywhere:
            address = next(iter(holders), None)
        if address is not None:
            yield owner, holders[address], port
        holders.setdefault(port.host_ip, owner)


def addresses_clash(one: str, other: str) -> bool:
    """Whether a host cannot give the same port at both addresses: they are equal, or one is a wildcard that covers the
    other. `::` is for both families, as in Linux unless a program sets it otherwise."""
    if one == other or "::" in (one, other):
        return True
    return "0.0.0.0" in (one, other) and ":" not in one + other
