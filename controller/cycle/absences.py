"""What is remembered of an instance is forgotten only when it is gone for good.

One look proves little: an engine that starts before its disk is mounted shows an empty world, and so does another engine that
somebody named by mistake; and evenkeel at once begins to fill that. An adoption that was forgotten for it would make a
container a stranger's again. So an instance has to be absent in several looks, over some time, and only looks count in which
an instance was there that had been there together with it. What was remembered after a look began is absent in one at most.
What evenkeel itself removed is forgotten at once (`controller.cycle.record`).
"""

from __future__ import annotations

from collections.abc import Collection

_LOOKS = 3
_FOR_S = 300.0


class Absences:
    """Which of the remembered instances were absent, in how many looks, and since when. Kept by one process only."""

    def __init__(self) -> None:
        self._absent: dict[str, tuple[int, float]] = {}
        self._company: dict[str, frozenset[str]] = {}
        """Instance → those that were there when it was last there."""
        self._first: frozenset[str] | None = None
        """What was remembered when this process began: the company of what it has never seen."""

    def gone(self, remembered: Collection[str], present: Collection[str], now_s: float) -> list[str]:
        """After a look in which these were `present`: the remembered that are gone for good. `now_s`: a clock that nobody
        sets."""
        self._first = frozenset(remembered) if self._first is None else self._first
        together = frozenset(remembered).intersection(present)
        absent = [id_ for id_ in remembered if id_ not in together]
        company = {id_: self._company.get(id_, self._first) for id_ in absent}
        self._company = company | dict.fromkeys(together, together)
        counted = {id_ for id_ in absent if not together.isdisjoint(company[id_])}
        before = {id_: self._absent.get(id_, (0, now_s)) for id_ in absent}
        self._absent = {id_: (looks + (id_ in counted), since) for id_, (looks, since) in before.items()}
        return [id_ for id_, (looks, since) in self._absent.items() if looks >= _LOOKS and now_s - since >= _FOR_S]
