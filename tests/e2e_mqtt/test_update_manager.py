"""The update manager on real parts: mosquitto, Docker, RAUC on file slots, the real program, and a reboot in the middle."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.engines.broker import Broker
from tests.engines.bundles import Bundles
from tests.engines.dockerd import Dockerd
from tests.engines.images import standard
from tests.engines.rauc import rauc_device
from tests.engines.registry import Registry
from tests.sampling import sampled
from tests.until import until

from .commanding import ENDS
from .vehicle import Vehicle, serving, world

pytestmark = pytest.mark.e2e

BEFORE, AFTER = world("1.4.2", "web:1", "1"), world("1.5.0", "web:2", "2")


@pytest.fixture
def vehicle(
    mosquitto: Callable[..., Broker], bundles: Bundles, clean_dockerd: Dockerd, tmp_path: Path
) -> Iterator[Vehicle]:
    with rauc_device(bundles) as rauc, serving(Vehicle(tmp_path, mosquitto(), rauc, clean_dockerd)) as it:
        assert it.world() == BEFORE
        yield it


def test_the_combined_message_of_the_seed_ends_after_the_reboot(vehicle: Vehicle, registry: Registry) -> None:
    registry.push("hello-world", "latest", standard()["sleeper:1"])
    image = registry.reference("hello-world", "latest")
    vehicle.settings(docker_config=str(registry.docker_config))
    vehicle.kill()
    booted: dict[tuple[str, str], str] = {}
    with vehicle.hearing(lambda who, what: booted.setdefault((who, what), vehicle.rauc.booted)):
        assert vehicle.update("os", vehicle.message("1.5.0", image)) == ("COMPLETED", "")
    assert vehicle.world() == world("1.5.0", image, "1")
    assert "FOO=BAR" in vehicle.dockerd.inspect("hello-world")["Config"]["Env"]
    assert (vehicle.rauc.booted, vehicle.rauc.variables()["B_TRY"], vehicle.logind.reboots) == ("B", "0", 1)
    assert booted["selfupdate", "UPDATE_SUCCESS"] == "A"
    assert booted["containersupdate", "ACTIVATING"] == booted["vehicleupdate", "COMPLETED"] == "B"


def test_a_container_that_is_not_well_on_the_new_system_takes_both_back(vehicle: Vehicle) -> None:
    status, why = vehicle.update("bad", vehicle.message("1.5.0", "crasher:1"))
    assert (status, vehicle.world(), vehicle.logind.reboots) == ("INCOMPLETE", BEFORE, 2), why
    assert vehicle.rauc.content("B") == "1.5.0", "the slot was written before it failed"
    assert "hello-world" in why


def test_a_boot_that_falls_back_activates_nothing_else(vehicle: Vehicle) -> None:
    before, _ = vehicle.container()
    status, why = vehicle.update("bad", vehicle.message("1.5.0", "web:2", panics=True, ecu=True))
    assert (status, vehicle.world(), vehicle.logind.reboots) == ("INCOMPLETE", BEFORE, 1), why
    assert (vehicle.container()[0], "ACTIVATE" in vehicle.ecu.agent.commands) == (before, False)
    assert "self-update:os-image is 1.4.2" in why


def test_a_boot_that_falls_back_stops_no_container(vehicle: Vehicle) -> None:
    before = vehicle.container()
    vehicle.update("bad", vehicle.message("1.5.0", "web:2", panics=True))
    assert vehicle.container() == before


def test_a_control_unit_that_refuses_takes_all_back(vehicle: Vehicle) -> None:
    vehicle.ecu.agent.fail("ACTIVATE")
    end = vehicle.update("bad", vehicle.message("1.5.0", "web:2", ecu=True))
    assert (end, vehicle.world()) == (("INCOMPLETE", "safety-ecu: ACTIVATE went wrong"), BEFORE)
    assert vehicle.logind.reboots == 2


def test_the_owner_says_no_to_each_phase_in_turn(vehicle: Vehicle) -> None:
    phases = ("DOWNLOAD", "UPDATE", "ACTIVATE")
    vehicle.settings(consent=phases)
    vehicle.kill()
    for number, refused in enumerate(phases, 1):
        vehicle.backend.ask(refused, vehicle.message("1.5.0", "web:2", ecu=True))
        for asked in range(1, number + 1):
            vehicle.backend.until(lambda asked=asked: len(vehicle.backend.questions(refused)) == asked, "a question")  # noqa: B023
            vehicle.backend.answer(refused, "DENIED" if asked == number else "APPROVED")
        assert vehicle.ended(refused) == ("INCOMPLETE", f"the owner answered DENIED to {refused}")
        assert vehicle.backend.questions(refused) == list(phases[:number])
        assert (vehicle.world(), vehicle.logind.reboots) == (BEFORE, 0)


# ── what dies ──────────────────────────────────────────────────────────────────────────────────────────────────────

STEPS = [
    (f"{who}update", what)
    for what in (
        "IDENTIFIED", "DOWNLOADING", "DOWNLOAD_SUCCESS", "UPDATING", "UPDATE_SUCCESS", "ACTIVATING", "ACTIVATION_SUCCESS",
        "CLEANUP_SUCCESS",
    )
    for who in ("self", "containers", "safetyecu")
]  # fmt: skip
DELAYS_S = (0.0, 0.05)
"""So long after an agent has said it: between two steps, and in the middle of the next one."""
MOMENTS = [(*step, delay_s) for step in STEPS for delay_s in DELAYS_S]
DYING = {"controller": 1, "agent": 1, "agent that forgets": 1, "engine": 1, "broker": 1}
"""What dies, and at how many moments in a usual run."""


@pytest.mark.parametrize(
    ("what", "who", "said", "delay_s"),
    [(what, *each) for what, most in DYING.items() for each in sampled(MOMENTS, most, f"update manager, {what} dies")],
)
def test_what_dies_changes_no_end(vehicle: Vehicle, what: str, who: str, said: str, delay_s: float) -> None:
    left = [(who, said)]
    if what == "agent that forgets":
        vehicle.ecu.agent.kind = "kanto"

    def disturb(*heard: str) -> None:
        if heard in left:
            left.clear()
            time.sleep(delay_s)
            _dies(vehicle, what)

    with vehicle.hearing(disturb):
        vehicle.backend.ask("all", vehicle.message("1.5.0", "web:2", ecu=True))
        assert vehicle.stored_end("all") == "COMPLETED"
        until(lambda: not left, 60, "the moment; the end may have been faster")
    until(lambda: vehicle.world() == AFTER, 60, "the world")
    assert vehicle.logind.reboots == 1

    def ends() -> list[str]:
        return [each.status for each in vehicle.backend.said("all") if each.status in ENDS]

    if what != "broker":
        until(ends, 60, "the end at the backend")
    assert ends() in (["COMPLETED"], []) if what == "broker" else ends() == ["COMPLETED"]


def _dies(vehicle: Vehicle, what: str) -> None:
    """It is killed without a word, and comes back."""
    match what:
        case "controller":
            vehicle.kill()
        case "agent" | "agent that forgets":
            vehicle.ecu.restart()
        case "engine":
            vehicle.dockerd.kill()
            vehicle.dockerd.start()
        case _:
            vehicle.broker.kill()
            vehicle.broker.start()
