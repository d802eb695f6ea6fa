"""The device with RAUC: what other tests take for granted about it."""

import subprocess
from pathlib import Path

import pytest

from .bundles import Bundle
from .rauc import RESCUE, Rauc


def install(device: Rauc, bundle: Bundle) -> str:
    """RAUC's own client; its words about a failure."""
    command = ["rauc", "install", str(bundle.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=device.bus.environment())
    return "" if done.returncode == 0 else done.stdout + done.stderr


def status(device: Rauc, *more: str) -> str:
    command = ["rauc", "status", *more]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=device.bus.environment()).stdout


def test_a_bundle_goes_into_the_other_slot(rauc: Rauc) -> None:
    assert (rauc.content("A"), rauc.content("B"), rauc.next_boot()) == ("1.4.2", "0.0.0", "A")
    assert install(rauc, rauc.bundles.make("1.5.0")) == ""
    assert (rauc.content("A"), rauc.content("B"), rauc.next_boot()) == ("1.4.2", "1.5.0", "B")
    assert rauc.booted == "A"


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("wrong-ca", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("wrong-compatible", "Compatible mismatch"),
        ("truncated", "Invalid bundle format"),
        ("no-bundle", "Invalid bundle format"),
        ("no-slot", "No target slot for class nothing"),
    ],
)
def test_what_rauc_says_about_a_bad_bundle(rauc: Rauc, fault: str, why: str) -> None:
    assert why in install(rauc, rauc.bundles.make("1.5.0", fault))
    assert (rauc.content("B"), rauc.next_boot()) == ("0.0.0", "A")


def test_a_system_that_panics_falls_back(rauc: Rauc) -> None:
    install(rauc, rauc.bundles.make("1.5.0", panics=True))
    before = rauc.boot
    assert rauc.reboot() == "A"
    assert rauc.boot != before
    assert rauc.variables()["B_TRY"] == "1"


def test_who_marks_nothing_good_ends_in_the_rescue_system(rauc: Rauc) -> None:
    assert rauc.reboot() == "A"  # one try each
    assert rauc.reboot() == "B"
    assert rauc.reboot() == RESCUE
    assert "rootfs.1" in status(rauc)


def test_an_installation_is_cut_in_the_middle(rauc: Rauc) -> None:
    rauc.hold("half")
    with rauc.somebody_installs(str(rauc.bundles.make("1.5.0").path)):
        rauc.wait_at("half")
        rauc.go_on("half")
        assert rauc.reboot() == "A"
    assert rauc.content("B") == ""


def test_nothing_of_it_is_left(rauc: Rauc) -> None:
    install(rauc, rauc.bundles.make("1.5.0"))
    assert str(rauc.folder) not in Path("/proc/mounts").read_text()
