"""The controller: whether one is at work on the state directory, and whether all its conditions hold."""

from __future__ import annotations

import os

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.facts import Facts
from evenkeel.controller.process.rights import other_user
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of

_SEE = "`evenkeel status` and `evenkeel events` tell more"


async def look(device: Device) -> Finding:
    """As the controller itself tells it, over its socket; where it does not answer, as the journal has it."""
    facts, state = device.facts, device.settings.state
    if facts.hidden:
        return Finding("unknown", f"whether one is at work on {state} cannot be seen: {facts.hidden}", other_user())
    if facts.holder is None:
        if facts.is_new:
            raise NotApplicable(f"no controller ever worked with {state}")
        remedy = "`evenkeel run`, or `systemctl start evenkeel`; `evenkeel apply` works without one"
        return Finding("failed", f"none is at work on {state}", remedy)
    process = f"process {facts.holder.pid}" if facts.holder.pid else "a process that cannot be seen from here"
    return finding_of([_itself(facts, process), *_conditions(facts)], "")


def _itself(facts: Facts, process: str) -> Detail:
    assert facts.holder is not None
    trouble = facts.holder.trouble or (facts.standing.trouble if facts.standing is not None else "")
    if trouble:
        return Detail("at work", "failed", f"{process}, from memory: {trouble}", _SEE)
    if facts.standing is None:
        told = f"{process}, which does not answer at its socket"
        is_root = os.geteuid() == 0
        remedy = "`journalctl -u evenkeel` tells what it does" if is_root else f"{other_user()}; else look at its log"
        return Detail("at work", "warning", told, remedy)
    return Detail("at work", "ok", process)


def _conditions(facts: Facts) -> list[Detail]:
    found = facts.standing.conditions if facts.standing is not None else facts.journal.conditions
    return [
        Detail(
            f"{each.name} ({each.domain})" if each.domain else each.name,
            "ok" if each.holds else "warning" if each.reason in _PASSING else "failed",
            f"{each.reason}: {each.message}" if each.message and not each.holds else each.reason,
            "" if each.holds else _SEE,
        )
        for each in found
    ]


_PASSING = ("Converging", "Waiting", "Retrying")
"""Reasons for which nobody has to do anything yet."""
