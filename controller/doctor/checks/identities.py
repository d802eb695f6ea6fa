"""The identities of this device: id, certificate and cloud, as far as this device can tell."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.reconcilers.doctor.certificates import Period, of_certificates
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of
from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen
from evenkeel.specs.provisioning.provisioning import Provisioning

_DOMAIN = "provisioning"


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
    current, wanted = there.pairs.of(there.pairs.current), there.wanted
    if current is None or current.fault or wanted is None or wanted.certificate is None:
        return []
    path = wanted.certificate.certificate or f"{wanted.folder}/device.crt"
    period = Period(current.starts_s, current.ends_s)
    return [of_certificates(there.subject, path, [period], now, is_bundle=False)]


def _asked(device: Device) -> tuple[Provisioning, ...]:
    domain = next(each for each in device.domains if each.name == _DOMAIN)
    return tuple(domain.reconciler.select(device.facts.state).subjects.values())


def files(device: Device) -> Iterator[NamedFile]:
    """The files that documents name, and those that are made for them. A simulated host has them elsewhere."""
    if device.settings.engine.kind == "memory":
        return
    for wanted in _asked(device):
        name, one, azure = f"identity {wanted.name}", wanted.certificate, wanted.azure
        secret = [one.ca_key, one.key] if one is not None else []
        if one is not None and not one.is_given:
            secret.append(f"{wanted.folder}/device.key")
            secret += [f"{wanted.folder}/device2.key"] if one.second else []
        if azure is not None:
            secret += [azure.connection_string, azure.shared_key, azure.group_key]
        yield from (NamedFile(name, path, "secret") for path in secret if path)
        if one is not None and one.ca:
            yield NamedFile(name, one.ca, "authorities")
        if azure is not None and azure.ca:
            yield NamedFile(name, azure.ca, "authorities")
