"""The engine of the containers: whether it answers, and its version."""

from __future__ import annotations

from evenkeel.controller.doctor.check import NotApplicable
from evenkeel.controller.doctor.device import Device
from evenkeel.controller.doctor.engine import engine_facts
from evenkeel.controller.process.rights import is_denied, other_user
from evenkeel.specs.doctor.finding import Finding
from evenkeel.specs.errors import DriverError, TimedOut
from evenkeel.specs.settings.settings import SIMULATED

_START = "start it, or correct `engine.kind` and `engine.address` in the settings"
_HANGS = "it is there and hangs: look at its log and at the disk; start it again where it does not recover"


async def look(device: Device) -> Finding:
    """An engine that does not answer is a failure: nothing can be done for any container."""
    from evenkeel.controller.settings.sockets import other_engine, with_socket
    from evenkeel.reconcilers.doctor.engine import of_engine

    engine = with_socket(device.settings).engine
    try:
        facts = await engine_facts(device)
    except DriverError as error:
        told = f"{engine.kind} at {engine.address}: {error.message}"
        if is_denied(error):
            return Finding("unknown", told, other_user())
        remedy = _HANGS if isinstance(error, TimedOut) else _START
        return Finding("failed", told, remedy)
    if facts is None:
        raise NotApplicable(SIMULATED)
    return of_engine(facts, engine.address, other_engine(engine, facts.version))
