"""An operating system in normal form: its version, its bundle, and the conditions under which it counts as good.

A system is told by its version. Another bundle with the same version is no difference. A system without a `bundle` asks for
what a slot has already; nobody writes one, it is the way back to a system that evenkeel has found.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Literal

from msgspec import Struct

from evenkeel.specs.reading.secrecy import shown_address
from evenkeel.specs.window import Window

Rebooting = Literal["self", "others"]
"""The one in charge of the reboot into an activated slot: evenkeel itself, or others, such as an update manager."""
Drift = Literal["tell", "repair"]
"""The reaction to a system that evenkeel did not boot: it is told only, or also replaced by the one that is asked for."""

BUNDLES = "stored bundles"
"""The subject of bundles that nobody needs any more; no document has a name with a blank in it."""
SYSTEM = "operating system"
"""The subject of a system that nobody asks for any more."""
_SHOWN = 12
"""Digits of a digest."""


class Health(Struct, frozen=True):
    """The conditions that have to hold for the whole of `stable_for` before a booted system is good. `units` of systemd are
    active, `containers` are healthy, and `command` exits with 0 at each check."""

    units: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    stable_for: timedelta = timedelta(seconds=60)


class OperatingSystem(Struct, frozen=True, tag="OperatingSystem"):
    """The operating system of the device. `bundle`: an address with https, http or file; "" for none. `sha256`: of the whole
    bundle, as 64 hex digits; "" for any. `ca`, `credentials`, `client_cert`, `client_key`: paths of files; `proxy`: an address;
    "" for none. `streams`: the updater reads the bundle from its server while it installs, where it can. `deadline`: after a
    boot the system has to be well within this time. `tries`: so many boots may fail before the revision does."""

    domain: ClassVar[str] = "slots"
    belongings: ClassVar[tuple[str, ...]] = (SYSTEM, BUNDLES)

    name: str
    version: str
    bundle: str = ""
    sha256: str = ""
    ca: str = ""
    proxy: str = ""
    credentials: str = ""
    client_cert: str = ""
    client_key: str = ""
    streams: bool = False
    health: Health = Health()
    deadline: timedelta = timedelta(minutes=10)
    tries: int = 1
    window: Window | None = None
    reboot: Rebooting = "self"
    drift: Drift = "tell"

    @property
    def content(self) -> str:
        """A name of the system, for people and for the quarantine."""
        return f"{self.version} (sha256 {self.sha256[:_SHOWN]}…)" if self.sha256 else self.version

    @property
    def key(self) -> str:
        """The name of the bundle's file in the store: equal bundles have equal keys; "" without a bundle."""
        return bundle_key(self.version, self.bundle, self.sha256) if self.bundle else ""


def bundle_key(version: str, bundle: str, sha256: str) -> str:
    """The name under which a bundle is stored: 32 hex digits."""
    from hashlib import sha256 as digest  # OpenSSL behind it: a status can do without

    return digest("\0".join((version, bundle, sha256)).encode()).hexdigest()[:32]


def shown_bundle(bundle: str) -> str:
    """The address of a bundle without its query, which may be a secret of a signed address."""
    return shown_address(bundle.partition("?")[0].partition("#")[0])
