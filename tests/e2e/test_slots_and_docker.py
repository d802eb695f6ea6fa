"""One revision over a real RAUC and a real Docker, asked for by files; the device reboots in the middle of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.cli.command import spec
from tests.engines.dockerd import Dockerd
from tests.engines.rauc import Rauc

from .device import instances
from .vehicle import Vehicle, serving

pytestmark = pytest.mark.e2e


class Both:
    """A device that runs 1.4.2 and `web:1`, proven and good."""

    def __init__(self, vehicle: Vehicle, dockerd: Dockerd) -> None:
        self.vehicle, self.dockerd = vehicle, dockerd
        code, said, _ = self.settle("1.4.2", "web:1")
        assert code == 0, said
        assert "slot A is booted and was well for 500ms" in said  # by the health of the document
        assert self.runs() == ("1.4.2", "web:1")
        self.before = self.id()

    def settle(self, version: str, image: str, *, panics: bool = False) -> tuple[int, str, int]:
        """Ask for both, and begin evenkeel after each boot until it ends by itself; its exit code, what it has said, and how
        often the device was booted."""
        self.vehicle.ask(version, spec("web", image, "stop: {timeout: 1s}"), panics=panics)
        begun, said = self.vehicle.logind.reboots, ""
        while True:
            reboots = self.vehicle.logind.reboots
            code, more = self.vehicle.run("apply", "--yes")
            said += more
            if self.vehicle.logind.reboots == reboots:
                return code, " ".join(said.split()), reboots - begun
            assert reboots - begun < 5, said

    def runs(self) -> tuple[str, str]:
        """The version that is booted, and boots next, and the image of the one container."""
        (web,) = instances(self.dockerd)["web"]
        assert web["State"]["Running"]
        rauc = self.vehicle.rauc
        assert rauc.next_boot() == rauc.booted
        return rauc.content(rauc.booted), web["Config"]["Image"].removeprefix("docker.io/library/")

    def id(self) -> str:
        (web,) = instances(self.dockerd)["web"]
        return str(web["Id"])


@pytest.fixture
def both(rauc: Rauc, clean_dockerd: Dockerd, tmp_path: Path) -> Iterator[Both]:
    engine = f'{{kind: docker, address: "{clean_dockerd.address}"}}'
    with serving(Vehicle(rauc, tmp_path, engine)) as vehicle:
        yield Both(vehicle, clean_dockerd)


def test_both_are_updated_by_one_revision(both: Both) -> None:
    code, said, boots = both.settle("1.5.0", "web:2")
    assert (code, boots, both.runs()) == (0, 1, ("1.5.0", "web:2")), said
    assert said.index("slot B is marked good") < said.index("web: started")
    assert both.vehicle.run("plan")[0] == 0
    assert both.id() != both.before


def test_a_container_that_is_not_well_on_the_new_system_takes_both_back(both: Both) -> None:
    code, said, boots = both.settle("1.5.0", "crasher:1")
    assert (code, boots, both.runs()) == (1, 2, ("1.4.2", "web:1")), said
    assert "slot B is marked good" in said
    assert both.vehicle.rauc.booted == "A"


def test_a_boot_that_falls_back_leaves_the_container_untouched(both: Both) -> None:
    code, said, boots = both.settle("1.5.0", "web:2", panics=True)
    assert (code, boots, both.runs()) == (1, 1, ("1.4.2", "web:1")), said
    assert "the bootloader fell back to slot A (1.4.2): slot B (1.5.0) did not boot" in said
    assert both.id() == both.before
