"""The containers that are asked for: whether each is there as asked, and well."""

from __future__ import annotations

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.reconcilers.capabilities import watched
from evenkeel.reconcilers.doctor.subjects import of_subject
from evenkeel.specs.doctor.finding import Finding, finding_of
from evenkeel.specs.errors import DriverError

DOMAIN = "containers"


async def look(device: Device) -> Finding:
    """Against the state in force, as `evenkeel get containers` and `describe` have it."""
    if not device.documents(DOMAIN):
        raise NotApplicable("no container is asked for")
    try:
        domain, want, memory, seen = await device.sight(DOMAIN)
    except DriverError as error:
        return Finding("unknown", f"the engine cannot be asked: {error.message}", "look at the check `engine` first")
    reconciler = domain.reconciler
    life = watched(reconciler)
    ailing, ended, undecided = life.ailing(seen, memory), life.ended(seen), life.undecided(seen, memory)
    differences = {each.subject: each for each in reconciler.diff(want, seen, memory)}
    return finding_of(
        [
            of_subject(
                name,
                f"evenkeel describe container {name}",
                differences.get(name),
                ailing.get(name),
                undecided.get(name, ""),
                ended=name in ended,
            )
            for name in sorted(want.subjects)
        ],
        "",
    )
