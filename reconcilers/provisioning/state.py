"""The state in force for an identity: its parts with their prints, those that have to hear of a part, and the target at the
cloud."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from evenkeel.specs.provisioning.memory import State
from evenkeel.specs.provisioning.observed import ProvisionedSeen
from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.unit import Unit

_PAIR, _CLOUD, _VALUES, _OUTPUT = "pair", "cloud", "values", "output "


class Target(NamedTuple):
    """The target at the cloud, for one pair. `key`: the thumbprint of the pair, "" where a key or token is shown. `hub`
    and `device`: "" while no service has assigned them."""

    key: str
    hub: str
    device: str
    asked: str

    @property
    def print(self) -> str:
        """Its name: equal targets have equal ones."""
        return " ".join((self.asked, self.key, self.hub, self.device))


def target(there: ProvisionedSeen, sha256: str) -> Target | None:
    """The target for a pair; `None` where no cloud is asked for."""
    azure = there.azure
    if there.wanted is None or there.wanted.azure is None:
        return None
    key = azure.key(sha256)
    if not there.wanted.azure.is_registered:
        return Target(key, azure.hub, azure.device, azure.asked)
    found = azure.assignments.get(key)
    return Target(key, found.hub if found else "", found.device if found else "", azure.asked)


def state(there: ProvisionedSeen) -> State:
    """All that is in force for a document."""
    found = [(_PAIR, there.pairs.current)]
    at = target(there, there.pairs.current)
    if at is not None:
        found.append((_CLOUD, at.print))
    found.append((_VALUES, there.held))
    found += [(f"{_OUTPUT}{each.path}", each.held) for each in there.outputs]
    return tuple(each for each in found if each[1])


def cloud_of(proven: State) -> str:
    """The print of the target that was proven last, "" for none."""
    return dict(proven).get(_CLOUD, "")


def pair_of(proven: State) -> str:
    """The pair that was proven last, "" for none."""
    return dict(proven).get(_PAIR, "")


def hearing(wanted: Provisioning, proven: State, now: State) -> tuple[tuple[str, ...], tuple[Unit, ...]]:
    """The containers and units that have to hear of what is new since the last proof. Nobody hears of a first pair or first
    values: what begins with them has not begun yet."""
    before, after = dict(proven), dict(now)
    news = {part for part in after if before.get(part) != after[part]}
    names, units = set[str](), set[Unit]()
    if news & {_PAIR, _CLOUD} and before:
        names |= set(wanted.notify)
        units |= set(wanted.units)
    for output in wanted.outputs:
        if f"{_OUTPUT}{output.path}" in news:
            names |= set(output.notify)
            units |= set(output.units)
    return tuple(sorted(names)), _once(units)


def _once(units: set[Unit]) -> tuple[Unit, ...]:
    """Each unit once: one that is named for both is restarted."""
    found: dict[str, Unit] = {}
    for each in sorted(units):
        before = found.get(each.name)
        found[each.name] = Unit(each.name, each.reload and (before is None or before.reload))
    return tuple(found.values())


def named_units(subjects: Mapping[str, Provisioning]) -> frozenset[str]:
    """The units that any document names."""
    return frozenset(
        unit.name
        for wanted in subjects.values()
        for unit in (*wanted.units, *(each for output in wanted.outputs for each in output.units))
    )
