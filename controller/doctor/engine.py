"""The engine about itself, asked once for all checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evenkeel.controller.doctor.device import Device

if TYPE_CHECKING:
    from evenkeel.reconcilers.doctor.engine import EngineFacts

_ANSWER_S = 4.0


async def engine_facts(device: Device) -> EngineFacts | None:
    """`None` for the simulated engine. Raises DriverError where it does not answer, SettingsError without settings."""
    from evenkeel.controller.doctor_wiring import engine_facts

    return await device.shared("engine", lambda: engine_facts(device.settings, _ANSWER_S))
