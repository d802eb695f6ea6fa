"""Absent instances: the memory of an instance is dropped only when it is gone for good.

One look proves little. An engine that starts before its disk is mounted shows an empty world, and so does another
engine that was named by mistake; evenkeel at once begins to fill that. If it forgot an adoption then, the container
would be a stranger's again. So an instance has to be absent in several looks, over some time. Only looks count that
show an instance which had been there together with the absent one. An instance that is remembered while a look is under
way is absent in one look at most. Instances that evenkeel itself removed are forgotten at once
(`controller.cycle.record`).
"""

from __future__ import annotations

from collections.abc import Collection

_LOOKS = 3
_FOR_S = 300.0


class Absences:
    """The remembered instances that were absent: in how many looks, and since when. Kept by one process only."""

    def __init__(self) -> None:
        self._absent: dict[str, tuple[int, float]] = {}
        self._company: dict[str, frozenset[str]] = {}
        """Instance → the instances that were there when it was last seen."""
        self._first: frozenset[str] | None = None
        """The instances that were remembered when this process began: the company of those that it has never seen."""

    def after_look(self, remembered: Collection[str], present: Collection[str], now_s: float) -> list[str]:
        """The remembered instances that are gone for good, after a look in which the instances `present` were there.
        `now_s`: a monotonic clock."""
        self._first = frozenset(remembered) if self._first is None else self._first
        together = frozenset(remembered).intersection(present)
        absent = [id_ for id_ in remembered if id_ not in together]
        company = {id_: self._company.get(id_, self._first) for id_ in absent}
        self._company = company | dict.fromkeys(together, together)
        counted = {id_ for id_ in absent if not together.isdisjoint(company[id_])}
        before = {id_: self._absent.get(id_, (0, now_s)) for id_ in absent}
        self._absent = {id_: (looks + (id_ in counted), since) for id_, (looks, since) in before.items()}
        return [id_ for id_, (looks, since) in self._absent.items() if looks >= _LOOKS and now_s - since >= _FOR_S]
