"""The drivers' parts that the doctor needs beside those of a look: what `controller.wiring` is for the others.

Everything is imported when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evenkeel.reconcilers.doctor.engine import EngineFacts
    from evenkeel.specs.settings.settings import Settings


async def engine_facts(settings: Settings, timeout_s: float) -> EngineFacts | None:
    """The engine of the settings about itself; `None` for the simulated one. Raises DriverError."""
    if settings.engine.kind == "memory":
        return None
    from evenkeel.controller.drivers.containers.docker.about import about
    from evenkeel.controller.settings.sockets import advice, with_socket

    engine = with_socket(settings).engine
    return await about(engine.address, advice(engine), timeout_s)
