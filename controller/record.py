"""What the cycles of one domain do and find, kept in the journal and told: both at once, so that no crash separates them.

Here is what is remembered of instances (proofs, own stops, how long a switch took), the conditions, and the entries of
feedback with their cycle and revision. Nothing here decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from evenkeel.controller.journal import Journal, at_once
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.feedback import Condition, ConditionName, Feedback, Kind
from evenkeel.specs.plan import (
    Connect,
    Create,
    Done,
    End,
    Failed,
    Outcome,
    Pull,
    Remove,
    Rename,
    Retry,
    Start,
    Step,
    Update,
    Verify,
)


class Record:
    """The record of one domain. `revision` is the one that cycles are about."""

    def __init__(self, domain: str, journal: Journal, tell: Callable[[Feedback], None]) -> None:
        self._domain, self._journal, self._tell = domain, journal, tell
        self._away_since: dict[str, float] = {}
        self._cycle = 0
        self.revision = ""

    def begin(self) -> None:
        """Another cycle."""
        self._cycle += 1

    def forget_switches(self) -> None:
        """None is going on: how long somebody was away is no switch's time any more."""
        self._away_since.clear()

    def condition(self, name: ConditionName, holds: bool, reason: str, message: str) -> bool:
        """Set a condition; True when that says something new."""
        return self._journal.set_condition(Condition(name, holds, reason, message))

    @at_once
    def engine_lost(self, error: EvenkeelError) -> None:
        """The engine does not answer."""
        if self.condition("EngineReachable", False, "Unavailable", error.message):
            self.say("engine-lost", str(error))

    @at_once
    def engine_found(self, engine: str) -> None:
        """The engine answers."""
        if self.condition("EngineReachable", True, "Answers", ""):
            self.say("engine-found", f"the engine answers: {engine}")

    @at_once
    def health(self, ailing: Sequence[str]) -> None:
        """Sentences about what is not well; none means that all is."""
        reason = "ContainersAiling" if ailing else "AllWell"
        before = {condition.name: condition for condition in self._journal.conditions()}.get("Healthy")
        if self.condition("Healthy", not ailing, reason, "; ".join(ailing)) and (ailing or before is not None):
            self.say("health", "; ".join(ailing) or "all containers are well again")

    @at_once
    def before(self, step: Step) -> None:
        """A step is about to be performed."""
        match step.action:
            case End(instance=instance):
                self._journal.mark(instance, step.subject, stopped=True)
                self._away_since.setdefault(step.subject, asyncio.get_running_loop().time())
            case Start(instance=instance):
                self._journal.mark(instance, step.subject, proven=False)
            case _:
                pass
        self.say("step-started", step_text(step), step=step)

    @at_once
    def after(self, step: Step, outcome: Outcome, seconds: float) -> None:
        """A step has ended."""
        match outcome:
            case Done(message=message):
                self._remember(step)
                self.say("step-done", message, step=step, seconds=seconds)
            case Retry(message=message):
                self.say("step-retrying", message, step=step, seconds=seconds)
            case Failed(message=message):
                self.say("step-failed", message, step=step, seconds=seconds)

    def _remember(self, step: Step) -> None:
        match step.action:
            case Start(instance=instance):
                self._journal.mark(instance, step.subject, stopped=False)
                since = self._away_since.pop(step.subject, None)
                if since is not None:
                    self._journal.time_switch(step.subject, asyncio.get_running_loop().time() - since)
            case Verify(instance=instance):
                self._journal.mark(instance, step.subject, proven=True)
            case _:
                pass

    def say(
        self,
        kind: Kind,
        message: str,
        subject: str = "",
        place: str = "",
        step: Step | None = None,
        seconds: float = 0.0,
    ) -> None:
        """One entry, about a step or a subject; `place` is where it was asked for."""
        self._tell(
            Feedback(
                kind,
                message,
                domain=self._domain,
                revision=self.revision,
                cycle=f"{self._domain}-{self._cycle}",
                subject=step.subject if step else subject,
                phase=step.phase if step else "",
                step=step.id if step else "",
                place=place,
                seconds=round(seconds, 3),
            )
        )


def step_text(step: Step) -> str:
    """What a step does, in words."""
    match step.action:
        case Pull(image=image):
            return f"pull {image}"
        case Create(container=container, engine_name=engine_name):
            return f"create {engine_name} from {container.image}"
        case Rename(instance=instance, engine_name=engine_name):
            return f"give {instance[:12]} the name {engine_name}"
        case Connect(instance=instance):
            return f"connect {instance[:12]} to its network"
        case Start(instance=instance):
            return f"start {instance[:12]}"
        case End(instance=instance, stop=stop):
            return f"stop {instance[:12]} with {stop.signal}"
        case Update(instance=instance):
            return f"update {instance[:12]} in place"
        case Verify(instance=instance):
            return f"watch {instance[:12]} until it is proven"
        case Remove(instance=instance):
            return f"remove {instance[:12]}"
