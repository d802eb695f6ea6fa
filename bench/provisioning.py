"""An identity that is in force, with a pair, an assignment, values and a file made of them: its part of a settled cycle,
and whether anybody is asked over the network, or in another process, for it."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import Row
from evenkeel.controller.drivers.provisioning.azure.simulated import SimulatedCloud
from evenkeel.controller.drivers.provisioning.engine import ProvisioningEngine
from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.maker import MakerApart
from evenkeel.controller.units import SimulatedUnits
from evenkeel.reconcilers.provisioning import ProvisioningDecisions
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import Done
from evenkeel.specs.provisioning.memory import ProvisioningMemory
from evenkeel.specs.provisioning.provisioning import Azure, Certificate, Output, Provisioning

_TIMES, _MOST_LOOKS = 200, 20
_QUIET_S = 2.5
"""Files that have just been written are read again."""
_OTHERS = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn", "os.fork")


def measure() -> list[Row]:
    """Look, diff and plan over real files, with real certificates."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Row]:
    (folder / "etc").mkdir()
    (folder / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    output = Output("/etc/cloud-connector/config.json", '{"connectionString": "{{ connectionString }}"}')
    wanted = Provisioning(
        "azure",
        "/data/var/certificates",
        certificate=Certificate("selfSigned", second=True),
        azure=Azure(id_scope="0ne00AB12CD"),
        outputs=(output,),
    )
    engine = ProvisioningEngine(Host(folder), folder / "state", MakerApart(), SimulatedCloud(), SimulatedUnits())
    decisions = ProvisioningDecisions()
    want = decisions.select(desired_state([Document("Provisioning", wanted.name, wanted)]))
    memory = ProvisioningMemory()
    for _ in range(_MOST_LOOKS):
        seen = await engine.observe(decisions.look(want, memory))
        plan = decisions.plan(decisions.diff(want, seen, memory), seen, memory)
        if not plan.stages:
            break
        for step in plan.stages[0].steps:
            memory = decisions.memory_before(step, memory)
            outcome = await engine.perform(step.action, lambda message, done, total: None)
            if not isinstance(outcome, Done):
                raise RuntimeError(f"{step.id}: {outcome}")
            memory = decisions.memory_after(step, outcome, memory)
    await asyncio.sleep(_QUIET_S)
    asked = list[str]()
    sys.addaudithook(lambda event, given: asked.append(event) if event in _OTHERS else None)
    spent = []
    for _ in range(_TIMES):
        begun = time.perf_counter()
        seen = await engine.observe(decisions.look(want, memory))
        if decisions.diff(want, seen, memory):
            raise RuntimeError("it is not settled")
        spent.append((time.perf_counter() - begun) * 1000)
    await engine.close()
    what = "an identity in force, with a second pair, an assignment and a file"
    return [
        Row(f"{what}: look, diff and plan", statistics.median(spent), "ms", f"{min(spent):.1f} ms at least", "1 ms"),
        Row("the same: calls over the network, and other processes", len(asked), "", "", "0"),
    ]
