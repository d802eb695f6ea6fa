"""The reboot that an operation needs: in its window, announced, after a pause, and in order.

The original writes to the sysrq trigger without a sync (update-manager.md §3.9). Here the machine is told, as by a
person: what runs is ended in order, and who holds off a shutdown is waited for. A reboot that is due is part of the
stored operation, so that a crash before it leaves it due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from evenkeel.controller.operations.orchestrator import Orchestrator
from evenkeel.controller.process.machine import Machine
from evenkeel.specs.errors import Refused, TimedOut, Unavailable
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.kanto.activity import name_of
from evenkeel.specs.operations.events import Cancelled, Resumed
from evenkeel.specs.window import Window

_AGAIN_S = 15.0
"""The pause between two tries."""
_LONGEST_WAIT_S = 60.0
"""The window is not waited for longer at once: the local clock may be set, and a device may sleep."""


class Reboots:
    """The reboots of one device. `after_s`: the pause before each; `None`: somebody else reboots it. `window`: the part of the
    day for them, by `second_of_day`, the local clock; `None`: at any time."""

    def __init__(
        self,
        machine: Machine,
        after_s: float | None,
        window: Window | None,
        say: Callable[[Feedback], None],
        second_of_day: Callable[[], float],
    ) -> None:
        self._machine, self._after_s, self._window, self._say = machine, after_s, window, say
        self._second_of_day = second_of_day

    async def serve(self, orchestrator: Orchestrator) -> None:
        """Reboot whenever an operation needs it; until cancelled."""
        while True:
            await orchestrator.needs_reboot.wait()
            if not _is_due(orchestrator):
                orchestrator.needs_reboot.clear()
                continue
            boot, id_ = self._machine.boot(), orchestrator.operation.id if orchestrator.operation is not None else ""
            if self._after_s is None:
                self._tell(
                    orchestrator, id_, "the device has to be rebooted now, and evenkeel may not do it (`reboot.enable`)"
                )
                orchestrator.needs_reboot.clear()
                continue
            await self._opened(orchestrator, id_)
            if not _is_due(orchestrator, id_):
                continue
            self._tell(orchestrator, id_, f"the device is rebooted in {self._after_s:g} s")
            await asyncio.sleep(self._after_s)
            if _is_due(orchestrator, id_) and self._opens_in_s() == 0:
                await self._reboot(orchestrator, id_, boot)

    async def _opened(self, orchestrator: Orchestrator, id_: str) -> None:
        """Wait until the window is open, or no reboot is due any more."""
        is_told = False
        while self._window is not None and (wait_s := self._opens_in_s()) > 0 and _is_due(orchestrator, id_):
            if not is_told:
                self._tell(orchestrator, id_, f"the reboot waits for {self._window.text}")
                is_told = True
            await asyncio.sleep(min(wait_s, _LONGEST_WAIT_S))

    def _opens_in_s(self) -> float:
        return 0.0 if self._window is None else self._window.wait_s(self._second_of_day())

    async def _reboot(self, orchestrator: Orchestrator, id_: str, boot: str) -> None:
        try:
            blockers = await self._machine.inhibitors()
            if blockers:
                self._tell(orchestrator, id_, f"the reboot waits: {'; '.join(blockers)}")
            else:
                await self._machine.reboot()
        except Refused as error:
            orchestrator.meet(Cancelled(f"the device cannot be rebooted: {error.message}"))
            return
        except (Unavailable, TimedOut) as error:
            self._tell(orchestrator, id_, f"the reboot waits: {error.message}")
        if self._machine.boot() != boot:  # a simulated device boots while this process goes on
            orchestrator.meet(Resumed(rebooted=True))
        else:
            await asyncio.sleep(_AGAIN_S)

    def _tell(self, orchestrator: Orchestrator, id_: str, text: str) -> None:
        self._say(Feedback("operation", f"{name_of(id_)}: {text}"))
        orchestrator.announce(text)


def _is_due(orchestrator: Orchestrator, id_: str | None = None) -> bool:
    """Whether an operation waits for the reboot; with `id_`, this one."""
    operation = orchestrator.operation
    return operation is not None and operation.reboots and id_ in (None, operation.id)
