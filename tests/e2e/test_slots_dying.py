"""At each step of an update: evenkeel is killed, the real RAUC is restarted, or the power goes. The update comes to its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.engines.rauc import RESCUE, Rauc
from tests.sampling import sampled

from .vehicle import Vehicle, serving

pytestmark = pytest.mark.e2e

STEPS = ("Plan:", "fetched", "valid signature", "installed", "boots next", "was well", "marked good", "discarded")
"""What is said right before each step, and after the last one."""
DELAYS_S = (0.0, 0.03, 0.1)
"""So long after that: between two steps, and in the middle of the next one."""
DYING = {"evenkeel": 2, "rauc": 1, "power": 1}
"""What goes down, and at how many moments in a usual run."""
MOMENTS = [(said, delay_s) for said in STEPS for delay_s in DELAYS_S]


@pytest.fixture
def vehicle(rauc: Rauc, tmp_path: Path) -> Iterator[Vehicle]:
    with serving(Vehicle(rauc, tmp_path)) as it:
        yield it


@pytest.mark.parametrize(
    ("what", "said", "delay_s"),
    [(what, *each) for what, most in DYING.items() for each in sampled(MOMENTS, most, f"slots, {what} dies")],
)
def test_the_update_comes_to_its_end(vehicle: Vehicle, what: str, said: str, delay_s: float) -> None:
    rauc, left, booted = vehicle.rauc, [said], list[str]()

    def disturb(line: str) -> None:
        if not (left and left[0] in line and line.strip().startswith(("✓", "Plan:"))):
            return
        left.clear()
        time.sleep(delay_s)
        match what:
            case "evenkeel":
                vehicle.kill()
            case "rauc":
                rauc.restart()
            case _:
                vehicle.cut_power()

    vehicle.ask()
    code, told = -1, ""
    for _ in range(8):
        is_undisturbed = not left
        code, told = vehicle.run("apply", "--yes", hears=disturb)
        booted.append(rauc.booted)
        if code == 0 and is_undisturbed:
            break
    assert code == 0, told
    assert RESCUE not in booted
    assert (rauc.booted, rauc.next_boot()) == ("B", "B")
    assert (rauc.content("A"), rauc.content("B")) == ("1.4.2", "1.5.0")
    assert vehicle.run("plan")[0] == 0
