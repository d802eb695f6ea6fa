"""`evenkeel` that takes a fifth of a second for proof enough where nothing says how long: `python -m tests.prompt …`.

A desired state of Kanto's has no word for `stableFor`, and three seconds for every container of every activity, or a minute for
an operating system, are most of what these tests would wait for. The default is another one, and all that is done with it is
the same.

A test that needs the controller at work for as long as it looks on makes the file that $HELD names: while it is there, the
memory engine proves nothing.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """The command with the other default; the exit code."""
    from evenkeel.controller.cli import main as command
    from evenkeel.specs.kanto import entries
    from evenkeel.specs.leda import desired
    from evenkeel.specs.slots.written import SystemHealthSpec

    entries.Container = partial(entries.Container, stable_for=timedelta(milliseconds=200))  # type: ignore[misc,assignment]
    proven = SystemHealthSpec(stable_for="200ms")
    desired.OperatingSystemSpec = partial(desired.OperatingSystemSpec, health=proven)  # type: ignore[misc,assignment]
    if held := os.environ.get("HELD"):
        _hold(Path(held))
    return command(arguments)


def _hold(held: Path) -> None:
    from evenkeel.controller.drivers.containers.memory import MemoryEngine
    from evenkeel.reconcilers.ports import Progress
    from evenkeel.specs.containers.actions import Verify
    from evenkeel.specs.plan import Action, Outcome

    perform = MemoryEngine.perform

    async def perform_when_let(self: MemoryEngine, action: Action, progress: Progress) -> Outcome:
        while isinstance(action, Verify) and held.exists():  # noqa: ASYNC110, ASYNC240
            await asyncio.sleep(0.05)
        return await perform(self, action, progress)

    MemoryEngine.perform = perform_when_let  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
