"""Which subjects succeed, fail and go back together.

A `Baseline` makes a group, over all domains; all that is in none is one group, called "". What a revision asks of a group is
its part. A part that failed is known by its name and content: it is not tried again until it changes, whatever becomes of
other groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.groups.baseline import Baseline

Subject = tuple[str, str]
"""Domain and name."""


class Groups(NamedTuple):
    """The groups of what is asked for, and of what was good before. `of`: the group of each subject."""

    asked: DesiredState
    good: DesiredState
    of: Mapping[Subject, str]

    def changed(self) -> tuple[str, ...]:
        """The groups of which something else is asked than was good, in order of name."""
        names = sorted(set(self.of.values()))
        return tuple(name for name in names if self._part(self.asked, name) != self._part(self.good, name))

    def key(self, group: str) -> str:
        """What names what is asked of a group."""
        return f"{group}@{self._part(self.asked, group)}"

    def without(self, groups: Collection[str]) -> DesiredState:
        """What is asked for, but of these groups what was good."""
        rest = [each for each in self.asked.documents if self._group_of(each) not in groups]
        back = [each for each in self.good.documents if self._group_of(each) in groups]
        return desired_state([*rest, *back])

    def of_subjects(self, domain: str, subjects: Collection[str]) -> frozenset[str]:
        """The groups of subjects of a domain."""
        return frozenset(self.of[domain, each] for each in subjects if (domain, each) in self.of)

    def _part(self, state: DesiredState, group: str) -> str:
        """The digest of what a state asks of a group."""
        return desired_state([each for each in state.documents if self._group_of(each) == group]).digest

    def _group_of(self, document: Document) -> str | None:
        """`None` for a rule, which belongs to what is asked."""
        return self.of.get((document.wanted.domain, document.name)) if not document.is_rule else None


def has_groups(asked: DesiredState) -> bool:
    """Whether somebody asks for groups; else all is one."""
    return any(isinstance(each.wanted, Baseline) for each in asked.documents)


def groups(asked: DesiredState, good: DesiredState | None) -> Groups:
    """The groups of a revision on its way from what was good. What is asked for says who is a member; what was good does so of
    what is to go."""
    of: dict[Subject, str] = {}
    for state in (asked, good) if good is not None else (asked,):
        rules = [each for each in state.documents if isinstance(each.wanted, Baseline)]
        for subject, document in state.subjects().items():
            of.setdefault(subject, _group(document, rules))
    return Groups(asked, good or desired_state(()), of)


def _group(subject: Document, rules: Collection[Document]) -> str:
    for rule in rules:
        baseline = rule.wanted
        if isinstance(baseline, Baseline) and baseline.has(subject.name, subject.wanted):
            return rule.name if baseline.all_or_nothing else f"{rule.name}/{subject.name}"
    return ""


def group_text(group: str) -> str:
    """What a group is called in sentences."""
    return f"group {group}" if group else "what is in no group"
