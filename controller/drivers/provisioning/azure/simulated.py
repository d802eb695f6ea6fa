"""A simulated cloud in memory: for rehearsals on a laptop, and as a test kit. It asks no network and takes its time by asyncio.

It lets in and refuses as Azure does: by scope, registration, thumbprint or key. A device is known at the hub that it was
assigned to, and at no other.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ssl
from dataclasses import dataclass, field

from evenkeel.controller.drivers.provisioning.azure.pace import Pace
from evenkeel.controller.drivers.provisioning.ports import Access, Enrolment, Hub
from evenkeel.specs.errors import Refused, Unavailable
from evenkeel.specs.provisioning.cloud import Assignment
from evenkeel.specs.provisioning.registration import registration_fault
from evenkeel.specs.provisioning.sas import derived_key

_LIMIT_S = 120.0


@dataclass
class Enrolled:
    """An enrolment of one device. `thumbprints` (SHA-256 or SHA-1, upper case): the certificates that it may show; `key`: the
    one that it shares (base64). Where it has neither, everything is taken. `hub`: not "", another one than the scope's."""

    thumbprints: set[str] = field(default_factory=set)
    key: str = ""
    hub: str = ""
    is_disabled: bool = False


@dataclass
class Script:
    """The behaviour of the cloud. It may be changed at any time.

    `scopes`: by id scope, the hub that devices are assigned to; `None`: every scope is known. `enrolments`: by registration id;
    a device that is not in it is enrolled by its group. `group_key`: the key of the group, or "" where anybody may come.
    `devices`: by hub and device, those that were entered by hand or assigned. `away`: hosts that do not answer.
    `retry_after_s`, `polls`: how often a device is told to ask again, and after how many seconds."""

    scopes: dict[str, str] | None = None
    hub: str = "simulated.azure-devices.net"
    enrolments: dict[str, Enrolled] = field(default_factory=dict)
    group_key: str = ""
    devices: dict[tuple[str, str], Enrolled] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    retry_after_s: float = 0.0
    polls: int = 0


class SimulatedCloud:
    """A `Cloud`. `is_open`: a device that is entered nowhere is let in everywhere. So a connection string needs no script, and
    an assignment holds when the next process begins with an empty cloud."""

    name = "memory (simulated)"
    is_simulated = True

    def __init__(self, script: Script | None = None, *, is_open: bool = True) -> None:
        self.script, self._is_open = script if script is not None else Script(), is_open

    async def register(self, enrolment: Enrolment) -> Assignment:
        element, access, registration = f"cloud:{enrolment.host}", enrolment.access, enrolment.registration
        if why := registration_fault(registration, access.name if access.pair and access.name else None):
            raise Refused(element, why)
        self._reach(enrolment.host, element)
        refusal = "the provisioning service refuses the registration"
        hub = self._hub_of(enrolment)
        if not hub or not self._lets_register(enrolment):
            raise Refused(element, f"{refusal}: the service answers 401: Unauthorized (401002)")
        pace = Pace(element, _LIMIT_S, asyncio.sleep)
        for _ in range(self.script.polls):
            await pace.wait(self.script.retry_after_s, "the service is still assigning a hub", is_away=False)
            self._reach(enrolment.host, element)
        enrolled = self.script.enrolments.get(registration, Enrolled())
        if enrolled.is_disabled:
            raise Refused(element, f"{refusal}: the enrolment is disabled")
        hub = self._hub_of(enrolment)
        self._assign(hub, registration, access, enrolment.is_group_key)
        return Assignment(hub, registration)

    async def connect(self, hub: Hub) -> str:
        element = f"cloud:{hub.host}"
        self._reach(hub.host, element)
        known = self.script.devices.get((hub.host, hub.device))
        is_free = self._is_open and all(device != hub.device for _, device in self.script.devices)
        if not is_free and (known is None or known.is_disabled or not _fits(known, hub.access)):
            raise Refused(element, "the hub does not let this device in: not authorized")
        means = "its certificate" if hub.access.pair is not None else "what it shares with the hub"
        return f"{hub.host} lets the device {hub.device} in by {means} (simulated)"

    def _reach(self, host: str, element: str) -> None:
        if host in self.script.away:
            raise Unavailable(element, f"{host} cannot be reached: connection timed out")

    def _hub_of(self, enrolment: Enrolment) -> str:
        scopes, enrolled = self.script.scopes, self.script.enrolments.get(enrolment.registration, Enrolled())
        hub = self.script.hub if scopes is None else scopes.get(enrolment.id_scope, "")
        return hub and (enrolled.hub or hub)

    def _lets_register(self, enrolment: Enrolment) -> bool:
        enrolled = self.script.enrolments.get(enrolment.registration)
        if enrolled is not None and not enrolment.is_group_key:
            return _fits(enrolled, enrolment.access)
        group = self.script.group_key
        key = _own_key(enrolment.registration, enrolment.access, enrolment.is_group_key)
        return not group or enrolment.access.pair is not None or key == derived_key(group, enrolment.registration)

    def _assign(self, hub: str, device: str, access: Access, is_group_key: bool) -> None:
        """The device is known at this hub, by all that it has shown there, and at no other any more."""
        devices = self.script.devices
        for host in [host for host, name in devices if name == device and host != hub]:
            del devices[host, device]
        known = devices.setdefault((hub, device), Enrolled())
        known.thumbprints |= thumbprints(access.pair.certificate) if access.pair is not None else set[str]()
        known.key = _own_key(device, access, is_group_key) or known.key


def thumbprints(certificate: bytes) -> set[str]:
    """The SHA-256 and SHA-1 of the first certificate in a PEM text, in upper-case hex digits; of a text that is none, of its
    bytes."""
    try:
        first, end, _ = certificate.decode().partition("-----END CERTIFICATE-----")
        content = ssl.PEM_cert_to_DER_cert(first[first.index("-----BEGIN") :] + end)
    except ValueError:
        content = certificate
    return {kind(content).hexdigest().upper() for kind in (hashlib.sha256, hashlib.sha1)}


def _own_key(registration: str, access: Access, is_group_key: bool) -> str:
    return derived_key(access.shared_key, registration) if is_group_key and access.shared_key else access.shared_key


def _fits(enrolled: Enrolled, access: Access) -> bool:
    if not enrolled.thumbprints and not enrolled.key:
        return True
    if access.pair is not None:
        return bool(enrolled.thumbprints & thumbprints(access.pair.certificate))
    return bool(access.shared_key) and hmac.compare_digest(enrolled.key, access.shared_key)
