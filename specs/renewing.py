"""Units of systemd, and containers, that have to hear of a change of a file: what is done for them, and what is remembered."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from evenkeel.specs.plan import Traits
from evenkeel.specs.unit import Unit

JOB_S = 120.0
"""Seconds that a unit may take to start by itself: systemd gives up after 90 s, if the unit does not say otherwise."""


class Renew(Struct, frozen=True, tag="renew"):
    """Restart or reload a unit of systemd, and wait for the result. `is_asked`: a wanted file names it. A unit that none names
    any more has only heard of a former content; should it not be there, or not start, nothing is missing."""

    unit: Unit
    is_asked: bool = True

    @property
    def traits(self) -> Traits:
        facts = {"action": "reload" if self.unit.reload else "restart", "unit": self.unit.name}
        text = f"{facts['action']} {self.unit.name}"
        return Traits(text, facts, own_s=JOB_S, foretold=f"then {self.unit.name} is {self.unit.verb}")


class Renewal(Struct, frozen=True):
    """A unit that has to hear of a change of a `subject`, and how."""

    subject: str
    reload: bool = False


def with_renewals(renewals: Mapping[str, Renewal], subject: str, units: Collection[Unit]) -> dict[str, Renewal]:
    """The units that have to hear of a change, with further ones. One that was to be restarted is not only reloaded."""
    found = dict(renewals)
    for each in units:
        is_reloaded = each.reload and (each.name not in found or found[each.name].reload)
        found[each.name] = Renewal(subject, is_reloaded)
    return found


def containers_to_notify(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """The containers that have to begin anew, for `Traits.notifies`."""
    return tuple(("containers", name) for name in names)
