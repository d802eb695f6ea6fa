"""One cycle of one domain: observe, diff, plan, gate, run the first stage, fold.

Level-based: a cycle reads anew the whole of what it needs and does at most one stage; whatever happened before, also to
another process, shows in what it sees. Rollback is no second path: when the desired revision is in quarantine, last-good is
desired instead, and everything below this line is the same.

A cycle ends as exactly one of `Settled`, `Progressed`, `Waiting`, `Retrying`, `Stalled`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from evenkeel.controller import apply
from evenkeel.controller.clock import Now, system_now
from evenkeel.controller.journal import Journal, Role, at_once
from evenkeel.reconcilers.fold import GiveUp, GoOn, TryAgain, blocked, fold
from evenkeel.reconcilers.gate import Go, IsOpen, Wait, gate
from evenkeel.reconcilers.ports import Driver, Reconciler
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.errors import TimedOut, Unavailable
from evenkeel.specs.feedback import Condition, ConditionName, Feedback, Kind
from evenkeel.specs.observed import RemoteImage
from evenkeel.specs.plan import (
    Create,
    Done,
    End,
    Failed,
    Outcome,
    Phase,
    Plan,
    Pull,
    Remove,
    Rename,
    Retry,
    Stage,
    Start,
    Step,
    Update,
    Verify,
)
from evenkeel.specs.problem import place_text

log = logging.getLogger(__name__)


class Settled(NamedTuple):
    """What is, is what is desired."""


class Progressed(NamedTuple):
    """A stage ended well; look again at once."""


class Waiting(NamedTuple):
    """A stage has to wait, and for what; something will nudge."""

    why: str


class Retrying(NamedTuple):
    """Something failed that may succeed later; not before `after_s` (0: the back-off decides)."""

    why: str
    after_s: float


class Stalled(NamedTuple):
    """Nothing more will be tried until something changes."""

    why: str


Ending = Settled | Progressed | Waiting | Retrying | Stalled


class Known(NamedTuple):
    """What a caller knows better than a look. `meant`: images → the digests meant by them, which are not looked up again
    ("": any). `rejected`: ids of images that are not meant."""

    meant: Mapping[str, str] = {}
    rejected: tuple[str, ...] = ()


class Cycles:
    """The cycles of one domain. Not reentrant: a domain is strictly serial."""

    def __init__(
        self,
        reconciler: Reconciler[Any, Any],
        driver: Driver[Any],
        journal: Journal,
        say: Callable[[Feedback], None],
        limits: apply.Limits | None = None,
        tries: int = 5,
        now: Now = system_now,
        progress: apply.StepProgress = lambda step, message, done, total: None,
    ) -> None:
        """`tries`: how often a disturbing phase of a revision may fail before it is given up."""
        self._reconciler, self._driver, self._journal = reconciler, driver, journal
        self._say_entry, self._limits, self._tries = say, limits or apply.Limits(), tries
        self._now, self._progress = now, progress
        self._announced: tuple[Role, str] | None = None
        self._away_since: dict[str, float] = {}
        self._number = 0
        self._revision = ""
        self.hands_off: frozenset[str] = frozenset()
        """Subjects that an open activity is about; they are left to it."""

    async def run(self, stopping: asyncio.Event) -> Ending:
        """One cycle. Raises JournalError, and nothing for what engines do."""
        self._number += 1
        journal = self._journal
        desired = journal.revision("desired")
        if desired is None:
            self._set("Settled", False, "NothingDesired", "nothing has been asked for yet")
            return Stalled("nothing has been asked for yet")
        attempt = journal.attempt(desired.digest)
        if attempt is None or not attempt.failed:
            ending, plan = await self._pass("desired", desired, stopping)
            if isinstance(ending, Retrying) and plan is not None and plan.stages[0].phase == Phase.DOWNLOAD:
                await self._keep_up(desired, plan.stages[0], stopping)
            return ending
        good = journal.revision("last-good")
        if good is None or good.digest == desired.digest:
            self._set("Settled", False, "RevisionFailed", attempt.why)
            return Stalled(attempt.why)
        ending, _ = await self._pass("last-good", good, stopping)
        if not isinstance(ending, Settled):
            return ending
        return self._is_back(good, attempt.why)

    async def towards(
        self,
        want: Any,
        subject: str,
        is_open: IsOpen,
        stopping: asyncio.Event,
        progress: apply.StepProgress,
        known: Known = Known(),  # noqa: B008 - a value
    ) -> Ending:
        """One stage of one subject towards a want of somebody else's, as far as the gate is open: `Settled` when nothing
        of it is left. Unlike `run` it knows no revisions: what fails is said and counted by the caller."""
        self._number += 1
        journal, reconciler = self._journal, self._reconciler
        images = [image for image in reconciler.images(want) if image not in known.meant]
        try:
            seen = await self._driver.observe(journal.adopted(), images, subject)
        except (Unavailable, TimedOut) as error:
            return Retrying(str(error), 0.0)
        meant = {image: RemoteImage(digest) for image, digest in known.meant.items() if digest}
        seen = changed(seen, remote={**seen.remote, **meant})
        history = journal.history()
        history = changed(history, rejected=(*history.rejected, *known.rejected))
        differences = [each for each in reconciler.diff(want, seen, history) if each.subject == subject]
        plan = reconciler.plan(differences, seen, history)
        if blocked(plan):
            return Stalled(blocked(plan))
        found = gate(plan, is_open)
        if not isinstance(found, Go):
            return Settled()

        def report(step: Step, message: str, done: int, total: int) -> None:
            self._progress(step, message, done, total)
            progress(step, message, done, total)

        outcomes = await apply.run_stage(
            found.stage, self._driver, self._limits, stopping, report, self._before, self._after
        )
        match fold(found.stage, outcomes, failures=0, tries=self._tries, is_last_good=False):
            case GoOn():
                return Progressed() if len(outcomes) == len(found.stage.steps) else Waiting("told to stop")
            case TryAgain(why=why, after_s=after_s):
                return Retrying(why, after_s)
            case GiveUp(why=why):
                return Stalled(why.removeprefix(f"{subject}: "))

    async def _keep_up(self, desired: DesiredState, stage: Stage, stopping: asyncio.Event) -> None:
        """While something cannot be fetched, last-good is kept repaired, as far as it needs nothing that cannot be
        fetched: one missing image must not keep another container down. `stage` is the download that failed."""
        good = self._journal.revision("last-good")
        stuck = _subjects(stage) if good is not None and good.digest == desired.digest else frozenset()
        while good is not None and not stopping.is_set():
            ending, plan = await self._pass("last-good", good, stopping, stuck)
            if isinstance(ending, Retrying) and plan is not None and plan.stages[0].phase == Phase.DOWNLOAD:
                stuck |= _subjects(plan.stages[0])
            elif not isinstance(ending, Progressed):
                break
        self._revision = desired.digest

    async def _pass(
        self, role: Role, state: DesiredState, stopping: asyncio.Event, stuck: frozenset[str] = frozenset()
    ) -> tuple[Ending, Plan | None]:
        """Towards one state by one stage; nothing is done about the subjects that are `stuck`."""
        journal, reconciler = self._journal, self._reconciler
        self._revision = state.digest
        want = reconciler.select(state)
        try:
            seen = await self._driver.observe(journal.adopted(), reconciler.images(want))
        except (Unavailable, TimedOut) as error:
            self._note_engine("", error)
            return Retrying(str(error), 0.0), None
        self._note_engine(seen.engine)
        journal.forget(reconciler.present(seen))
        history = journal.history()
        differences = reconciler.diff(want, seen, history)
        mine = [
            changed(difference, verb="blocked", why="it cannot be fetched")
            if difference.subject in stuck
            else difference
            for difference in differences
            if difference.subject not in self.hands_off
        ]
        plan = reconciler.plan(mine, seen, history)
        self._note_health(seen)
        found = gate(plan)
        left = [each.subject for each in differences if each.subject in self.hands_off and each.verb != "keep"]
        match found:
            case None if left:
                why = f"an open activity is about {', '.join(left)}"
                self._set("Settled", False, "Waiting", why)
                return Waiting(why), plan
            case None:
                return self._settle(role, plan), plan
            case Wait(why=why):
                self._set("Settled", False, "Waiting", why)
                return Waiting(why), plan
            case Go(stage=stage):
                self._announce(role, state, plan)
                self._remember_found(role, stage, seen)
                return await self._run_stage(role, state, stage, seen, stopping), plan

    @at_once
    def _settle(self, role: Role, plan: Plan) -> Ending:
        if self._announced is not None and self._announced[0] == role:
            self._announced = None
        self._away_since.clear()
        why = blocked(plan)
        if role == "last-good":
            return Settled()
        if why:
            if self._set("Settled", False, "Blocked", why):
                self._say("stalled", why)
            return Stalled(why)
        if self._journal.digest("last-good") != self._revision:
            self._journal.promote()
            self._say("revision-good", "everything asked for is there and proven")
        elif self._journal.attempt(self._revision) is not None:
            self._journal.forgive(self._revision, images=False)
        if self._set("Settled", True, "Converged", "everything asked for is there and proven"):
            self._say("settled", "everything asked for is there and proven")
        return Settled()

    @at_once
    def _is_back(self, good: DesiredState, why: str) -> Ending:
        """Last-good is in force instead of what is desired, and nothing more is tried."""
        if self._set("Settled", False, "RolledBack", f"last-good is in force; {why}"):
            self._say("rolled-back", f"last-good {good.digest} is in force again")
        return Stalled(why)

    @at_once
    def _announce(self, role: Role, state: DesiredState, plan: Plan) -> None:
        """Say once what is going to happen, and whether somebody else's hands made it necessary."""
        if self._announced == (role, state.digest):
            return
        self._announced = (role, state.digest)
        is_drift = self._journal.digest("last-good") == state.digest
        for difference in plan.differences:
            if difference.verb in ("keep", "blocked"):
                continue
            message = f"{difference.verb}: {difference.why}"
            place = place_text(difference.asked)
            kind: Kind = "drift" if is_drift and role == "desired" else "plan"
            self._say(kind, message, subject=difference.subject, place=place)
        self._set("Settled", False, "Converging", f"{len(plan.differences)} subjects differ")

    def _remember_found(self, role: Role, stage: Stage, seen: Any) -> None:
        """Before the first disturbance without a last-good state: what is at work is what there is to go back to."""
        if role == "desired" and stage.phase != Phase.DOWNLOAD and not self._journal.digest("last-good"):
            found = self._reconciler.as_found(seen, self._journal.unproven())
            if found is not None:
                self._journal.put("last-good", found, "as found")

    async def _run_stage(
        self, role: Role, state: DesiredState, stage: Stage, seen: Any, stopping: asyncio.Event
    ) -> Ending:
        outcomes = await apply.run_stage(
            stage, self._driver, self._limits, stopping, self._progress, self._before, self._after
        )
        attempt = self._journal.attempt(state.digest)
        is_last_good = role == "last-good" or self._journal.digest("last-good") == state.digest
        decision = fold(
            stage, outcomes, failures=attempt.failures if attempt else 0, tries=self._tries, is_last_good=is_last_good
        )
        match decision:
            case GoOn():
                if stage.phase == Phase.DOWNLOAD and attempt is not None and not attempt.failed:
                    self._journal.forgive(state.digest, images=False)
                return Progressed()
            case TryAgain(why=why, after_s=after_s):
                if is_last_good and self._reject(stage, outcomes, seen):
                    return Progressed()
                self._journal.count_failure(state.digest, why)
                self._set("Settled", False, "Retrying", why)
                return Retrying(why, after_s)
            case GiveUp(why=why):
                return self._give_up(state, why)

    @at_once
    def _reject(self, stage: Stage, outcomes: Mapping[str, Outcome], seen: Any) -> bool:
        """Put content that failed into quarantine: with nothing new asked for, there is no revision to blame."""
        rejected = False
        for step in stage.steps:
            outcome = outcomes.get(step.id)
            content = self._reconciler.blamed(step, seen) if isinstance(outcome, Failed) else ""
            if content and isinstance(outcome, Failed):
                self._journal.count_failure(content, outcome.message, failed=True)
                self._say("rolling-back", f"going back from {content}: {outcome.message}", subject=step.subject)
                rejected = True
        return rejected

    @at_once
    def _give_up(self, state: DesiredState, why: str) -> Ending:
        self._journal.count_failure(state.digest, why, failed=True)
        self._say("revision-failed", why)
        good = self._journal.digest("last-good")
        if not good:
            self._set("Settled", False, "RevisionFailed", f"{why}; there is no last-good state to go back to")
            return Stalled(why)
        self._say("rolling-back", f"going back to {good}")
        self._set("Settled", False, "RollingBack", why)
        return Progressed()

    # ── steps ──────────────────────────────────────────────────────────────────────────────────────────────────

    @at_once
    def _before(self, step: Step) -> None:
        match step.action:
            case End(instance=instance):
                self._journal.mark(instance, step.subject, stopped=True)
                self._away_since.setdefault(step.subject, asyncio.get_running_loop().time())
            case Start(instance=instance):
                self._journal.mark(instance, step.subject, proven=False)
            case _:
                pass
        self._say("step-started", _words(step), step=step)

    @at_once
    def _after(self, step: Step, outcome: Outcome, seconds: float) -> None:
        match outcome:
            case Done(message=message):
                self._record(step)
                self._say("step-done", message, step=step, seconds=seconds)
            case Retry(message=message):
                self._say("step-retrying", message, step=step, seconds=seconds)
            case Failed(message=message):
                self._say("step-failed", message, step=step, seconds=seconds)

    def _record(self, step: Step) -> None:
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

    # ── words ──────────────────────────────────────────────────────────────────────────────────────────────────

    @at_once
    def _note_engine(self, engine: str, lost: Unavailable | TimedOut | None = None) -> None:
        if lost is not None:
            if self._set("EngineReachable", False, "Unavailable", lost.message):
                self._say("engine-lost", str(lost))
        elif self._set("EngineReachable", True, "Answers", ""):
            self._say("engine-found", f"the engine answers: {engine}")

    @at_once
    def _note_health(self, seen: Any) -> None:
        ailing = self._reconciler.ailing(seen, self._now())
        reason = "ContainersAiling" if ailing else "AllWell"
        before = {condition.name: condition for condition in self._journal.conditions()}.get("Healthy")
        if self._set("Healthy", not ailing, reason, "; ".join(ailing)) and (ailing or before is not None):
            self._say("health", "; ".join(ailing) or "all containers are well again")

    def _say(
        self,
        kind: Kind,
        message: str,
        subject: str = "",
        place: str = "",
        step: Step | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._say_entry(
            Feedback(
                kind,
                message,
                domain=self._reconciler.domain,
                revision=self._revision,
                cycle=f"{self._reconciler.domain}-{self._number}",
                subject=step.subject if step else subject,
                phase=step.phase if step else "",
                step=step.id if step else "",
                place=place,
                seconds=round(seconds, 3),
            )
        )

    def _set(self, name: ConditionName, holds: bool, reason: str, message: str) -> bool:
        return self._journal.set_condition(Condition(name, holds, reason, message))


def _subjects(stage: Stage) -> frozenset[str]:
    return frozenset(step.subject for step in stage.steps)


def _words(step: Step) -> str:
    match step.action:
        case Pull(image=image):
            return f"pull {image}"
        case Create(container=container, engine_name=engine_name):
            return f"create {engine_name} from {container.image}"
        case Rename(instance=instance, engine_name=engine_name):
            return f"name {instance[:12]} {engine_name}"
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
