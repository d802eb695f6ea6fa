"""Containers as witnesses of a proof."""

from __future__ import annotations

from pathlib import Path

from tests.controller.device import Device, container
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.slots.witness import DomainWitness
from evenkeel.reconcilers.containers import Containers


def test_what_runs_is_well_and_what_is_not_there_is_not(tmp_path: Path) -> None:
    device = Device(tmp_path, {"web:1": Image()})

    async def work() -> None:
        witness = DomainWitness(Containers(), device.engine)
        assert await witness.unwell(["web"]) == {"web": "is not there"}
        await device.reach(container("web"))
        assert await witness.unwell(["web"]) == {}
        assert await witness.unwell(["web", "other"]) == {"other": "is not there"}

    run(work())
    device.journal.close()
