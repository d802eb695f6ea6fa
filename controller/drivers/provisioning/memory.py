"""Provisioning on a simulated host, with a simulated cloud: for rehearsals on a laptop, and as a test kit.

The files, links and their order are those of the real driver, in a folder below the state directory. Keys and certificates are
made-up texts that follow the same rules; nobody can log in anywhere with them. A certificate that is given in a file of this
host is real, and looked at as such.
"""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.drivers.provisioning.azure.simulated import SimulatedCloud
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.maker import MakerApart
from evenkeel.controller.drivers.provisioning.ports import Pair
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.units import SimulatedUnits
from evenkeel.specs.codec import changed
from evenkeel.specs.provisioning.pair import AuthoritySeen, PairSeen

ROOT = "memory-host"
"""The folder below the state directory that stands for `/`."""


class RehearsalMaker(SimulatedMaker):
    """A `Maker` of made-up texts, which knows real certificates, too."""

    def inspect(self, pair: Pair) -> PairSeen:
        return MakerApart().inspect(pair) if _is_real(pair) else super().inspect(pair)

    def authority(self, pair: Pair, certificates: tuple[bytes, ...]) -> AuthoritySeen:
        made_up = super().authority(pair, certificates)
        real = MakerApart().authority(pair, certificates) if _is_real(pair) else None
        return changed(real, signed=(*real.signed, *made_up.signed)) if real is not None else made_up


def _is_real(pair: Pair) -> bool:
    return b"-----BEGIN CERTIFICATE-----" in pair.certificate


def memory_provisioning(
    state: Path, cloud: SimulatedCloud | None = None, units: SimulatedUnits | None = None, now: Now = system_now
) -> ProvisioningEngine:
    """The driver over a simulated host. `state`: the state directory."""
    host = Host(state / ROOT, is_simulated=True)
    return ProvisioningEngine(host, state, RehearsalMaker(), cloud or SimulatedCloud(), units or SimulatedUnits(), now)
