"""Containers as witnesses of a proof."""

from __future__ import annotations

from pathlib import Path

from tests.controller.device import Device, container
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.slots.witness import DomainWitness
from evenkeel.reconcilers.containers import Containers


def test_what_runs_is_well_and_what_is_new_is_not_waited_for(tmp_path: Path) -> None:
    device = Device(tmp_path, {"web:1": Image()})

    async def work() -> None:
        witness = DomainWitness(Containers(), device.engine)
        assert await witness.unwell(["web"]) == {}
        await device.reach(container("web"))
        assert await witness.unwell(["web", "other"]) == {}
        device.engine.kill("web")
        assert list(await witness.unwell(["web", "other"])) == ["web"]

    run(work())
    device.journal.close()
