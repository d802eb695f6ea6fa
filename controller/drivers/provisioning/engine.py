"""The driver of the provisioning domain, over this host or a simulated one.

A look reads files and asks no cloud; what is inspected once is known until its file changes. Operations on files run in one
thread, one after the other. Each action does one thing, and finds what was done already: a kill between any two leaves the
old or the new.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from evenkeel.controller.drivers.provisioning.host import Host
from evenkeel.controller.drivers.provisioning.ports import Cloud, Maker
from evenkeel.controller.drivers.provisioning.sight import Places, Sight
from evenkeel.controller.drivers.provisioning.work import Work
from evenkeel.controller.process.causes import write_words
from evenkeel.controller.process.clock import Now, system_now
from evenkeel.controller.process.let_in import FILE as LET_IN
from evenkeel.controller.process.watch import Watch
from evenkeel.controller.settings.provided import FILE as VALUES
from evenkeel.controller.units import Units, renew
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.errors import EvenkeelError, Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Failed, Outcome, Retry
from evenkeel.specs.provisioning.actions import Make, Prove, Register, Try
from evenkeel.specs.provisioning.observed import ProvisioningLook, ProvisioningSeen, at_provisioning
from evenkeel.specs.renewing import Renew
from evenkeel.templates.ago import FIRST_S, LAST_S
from evenkeel.templates.moment import clock_text

Result = TypeVar("Result")

LOOK_S = 60.0
"""A look that takes longer is given up. The first one inspects each pair in a process of its own."""
STORE = "provisioning"
"""The folder below the state directory."""


class ProvisioningEngine:
    """A `Driver` of the provisioning domain. `state`: the state directory; `now`: the time of day; `at_broker`: evenkeel shows
    a certificate to its broker."""

    def __init__(
        self,
        host: Host,
        state: Path,
        maker: Maker,
        cloud: Cloud,
        units: Units,
        now: Now = system_now,
        *,
        at_broker: bool = False,
    ) -> None:
        folder, let_in = state / STORE, state / LET_IN if at_broker else None
        places = Places(folder / "assignments.json", folder / "originals", state / VALUES, folder / "key", let_in)
        self.sight = Sight(host, places, maker)
        self.host, self.cloud, self.units, self._now = host, cloud, units, now
        self._work = Work(self.sight, cloud, self._in_thread, now)
        self._watch = Watch()
        self._thread: ThreadPoolExecutor | None = None

    async def observe(self, look: Look = Look()) -> ProvisioningSeen:
        asked = at_provisioning(look)
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._in_thread(lambda: self._look(asked))
        except TimeoutError as error:
            raise TimedOut("engine:provisioning", f"no answer about files within {LOOK_S:g} s") from error
        except OSError as error:
            raise Unavailable("engine:provisioning", f"{error.filename or 'a file'}: {error.strerror}") from error

    def _look(self, look: ProvisioningLook) -> ProvisioningSeen:
        now = self._now()
        clock_why = "" if FIRST_S <= now <= LAST_S else f"the clock says {clock_text(now)}, which cannot be"
        self._watch.of(tuple(sorted({path for each in look.documents for path in self.sight.watched(each)})))
        return ProvisioningSeen(
            "a simulated host" if self.host.is_simulated else "the files of this device",
            now,
            clock_why,
            tuple(self.sight.look(wanted) for wanted in look.documents),
            tuple(self.sight.outputs.look_at(path) for path in look.outputs),
        )

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        if isinstance(action, Renew):
            return await renew(self.units, action)
        waits = isinstance(action, Register | Try) and action.waits
        try:
            return await self._work.perform(action)
        except Refused as error:
            is_final = isinstance(action, Register | Try | Prove) and not waits
            return Failed(error.message) if is_final else Retry(error.message, outside=True)
        except EvenkeelError as error:
            return Retry(error.message, outside=True)
        except ValueError as error:
            # What can be told before is told by the plan: an authority has changed since then, and may be mended again.
            return Retry(str(error), outside=True) if isinstance(action, Make) else Failed(str(error))
        except OSError as error:
            return Retry(f"{error.filename or 'a file'} cannot be written: {write_words(error)}", outside=True)

    def nudges(self) -> AsyncIterator[None]:
        return self._watch.nudges()

    async def close(self) -> None:
        await self.units.close()
        self.sight.maker.end()
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self.host.is_simulated:
            return work()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="provisioning")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
