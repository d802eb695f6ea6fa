"""A desired state of Leda's Self Update Agent → the operating system that it asks for (self-update-agent.md §2.1, §5).

Lenient as the original: of the domains, components and settings only those count that are the agent's, and of several
the first. Everything else is passed over. Unlike the original it checks the address and the version before anything is
begun, and understands a checksum of the bundle (`sha256`). A message names no file of the device: its sender could have
a secret sent to himself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import UNSET

from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.kanto.payload import mappings, settings
from evenkeel.specs.leda.messages import IMAGE, IMAGES
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.slots.documents import operating_system
from evenkeel.specs.slots.system import OperatingSystem, Rebooting
from evenkeel.specs.slots.written import ActivationSpec, OperatingSystemSpec

_KEYS = ("image", "sha256")
_ROOT: Path = ("payload",)


class Manner(NamedTuple):
    """The manner of reading a desired state. `schemes`: those of addresses that are allowed. `reboot`: the program that reboots
    the device into the activated system."""

    schemes: tuple[str, ...] = ("https",)
    reboot: Rebooting = "others"


class SystemRequest(NamedTuple):
    """The request in a message. `passed_over`: settings of the component that nobody reads."""

    system: OperatingSystem
    passed_over: tuple[str, ...] = ()


def asked_system(payload: Mapping[str, object], flaws: list[Flaw], domain: str, manner: Manner) -> SystemRequest | None:
    """The operating system that a payload asks for; `None`, and why, when it asks for none that can be had. The
    messages of flaws about what is missing are the original's (§5.2)."""
    found = next(((path, each) for path, each in mappings(payload, "domains", _ROOT) if each.get("id") == domain), None)
    if found is None:
        flaws.append(Flaw((*_ROOT, "domains"), f"mandatory domain with 'id'='{domain}' is missing"))
        return None
    components = mappings(found[1], "components", found[0])
    component = next(((path, each) for path, each in components if each.get("id") in IMAGES), None)
    if component is None:
        flaws.append(Flaw((*found[0], "components"), f"mandatory component with 'id'='{IMAGE}' is missing"))
        return None
    path, item = component
    version, entries = item.get("version"), dict(reversed([each[1:] for each in settings(item, path)]))
    if not version:
        flaws.append(Flaw((*path, "version"), "mandatory bundle version is empty"))
    elif not isinstance(version, str):
        flaws.append(Flaw((*path, "version"), "expected a text", f'write "{version}"'))
    if "image" not in entries:
        flaws.append(Flaw((*path, "config"), "mandatory config entry with bundle url is missing"))
    elif not entries["image"]:
        flaws.append(Flaw((*path, "config"), "mandatory bundle download url is empty"))
    if flaws or not isinstance(version, str):
        return None
    system = _system(version, entries, path, flaws, manner)
    if any(not flaw.warning for flaw in flaws):
        return None
    return SystemRequest(system, tuple(key for key in entries if key not in _KEYS))


def _system(version: str, entries: Mapping[str, str], path: Path, flaws: list[Flaw], manner: Manner) -> OperatingSystem:
    bundle, sha256 = entries["image"], entries.get("sha256") or UNSET
    scheme = bundle.partition("://")[0]
    if scheme in ("https", "http", "file") and scheme not in manner.schemes:
        allowed = ", ".join(manner.schemes)
        flaws.append(Flaw((*path, "config"), f"Unsupported protocol: {scheme}", f"this device allows {allowed}"))
    spec = OperatingSystemSpec(version, bundle, sha256, insecure=True, activation=ActivationSpec(reboot=manner.reboot))
    found: list[Flaw] = []
    system = operating_system(MetadataSpec(IMAGE), spec, found)
    flaws.extend(_placed(found, path))
    return system


def _placed(flaws: list[Flaw], path: Path) -> Iterator[Flaw]:
    """Flaws below `spec` as flaws of the message."""
    for flaw in flaws:
        place = (*path, "version") if flaw.path[:1] == ("version",) else (*path, "config")
        yield Flaw(place, flaw.message, flaw.hint, warning=flaw.warning)
