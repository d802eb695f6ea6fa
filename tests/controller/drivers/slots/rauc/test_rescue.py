"""The engine over a real RAUC where the rescue system is booted, so that RAUC chooses between two slots."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.slots_kits import RaucKit
from tests.engines.bundles import Bundles
from tests.engines.rauc import RESCUE, rauc_device

from evenkeel.specs.plan import Done
from evenkeel.specs.slots.actions import Install
from evenkeel.specs.slots.observed import SlotSeen


def silent(message: str, done: int, total: int) -> None:
    """Nobody looks at the progress."""


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize(("slot", "label", "rival"), [("rootfs.0", "A", "rootfs.1"), ("rootfs.1", "B", "rootfs.0")])
async def test_the_install_tells_which_slot_was_written(
    bundles: Bundles, tmp_path: Path, slot: str, label: str, rival: str, keeps: bool
) -> None:
    with rauc_device(bundles, system={"activate-installed": "false"} if keeps else {}) as rauc:
        rauc.set_variables({"A_OK": "0", "B_OK": "0"})
        assert rauc.reboot() == RESCUE
        kit = RaucKit(rauc, rauc.bus.address, tmp_path, keeps_primary=keeps)
        system = kit.system("1.5.0")
        await kit.engine.store.fetch(system, silent)
        install = Install(slot, label, system, keeps="rescue.0", keeps_primary=keeps, rivals=(rival,))
        outcome = await kit.engine.perform(install, silent)
        seen: dict[str, SlotSeen] = {each.name: each for each in (await kit.engine.observe()).bootable}
        assert isinstance(outcome, Done), outcome
        written = seen[outcome.instance]
        assert (rauc.content(written.bootname), written.version, written.content) == ("1.5.0", "1.5.0", "ok")
        assert f"into slot {written.bootname}" in outcome.message
        assert ("has chosen instead" in outcome.message) == (written.name != slot)
        await kit.close()
