"""The memory of one domain's steps, kept in the journal and told: both at once, so that no crash separates them.

The reconciler decides what has to be remembered. This module decides when, and measures for how long a subject was
away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Generic

from evenkeel.controller.cycle.record import Label, Record
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
        """Subject → the time since which it is away, by the clock of the event loop."""

    def memory(self) -> Remembered:
        """The memory as it is now."""
        return self._journal.memories.of(self._reconciler.memory)

    def keep(self, before: Remembered, after: Remembered) -> None:
        """Write the differences between two memories."""
        self._journal.memories.keep(before, after)

    def former(self, differences: Collection[Difference]) -> Former[Want]:
        """The former state of subjects that are to be removed, created or updated. While an activity removes them, the state
        in force still has them; when a new revision does not have them, last-good still does. A new subject may not take what
        last-good needs, and an update may lead back to it."""
        if all(difference.verb not in ("remove", "create", "update") for difference in differences):
            return Former()
        states = (self._journal.readable_revision(role) for role in _ROLES)
        return Former(*(self._reconciler.select(state) if state is not None else None for state in states))

    def forget_switches(self) -> None:
        """No switch is going on: the time for which a subject was away belongs to no switch any more."""
        self._away_since.clear()

    @at_once
    def step_begins(self, step: Step, label: Label) -> None:
        """A step is about to be performed."""
        memory = self.memory()
        self.keep(memory, self._reconciler.memory_before(step, memory))
        if step.action.traits.away == "begins":
            self._away_since.setdefault(step.subject, asyncio.get_running_loop().time())
        self._record.say("step-started", step.action.traits.text, step=step, label=label)

    @at_once
    def step_ends(self, step: Step, outcome: Outcome, seconds: float, label: Label) -> None:
        """A step has ended."""
        memory = self.memory()
        self.keep(memory, self._reconciler.memory_after(step, outcome, memory, self._away_s(step)))
        match outcome:
            case Done(message=message):
                if step.action.traits.away == "ends":
                    self._away_since.pop(step.subject, None)
                self._transaction.notify(step.action.traits.notifies)
                text = "; ".join((message, *step.action.traits.afterwards))
                self._record.say("step-done", text, step=step, seconds=seconds, label=label)
            case Retry(message=message):
                self._record.say("step-retrying", message, step=step, seconds=seconds, label=label)
            case Failed(message=message, output=output):
                if isinstance(step.action, Proof) and output is not None:
                    self._journal.failures.keep(step.subject, step.action.instance, label.revision, message, output)
                    message += "; " + logs_hint(step.subject) if says_something(output) else ""
                self._record.say("step-failed", message, step=step, seconds=seconds, label=label)

    def _away_s(self, step: Step) -> float | None:
        """The seconds for which the subject that a step brings back has been away; `None` when the step brings none
        back, or none was away."""
        since = self._away_since.get(step.subject) if step.action.traits.away == "ends" else None
        return None if since is None else asyncio.get_running_loop().time() - since
