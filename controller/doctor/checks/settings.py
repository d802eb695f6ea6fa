"""The settings: whether they can be read, and which of them have no effect."""

from __future__ import annotations

import asyncio
import os

from evenkeel.controller.doctor.device import Device
from evenkeel.controller.process.rights import other_user
from evenkeel.reconcilers.doctor.settings import without_effect
from evenkeel.specs.doctor.finding import Detail, Finding, finding_of


async def look(device: Device) -> Finding:
    """Warnings are those of every command, and settings that somebody has written for nothing."""
    given = device.given
    if given.settings is None and given.file and not await asyncio.to_thread(os.access, given.file, os.R_OK):
        return Finding("unknown", given.trouble, other_user())
    if given.settings is None:
        return Finding("failed", given.trouble, "correct it; docs/reference/settings.md has every key")
    where = given.file or "there is no settings file; the defaults hold"
    details = [Detail("warning", "warning", each) for each in given.notes]
    details += without_effect(given.settings)
    if not details:
        return Finding("ok", where)
    return finding_of([Detail("file", "ok", where), *details], "")
