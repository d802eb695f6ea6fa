"""The record of one domain's cycles: conditions, and entries of feedback with their cycle and revision.

Both are stored and told together, so that no crash separates them. Nothing here decides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import NamedTuple

from evenkeel.controller.cycle.endings import PROVEN, Stalled, Waiting
from evenkeel.controller.cycle.recurrences import Recurrences
from evenkeel.controller.journal.journal import Journal, at_once
from evenkeel.controller.transaction.verdict import Verdict
from evenkeel.reconcilers.counted import counted, reasons
from evenkeel.reconcilers.ports import Ailment, Words
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.feedback import Condition, ConditionName, Feedback, Kind, SetAside
from evenkeel.specs.plan import Step


class Label(NamedTuple):
    """The revision and the cycle that an entry belongs to. Steps take theirs along, because others may begin beside them."""

    revision: str
    cycle: str


class Record:
    """The record of one domain. `revision`: of entries without a label of their own."""

    def __init__(
        self, domain: str, words: Words, journal: Journal, tell: Callable[[Feedback], None], verdict: Verdict
    ) -> None:
        self._domain, self._words, self._journal, self._tell, self._verdict = domain, words, journal, tell, verdict
        self._cycle = 0
        self._engine, self._ills, self._ends = Recurrences(), Recurrences(), Recurrences()
        self._has_looked = False
        self._was_told = True
        """Whether anything was told since the last `settled`, perhaps by an earlier process."""
        self.revision = ""

    def idle(self) -> None:
        """Nothing is asked of the domain: its condition is dropped."""
        for condition in self._journal.conditions():
            if condition.domain == self._domain:
                self._journal.drop_condition(condition.name, self._domain)

    def begin(self) -> Label:
        """Begin another cycle. Its label."""
        self._cycle += 1
        return self.label(self.revision)

    def label(self, revision: str) -> Label:
        """The label of what is done for a revision in the present cycle."""
        return Label(revision, f"{self._domain}-{self._cycle}")

    def settled_is(self, holds: bool, reason: str, message: str, groups: Mapping[str, str] = {}) -> bool:
        """Set the condition `Settled` of the domain; True when the verdict of the device changes by that. `groups`: those that
        cannot be had, and why."""
        return self._verdict.say(self._domain, holds, reason, message, groups)

    def waits(self, why: str, again_s: float = 0.0) -> Waiting:
        """State that the domain waits, and why. `again_s`: seconds until the next look is worth while."""
        self.settled_is(False, "Waiting", why)
        return Waiting(why, again_s)

    @at_once
    def blocked(self, why: str, groups: Mapping[str, str] = {}) -> Stalled:
        """State that the desired state cannot be reached, and why; and which `groups` of it, where there are any."""
        is_new = self.settled_is(False, "Blocked", why, groups)
        if is_new and not self._verdict.is_said_by_another(self._domain, why):
            self.say("stalled", why)
        return Stalled(why)

    def condition(self, name: ConditionName, holds: bool, reason: str, message: str) -> bool:
        """Set a condition; True when it changes."""
        return self._journal.set_condition(Condition(name, holds, reason, message, domain=self._domain_of(name)))

    def _domain_of(self, name: ConditionName) -> str:
        """The domain of a condition. Conditions about revisions belong to the whole device, whose domain is ""."""
        return "" if name == "Settled" else self._domain

    @at_once
    def not_seen(self, error: Exception) -> None:
        """A look failed: the engine does not answer, or evenkeel broke on what it answered."""
        why = "evenkeel cannot look; when it last could"
        if isinstance(error, EvenkeelError):
            why = f"{self._words.engine} does not answer; when it last did"
            is_new = self.condition("EngineReachable", False, "Unavailable", error.message)
            if self._is_news(self._engine, {"engine": error.message}) and (is_new or self._has_looked):
                self.say("engine-lost", str(error))
        self._unknown(why)

    @at_once
    def not_answered(self, seconds: float) -> None:
        """A look has had no answer for so long. An answer may still come; only a look that fails makes an entry."""
        self.condition("EngineReachable", False, "Unavailable", f"it has not answered for {seconds:g} s")
        self._unknown(f"{self._words.engine} does not answer; when it last did")

    def _unknown(self, why: str) -> None:
        """Make the conditions about subjects unknown."""
        has_say = self._verdict.has_say(self._domain)
        about_subjects: tuple[ConditionName, ...] = ("Settled", "Healthy") if has_say else ("Healthy",)
        for name in about_subjects:
            before = self._known(name)
            was_told = before is not None and (before.holds or before.reason == "RolledBack")
            if name == "Settled" and not was_told and not self._verdict.has_spoken(self._domain):
                text = f"nothing is known of {self._words.subjects}: {self._words.engine} cannot be asked"
                self.settled_is(False, "Retrying", text)
            elif before is not None and was_told:
                text = f"{why}: {before.message or 'all was well'}"
                if name == "Settled":
                    self.settled_is(False, "Unknown", text)
                else:
                    self.condition(name, False, "Unknown", text)

    @at_once
    def engine_found(self, engine: str) -> None:
        """The engine answers."""
        is_new = self.condition("EngineReachable", True, "Answers", "")
        if self._is_news(self._engine, {}) or (is_new and not self._has_looked):
            self.say("engine-found", f"{self._words.engine} answers: {engine}")

    @at_once
    def health(self, ailing: Mapping[str, Ailment], undecided: str = "") -> None:
        """The subjects that are not well, with the reasons; an empty mapping means that all are well. `undecided`: the
        reason why health is not known."""
        if undecided and not ailing:
            self.condition("Healthy", False, "Unknown", undecided)
            return
        reason = self._words.ailing if ailing else "AllWell"
        text = counted({subject: ailment.why for subject, ailment in ailing.items()})
        before = self._known("Healthy")
        is_new = self.condition("Healthy", not ailing, reason, text)
        is_news = self._is_news(self._ills, {subject: ailment.why for subject, ailment in ailing.items()})
        if not self._has_looked:  # the entries of an earlier process are known by the condition only
            is_news = is_new and (bool(ailing) or (before is not None and before.reason != "Unknown"))
            self._has_looked = True
        if is_news:
            self.say("health", text or f"all {self._words.subjects} are well again")

    def settled(self, text: str) -> None:
        """The desired state is reached. `text`: the details."""
        was_settled, held = self.was_settled(), self._holds("Settled")
        is_new = self.settled_is(True, "Converged", text)
        is_news = self._is_news(self._ends, {"all": "" if text == PROVEN else text})
        # The return of an engine is told only if its loss was.
        begins = not was_settled or (not held and self._was_told)
        if self._holds("Settled") and (is_new if begins else is_news):
            self.say("settled", text)
            self._was_told = False

    @at_once
    def content(self, set_aside: Mapping[str, SetAside]) -> None:
        """Subjects whose newest content was tried and failed."""
        if set_aside:
            text = reasons((subject, each.why) for subject, each in set_aside.items())
            message = f"{text}; the content before is kept until the tag names another one"
            self._journal.set_condition(
                Condition("ContentCurrent", False, "SetAside", message, set_aside=dict(set_aside), domain=self._domain)
            )
        elif self._holds("ContentCurrent") is not None:
            self._journal.drop_condition("ContentCurrent", self._domain)

    def set_aside(self) -> Mapping[str, SetAside]:
        """The subjects of the last call of `content`."""
        known = self._known("ContentCurrent")
        return known.set_aside if known is not None else {}

    @at_once
    def left_over(self, why: str) -> None:
        """Old instances that could not be removed; "" when there are none."""
        if why:
            if self.condition("CleanedUp", False, "LeftOver", f"{why}; tried again by itself"):
                self.say("left-over", why)
        elif self._holds("CleanedUp") is not None:
            self._journal.drop_condition("CleanedUp", self._domain)

    def _is_news(self, recurrences: Recurrences, states: Mapping[str, str]) -> bool:
        return recurrences.is_news(states, asyncio.get_running_loop().time())

    def is_well(self) -> bool:
        """Whether no subject is known to be unwell."""
        return self._holds("Healthy") is not False

    def was_settled(self) -> bool:
        """Whether everything was there when the engine last answered."""
        own = self._verdict.own(self._domain)
        return own is not None and (own[0] or own[1] == "Unknown")

    def is_back(self) -> bool:
        """Whether last-good is in force instead of the desired state, as far as is known."""
        return self._verdict.own(self._domain) == (False, "RolledBack")

    def is_going_back(self) -> bool:
        """Whether the desired state has just failed, and no step of the way back has begun."""
        return self._verdict.own(self._domain) == (False, "RollingBack")

    def _known(self, name: ConditionName) -> Condition | None:
        return self._journal.condition(name, self._domain_of(name))

    def _holds(self, name: ConditionName) -> bool | None:
        """Whether a condition holds; `None` when it is not known."""
        known = self._known(name)
        return known.holds if known is not None else None

    def say(
        self,
        kind: Kind,
        message: str,
        subject: str = "",
        place: str = "",
        step: Step | None = None,
        seconds: float = 0.0,
        label: Label | None = None,
    ) -> None:
        """Say one entry, about a step or a subject; `place`: the place of the subject in its source."""
        self._was_told = True
        label = label or self.label(self.revision)
        self._tell(
            Feedback(
                kind,
                message,
                domain=self._domain,
                revision=label.revision,
                cycle=label.cycle,
                subject=step.subject if step else subject,
                phase=step.phase if step else "",
                step=step.id if step else "",
                place=place,
                seconds=round(seconds, 3),
            )
        )
