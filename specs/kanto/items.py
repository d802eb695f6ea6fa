"""Keys of Kanto's that stand once for each item: words, variables, ports, mounts, devices and capabilities.

Each function reads one entry. Its ValueError is the message for people, with the hint, if there is one, as the cause; the
texts are Kanto's own where it has one (container-management.md §1.7). Texts of variables and commands are not repeated, and
of other items only what has the parts of one (ADR 0014).
"""

from __future__ import annotations

from evenkeel.specs.containers.container import Device, Mount, Port
from evenkeel.specs.containers.shorthand import (
    from_root,
    has_parts,
    parse_device,
    parse_mount,
    parse_port,
    parse_variable,
    port_text,
)
from evenkeel.specs.kanto.entry import Entry, Reading
from evenkeel.specs.reading.secrecy import HIDDEN, shown_name

_NOT_SHOWN = f"`{HIDDEN}` stands in reports for what is not shown"


def word(entry: Entry) -> str:
    """One word of a command."""
    if entry.text == HIDDEN:
        raise ValueError(_NOT_SHOWN) from ValueError("give the word itself")
    return entry.text


def variable(entry: Entry) -> tuple[str, str | None]:
    """A variable with its value; `None` removes one of the image."""
    if entry.text.partition("=")[2] == HIDDEN:
        raise ValueError(_NOT_SHOWN) from ValueError("give the value itself")
    try:
        return parse_variable(entry.text)
    except ValueError as error:
        name, equals, _ = entry.text.partition("=")
        shown = shown_name(name) if name and equals else ""
        raise ValueError(f"invalid environmental variable declaration provided : {shown}") from error


def port(reading: Reading, entry: Entry) -> Port:
    """A published port, with the warning of `parse_port` if there is one."""
    try:
        port, warning = parse_port(entry.text)
    except ValueError as error:
        raise ValueError(f"Incorrect port mapping configuration {_shown(entry.text)}") from error
    if warning:
        reading.warn(entry, warning, f"write {port_text(port)}")
    return port


def mount(reading: Reading, entry: Entry) -> Mount:
    """A bind mount. A relative destination is below the root, as with Kanto, with a warning."""
    text = from_root(entry.text)
    try:
        mount = parse_mount(text)
    except ValueError as error:
        parts = entry.text.split(":")
        if not 2 <= len(parts) <= 3:
            message = f"Incorrect number of parameters of the mount point {_shown(entry.text)}"
        elif not parts[0] or not parts[1]:
            message = "source and destination must be set for a mount point"
        elif not parts[0].startswith("/") or not parts[1].startswith("/"):
            message = f"incorrect path of the mount point {entry.text}"
        else:
            message = "propagation mode must be set to one of the supported modes"
        raise ValueError(message) from error
    if text != entry.text:
        message = f"the destination is relative; read as {mount.destination}, as with Kanto"
        reading.warn(entry, message, f"write {mount.destination}")
    return mount


def device(entry: Entry) -> Device:
    """A device node."""
    try:
        return parse_device(entry.text)
    except ValueError as error:
        host, colon, rest = entry.text.partition(":")
        if colon and not (host and rest.partition(":")[0]):
            raise ValueError(
                "both path on the host and in the container must be specified for a device mapping"
            ) from error
        raise ValueError(f"incorrect configuration value for device mapping {_shown(entry.text)}") from error


def capability(entry: Entry) -> str:
    """The name of a capability, with or without `CAP_`."""
    if not entry.text:
        raise ValueError("expected the name of a capability, for example CAP_NET_ADMIN")
    return entry.text


def _shown(text: str) -> str:
    """A text that is no port, mount or device as a message may show it (ADR 0014): if it has parts, or is a port number."""
    return text if has_parts(text) or (text.isdecimal() and len(text) <= 5) else HIDDEN
