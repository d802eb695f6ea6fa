"""Provisioning on a simulated host, with a simulated cloud: for rehearsals on a laptop, and as a test kit.

The files, links and their order are those of the real driver, in a folder below the state directory. Keys and certificates are
made-up texts that follow the same rules; nobody can log in anywhere with them.
"""

from __future__ import annotations

from pathlib import Path

from evenkeel.controller.drivers.provisioning.azure.simulated import SimulatedCloud
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.simulated import SimulatedMaker
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.units import SimulatedUnits

ROOT = "memory-host"
"""The folder below the state directory that stands for `/`."""


def memory_provisioning(
    state: Path, cloud: SimulatedCloud | None = None, units: SimulatedUnits | None = None, now: Now = system_now
) -> ProvisioningEngine:
    """The driver over a simulated host. `state`: the state directory."""
    host = Host(state / ROOT, is_simulated=True)
    return ProvisioningEngine(host, state, SimulatedMaker(), cloud or SimulatedCloud(), units or SimulatedUnits(), now)
