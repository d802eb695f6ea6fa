"""Groups of what is desired on trial: those that failed, those that others do not wait for, and what is good without them.

Where nobody asks for groups all is one, and nothing here has an effect. A part that failed stays in quarantine in the journal;
one that is only held is forgotten with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from evenkeel.controller.journal.attempts import GROUPS
from evenkeel.controller.journal.journal import Journal
from evenkeel.controller.transaction.preconditions import Preconditions, Present, has_preconditions, no_values
from evenkeel.reconcilers.counted import reasons
from evenkeel.reconcilers.transaction.groups import Groups, go_on_without, group_text, groups, has_groups
from evenkeel.specs.desired import DesiredState


class Aimed(NamedTuple):
    """The state that domains are on their way to. `failed`: groups that went back, and why; `held`: those that the others do
    not wait for; `along`: those that stay as they were because one of these does."""

    state: DesiredState
    failed: Mapping[str, str] = {}
    held: Mapping[str, str] = {}
    along: Mapping[str, str] = {}

    @property
    def groups(self) -> str:
        """The groups that went back, in words."""
        return " and ".join(map(group_text, sorted({*self.failed, *self.along})))

    @property
    def why(self) -> str:
        """Why it is not all that is desired."""
        all_of_them = {**self.along, **self.held, **self.failed}
        return "; ".join(f"{group_text(group)}: {why}" for group, why in sorted(all_of_them.items()))


class GivenUp(NamedTuple):
    """Groups that have just failed, and why. `back`: what is desired without them; `along`: groups that go back with them, and
    why."""

    groups: Mapping[str, str]
    desired: DesiredState
    back: DesiredState
    along: Mapping[str, str] = {}


Kind = Literal["blocked", "unfetched", "fetching", "unseen", "unmet"]
"""Why a group is held: it cannot be had, it cannot be fetched now, it is being fetched, which takes long, a domain that it
changes cannot be looked at, or its preconditions do not hold."""


_PASSING: Collection[Kind] = ("fetching", "unseen", "unmet")


class _Hold(NamedTuple):
    """Why a group is held, and by which domain, "" by none."""

    why: str
    domain: str
    kind: Kind


class GroupTrials:
    """The groups of one device."""

    def __init__(
        self,
        journal: Journal,
        wake: Callable[[], None],
        is_fetched: Callable[[], None],
        changes: Callable[[str, DesiredState], Collection[str] | None],
        present: Present = no_values,
    ) -> None:
        """`wake`: called when groups are held, or held no more: all domains have another aim. `is_fetched`: called when
        groups go on because they are fetched. `changes`: the subjects of a domain that a state changes; `None` when nobody
        knows. `present`: the values of preconditions."""
        self._journal, self._wake, self._is_fetched, self._changes = journal, wake, is_fetched, changes
        self.preconditions = Preconditions(journal, present, wake)
        self._held: dict[str, _Hold] = {}
        """Groups that the others do not wait for, while the state of this digest is desired."""
        self._held_for = ""
        self._waiting: Mapping[str, str] = {}
        """Groups that could not be fetched at the last try, and why, until they are, while this digest is desired."""
        self._waiting_for = ""

    def aim(self, desired: DesiredState) -> Aimed:
        """The state that domains are on their way to when this is desired: groups that failed or are held as they were good."""
        if not has_groups(desired):
            return Aimed(desired)
        found = self._groups(desired)
        return self._aim(desired, found, found.changed())

    def _aim(self, desired: DesiredState, found: Groups, changed: Mapping[str, str]) -> Aimed:
        attempts = {group: self._journal.attempts.of(key, GROUPS) for group, key in changed.items()}
        failed = {group: each.why for group, each in attempts.items() if each is not None and each.failed}
        held = {
            group: each
            for group, each in self._holds(desired.digest).items()
            if group in changed and group not in failed
        }
        if not failed and not held:
            return Aimed(desired)
        back = failed.keys() | held.keys()
        along = found.along(back)
        whys = {group: each.why for group, each in held.items()}
        return Aimed(found.without(back | along.keys()), failed, whys, along)

    def _holds(self, desired: str) -> dict[str, _Hold]:
        """The groups that are held while the state of this digest is desired."""
        unmet = {group: _Hold(why, "", "unmet") for group, why in self.preconditions.unmet(desired).items()}
        return (self._held if self._held_for == desired else {}) | unmet

    def hold(self, desired: DesiredState, domain: str, subjects: Mapping[str, str], kind: Kind) -> bool:
        """Hold the groups of these subjects of a domain, and why. False when they are held already; and when they can be had,
        but no other group would go on without them. No group is held for a subject that it does not change and that cannot be
        had or fetched: the others go on without that one."""
        if not has_groups(desired):
            return False
        subjects = subjects if kind in _PASSING else self._changed(desired, domain, subjects)
        found = self._groups(desired)
        changed = found.changed()
        aimed = self._aim(desired, found, changed)
        left = changed.keys() - aimed.failed.keys() - aimed.held.keys()
        why = _by_group(found, domain, subjects)
        if kind == "unfetched":
            waiting = {group: each for group, each in why.items() if group in changed}
            known = self._waiting if self._waiting_for == desired.digest else {}
            waiting |= {group: each for group, each in known.items() if group in aimed.held}  # nobody has tried these
            self._waiting, self._waiting_for = waiting, desired.digest
        along = found.along({*aimed.failed, *aimed.held, *why})
        if not (left & why.keys() if kind == "blocked" else go_on_without(why, along, left)):
            return False
        held = self._held if self._held_for == desired.digest else {}
        before = {group: each for group, each in held.items() if group in aimed.held}
        self._held = before | {group: _Hold(each, domain, kind) for group, each in why.items()}
        self._held_for = desired.digest
        self._wake()
        return True

    def undone(self, desired: DesiredState, before: DesiredState, aimed: Aimed) -> Mapping[str, Sequence[str]]:
        """The groups that stay as they were in what is aimed at now, and the names of their subjects that go back: those of
        which something else was aimed at `before`."""
        held = aimed.held.keys() | aimed.along.keys()
        by_group = self._groups(desired).differing(before, aimed.state)
        return {group: names for group, names in by_group.items() if group in held}

    def of(self, domain: str, subjects: Mapping[str, str]) -> Mapping[str, str]:
        """The groups of subjects of a domain that have trouble, and which; none where all is one."""
        desired = self._journal.readable_revision("desired") if subjects else None
        if desired is None or not has_groups(desired):
            return {}
        return _by_group(self._groups(desired), domain, subjects)

    def let_go(self) -> bool:
        """Groups that could not be fetched are held no more; False when there was none."""
        return self._free([group for group, each in self._held.items() if each.kind == "unfetched"])

    def still_fetched(self, domain: str, subjects: Mapping[str, str]) -> None:
        """Of what a domain fetches beside others these subjects are left, and why: groups with none of them are held no
        more."""
        still = self.of(domain, subjects)
        mine = self._held_by(domain, "fetching")
        for group in mine & still.keys():
            self._held[group] = _Hold(still[group], domain, "fetching")
        if self._free(mine - still.keys()):
            self._is_fetched()

    def see(self, domain: str) -> bool:
        """A domain is seen: groups that were held because it was not are held no more; False when there was none."""
        return self._free(self._held_by(domain, "unseen"))

    def waits_for(self, domain: str) -> bool:
        """Whether a group is held because a domain cannot be looked at."""
        return bool(self._held_by(domain, "unseen"))

    def is_waiting(self, desired: str) -> bool:
        """Whether a group is held that goes on by itself while the state of this digest is desired: it is being fetched, a
        domain is away, or preconditions do not hold."""
        return any(each.kind in _PASSING for each in self._holds(desired).values())

    def _held_by(self, domain: str, kind: Kind) -> set[str]:
        return {group for group, each in self._held.items() if (each.domain, each.kind) == (domain, kind)}

    def _free(self, groups: Collection[str]) -> bool:
        for group in groups:
            del self._held[group]
        if groups:
            self._wake()
        return bool(groups)

    def blocked(self, desired: str) -> dict[str, str]:
        """The groups that are held because they cannot be had, and why, while the state of this digest is desired."""
        blocked = {group: each.why for group, each in self._holds(desired).items() if each.kind == "blocked"}
        state = self._journal.readable_revision("desired") if blocked else None
        return blocked | self._groups(state).along(blocked) if state is not None else {}

    def waiting(self, desired: str) -> Mapping[str, str]:
        """The groups that wait for what is not fetched yet, or for a domain, and why, while the state of this digest is
        desired."""
        waiting = dict(self._waiting) if self._waiting_for == desired else {}
        waiting |= {group: each.why for group, each in self._holds(desired).items() if each.kind in _PASSING}
        state = self._journal.readable_revision("desired") if waiting else None
        return self._groups(state).along(waiting) | waiting if state is not None else waiting

    def begin(self, state: DesiredState) -> None:
        """The switch to a state begins: all is fetched that groups need, but for those that are held."""
        self._waiting = {group: why for group, why in self._waiting.items() if group in self._held}
        desired = self._journal.readable_revision("desired") if has_preconditions(state) else None
        if desired is not None:
            found = self._groups(desired)
            changed = found.changed()
            self.preconditions.begin([key for group, key in changed.items() if found.has_part(group, state)])

    def blocks(self, domain: str) -> bool:
        """Whether a group is held by a domain because it cannot be had."""
        return bool(self._held_by(domain, "blocked"))

    def free(self, desired: DesiredState, domain: str, blocked: Mapping[str, str]) -> bool:
        """Groups that could not be had in a domain are held no more, if none of their subjects is `blocked` now; False when all
        are."""
        still = self._groups(desired).of_subjects(domain, self._changed(desired, domain, blocked))
        return self._free(self._held_by(domain, "blocked") - still)

    def give_up(self, state: DesiredState, domain: str, subjects: Mapping[str, str], why: str) -> GivenUp | None:
        """Groups of a domain have failed on the way to a state, each by subjects of its own; all that are on trial, where
        none of these is. No group, where another domain has given them up since the way to that state began. `None` when
        all is one."""
        desired = self._journal.readable_revision("desired") if has_groups(state) else None
        if desired is None:
            return None
        found = self._groups(desired)
        changed = found.changed()
        aimed = self._aim(desired, found, changed)
        left = changed.keys() - {*aimed.failed, *aimed.held, *aimed.along}
        theirs = found.of_subjects(domain, subjects)
        if theirs and theirs <= aimed.failed.keys() and state.digest != aimed.state.digest:
            return GivenUp({}, desired, aimed.state)
        of = {group: found.own(group, domain, subjects) for group in theirs & left}
        blamed = {group: reasons(of[group].items()) if len(of) > 1 or of[group] != subjects else why for group in of}
        blamed = dict(sorted((blamed or dict.fromkeys(left, why)).items()))
        if not blamed and state.digest == desired.digest:
            return None
        if not blamed:  # all of it was good before: there is nothing to go back to
            self._journal.promote_part(desired.digest, state)
        all_along = found.along({*blamed, *aimed.failed, *aimed.held})
        along = {group: why for group, why in all_along.items() if group not in aimed.along}
        back = found.without({*blamed, *along})
        for group, each in blamed.items():
            self._journal.attempts.count(changed[group], each, failed=True, domain=GROUPS)
        self.preconditions.end([changed[group] for group in blamed])
        self._journal.attempts.forget_sick()
        return GivenUp(blamed, desired, back, along)

    def promote(self, state: DesiredState) -> bool:
        """A state is good from now on, if it is what is desired, or all of that but for some groups."""
        desired = self._journal.readable_revision("desired") if has_groups(state) else None
        if desired is None or desired.digest == state.digest or self.aim(desired).state.digest != state.digest:
            return self._journal.promote(state.digest)
        return self._journal.promote_part(desired.digest, state)

    def _changed(self, desired: DesiredState, domain: str, subjects: Mapping[str, str]) -> Mapping[str, str]:
        """Those of the subjects that the desired state changes."""
        changes = self._changes(domain, desired)
        return subjects if changes is None else {name: why for name, why in subjects.items() if name in changes}

    def _groups(self, desired: DesiredState) -> Groups:
        return groups(desired, self._journal.readable_revision("last-good"))


def _by_group(found: Groups, domain: str, subjects: Mapping[str, str]) -> dict[str, str]:
    names = sorted(found.of_subjects(domain, subjects))
    return {group: reasons(found.own(group, domain, subjects).items()) for group in names}
