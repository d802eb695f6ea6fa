"""Drive one component of a local domain at a time towards the target of a command, with a command's patience.

The decisions are those of a cycle (`controller.cycle.towards`). Trouble that may pass is waited out for a while before
it counts as failure, and reported meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Generic, NamedTuple

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.cycle.lateness import LATE_S
from evenkeel.controller.participants.components import MOST_PROOFS, Interrupted, Oversight
from evenkeel.controller.participants.patience import Trouble, Vain, pause
from evenkeel.controller.process.stopping import unless
from evenkeel.reconcilers.gate import IsOpen
from evenkeel.reconcilers.ports import Remembered, Seen, Want
from evenkeel.specs.errors import EvenkeelError, Refused, TimedOut, Unavailable
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Phase, Step

_LONGEST_WAIT_S = 10.0


class View(NamedTuple, Generic[Seen, Remembered]):
    """The commander's own facts, which change the look, the observation and the memory."""

    look: Callable[[Look], Look]
    seen: Callable[[Seen], Seen]
    memory: Callable[[Remembered], Remembered]


class Driving(Generic[Want, Seen, Remembered]):
    """The components of one domain, driven. `cut` ends waiting; `stopping` says that the end is for good."""

    def __init__(
        self,
        cycles: Cycles[Want, Seen, Remembered],
        stopping: asyncio.Event,
        patience: timedelta,
        alive: Callable[[], None],
    ) -> None:
        """`patience`: for how long one command waits out passing trouble in vain, of all its components together.
        `alive` is called at each try."""
        self._cycles, self.alive = cycles, alive
        self.patience_s, self._stopping = patience.total_seconds(), stopping
        self._away_since: float | None = None
        self._spent_s = 0.0
        """Seconds that the command has waited in vain."""
        self._silent = ""
        """Why the engine was given up for the rest of the command: each further question could hang for a minute."""

    def begin(self, revision: str) -> None:
        """Begin a command for this revision, with all its patience."""
        self._renew_patience()
        self._cycles.set_revision(revision)

    def _renew_patience(self) -> None:
        self._away_since, self._spent_s, self._silent = None, 0.0, ""

    async def observe(self, look: Look, oversight: Oversight) -> Seen | None:
        """One look of its own, with all patience, that waits out passing trouble. Raises the errors that are left after
        that, or when cut short while it waits. `None` when told to stop meanwhile."""
        self._renew_patience()
        return await self._observe(look, oversight, self._stopping)

    async def _observe(self, look: Look, oversight: Oversight, at_once: asyncio.Event) -> Seen | None:
        """Observe with the patience that is left. `at_once`: see `_see`."""
        trouble, cut = Trouble(oversight.waits), oversight.cut
        while True:
            self.alive()
            try:
                seen = await self._see(look, trouble, cut, at_once)
            except (Unavailable, TimedOut, Refused) as error:
                if self._away_for_s() >= self.patience_s:
                    raise
                trouble.say(error.message)
                if await pause(1.0, cut):
                    continue
                left: EvenkeelError = error
            else:
                if seen is not None:
                    trouble.say("")
                    return seen
                left = TimedOut("engine", trouble.said or "it was not waited for")
            if self._stopping.is_set():
                return None
            raise left

    async def _see(self, look: Look, trouble: Trouble, cut: asyncio.Event, at_once: asyncio.Event) -> Seen | None:
        """One look, reported while it is late. `None` when `cut` ended it while it was late, or `at_once` before."""
        begun = asyncio.get_running_loop().time()
        looking: asyncio.Future[Seen] = asyncio.ensure_future(self._cycles.observe(look))
        try:
            if await unless(at_once, asyncio.wait({looking}, timeout=LATE_S)) and not looking.done():
                self._away_since = begun if self._away_since is None else self._away_since
                trouble.late(f"{look.engine} was asked what is there, and has not answered within {LATE_S:g} s")
                await unless(cut, asyncio.wait({looking}))
            if not looking.done():
                return None
            seen = looking.result()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
        self._away_since = None
        trouble.answered()
        return seen

    def _away_for_s(self) -> float:
        """Seconds since which the engine has been found away."""
        now = asyncio.get_running_loop().time()
        self._away_since = now if self._away_since is None else self._away_since
        return now - self._away_since

    async def look_at(self, look: Look, oversight: Oversight) -> Seen | str:
        """One look, or the reason why it failed. Raises Interrupted when cut short."""
        cut = oversight.cut
        if self._silent:
            return self._silent
        try:
            seen = await self._observe(look, oversight, cut)
        except (Unavailable, TimedOut, Refused) as error:
            if cut.is_set():
                raise Interrupted from error
            self._silent = error.message
            return error.message
        if seen is None:
            raise Interrupted
        return seen

    async def drive(
        self,
        subject: str,
        want: Want,
        is_open: IsOpen,
        view: View[Seen, Remembered],
        patience_s: float,
        oversight: Oversight,
    ) -> Seen | str:
        """Drive one subject as far as the gate is open. The observation in which nothing is left to do, without the
        commander's own facts; or the reason why it did not go well."""
        trouble, cut, latest = Trouble(oversight.waits), oversight.cut, list[Seen]()
        if self._silent:
            return self._silent
        vain, wait_s, proofs = Vain(), 0.5, 0

        async def see(look: Look) -> Seen | None:
            latest.clear()
            seen = await self._see(view.look(look), trouble, cut, cut)
            if seen is None:
                return None
            latest.append(seen)
            return view.seen(seen)

        def report(step: Step, message: str, done: int, total: int) -> None:
            if step.action.traits.fetches:
                vain.comes(done)
                trouble.say("")
            oversight.progress(step, message, done, total)

        def late(step: Step, why: str) -> None:
            trouble.late(why) if why else trouble.answered()

        while True:
            self.alive()
            vain.tries()
            ending = await self._cycles.towards.by_a_stage(
                want, subject, is_open, see, cut, report, late, view.memory, oversight.begins
            )
            match ending:
                case Settled():
                    trouble.say("")
                    return latest[0]
                case Progressed():
                    trouble.say("")
                    vain.begin()
                    wait_s = 0.5
                case Stalled(why=why):
                    return why
                case Retrying(why=why, phase=phase):
                    why = why.removeprefix(f"{subject}: ")
                    if phase is None:
                        away_s = self._away_for_s()
                        self._silent = why if away_s >= self.patience_s else ""
                        is_over = away_s >= patience_s
                    else:
                        proofs += phase == Phase.VERIFY
                        is_over = vain.seconds >= patience_s - self._spent_s or proofs >= MOST_PROOFS
                    if is_over:
                        self._spent_s += vain.seconds
                        return why
                    trouble.say(why)
                    if not await pause(wait_s, cut):
                        raise Interrupted
                    wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                case Waiting():
                    raise Interrupted
