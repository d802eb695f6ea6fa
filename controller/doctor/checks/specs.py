"""The spec files: whether they can be read, and ask for anything."""

from __future__ import annotations

from evenkeel.controller.doctor.device import Device
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of

_MOST = 20


async def look(device: Device) -> Finding:
    """Each fault with its place, as `evenkeel validate` tells it."""
    specs, places = device.facts.specs, ", ".join(device.settings.specs)
    if specs.wrong:
        first = specs.wrong[1] if len(specs.wrong) > 1 else ""
        return Finding(
            "failed", ": ".join(filter(None, (specs.wrong[0], first))), "`evenkeel validate` tells all of it"
        )
    if specs.missing:
        remedy = "make it, or name another place with `specs` in the settings, or --specs"
        return Finding("warning", f"there is no {', '.join(specs.missing)}", remedy)
    if specs.nothing:
        return Finding("warning", f"nothing is asked for: {specs.nothing}", f"put documents into {places}")
    count = len(specs.state.documents) if specs.state is not None else 0
    fine = Detail("documents", "ok", f"{count} document{'s' * (count != 1)} in {places}")
    return finding_of([fine, *(Detail("warning", "warning", each) for each in specs.notes[:_MOST])], "")
