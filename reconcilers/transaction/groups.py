"""Which subjects succeed, fail and go back together.

A `Baseline` makes a group, over all domains; all that is in none is one group, called "". What a revision asks of a group is
its part. A part that failed is known by its name and content: it is not tried again until it changes, whatever becomes of
other groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from evenkeel.specs.codec import changed
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.documents.claims import claimed_twice, ports_claimed_twice
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

    def without(self, groups: Collection[str]) -> DesiredState:
        """What is asked for, but of these groups what was good. Baselines name as members what goes back and is none by itself,
        as a subject that nobody asks for any more, so that it stays in its group."""
        back, rest = self._back(groups), self._rest(groups)
        rules = [each for each in self.asked.documents if each.is_rule]
        return desired_state([*rest, *back, *self._extended(rules, back)])

    def along(self, groups: Collection[str]) -> dict[str, str]:
        """Further groups that stay as they were good while these do, and why: only one document may have what both ask for."""
        found: dict[str, str] = {}
        while more := self._clashing({*groups, *found}):
            found |= more
        return found

    def _clashing(self, groups: Collection[str]) -> dict[str, str]:
        back, rest = self._back(groups), self._rest(groups)
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


def go_on_without(waiting: Collection[str], on_trial: Collection[str]) -> bool:
    """Whether groups on trial go on without those that wait for what is not fetched yet: some of them do not wait."""
    return not set(on_trial).isdisjoint(waiting) and not set(on_trial) <= set(waiting)


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
    """What a group is called in sentences."""
    return f"group {group}" if group else "what is in no group"
