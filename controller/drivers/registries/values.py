"""The values that a document about a registry leads to: the only place where the driver holds a secret, for one look or act."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import NamedTuple

from evenkeel.controller.distribution.trust import show
from evenkeel.controller.process import prints
from evenkeel.controller.process.bounded import read_regular
from evenkeel.controller.settings.credential_files import KeptCredentials, kept_for
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.registries.login import Login, user_fault
from evenkeel.specs.registries.observed import FACETS, Facet, Prints
from evenkeel.specs.registries.registry import Registry

_MOST_SECRET, _MOST_PEM = 64 * 1024, 1024**2


class Values(NamedTuple):
    """Everything that lets a device in. The text form shows nothing. `reference`: not "", the credentials are asked for at each
    pull: `helper NAME` or `config PATH`. `ca`, `certificate` and `key` are PEM."""

    user: str = ""
    password: str = ""
    reference: str = ""
    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    insecure: bool = False
    mirrors: tuple[str, ...] = ()
    realms: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Values(…)"


class Missing(Exception):
    """A value cannot be had. `why`: the reason, as a sentence without a secret. `remedy`: what to do about it."""

    def __init__(self, facet: Facet, why: str) -> None:
        super().__init__(why)
        self.facet, self.why = facet, why
        options = "--user, --helper or --config-json" if facet == "credentials" else "--ca, or --cert and --key"
        self.remedy = f"correct that file, or name another source: `evenkeel registry add HOST` with {options}"


class Printer:
    """Makes the prints of values, with the key of this device in `path`."""

    def __init__(self, path: Path | None) -> None:
        self._prints = prints.Printer(path)

    def keep(self) -> None:
        """Store the key, as `prints.Printer.keep` does. Raises OSError."""
        self._prints.keep()

    def of(self, values: Values) -> Prints:
        """The prints of all facets that have a value."""
        found: dict[Facet, str] = {
            "credentials": self.credentials(values),
            "trust": self._prints.of("trust", values.ca, values.certificate, values.key)
            if values.ca or values.certificate or values.key
            else "",
            "insecure": self._prints.of("insecure") if values.insecure else "",
            "mirrors": self._prints.of("mirrors", *values.mirrors) if values.mirrors else "",
            "realms": self._prints.of("realms", *values.realms) if values.realms else "",
        }
        return tuple((facet, found[facet]) for facet in FACETS if found[facet])

    def credentials(self, values: Values) -> str:
        """The print of the credentials alone; "" without any."""
        if values.reference:
            return self._prints.of("reference", values.reference)
        return self._prints.of("password", values.user, values.password) if values.password else ""

    def of_file(self, kept: KeptCredentials) -> str:
        """The print of what a file keeps for a place."""
        return self._prints.of("kept", kept.helper, *(kept.credentials or Login()))


def values_of(registry: Registry, *, simulates: bool = False) -> Values:
    """The values that a registry's document leads to now. Raises Missing. `simulates`: a file that is not there has a made-up
    content."""
    user, password, reference = registry.user, "", ""
    if registry.user_file:
        user = _line(registry.user_file, "the user", simulates=simulates)
    if registry.password_file:
        password = _line(registry.password_file, "the password", simulates=simulates)
        if fault := user_fault(user):
            raise Missing("credentials", f"{registry.user_file}, which is to have the user: {fault}")
    elif registry.helper:
        reference = f"helper {registry.helper}"
    elif registry.config:
        if not Path(registry.config).is_file() and not simulates:
            raise Missing("credentials", f"there is no file {registry.config}, which is to have its credentials")
        reference = f"config {registry.config}"
    ca, certificate, key = (
        _pem(path, kind, simulates=simulates)
        for path, kind in (
            (registry.ca, "CERTIFICATE"),
            (registry.certificate, "CERTIFICATE"),
            (registry.key, "PRIVATE KEY"),
        )
    )
    if not simulates:
        _check_trust(registry, ca, certificate, key)
    theirs = registry.insecure, registry.mirrors, registry.realms
    return Values(user, password, reference, ca, certificate, key, *theirs)


def kept_of(registry: Registry) -> KeptCredentials | None:
    """The part of the file that keeps its credentials, as far as it is there; `None` where no file keeps them. Raises
    Missing."""
    if not registry.config:
        return None
    try:
        return kept_for(registry.place, Path(registry.config))
    except Unavailable as error:
        raise Missing("credentials", error.message) from None


def sources_of(registry: Registry) -> tuple[str, ...]:
    """The files that the document of a registry leads to and that are followed."""
    theirs = registry.user_file, registry.password_file, registry.config
    named = *theirs, registry.ca, registry.certificate, registry.key
    return tuple(path for path in named if path)


def _read(path: str, what: str, facet: Facet, most: int) -> bytes:
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise Missing(facet, f"{path}, which is to have {what}, is no file")
        return read_regular(Path(path), most)
    except FileNotFoundError:
        raise Missing(facet, f"there is no file {path}, which is to have {what}") from None
    except OSError as error:
        raise Missing(facet, f"{path}, which is to have {what}, cannot be read: {error.strerror}") from None


def _line(path: str, what: str, *, simulates: bool) -> str:
    if simulates and not Path(path).exists():
        return f"simulated content of {path}"
    content = _read(path, what, "credentials", _MOST_SECRET)
    try:
        text = content.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise Missing("credentials", f"{path}, which is to have {what}, is no text") from None
    if not text:
        raise Missing("credentials", f"{path}, which is to have {what}, is empty")
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise Missing("credentials", f"{path}, which is to have {what}, has more than one line, or control characters")
    return text


def _pem(path: str, kind: str, *, simulates: bool) -> bytes:
    if not path:
        return b""
    if simulates and not Path(path).exists():
        return f"simulated content of {path}".encode()
    content = _read(path, f"a {kind.lower()}", "trust", _MOST_PEM)
    if b"-----BEGIN " not in content or f"{kind}-----".encode() not in content:
        raise Missing("trust", f"{path} has no {kind.lower()} in the form PEM")
    return content


def _check_trust(registry: Registry, ca: bytes, certificate: bytes, key: bytes) -> None:
    if ca:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ca.decode("ascii", "replace"))
        except (ssl.SSLError, ValueError):
            raise Missing("trust", f"{registry.ca} has no certificate that can be read") from None
    if registry.certificate:
        try:
            show(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
        except (ssl.SSLError, OSError, ValueError):
            pair = f"{registry.certificate} and {registry.key}"
            raise Missing("trust", f"{pair} are no certificate and its key without a password") from None
