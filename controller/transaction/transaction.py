"""The fate of a revision: good, failed, blocked, or gone back from; and how far each domain may go with it.

A revision is good when every domain has reached it and proven it, each by a look after the last disturbance of any domain.
It fails as a whole, by one domain. Each of these turns is one write together with its entries. The steps of a domain are
its own business (`controller.cycle`); nothing else couples domains.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from evenkeel.controller.journal.journal import Journal, Role, at_once
from evenkeel.controller.transaction.groups import GivenUp, GroupTrials
from evenkeel.controller.transaction.member import Member, changes
from evenkeel.controller.transaction.openings import Openings
from evenkeel.controller.transaction.preconditions import Present, no_values
from evenkeel.controller.transaction.standing import Standing
from evenkeel.controller.transaction.verdict import Verdict
from evenkeel.controller.transaction.voice import Voice
from evenkeel.reconcilers.counted import listed
from evenkeel.reconcilers.transaction.barrier import Progress, reason_to_wait
from evenkeel.reconcilers.transaction.groups import group_text, has_groups
from evenkeel.reconcilers.wanted import differing
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.plan import Phase

NOBODY: Mapping[str, str] = {}
_ROLES: tuple[Role, Role] = ("desired", "last-good")


class Transaction:
    """The transaction of one device. Everything here happens at once: nothing is awaited."""

    def __init__(self, journal: Journal, present: Present = no_values) -> None:
        self._journal = journal
        self.groups = GroupTrials(journal, self._wake_all, self._end_watching, self.changes, present)
        self.verdict = Verdict(journal, self._wake_others, self.groups.blocked, self.groups.waiting)
        self._members: dict[str, Member] = {}
        self._progress: dict[str, tuple[str, Progress]] = {}
        """By domain: the digest of the state that it was last seen on its way to, and how far it was."""
        self._reached: dict[str, str] = {}
        """By domain: the digest of the state that it has reached and proven since the last disturbance."""
        self.standing = Standing()
        self.openings = Openings(self._wake_others, self.on_the_way)
        self._back: dict[str, str] = {}
        """By domain: the digest of the last-good that it is back at, with nothing left to do, since the last disturbance."""
        self._back_at = ""
        """The digest of the last-good that is known to be in force instead of what is desired; "" while that is not known."""
        self._notified = set(journal.memories.notified())
        """Domains that another one has notified, and of which a step was left at every look since."""
        self._broken: set[str] = set()
        """Domains whose last cycle ended in a defect: they may never look."""
        self._idle: set[str] = set()
        """Domains of which nothing was asked when they last looked for work."""
        self.disturbances = 0
        """How often something was done to the world."""

    def join(self, member: Member) -> None:
        """One more domain takes part."""
        self._members[member.name] = member
        self.verdict.join(member.name)
        self.openings.join(member.name, member.places)

    def changes(self, domain: str, state: DesiredState) -> tuple[str, ...] | None:
        """The subjects of a domain that differ from last-good; `None` when nobody knows."""
        good = self._journal.readable_revision("last-good")
        return self.differing(domain, state, good) if good is not None else None

    def differing(self, domain: str, one: DesiredState, other: DesiredState) -> tuple[str, ...]:
        """The subjects of a domain that two states ask for differently."""
        return differing(*map(self._members[domain].want, (one, other)))

    @at_once
    def idle(self, domain: str, desired: DesiredState) -> None:
        """Nothing is asked of a domain, and nothing of it is there: it takes no part until something is. Where that is so of
        all, what is desired is good."""
        if domain not in self._idle:
            self._idle.add(domain)
            self.verdict.leave(domain)
            for each in (self._progress, self._reached, self._back):
                each.pop(domain, None)
            self.standing.forget(domain)
            self._wake_others(domain)
        if not self._takes_part(desired) and self._journal.digest("last-good") != desired.digest:
            self._journal.promote(desired.digest)

    def busy(self, domain: str) -> None:
        """There is something to look for in a domain."""
        if domain in self._idle:
            self._idle.remove(domain)
            self.verdict.join(domain)

    def is_unasked(self, domain: str, state: DesiredState) -> bool:
        """Whether nothing is asked of a domain, nor was: by no state on record, and by no activity. False for the only domain
        of a device."""
        known = [state, *(self._journal.readable_revision(role) for role in _ROLES if self._journal.digest(role))]
        asks = any(each is None or self._members[domain].want(each).subjects for each in known)
        is_alone = self._members.keys() <= {domain}
        return not asks and not is_alone and self._journal.mailbox(domain).activity() is None

    @at_once
    def stand_by(self, domain: str, state: DesiredState) -> None:
        """A domain cannot be looked at, nothing is asked of it (`is_unasked`), and nothing is known to be there: it holds up
        nobody, and has no say until it is seen. Where only such ones are left, what is desired is good."""
        is_last = self._takes_part(state).keys() <= {domain}
        if is_last and state.digest == self._journal.digest("desired") != self._journal.digest("last-good"):
            self._journal.promote(state.digest)  # all others have said so, and have nothing to do any more
        if self.verdict.leave(domain):
            self._wake_others(domain)

    def _takes_part(self, state: DesiredState | None) -> dict[str, Member]:
        """The domains that have something to do with a state, or with the world."""
        return {
            name: member
            for name, member in self._members.items()
            if name not in self._idle or (state is not None and member.want(state).subjects)
        }

    # ── how far a domain may go ────────────────────────────────────────────────────────────────────────────────

    def report_progress(self, domain: str, state: DesiredState, pending: Phase | None, unseen: str = "") -> None:
        """Record how far a domain is on its way to a state, after a look, or why it could not look (`unseen`)."""
        self._broken.discard(domain)
        if pending in (None, Phase.CLEANUP) and not unseen:
            self._notified.discard(domain)
        digest, before = self._progress.get(domain, ("", None))
        fails = before is not None and before.fails and digest == state.digest and pending is not None
        found = state.digest, Progress(self._members[domain].rank, pending, unseen, fails)
        if self._progress.get(domain) != found:
            self._progress[domain] = found
            self._wake_others(domain)

    def report_unseen(self, domain: str, state: DesiredState, why: str) -> None:
        """Record that a domain could not be looked at. Groups that it changes wait for it, and the others go on."""
        self.report_progress(domain, state, None, why)
        desired = self._journal.readable_revision("desired") if has_groups(state) else None
        if desired is not None:
            changes = self.changes(domain, desired)
            subjects = self._members[domain].want(desired).subjects if changes is None else changes
            self.groups.hold(desired, domain, dict.fromkeys(subjects, why), "unseen")

    def has_begun(self, state: DesiredState) -> bool:
        """Whether any domain that a revision changes has begun to disturb the world for it."""
        good = [self._journal.readable_revision("last-good")]
        begun = (name for name in self._members if self._journal.attempts.sick_before(state.digest, name) is not None)
        return any(changes(self._members[name], state, good) for name in begun)

    def report_defect(self, domain: str) -> None:
        """Record that a cycle of a domain has ended in a defect. No other domain waits for its look on the way back."""
        if domain not in self._broken:
            self._broken.add(domain)
            self._wake_others(domain)

    def report_failure(self, domain: str, state: DesiredState) -> None:
        """Record a failed try of a domain on its way to a state. It counts as failing until nothing is left of its way."""
        digest, progress = self._progress.get(domain, ("", None))
        if progress is not None and digest == state.digest and not progress.fails:
            self._progress[domain] = digest, progress._replace(fails=True)
            self._wake_others(domain)

    def reason_to_wait(self, domain: str, state: DesiredState, phase: Phase) -> str:
        """The reason why a domain has to wait with a phase on its way to a state; "" when it may go on. Where that is
        last-good and nothing else is desired, every domain repairs what is its own."""
        if len(self._takes_part(state)) == 1:
            return ""
        back, others = self._way(state)
        if back and (others[0] is None or others[0].digest == state.digest):
            return ""
        going = {
            name: self._progress_of(name, state)
            for name, member in self._members.items()
            if name != domain and changes(member, state, others[:1] if self._is_away(name, state) else others)
        }
        rank, looks_first = self._members[domain].rank, has_groups(state)
        return reason_to_wait(domain, phase, going, rank, back=back, looks_first=looks_first)

    def _is_away(self, name: str, state: DesiredState) -> bool:
        """Whether a domain was looked at for a state in vain. Nobody waits for it because of groups that are left out."""
        digest, progress = self._progress.get(name, ("", Progress(0, None)))
        return digest == state.digest and bool(progress.unseen)

    def on_the_way(self, domain: str, state: DesiredState) -> tuple[str, ...]:
        """The subjects of a domain that change on the way to a state: from last-good, or back to it. Where groups are left out
        of it, those that go back in them, too."""
        _, others = self._way(state)
        return changes(self._members[domain], state, others)

    def _way(self, state: DesiredState) -> tuple[bool, Sequence[DesiredState | None]]:
        """Whether the way to a state is a way back, and the states from which it leads: the one where it begins, and where
        groups are left out of it, what is desired."""
        read = self._journal.readable_revision
        if self._journal.digest("last-good") == state.digest:
            return True, [read("desired")]
        desired = read("desired") if has_groups(state) else None
        is_part = desired is not None and desired.digest != state.digest
        return False, [read("last-good"), desired] if is_part else [read("last-good")]

    def report_running(self, domain: str, found: DesiredState | None) -> DesiredState | None:
        """Record the state that runs in a domain now. Returns the state that runs in all of them once each was looked at since
        the last disturbance; `None` until then, or when nothing runs."""
        if self.standing.report(domain, found, self.disturbances):
            self._wake_others(domain)
        return self.standing.running(len(self._takes_part(None)), self.disturbances)

    def _progress_of(self, name: str, state: DesiredState) -> Progress:
        digest, found = self._progress.get(name, ("", Progress(0, None)))
        if digest == state.digest:
            return found
        is_expected = name not in self._broken
        return Progress(self._members[name].rank, None, "it was not looked at yet", is_expected=is_expected)

    def count_disturbance(self) -> None:
        """Count one more change to the world: nothing is proven that was seen before."""
        self.disturbances += 1
        self._reached.clear()
        self._back.clear()

    def notify(self, notified: Iterable[tuple[str, str]]) -> None:
        """Subjects of domains have to begin anew, because a step has changed what they began with."""
        for domain, subject in notified:
            if domain in self._members:
                self._journal.memories.notify(domain, [subject])
                self._notified.add(domain)
                self._reached.pop(domain, None)
                self._back.pop(domain, None)
                self._members[domain].wake()

    # ── how it ends ────────────────────────────────────────────────────────────────────────────────────────────

    @at_once
    def reach(self, domain: str, state: DesiredState, text: str, voice: Voice) -> str | None:
        """A domain has reached a state and proven it. `None` when that makes the revision good, or it is; else which
        domains have not, or "" when something else is desired by now. `text`: how everything is."""
        self._reached[domain] = state.digest
        if self._journal.digest("last-good") == state.digest:
            return None
        missing = [name for name in self._takes_part(state) if not self._is_there(name, state)]
        if missing:
            return self.verdict.not_yet(missing, "proven the revision")
        if not self.groups.promote(state):
            return ""
        is_whole = self._journal.digest("desired") == state.digest
        voice.say("revision-good", text if is_whole else "what is asked of the other groups is there and proven")
        self._wake_others(domain)
        return None

    def _is_there(self, name: str, state: DesiredState) -> bool:
        """Whether a domain has reached a state; one that cannot be looked at only matters where the state changes it."""
        if self._reached.get(name) == state.digest:
            return True
        good = [self._journal.readable_revision("last-good")]
        return self._is_away(name, state) and not changes(self._members[name], state, good)

    @at_once
    def give_up(
        self, state: DesiredState, why: str, voice: Voice, domain: str, subjects: Mapping[str, str] = NOBODY
    ) -> None:
        """The revision has failed, for all domains; where groups are asked for, only those of the `subjects` of the domain that
        have failed, and why."""
        blamed = self.groups.give_up(state, domain, subjects, why)
        if blamed is not None:
            if blamed.groups:
                self._tell_given_up(blamed, voice)
            return
        self._journal.attempts.forget_sick()
        self._journal.attempts.count(state.digest, why, failed=True)
        self._back_at = ""
        voice.say("revision-failed", why)
        good = self._journal.digest("last-good")
        if not good:
            voice.settled_is(False, "RevisionFailed", f"{why}; there is no last-good state to go back to")
            self._wake_others(domain)  # those that wait for its proof wait for nothing
            return
        whom = self._whom(state, self._journal.readable_revision("last-good"))
        voice.say("rolling-back", f"going back to {good}{whom}")
        voice.settled_is(False, "RollingBack", why)
        for member in self._members.values():
            member.interrupt()

    def _tell_given_up(self, blamed: GivenUp, voice: Voice) -> None:
        """Some groups have failed, and the others go on."""
        self._back_at = ""
        for group, why in blamed.groups.items():
            voice.say("revision-failed", f"{group_text(group)}: {why}")
        groups = [*blamed.groups, *blamed.along]
        names, goes = " and ".join(map(group_text, groups)), "goes" if len(groups) == 1 else "go"
        along = "".join(f"; {group_text(group)}: {why}" for group, why in blamed.along.items())
        voice.say("rolling-back", f"{names} {goes} back{self._whom(blamed.desired, blamed.back)}{along}")
        voice.settled_is(False, "RollingBack", "; ".join(dict.fromkeys(blamed.groups.values())))
        self._wake_all()

    @at_once
    def go_back(self, domain: str, good: DesiredState, why: str, voice: Voice, part: str = "") -> str:
        """A domain is back at last-good, which is in force instead of what is desired once all are; "" then, and nothing
        more is tried. Else which are not. Where it was in force before, it was only repaired. `part`: the groups that are back,
        where all else is as desired."""
        if self._back.get(domain) != good.digest:
            self._back[domain] = good.digest
            self._wake_others(domain)
        desired = self._journal.readable_revision("desired")
        missing = [
            name
            for name in self._takes_part(good)
            if self._back.get(name) != good.digest
            and (desired is None or self.differing(name, desired, good) or name in self._notified)
        ]
        if missing:
            return self.verdict.not_yet(missing, "gone back")
        text = (
            f"all is as asked for, but for what is back at last-good: {why}"
            if part
            else f"last-good is in force; {why}"
        )
        is_new = self.verdict.agree(domain, False, "RolledBack", text)
        if is_new and self._back_at != good.digest:
            what = f"{part} went back to last-good" if part else f"last-good {good.digest} is in force again"
            voice.say("rolled-back", f"{what}{self._whom(desired, good)}")
        self._back_at = good.digest
        return ""

    def know_back(self, good: DesiredState) -> None:
        """Last-good is known to be in force already."""
        self._back_at = good.digest

    def _whom(self, one: DesiredState | None, other: DesiredState | None) -> str:
        """The subjects that change on the way from one state to the other, behind a colon: entries are found by name."""
        if one is None or other is None:
            return ""
        subjects = sorted({subject for domain in self._members for subject in self.differing(domain, one, other)})
        return f": {listed(subjects)}" if subjects else ""

    def _end_watching(self) -> None:
        """There is work beside domains that only watch what has begun: they go on with that later."""
        for member in self._members.values():
            if member.only_watches():
                member.interrupt()

    def _wake_all(self) -> None:
        for member in self._members.values():
            member.wake()

    def _wake_others(self, domain: str) -> None:
        for name, member in self._members.items():
            if name != domain:
                member.wake()
