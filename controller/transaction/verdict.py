"""The one condition `Settled` of the device, folded from what each domain says of itself.

The device is settled when every domain is. Else it says what is wrong where it is worst, and names every domain that says
so. Statements about another desired state count for nothing. Kept in memory: a process that begins hears every domain
anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from evenkeel.controller.journal.journal import Journal
from evenkeel.reconcilers.counted import listed
from evenkeel.specs.feedback import Condition

_WORST_FIRST = (
    "RevisionFailed",
    "RollingBack",
    "Blocked",
    "Retrying",
    "Unknown",
    "Waiting",
    "Converging",
    "RolledBack",
)


_ON_THE_WAY = ("RollingBack", "Waiting", "Converging")
"""Reasons of a domain that is going somewhere."""


class Statement(NamedTuple):
    """The statement of a domain. `desired`: the digest of what was desired then. `groups`: those that cannot be had,
    and why."""

    desired: str
    holds: bool
    reason: str
    message: str
    groups: Mapping[str, str] = {}


class Verdict:
    """The verdict over the domains of one device."""

    def __init__(
        self,
        journal: Journal,
        is_news: Callable[[str], object] = lambda domain: None,
        held: Callable[[str], Mapping[str, str]] = lambda desired: {},
        waiting: Callable[[str], Mapping[str, str]] = lambda desired: {},
    ) -> None:
        """`is_news`: called with a domain that is blocked otherwise than before, or no more. `held`: gives the groups that all
        domains leave alone because they cannot be had, and why, while what has this digest is desired; `waiting`: those that
        are not fetched yet."""
        self._journal, self._is_news, self._held, self._waiting = journal, is_news, held, waiting
        self._said: dict[str, Statement | None] = {}

    def join(self, domain: str) -> None:
        """One more domain has a say."""
        self._said[domain] = None

    def leave(self, domain: str) -> bool:
        """A domain has no say, until it says something: nothing is asked of it. False when it had none. Where nobody has one
        any more nothing is asked for at all, and the device is settled."""
        if domain not in self._said:
            return False
        del self._said[domain]
        if self._said:
            self._fold()
        else:
            self._journal.set_condition(Condition("Settled", True, "Converged", "nothing is asked for"))
        return True

    def has_say(self, domain: str) -> bool:
        """Whether a domain has one."""
        return domain in self._said

    def has_spoken(self, domain: str) -> bool:
        """Whether a domain has said anything about what is desired now."""
        said = self._said.get(domain)
        return said is not None and said.desired == self._journal.digest("desired")

    def agree(self, domain: str, holds: bool, reason: str, message: str) -> bool:
        """A domain says how all are: it is known that they have come to where they were going. As `say`."""
        desired = self._journal.digest("desired")
        for name, said in self._said.items():
            if said is not None and said.desired == desired and said.reason in _ON_THE_WAY:
                self._said[name] = Statement(desired, holds, reason, message)
        return self.say(domain, holds, reason, message)

    def say(self, domain: str, holds: bool, reason: str, message: str, groups: Mapping[str, str] = {}) -> bool:
        """A domain says how it is; True when the device says something new by that. `groups`: those that cannot be had, and
        why."""
        desired, before = self._journal.digest("desired"), self._blocked(domain)
        self._said[domain] = Statement(desired, holds, reason, message, groups)
        if self._blocked(domain) != before:
            self._is_news(domain)
        return self._fold(self._said[domain])

    def _fold(self, newest: Statement | None = None) -> bool:
        """State what follows from what all say; True when it is something new. Where all hold, the `newest` is in its words."""
        desired = self._journal.digest("desired")
        known = {name: each for name, each in self._said.items() if each is not None and each.desired == desired}
        told = {name: each for name, each in known.items() if not each.holds}
        if not told:
            if not known or len(known) < len(self._said):
                return False  # somebody has not spoken yet
            words = newest or next(iter(known.values()))
            return self._journal.set_condition(Condition("Settled", True, words.reason, words.message))
        worst = min(told.values(), key=lambda each: _severity(each.reason))
        texts = (each.message for each in told.values() if each is worst or not _repeats(each, worst))
        text = "; ".join(dict.fromkeys(texts))
        blocked = {group: why for each in told.values() for group, why in each.groups.items()}
        blocked |= self._held(desired)
        return self._journal.set_condition(
            Condition(
                "Settled",
                False,
                worst.reason,
                text,
                groups=dict(sorted(blocked.items())),
                waiting=dict(sorted(self._waiting(desired).items())),
            )
        )

    def is_said_by_another(self, domain: str, why: str) -> bool:
        """Whether another domain says the same of why it is blocked."""
        return any(name != domain and self._blocked(name) == why for name in self._said)

    def not_yet(self, domains: Sequence[str], where: str) -> str:
        """Why others wait for these domains, which have not come to where all are going: what is blocked there, for it will
        not come by itself."""
        blocked = "; ".join(dict.fromkeys(filter(None, map(self._blocked, domains))))
        one = len(domains) == 1
        return blocked or f"the domain{'s' * (not one)} {listed(domains)} {'has' if one else 'have'} not {where} yet"

    def _blocked(self, domain: str) -> str:
        """The reason why a domain is blocked; "" when it is not."""
        said = self._said.get(domain)
        is_blocked = said is not None and said.reason == "Blocked" and said.desired == self._journal.digest("desired")
        return said.message if said is not None and is_blocked else ""

    def own(self, domain: str) -> tuple[bool, str] | None:
        """Whether a domain is settled, and the reason, as it said last; as the device was known to be, before it has said
        anything."""
        said = self._said.get(domain)
        if said is not None and len(self._said) > 1 and said.desired == self._journal.digest("desired"):
            return said.holds, said.reason
        known = self._journal.condition("Settled")
        return (known.holds, known.reason) if known is not None else None


def _repeats(waiting: Statement, blocked: Statement) -> bool:
    """Whether a domain waits for one that is blocked, and says why."""
    reasons = waiting.reason, blocked.reason
    return reasons == ("Waiting", "Blocked") and blocked.message in waiting.message


def _severity(reason: str) -> int:
    return _WORST_FIRST.index(reason) if reason in _WORST_FIRST else len(_WORST_FIRST)
