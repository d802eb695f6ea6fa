"""The one-line forms that Kanto's users know: ports, mounts, devices, variables and extra hosts.

Formats: container-management.md §1.6. Kanto drops an entry it cannot read and starts the container without it (defects
A9, B24); here every entry that cannot be read is a `ValueError` that names the expected form. Deliberately wider than
Kanto: IPv6 addresses in brackets, `localhost`, `ro` on mounts, and the swapped port form of Leda's published desired
state. A relative destination of a mount is read in Kanto's own documents only (`from_root`).
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
from typing import get_args

from evenkeel.specs.containers.container import USUAL_PROPAGATION, Device, Mount, Port, Propagation

_PORT = re.compile(
    r"(?:(?P<ip>\[[^\]]*\]|[^:\[\]]+):)?(?P<host>[^:\[\]]+):(?P<container>[^:/\[\]]+)(?:/(?P<protocol>[^:/]*))?"
)
_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})", re.ASCII)
_VARIABLE = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_PERMISSIONS = re.compile(r"[rwm]{1,3}")
_MODES = get_args(Propagation)
_PORT_FORM = (
    "expected [hostIP:]hostPort[-end]:containerPort[/tcp|udp], for example 8080:80 or 127.0.0.1:5000-5010:80/udp"
)


def parse_port(text: str) -> tuple[Port, str]:
    """A port, and "" or a warning about how it was understood.

    Leda's published desired state writes `localhost:55555:30555-30555/tcp`: the container's port first, the host's range
    behind it (leda-image.md §1.3). A range of one port cannot be meant as a range, so that form is read as meant. A range of
    several on the container's side is refused: only the host's may be one, of which the engine takes a free port (§1.6).
    """
    match = _PORT.fullmatch(text)
    if match is None:
        raise ValueError(_PORT_FORM)
    host, container, warning = match["host"], match["container"], ""
    between = _RANGE.fullmatch(container)
    if between is not None and (int(between[1]) != int(between[2]) or "-" in host):
        instead = "" if "-" in host else f", or `{container}:{host}` for a free one of these ports of the host"
        raise ValueError(
            f"expected one port of the container, got the range `{container}`; write an entry for each{instead}"
        )
    if "-" in container and "-" not in host:
        host, container = container, host
        warning = (
            f"the range stands on the container's side; read as {host} of the host to {container} of the container"
        )
    first, last = _port_range(host)
    protocol = "tcp" if match["protocol"] is None else match["protocol"].lower()
    if protocol not in ("tcp", "udp"):
        raise ValueError(f"expected protocol tcp or udp, got `{protocol}`")
    port = Port(
        host_port=first,
        host_port_end=last,
        container_port=_port_number(container),
        host_ip=normal_host_ip(match["ip"]) if match["ip"] else "0.0.0.0",
        protocol="udp" if protocol == "udp" else "tcp",
    )
    return port, warning


def normal_host_ip(text: str) -> str:
    """`localhost` → 127.0.0.1, IPv6 compressed and without brackets; ValueError when it is no address."""
    if text == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise ValueError(f"`{text}` is no IP address; expected IPv4, [IPv6] or localhost") from None


def port_text(port: Port) -> str:
    """Kanto's inventory form: the address is left out when it is 0.0.0.0, the end when it is the start (§2.7)."""
    address = f"[{port.host_ip}]" if ":" in port.host_ip else port.host_ip
    text = "" if port.host_ip == "0.0.0.0" else f"{address}:"
    text += str(port.host_port)
    if port.host_port_end > port.host_port:
        text += f"-{port.host_port_end}"
    return f"{text}:{port.container_port}/{port.protocol}"


def parse_mount(text: str) -> Mount:
    """`source:destination[:propagation][:ro|rw]`; an empty propagation is none."""
    source, *rest = text.split(":")
    if not 1 <= len(rest) <= 3 or not source or not rest[0]:
        raise ValueError(f"expected source:destination[:{'|'.join(_MODES)}][:ro]{_got(text)}")
    destination, *options = rest
    _expect_absolute(text, source, destination)
    mount = Mount(source=source, destination=destination)
    propagation: str | None = None
    access = ""
    for option in options:
        if option in ("ro", "rw") and not access:
            access = option
        elif (option in _MODES or not option) and propagation is None:
            propagation = option
        else:
            raise ValueError(f"expected one of {', '.join(_MODES)}, ro, rw; got `{option}`")
    for mode in _MODES:
        if mode == propagation:
            mount = Mount(source=source, destination=destination, propagation=mode)
    return Mount(mount.destination, mount.source, mount.propagation, access == "ro")


def from_root(text: str) -> str:
    """The text of a mount with a destination that begins at `/`, as Kanto takes a relative one: it checks only that there is
    one, and runc looks for it below the root of the container."""
    source, colon, rest = text.partition(":")
    destination, more, options = rest.partition(":")
    below = posixpath.normpath(f"/{destination}")
    if not destination or destination.startswith("/") or below == "/":
        return text
    return f"{source}{colon}{below}{more}{options}"


def mount_text(mount: Mount) -> str:
    """`source:destination[:propagation][:ro]`, as it was asked for."""
    propagation = f":{mount.propagation}" if mount.propagation else ""
    return f"{mount.source}:{mount.destination}{propagation}" + (":ro" if mount.read_only else "")


def full_mount_text(mount: Mount) -> str:
    """`source:destination:propagation[:ro]`: Kanto has a propagation always, the usual one where none was asked for."""
    usual = Mount(mount.destination, mount.source, mount.propagation or USUAL_PROPAGATION, mount.read_only)
    return mount_text(usual)


def parse_device(text: str) -> Device:
    """`hostPath[:containerPath[:permissions]]`."""
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise ValueError(f"expected hostPath[:containerPath[:permissions]]{_got(text)}")
    host, container, permissions = (*parts, parts[0], "rwm")[:3] if len(parts) == 1 else (*parts, "rwm")[:3]
    _expect_absolute(text, host, container)
    if not _PERMISSIONS.fullmatch(permissions):
        raise ValueError(f"expected permissions made of r, w and m, got `{permissions}`")
    return Device(host_path=host, container_path=container, permissions=permissions)


def device_text(device: Device) -> str:
    """`hostPath:containerPath:permissions`."""
    return f"{device.host_path}:{device.container_path}:{device.permissions}"


def parse_variable(text: str) -> tuple[str, str | None]:
    """`NAME=value`; `NAME` alone removes the image's variable (`None`)."""
    name, equals, value = text.partition("=")
    if not is_variable_name(name):
        raise ValueError(f"expected NAME=value; {VARIABLE_NAME}")
    return name, value if equals else None


VARIABLE_NAME = "a name is made of letters from A to Z or a to z, digits and _, and begins with no digit"
"""The allowed form of a variable, for error messages."""


def is_variable_name(name: str) -> bool:
    """Whether `name` may name an environment variable (Kanto's rule, §1.6)."""
    return _VARIABLE.fullmatch(name) is not None


def parse_extra_host(text: str) -> tuple[str, str]:
    """`name:address`; the address may be IPv6, so only the first colon separates."""
    name, colon, address = text.partition(":")
    if not colon or not name or not address:
        raise ValueError(f"expected name:address{_got(text)}")
    return name, address


def has_parts(text: str) -> bool:
    """Whether a text has parts, as every one-line form has. A single word may be anything, and is not repeated."""
    return ":" in text or "/" in text


def _got(text: str) -> str:
    return f", got `{text}`" if has_parts(text) else ""


def _expect_absolute(text: str, *paths: str) -> None:
    for path in paths:
        if not path.startswith("/"):
            raise ValueError("expected an absolute path" + (f", got `{path}`" if has_parts(text) else ""))


def _port_number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 65535 or len(text) > 5:
        raise ValueError(f"expected a port from 1 to 65535, got `{text}`")
    return int(text)


def _port_range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        number = _port_number(text)
        return number, number
    first, last = _port_number(match[1]), _port_number(match[2])
    if last < first:
        raise ValueError(f"expected a range that rises, got `{text}`")
    return first, last
