"""A device without slots pays for none of this; one with slots pays for a download only while there is one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.engines.rauc import Rauc

_PROGRAM = """
import asyncio, sys
from contextlib import suppress
from pathlib import Path
from evenkeel.controller.dbus.bus import SystemBus
from evenkeel.controller.drivers.slots.engine import SlotsEngine
from evenkeel.controller.drivers.slots.rauc.updater import RaucUpdater
from evenkeel.controller.drivers.slots.store import FolderStore
from evenkeel.controller.drivers.slots.system import SystemMachine

def there():
    return sorted({each.partition(".")[0] for each in sys.modules} & {"dbus_fast", "httpx", "h11", "watchfiles"})

async def main(address, configuration):
    bus = SystemBus(address)
    engine = SlotsEngine(RaucUpdater(bus, [Path(configuration)]), SystemMachine(bus), FolderStore(Path("/nothing")))
    async def listen():
        async for _ in engine.nudges():
            pass
    listening = asyncio.create_task(listen())
    await asyncio.sleep(0)
    print(there())
    await engine.observe()
    print(there())
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    await engine.close()

asyncio.run(main(*sys.argv[1:]))
"""


def test_libraries_come_with_the_first_look(rauc: Rauc) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, rauc.bus.address, str(rauc.configuration)],
        capture_output=True,
        text=True,
        check=True,
        env=rauc.bus.environment() | {"PYTHONPATH": str(Path(__file__).parents[4] / ".dev")},
    )
    assert done.stdout.splitlines() == ["[]", "['dbus_fast']"]
