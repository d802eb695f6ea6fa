"""Documents about the operating system: from the written form to the normal form, and the flaws that no pattern tells."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from msgspec import UnsetType

from evenkeel.specs.documents.reference import Claim, Reference
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text, parse_duration
from evenkeel.specs.slots.system import Health, OperatingSystem
from evenkeel.specs.slots.written import SHA256_PATTERN, VERSION_PATTERN, OperatingSystemSpec
from evenkeel.specs.window import Window, window_from

Flaws = list[Flaw]

_UNIT = re.compile(
    r"[A-Za-z0-9:_.\\@-]{1,240}\.(service|socket|target|mount|timer|path|device|automount|swap|scope|slice)"
)
_LONGEST_ADDRESS = 2000


def operating_system(metadata: MetadataSpec, spec: OperatingSystemSpec, flaws: Flaws) -> OperatingSystem:
    """The normal form of a written operating system. Paths of flaws begin below `spec`."""
    sha256, ca, proxy = _text(spec.sha256), _text(spec.ca), _text(spec.proxy)
    if not re.fullmatch(VERSION_PATTERN.strip("^$"), spec.version):
        message = "expected 1 to 200 printable characters of ASCII, without a blank at either end"
        flaws.append(Flaw(("version",), message, "write it as `rauc info` shows it"))
    flaws.extend(_bundle_flaws(spec.bundle, insecure=spec.insecure))
    flaws.extend(_server_flaws(spec))
    if sha256 and not re.fullmatch(SHA256_PATTERN.strip("^$"), sha256):
        hint = f"write `sha256: {sha256.lower()}`" if re.fullmatch("[0-9A-Fa-f]{64}", sha256) else "see sha256sum(1)"
        flaws.append(Flaw(("sha256",), "expected 64 hexadecimal digits in lower case", hint))
    if sha256 and spec.stream:
        message = "has no effect with `stream`, which never has the whole bundle; the signature is checked anyway"
        flaws.append(Flaw(("sha256",), message, "leave one of them out", warning=True))
    if proxy:
        flaws.extend(_proxy_flaws(proxy))
    health, deadline = _health(spec, flaws), _duration(spec.boot.deadline, ("boot", "deadline"), flaws)
    if deadline <= health.stable_for:
        message = f"expected more than `health.stableFor`, which is {duration_text(health.stable_for)}"
        flaws.append(Flaw(("boot", "deadline"), message, "give the boot time to become healthy, as `10m`"))
    return OperatingSystem(
        name=metadata.name,
        version=spec.version,
        bundle=spec.bundle,
        sha256=sha256,
        ca=ca,
        proxy=proxy,
        credentials=_text(spec.credentials),
        client_cert=_text(spec.client_cert),
        client_key=_text(spec.client_key),
        streams=spec.stream,
        health=health,
        deadline=deadline,
        tries=spec.boot.tries,
        window=_window(spec.activation.window, flaws),
        reboot=spec.activation.reboot,
        drift=spec.drift,
    )


def watched(wanted: OperatingSystem) -> tuple[Reference, ...]:
    """The containers that have to be healthy after a boot."""
    return (Reference("health.containers", wanted.health.containers),)


def claimed(wanted: OperatingSystem) -> tuple[Claim, ...]:
    """The device, which has one operating system."""
    return (Claim("", "the operating system of the device"),)


def _health(spec: OperatingSystemSpec, flaws: Flaws) -> Health:
    for index, unit in enumerate(spec.health.units):
        if not _UNIT.fullmatch(unit):
            hint = f"write `{unit}.service`" if _UNIT.fullmatch(f"{unit}.service") else "see systemctl(1)"
            flaws.append(Flaw(("health", "units", index), "expected the name of a unit with its suffix", hint))
    command = () if isinstance(spec.health.command, UnsetType) else spec.health.command
    if command and not command[0].startswith("/"):
        message = "expected the absolute path of a program as the first word"
        flaws.append(
            Flaw(("health", "command", 0), message, "the command runs without a shell and without a search path")
        )
    stable_for = _duration(spec.health.stable_for, ("health", "stableFor"), flaws)
    return Health(
        tuple(sorted(set(spec.health.units))), tuple(sorted(set(spec.health.containers))), command, stable_for
    )


def _bundle_flaws(bundle: str, *, insecure: bool) -> Iterator[Flaw]:
    path: Path = ("bundle",)
    scheme, _, rest = bundle.partition("://")
    if scheme not in ("https", "http", "file") or not rest:
        hint = f"write `file://{bundle}`" if bundle.startswith("/") else "write `https://…`, or `file:///…`"
        yield Flaw(path, "expected an address with https, http or file", hint)
        return
    if len(bundle) > _LONGEST_ADDRESS or not all("!" <= letter <= "~" for letter in bundle):
        yield Flaw(path, f"expected at most {_LONGEST_ADDRESS} printable characters of ASCII, without blanks")
        return
    if scheme == "file":
        normal = posixpath.normpath(rest).replace("//", "/")
        if not rest.startswith("/") or rest == "/":
            yield Flaw(path, "expected the path of a file after `file://`", "write `file:///` and the path")
        elif normal != rest:
            yield Flaw(path, "expected a path without `.`, `..` or doubled slashes", f"write `file://{normal}`")
        return
    if scheme == "http" and not insecure:
        yield Flaw(path, "`http` lets others see and hold up the download", "use `https`, or write `insecure: true`")
    yield from _address_flaws(path, bundle)


def _address_flaws(path: Path, address: str) -> Iterator[Flaw]:
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        yield Flaw(path, "this is no address")
        return
    if not host:
        yield Flaw(path, "expected a host after `//`")
    if parts.username is not None or parts.password is not None:
        yield Flaw(path, "an address is no place for a user and a password", "put them into a file for `credentials`")
    if parts.fragment:
        yield Flaw(path, "expected an address without `#`")


def _proxy_flaws(proxy: str) -> Iterator[Flaw]:
    if not proxy.startswith(("http://", "https://")):
        yield Flaw(("proxy",), "expected an address with http or https", "write it as `http://proxy:3128`")
        return
    for flaw in _address_flaws(("proxy",), proxy):
        hint = "use a proxy that needs none" if "password" in flaw.message else flaw.hint
        yield Flaw(flaw.path, flaw.message, hint)


def _server_flaws(spec: OperatingSystemSpec) -> Iterator[Flaw]:
    """Half of a certificate and its key, and keys that say how a server is asked, where none is asked so."""
    of_tls = {"clientCert": _text(spec.client_cert), "clientKey": _text(spec.client_key)}
    if any(of_tls.values()) and not all(of_tls.values()):
        (given,), (missing,) = ([key for key, value in of_tls.items() if bool(value) is has] for has in (True, False))
        hint = f"write `{missing}`, too, or leave both out"
        yield Flaw((given,), f"is of no use without `{missing}`", hint, lacks=(missing,))
    if not spec.bundle.startswith("file://"):
        return
    keys = {"ca": spec.ca, "proxy": spec.proxy, "credentials": spec.credentials, **of_tls, "stream": spec.stream or ""}
    for key, value in keys.items():
        if value and not isinstance(value, UnsetType):
            yield Flaw((key,), "has no effect, because the bundle is on the device", "leave it out", warning=True)


def _window(text: str | UnsetType, flaws: Flaws) -> Window | None:
    return None if isinstance(text, UnsetType) else window_from(text, ("activation", "window"), flaws)


def _duration(text: str, path: Path, flaws: Flaws) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        flaws.append(Flaw(path, str(error)))
        return timedelta(0)


def _text(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value
