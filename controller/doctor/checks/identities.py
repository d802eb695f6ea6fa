"""The identities of this device: id, certificate and cloud, as far as this device can tell."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.files import NamedFile
from evenkeel.specs.doctor.finding import Finding, finding_of
from evenkeel.specs.provisioning.provisioning import Provisioning

_DOMAIN = "provisioning"


async def look(device: Device) -> Finding:
    """Looks at files; a certificate that was not inspected yet takes a process of its own."""
    if not _asked(device):
        raise NotApplicable("no document asks for an identity")
    from evenkeel.reconcilers.doctor.identities import of_identities

    sight = await device.sight(_DOMAIN)
    return finding_of(list(of_identities(sight.seen, sight.memory)), "")


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
        if one is not None and one.mode != "files":
            secret.append(f"{wanted.folder}/device.key")
            secret += [f"{wanted.folder}/device2.key"] if one.second else []
        if azure is not None:
            secret += [azure.connection_string, azure.shared_key, azure.group_key]
        yield from (NamedFile(name, path, "secret") for path in secret if path)
        if one is not None and one.ca:
            yield NamedFile(name, one.ca, "authorities")
        if azure is not None and azure.ca:
            yield NamedFile(name, azure.ca, "authorities")
