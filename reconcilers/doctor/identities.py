"""Identities of the device: whether each is in force and proven, and whether its certificate lasts. No cloud is asked: a
hub lets one connection in for each device, and would cut off the connector at work."""

from __future__ import annotations

from collections.abc import Iterator

from evenkeel.reconcilers.doctor.certificates import Period, of_certificates
from evenkeel.reconcilers.provisioning.choice import choose
from evenkeel.reconcilers.provisioning.state import state, target
from evenkeel.specs.doctor.finding import Detail
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen


def of_identities(seen: ProvisioningSeen, memory: ProvisioningMemory) -> Iterator[Detail]:
    """All identities that are asked for."""
    for there in seen.subjects:
        yield from _of_one(there, seen, memory)


def _of_one(there: ProvisionedSeen, seen: ProvisioningSeen, memory: ProvisioningMemory) -> Iterator[Detail]:
    name, wanted = there.subject, there.wanted
    if there.id.why:
        yield Detail(name, "failed", there.id.why, "give the id with `deviceId.value`")
        return
    choice = choose(there, seen.now_s, seen.clock_why, memory.refused)
    current = there.pairs.of(there.pairs.current)
    if choice.blocked:
        yield Detail(name, "failed", choice.blocked, "`evenkeel plan` tells where it is asked for")
    elif current is not None and wanted is not None:
        path = f"{wanted.folder}/device.crt"
        if wanted.certificate is not None and wanted.certificate.mode == "files":
            path = wanted.certificate.certificate
        period = Period(current.starts_s, current.ends_s)
        yield of_certificates(name, path, [period], seen.now_s, is_bundle=False)
        if current.remarks:
            yield Detail(name, "warning", "; ".join(current.remarks), f"`evenkeel provision --rotate {name}`")
    if there.azure.why:
        yield Detail(name, "failed", there.azure.why, "mend the file that is named")
        return
    to = target(there, there.pairs.current)
    proven = memory.proven.get(name, ())
    if not proven or state(there) != proven:
        why = f"{there.id.id} is not proven with what is asked for"
        yield Detail(name, "failed" if not proven else "warning", why, "`evenkeel status` tells what it waits for")
    else:
        at = f"as {to.device} at {to.hub}" if to is not None else f"as {there.id.id}"
        yield Detail(name, "ok", f"in force and proven, {at}")
