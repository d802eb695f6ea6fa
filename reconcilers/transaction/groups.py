"""Which subjects succeed, fail and go back together.

A `Baseline` makes a group, over all domains; all that is in none is one group, called "". The part of a group is what a
revision asks of it. A part that failed is known by its name and content: it is not tried again until it changes, whatever
becomes of other groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.documents.claims import claimed_twice, ports_claimed_twice
from evenkeel.specs.documents.needs import needs_in_a_circle, unmet_needs
from evenkeel.specs.groups.baseline import Baseline

_NOTHING = desired_state(()).digest
"""The part of a group of which nothing is asked any more."""

Subject = tuple[str, str]
"""Domain and name."""


class Groups(NamedTuple):
    """The groups of what is asked for, and of what was good before. `rules`: the baseline of each subject, by its document's
    name; "" where it has none. `of`: the group of each subject."""

    asked: DesiredState
    good: DesiredState
    rules: Mapping[Subject, str]
    of: Mapping[Subject, str]

    def changed(self) -> dict[str, str]:
        """The groups of which something else is asked than was good, in order of name, each with the key of its part."""
        asked, good = self._parts(self.asked), self._parts(self.good)
        names = sorted(set(self.of.values()))
        return {name: f"{name}@{asked.get(name, _NOTHING)}" for name in names if asked.get(name) != good.get(name)}

    def has_part(self, group: str, state: DesiredState) -> bool:
        """Whether a state asks of a group what is asked of it."""
        return self._parts(state).get(group) == self._parts(self.asked).get(group)

    def without(self, groups: Collection[str]) -> DesiredState:
        """The state that is asked for, with these groups as they were good. Baselines name as members also those subjects that
        go back and are none by themselves, such as one that is not asked for any more: they stay in their groups."""
        back, rest = self._back(groups), self._rest(groups)
        rules = [each for each in self.asked.documents if each.is_rule]
        return desired_state([*rest, *back, *self._extended(rules, back)])

    def along(self, groups: Collection[str]) -> dict[str, str]:
        """Further groups that stay as they were good while these do, and why: only one document may have what both ask for, and
        what a document needs has to be there."""
        found: dict[str, str] = {}
        while more := self._tied({*groups, *found}):
            found |= more
        return found

    def _tied(self, groups: Collection[str]) -> dict[str, str]:
        back, rest = self._back(groups), self._rest(groups)
        found = {**self._clashing(back, rest), **self._needing(back, rest), **self._circular(back, rest)}
        return {group: why for group, why in found.items() if group not in groups}

    def _needing(self, back: Sequence[Document], rest: Sequence[Document]) -> dict[str, str]:
        """Groups of the rest that miss what they need while others are as they were, and those that would take away what
        these need."""
        were, found = {id(each) for each in back}, dict[str, str]()
        asked, good = self.asked.subjects(), self.good.subjects()
        for need in unmet_needs([*back, *rest]):
            own, provider = self._group_of(need.document), self.of.get(need.subject)
            if own is None or provider is None or own == provider:
                continue
            if id(need.document) in were and need.subject in good:
                why = f"{need.name} stays for {need.document.name}, as long as {group_text(own)} is as it was"
                found.setdefault(provider, why)
            elif id(need.document) not in were and need.subject in asked:
                why = (
                    f"{need.document.name} depends on {need.name}, which {group_text(provider)} does not have as it was"
                )
                found.setdefault(own, why)
        return found

    def _circular(self, back: Sequence[Document], rest: Sequence[Document]) -> dict[str, str]:
        """Groups of the rest with a document that would depend on itself while others are as they were."""
        were, found = {id(each) for each in back}, dict[str, str]()
        for circle in needs_in_a_circle([*back, *rest]):
            names = " → ".join(each.name for each in (*circle, circle[0]))
            for each in circle:
                group = self._group_of(each)
                if id(each) not in were and group is not None:
                    found.setdefault(group, f"{each.name} would depend on itself: {names}")
        return found

    def _clashing(self, back: Sequence[Document], rest: Sequence[Document]) -> dict[str, str]:
        were, found = {id(each) for each in back}, dict[str, str]()
        for clash in (*claimed_twice([*back, *rest]), *ports_claimed_twice([*back, *rest])):
            pair = (clash.one, clash.other) if id(clash.other) in were else (clash.other, clash.one)
            mine, theirs = pair
            group, keeper = self._group_of(mine), self._group_of(theirs)
            if id(mine) not in were and id(theirs) in were and group is not None:
                why = f"{mine.name}: {clash.text} is that of {theirs.name}, as long as {group_text(keeper or '')} is as it was"
                found.setdefault(group, why)
        return found

    def _back(self, groups: Collection[str]) -> list[Document]:
        return [each for each in self.good.documents if self._group_of(each) in groups]

    def _rest(self, groups: Collection[str]) -> list[Document]:
        return [each for each in self.asked.documents if not each.is_rule and self._group_of(each) not in groups]

    def differing(self, one: DesiredState, other: DesiredState) -> dict[str, list[str]]:
        """The names of the subjects that two states ask for differently, by group."""
        ones, others, found = one.subjects(), other.subjects(), dict[str, list[str]]()
        for subject in sorted(ones.keys() | others.keys()):
            wanted = [each.wanted if each is not None else None for each in (ones.get(subject), others.get(subject))]
            if wanted[0] != wanted[1] and subject in self.of:
                found.setdefault(self.of[subject], []).append(subject[1])
        return dict(sorted(found.items()))

    def of_subjects(self, domain: str, subjects: Collection[str]) -> frozenset[str]:
        """The groups of subjects of a domain."""
        return frozenset(self.of[domain, each] for each in subjects if (domain, each) in self.of)

    def own(self, group: str, domain: str, subjects: Mapping[str, str]) -> dict[str, str]:
        """Those of a domain's subjects that belong to a group."""
        return {name: why for name, why in subjects.items() if self.of.get((domain, name)) == group}

    def _extended(self, rules: Sequence[Document], back: Sequence[Document]) -> list[Document]:
        """These rules, of which baselines name what goes back; one that is not asked for any more is as it was good."""
        own = [(each, self.rules[each.wanted.domain, each.name]) for each in back]
        good, asked = _baselines(self.good), _baselines(self.asked)
        found = {name: good[name] for _, name in own if name in good} | asked
        names: dict[str, list[str]] = {}
        for document, name in own:
            if name and _rule(document, found) != name:
                names.setdefault(name, []).append(document.name)
        others = [each for each in rules if not isinstance(each.wanted, Baseline)]
        return [*others, *(_with_members(rule, names.get(name, ())) for name, rule in found.items())]

    def _parts(self, state: DesiredState) -> dict[str, str]:
        """The digest of the part of each group in a state."""
        documents: dict[str, list[Document]] = {}
        for each in state.documents:
            if (group := self._group_of(each)) is not None:
                documents.setdefault(group, []).append(each)
        return {group: desired_state(part).digest for group, part in documents.items()}

    def _group_of(self, document: Document) -> str | None:
        """`None` for a rule, which belongs to what is asked."""
        return self.of.get((document.wanted.domain, document.name)) if not document.is_rule else None


def has_groups(asked: DesiredState) -> bool:
    """Whether somebody asks for groups; else all is one."""
    return any(isinstance(each.wanted, Baseline) for each in asked.documents)


def groups(asked: DesiredState, good: DesiredState | None) -> Groups:
    """The groups of a revision on its way from what was good. The baselines that are asked for say who is a member; of what is
    to go, those that were good do."""
    rules: dict[Subject, str] = {}
    for state in (asked, good) if good is not None else (asked,):
        baselines = _baselines(state)
        for subject, document in state.subjects().items():
            rules.setdefault(subject, _rule(document, baselines))
    known = (_baselines(good) if good is not None else {}) | _baselines(asked)
    of = {subject: _group(subject, known.get(rule)) for subject, rule in rules.items()}
    return Groups(asked, good or desired_state(()), rules, of)


def go_on_without(waiting: Collection[str], along: Collection[str], on_trial: Collection[str]) -> bool:
    """Whether groups on trial go on without those that wait for what is not fetched yet: some of them neither wait nor stay as
    they were `along` with these."""
    return not set(on_trial).isdisjoint(waiting) and not set(on_trial) <= {*waiting, *along}


def _baselines(state: DesiredState) -> dict[str, Document]:
    return {each.name: each for each in state.documents if isinstance(each.wanted, Baseline)}


def _rule(subject: Document, baselines: Mapping[str, Document]) -> str:
    for name, rule in baselines.items():
        if isinstance(rule.wanted, Baseline) and rule.wanted.has(subject.name, subject.wanted):
            return name
    return ""


def _group(subject: Subject, rule: Document | None) -> str:
    if rule is None or not isinstance(rule.wanted, Baseline):
        return ""
    return rule.name if rule.wanted.all_or_nothing else "/".join((rule.name, *subject))


def _with_members(rule: Document, names: Collection[str]) -> Document:
    if not names or not isinstance(rule.wanted, Baseline):
        return rule
    return changed(rule, wanted=changed(rule.wanted, members=tuple(sorted({*rule.wanted.members, *names}))))


def group_text(group: str) -> str:
    """The name of a group in sentences."""
    return f"group {group}" if group else "what is in no group"
