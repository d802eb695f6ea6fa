"""The identities of this device: id, certificate and cloud, as far as this device can tell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.reconcilers.doctor.certificates import SOON_S, Period, of_certificates
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.errors import DriverError
from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen, secret_files, secret_outputs
from evenkeel.specs.provisioning.provisioning import Provisioning

_DOMAIN = "provisioning"
_LOOK_S = 2.0
"""For what a look tells about files that are named: a slow one must not hide all other files."""
_KEYS = ("device.key", "device2.key", "next/device.key", "pairs/request/device.key")
"""Where keys are made: in force, kept ready, to follow, and of a request (`drivers.provisioning.pairs`)."""


async def look(device: Device) -> Finding:
    """Looks at files; a certificate that was not inspected yet takes a process of its own."""
    if not _asked(device):
        raise NotApplicable("no document asks for an identity")
    from evenkeel.reconcilers.provisioning.checks import of_identity

    sight = await device.sight(_DOMAIN)
    seen: ProvisioningSeen = sight.seen
    details = list[Detail]()
    for there in seen.subjects:
        details += _period(there, seen.now_s)
        found = of_identity(there, seen, sight.memory)
        details += [Detail(there.subject, each.state, each.text, each.remedy) for each in found]
    return finding_of(details, "")


def _period(there: ProvisionedSeen, now: float) -> list[Detail]:
    """When the certificate in force ends."""
    from evenkeel.reconcilers.provisioning.checks import renewing

    current, wanted = there.pairs.of(there.pairs.current), there.wanted
    if current is None or current.fault or wanted is None or wanted.certificate is None:
        return []
    path = wanted.certificate.certificate or f"{wanted.folder}/device.crt"
    period, one = Period(current.starts_s, current.ends_s), wanted.certificate
    soon_s = SOON_S if one.is_given else one.renew_before_s
    return [of_certificates(there.subject, path, [period], now, is_bundle=False, soon_s=soon_s, renew=renewing(there))]


def _asked(device: Device) -> tuple[Provisioning, ...]:
    return tuple(device.documents(_DOMAIN).values())


async def hosts(device: Device) -> list[tuple[str, int]]:
    """The services that assign hubs, and the hubs: those of connection strings, and those that were assigned."""
    from evenkeel.reconcilers.provisioning.state import target

    clouds = [wanted.azure for wanted in _asked(device) if wanted.azure is not None]
    found = [(azure.host, azure.port) for azure in clouds if azure.is_registered]
    if not clouds:
        return found
    try:
        seen: ProvisioningSeen = (await device.sight(_DOMAIN)).seen
    except DriverError:
        return found  # told by the check of identities
    for there in seen.subjects:
        azure = there.wanted.azure if there.wanted is not None else None
        to = target(there, there.pairs.current)
        if azure is not None and to is not None and to.hub:
            found.append((to.hub, azure.hub_port))
    return found


async def files(device: Device) -> AsyncIterator[NamedFile]:
    """The files that documents name, and those that are made for them, wherever a pair waits. A simulated host has them
    elsewhere, and makes up those that are not here."""
    is_real = device.settings.engine.kind != "memory"
    for wanted in _asked(device):
        name, one, azure = f"identity {wanted.name}", wanted.certificate, wanted.azure
        there = await _there(device, wanted)
        for path in secret_files(wanted, there.azure) if there is not None else wanted.secrets:
            yield NamedFile(name, path, "secret", is_real)
        if one is not None:
            yield NamedFile(name, one.ca, "authorities", is_real)
        if azure is not None:
            yield NamedFile(name, azure.ca, "authorities", is_real)
        for path in _made(wanted, there) if is_real else ():
            yield NamedFile(name, path, "secret", False)


async def _there(device: Device, wanted: Provisioning) -> ProvisionedSeen | None:
    """The look at a document, which alone tells whether a connection string, and what is made of it, has a key. `None` where
    that does not matter, or nobody can look: all that may be a secret counts as one then."""
    if wanted.azure is None:
        return None
    try:
        async with asyncio.timeout(_LOOK_S):
            seen: ProvisioningSeen = (await device.sight(_DOMAIN)).seen
    except (DriverError, TimeoutError):
        return None  # told by the check of identities
    return seen.of(wanted.name)


def _made(wanted: Provisioning, there: ProvisionedSeen | None) -> Iterator[str]:
    """Keys, and outputs that are not for everybody."""
    if wanted.certificate is not None and not wanted.certificate.is_given:
        yield from (f"{wanted.folder}/{key}" for key in _KEYS)
    yield from secret_outputs(wanted, there.outputs if there is not None else ())
