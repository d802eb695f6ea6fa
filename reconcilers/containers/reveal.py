"""A plan with the values that it hides, for the terminal of an operator who asked to see them.

A plan is stored, printed for programs and sent, so it has no values. They are taken once more from the wanted and the
observed containers. A value that a spec marks as secret, or that looks so by its name, stays hidden here, too.
"""

from __future__ import annotations

from evenkeel.reconcilers.containers import compare
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.plan import Change, Plan
from evenkeel.specs.reading.secrecy import HIDDEN


def revealed(plan: Plan, seen: ContainersSeen) -> Plan:
    """The same plan, with values. It must go nowhere but to a terminal."""
    return changed(
        plan,
        differences=tuple(
            revealed_difference(each, seen) if isinstance(each, ContainerDifference) else each
            for each in plan.differences
        ),
    )


def revealed_difference(difference: ContainerDifference, seen: ContainersSeen) -> ContainerDifference:
    """The same difference, with values, for a terminal only."""
    wanted = difference.container
    old = next((each.container for each in seen.containers if each.id == difference.compared), None)
    if wanted is None or old is None:
        return difference
    fields = compare.fields(old, compare.with_conduct_of(wanted, old), show_values=True)
    values = {field.path: field for field in fields}

    def with_values(change: Change) -> Change:
        field = values.get(change.path)
        hidden = HIDDEN in (change.old, change.new)
        return changed(change, old=field.old, new=field.new) if field is not None and hidden else change

    return changed(difference, changes=tuple(map(with_values, difference.changes)))
