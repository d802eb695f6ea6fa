"""The values of a device that waits for its update: some known, one stale, one unknown."""

from __future__ import annotations

from evenkeel.specs.preconditions.observed import Observed

PRESENT = {
    "device.mode": Observed("DRIVING", 3.0),
    "device.battery": Observed(30, 42.0, 10.0),
    "device.pluggedIn": Observed(unknown="nothing was received on device/plug"),
    "vehicle.parked": Observed(True, 1.0, 10.0),
    "vehicle.speed": Observed(7, 1.0, 10.0),
    "vehicle.doors": Observed([{"name": "left", "closed": True}, {"name": "right", "closed": False}], 2.0),
    "report": Observed({"state": "ok"}, 2.0),
    "night": Observed(False),
}
