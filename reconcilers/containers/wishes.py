"""The last wishes for subjects that are not asked for any more: how they are to be treated when they are removed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.ports import Former
from evenkeel.specs.plan import Difference


class LastWishes(NamedTuple):
    """`stop_s`: how many seconds a subject is given to end. `discards`: those whose volumes go with them."""

    stop_s: dict[str, float]
    discards: frozenset[str]


NO_WISHES = LastWishes({}, frozenset())


def last_wishes(differences: Iterable[Difference], former: Former[ContainersWanted]) -> LastWishes:
    """The last wishes for all subjects that are to be removed. `discard` counts only where the subject was good, too,
    because a failed wish may have been wrong in this."""
    gone = {difference.subject for difference in differences if difference.verb == "remove"}
    good = former.good.subjects if former.good is not None else {}
    latest = {**good, **(former.desired.subjects if former.desired is not None else {})}
    stop_s = {name: each.stop.timeout.total_seconds() for name, each in latest.items() if name in gone}
    discards = (
        name
        for name in gone.intersection(good)
        if {good[name].image_volumes, latest[name].image_volumes} == {"discard"}
    )
    return LastWishes(stop_s, frozenset(discards))
