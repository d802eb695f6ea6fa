"""Preconditions of the open operation, judged whenever a value may count otherwise.

A verdict that turns is told at once. Another reason for the same verdict is told seldom: it is stored with the operation and
sent to the backend, and a speed has another value with each message.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing

from evenkeel.controller.operations.values import Values
from evenkeel.reconcilers.preconditions.judging import unmet
from evenkeel.specs.operations.events import Judged
from evenkeel.specs.operations.operation import Group, Operation
from evenkeel.specs.preconditions.observed import Observed

REASON_EVERY_S = 30.0


class Judgement:
    """Judges the groups that have preconditions and are not over. `operation`: the open one; `meet` takes each verdict."""

    def __init__(
        self, values: Values, operation: Callable[[], Operation | None], meet: Callable[[Judged], None]
    ) -> None:
        self._values, self._operation, self._meet = values, operation, meet
        self._changed = asyncio.Event()
        self._told_s: dict[tuple[str, str], float] = {}
        """Of each group, by operation and title, when its verdict was told (loop time)."""

    def wake(self) -> None:
        """The operation may be another one, or have other groups."""
        self._changed.set()

    async def serve(self) -> None:
        """Judge while there is something to judge; without end. Nothing is watched while there is not."""
        while True:
            self._changed.clear()
            if self._groups():
                await self._judge_on()
            else:
                self._told_s.clear()
                await self._changed.wait()

    async def _judge_on(self) -> None:
        """Judge until no group has preconditions any more."""
        async with aclosing(self._values.changes()) as changes:
            change = asyncio.ensure_future(anext(changes))
            other = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.sleep(0)  # the changes count from before the first look
                while True:
                    self._judge()
                    if not self._groups():
                        return
                    await asyncio.wait((change, other), timeout=REASON_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
                    if change.done():
                        change.result()
                        change = asyncio.ensure_future(anext(changes))
                    if other.done():
                        self._changed.clear()
                        other = asyncio.ensure_future(self._changed.wait())
            finally:
                change.cancel()
                other.cancel()
                await asyncio.gather(change, other, return_exceptions=True)

    def _groups(self) -> list[Group]:
        operation = self._operation()
        return [] if operation is None else list(open_groups(operation))

    def _judge(self) -> None:
        operation = self._operation()
        if operation is None:
            return
        now_s = asyncio.get_running_loop().time()
        for verdict, before in verdicts(operation, self._values.present()):
            key = (operation.id, verdict.title)
            turns = bool(verdict.unmet) != bool(before) or key not in self._told_s
            if turns or now_s - self._told_s[key] >= REASON_EVERY_S:
                self._told_s[key] = now_s
                self._meet(verdict)


def open_groups(operation: Operation) -> Iterator[Group]:
    """The groups whose preconditions still decide about a phase."""
    for group in operation.groups:
        if group.preconditions and not group.back and group.opened != "CLEANUP":
            yield group


def verdicts(operation: Operation, present: Mapping[str, Observed]) -> Iterator[tuple[Judged, str]]:
    """Each verdict that is not the one before, with that one."""
    groups = dict.fromkeys((each.title, each.preconditions, each.unmet) for each in open_groups(operation))
    for title, written, before in groups:
        verdict = unmet(written, present)
        if verdict != before:
            yield Judged(title, verdict), before
