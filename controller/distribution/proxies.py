"""The proxy on the way to a host, by the environment of this process, as engines have it: `HTTPS_PROXY`, `HTTP_PROXY` and
`NO_PROXY`, also in small letters.

The rules are those of Go (golang.org/x/net/http/httpproxy), so that one environment means the same to evenkeel and to an
engine.
"""

from __future__ import annotations

import base64
import ipaddress
import os
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from evenkeel.controller.distribution.failures import AtProxy, Failure, Unreached
from evenkeel.controller.process.causes import connection_cause

_PORTS = {"http": 80, "https": 443}
_PROXY_REMEDY = "let `HTTPS_PROXY` name a proxy as http://HOST:PORT, or its host in `NO_PROXY`"


class Proxy(NamedTuple):
    """A proxy. The text form shows no password. `address`: as the environment has it, with a scheme."""

    address: str

    @property
    def host(self) -> str:
        return urlsplit(self.address).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.address)
        return parts.port or _PORTS[parts.scheme]

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken to over TLS."""
        return self.address.startswith("https:")

    @property
    def authorization(self) -> str:
        """The value of `Proxy-Authorization`, "" without a user."""
        parts = urlsplit(self.address)
        if parts.username is None:
            return ""
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return f"Basic {base64.b64encode(user.encode()).decode()}"

    def __repr__(self) -> str:
        return f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return repr(self)


def proxy_for(scheme: str, host: str, port: int) -> Proxy | None:
    """The proxy for an address; `None` when there is none. Loopback has none in any case. Raises Failure when the environment
    names one that cannot be used."""
    address = _variable(f"{scheme}_proxy")
    if not address or not _uses_proxy(host.lower().strip("[]"), port):
        return None
    found = address if "://" in address else f"http://{address}"
    try:
        parts = urlsplit(found)
        if not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise Failure("the proxy that the environment names is no address", "no", _PROXY_REMEDY) from None
    if parts.scheme not in _PORTS:
        raise Failure("the proxy that the environment names is of a kind that cannot be used", "no", _PROXY_REMEDY)
    return Proxy(found)


def refusal(proxy: Proxy | None, status: str) -> Failure:
    """The failure of a proxy that does not connect to a host. `status`: the number of its answer; from 500 on it says that the
    host does not answer."""
    said = f": it answered {status}" if status.isdecimal() else ""
    remedy = "give the proxy's user and password in its address" if status == "407" else ""
    kind = Unreached if status.startswith("5") else AtProxy
    return kind(f"the proxy {proxy} does not connect to it{said}", "away", remedy)


def absence(proxy: Proxy, error: BaseException) -> Failure:
    """The failure of a proxy that is not there."""
    return AtProxy(f"its proxy {proxy} is not reached: {connection_cause(error, 'the connection to it failed')}")


def _variable(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name) or ""


def _uses_proxy(host: str, port: int) -> bool:
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return False
    parts = (each.strip().lower() for each in _variable("no_proxy").split(","))
    return not any(_fits(part, host, address, port) for part in parts if part)


def _fits(part: str, host: str, address: _Address | None, port: int) -> bool:
    """Whether a part of `NO_PROXY` is about a host: `*`, a network, or an address or a domain, which may have a port."""
    if part == "*":
        return True
    if "/" in part:
        return address is not None and address in _network(part)
    name, of_port = _split(part)
    if of_port and of_port != str(port):
        return False
    if (its := _address(name)) is not None:
        return its == address
    domain = name[1:] if name.startswith("*.") else name
    return bool(domain) and (host == domain or host.endswith(f".{domain.removeprefix('.')}"))


_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | tuple[()]:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return ()


def _split(part: str) -> tuple[str, str]:
    """A name or an address, and its port, "" without one."""
    name, colon, port = part.rpartition(":")
    if colon and port.isdecimal() and (":" not in name or name.startswith("[")):
        return name.strip("[]"), port
    return part.strip("[]"), ""
