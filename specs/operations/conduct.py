"""How operations are conducted: the settings of an update manager that its decisions need."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple

from evenkeel.specs.kanto.activity import Command


class Conduct(NamedTuple):
    """`reboots`: the domains whose activation needs a reboot. `keeps`: those whose agents know over a restart and a reboot how
    far they are, as all of this device. `rank`: the order of domains in ACTIVATE, the lowest first; a
    domain without a rank is last. `consent`: the commands for which the owner is asked. `failures`: a failure takes back
    its group ("together"), or ends its own domain alone ("independent", as the original). `unknown_domains`: a domain without
    an agent is named and passed over ("skip", as the original), or nothing is done ("fail"). `settle_s`: for how long an
    agent that has cleaned up may say how it ended."""

    reboots: Sequence[str] = ()
    keeps: Collection[str] = ()
    rank: Mapping[str, int] = {}
    consent: Sequence[Command] = ()
    failures: Literal["together", "independent"] = "together"
    unknown_domains: Literal["skip", "fail"] = "skip"
    phase_timeout_s: float = 600.0
    consent_timeout_s: float = 1800.0
    settle_s: float = 5.0

    def rank_of(self, domain: str) -> int:
        """The rank of a domain in ACTIVATE."""
        return self.rank.get(domain, _LAST)


_LAST = 1000
