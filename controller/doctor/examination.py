"""One examination of the device: from the settings as they were read to a report."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence

from evenkeel.controller.doctor.check import Check
from evenkeel.controller.doctor.device import Device, GivenSettings
from evenkeel.controller.doctor.runner import TOTAL_S, examine
from evenkeel.controller.doctor.threads import run_bounded
from evenkeel.specs.doctor.finding import Report


def examination(given: GivenSettings, checks: Sequence[Check] | None = None, total_s: float = TOTAL_S) -> Report:
    """Look at everything, in an event loop of its own. `checks`: all by default."""
    return run_bounded(_examination(given, checks, total_s))


async def _examination(given: GivenSettings, checks: Sequence[Check] | None, total_s: float) -> Report:
    from evenkeel.controller.doctor.checks import CHECKS

    async with Device(given) as device:
        results = await examine(CHECKS if checks is None else checks, device, total_s)
        return Report(results, device.now(), version())


def version() -> str:
    """The version of evenkeel, "" in a tree that is not installed."""
    try:
        return importlib.metadata.version("evenkeel")
    except importlib.metadata.PackageNotFoundError:
        return ""
