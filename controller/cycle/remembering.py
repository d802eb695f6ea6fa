"""What one domain remembers of its steps, kept in the journal and told: both at once, so that no crash separates them.

What has to be remembered is decided by the reconciler. Here is when, and for how long a subject was away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Generic

from evenkeel.controller.cycle.record import Record
from evenkeel.controller.journal.journal import Journal, Role, at_once
from evenkeel.controller.transaction.transaction import Transaction
from evenkeel.reconcilers.ports import Former, Reconciler, Remembered, Seen, Want
from evenkeel.specs.output import logs_hint, says_something
from evenkeel.specs.plan import Difference, Done, Failed, Outcome, Proof, Retry, Step

_ROLES: tuple[Role, Role] = ("last-good", "desired")


class Remembering(Generic[Want, Seen, Remembered]):
    """The memory of one domain."""

    def __init__(
        self,
        reconciler: Reconciler[Want, Seen, Remembered],
        journal: Journal,
        record: Record,
        transaction: Transaction,
    ) -> None:
        self._reconciler, self._journal = reconciler, journal
        self._record, self._transaction = record, transaction
        self._away_since: dict[str, float] = {}
        """Since when a subject is away, by the clock of the event loop."""

    def memory(self) -> Remembered:
        """What is remembered now."""
        return self._journal.memories.of(self._reconciler.memory)

    def keep(self, before: Remembered, after: Remembered) -> None:
        """Write what differs between the two."""
        self._journal.memories.keep(before, after)

    def former(self, differences: Collection[Difference]) -> Former[Want]:
        """What was asked for of subjects that are to be removed. What is in force while an activity removes them still asks for
        them; what was last good still does when a new revision does not."""
        if all(difference.verb != "remove" for difference in differences):
            return Former()
        states = (self._journal.readable_revision(role) for role in _ROLES)
        return Former(*(self._reconciler.select(state) if state is not None else None for state in states))

    def forget_switches(self) -> None:
        """None is going on: how long a subject was away is no switch's time any more."""
        self._away_since.clear()

    @at_once
    def before(self, step: Step) -> None:
        """A step is about to be performed."""
        memory = self.memory()
        self.keep(memory, self._reconciler.begun(step, memory))
        if step.action.traits.away == "begins":
            self._away_since.setdefault(step.subject, asyncio.get_running_loop().time())
        self._record.say("step-started", step.action.traits.text, step=step)

    @at_once
    def after(self, step: Step, outcome: Outcome, seconds: float) -> None:
        """A step has ended."""
        memory = self.memory()
        self.keep(memory, self._reconciler.remembered(step, outcome, memory, self._away_s(step)))
        match outcome:
            case Done(message=message):
                if step.action.traits.away == "ends":
                    self._away_since.pop(step.subject, None)
                self._transaction.notify(step.action.traits.notifies)
                text = "; ".join((message, *step.action.traits.afterwards))
                self._record.say("step-done", text, step=step, seconds=seconds)
            case Retry(message=message):
                self._record.say("step-retrying", message, step=step, seconds=seconds)
            case Failed(message=message, output=output):
                if isinstance(step.action, Proof) and output is not None:
                    by = self._record.revision
                    self._journal.failures.keep(step.subject, step.action.instance, by, message, output)
                    message += "; " + logs_hint(step.subject) if says_something(output) else ""
                self._record.say("step-failed", message, step=step, seconds=seconds)

    def _away_s(self, step: Step) -> float | None:
        """For how many seconds the subject has been away that a step brings back; `None` when none does, or none was."""
        since = self._away_since.get(step.subject) if step.action.traits.away == "ends" else None
        return None if since is None else asyncio.get_running_loop().time() - since
