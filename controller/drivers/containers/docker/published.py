"""The ports that the list of containers tells. Containers of others are not inspected, and an operator who looks for the holder
of a port needs theirs, too."""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Port


def published(entries: Iterable[answers.PublishedPort]) -> tuple[Port, ...]:
    """In order. A port that is open on every address is listed for 0.0.0.0 and for :: (measured, 20.10), and is one here."""
    found = set()
    for entry in entries:
        inside, outside, protocol = entry.get("PrivatePort"), entry.get("PublicPort"), entry.get("Type")
        if inside and outside and protocol in ("tcp", "udp"):
            found.add(
                Port(outside, inside, entry.get("IP") or "0.0.0.0", protocol="udp" if protocol == "udp" else "tcp")
            )
    return tuple(
        sorted(each for each in found if each.host_ip != "::" or changed(each, host_ip="0.0.0.0") not in found)
    )
