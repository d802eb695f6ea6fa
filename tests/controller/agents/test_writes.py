"""What an activity writes into the journal grows with its components, not with their square; nothing is written at rest."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.controller.agents.harness import COMMANDS, Config, Device, asked
from tests.sampling import THOROUGH
from tests.virtual import run

_BLOB = re.compile(r"x'([0-9a-f]*)'", re.IGNORECASE)
_ONCE = re.compile(r"INTO revision|'containersupdate/currentstate'")
"""What is in force, and the report of it, are written once for all commands."""
_ENV: list[Config] = [("env", f"NAME_{number}=some value") for number in range(20)]


class Written(NamedTuple):
    """Bytes. `identifying`: the bodies until IDENTIFIED was said; `commands`: those of the four commands, with the entries of
    each step; `log`: what was written to the file's log meanwhile."""

    identifying: int
    commands: int
    log: int


def written(components: int) -> Written:
    """What an update of so many components writes."""
    device = Device()
    names = [f"component-{number:02}" for number in range(components)]
    bodies = 0

    def count(statement: str) -> None:
        nonlocal bodies
        if statement.startswith(("INSERT", "UPDATE")) and not _ONCE.search(statement):
            bodies += sum(len(found) // 2 for found in _BLOB.findall(statement))

    async def work() -> Written:
        await device.bring("a", *[asked(name, "1", *_ENV) for name in names])
        connection, log = device.journal._database.connection, Path(device._folder.name) / "journal.sqlite-wal"
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.set_trace_callback(count)
        await device.desired("b", *[asked(name, "2", *_ENV) for name in names])
        identifying, before = bodies, log.stat().st_size
        said = await device.commands("b", *COMMANDS)
        connection.set_trace_callback(None)
        assert said[-1].status == "COMPLETED"
        assert len(said) >= 3 * components
        return Written(identifying, bodies - identifying, log.stat().st_size - before)

    return run(work())


def test_what_an_activity_writes_is_linear() -> None:
    sizes = (10, 30, 60) if THOROUGH else (4, 8, 16)
    found = {components: written(components) for components in sizes}
    for components, each in found.items():
        assert each.commands <= 2 * 1024 * (components + 1) * len(COMMANDS), components
    for small, large in pairwise(sizes):
        factor = large / small
        assert found[large].identifying <= 1.05 * factor * found[small].identifying
        assert found[large].commands <= 1.05 * factor * found[small].commands
        assert found[large].log <= 1.1 * factor * found[small].log
