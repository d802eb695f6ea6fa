"""Whether preconditions hold by the present values, and why not. Pure; ages are given.

They fail closed. A value that is unknown or stale counts as an error of CEL, so the verdict is "not met" whatever the operator,
also behind a negation, but where the result does not depend on it: `a || b` holds when `a` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from evenkeel.reconcilers.preconditions.cel import evaluate
from evenkeel.reconcilers.preconditions.reading import read
from evenkeel.specs.preconditions.observed import Observed, observed_text
from evenkeel.specs.preconditions.precondition import Clause, Fault, Precondition
from evenkeel.specs.visible import one_line, shortened

_LONGEST_REASON = 1000
_LONGEST_CLAUSE = 120
_NOT_OBSERVED = Observed(unknown="nothing has looked at it")


def unmet(text: str, present: Mapping[str, Observed]) -> str:
    """Why preconditions do not hold, as they were written; "" when they do. `present`: each value that there is, by name."""
    precondition = read(text, present)
    if isinstance(precondition, Fault):
        return one_line(shortened(f"the preconditions cannot be read: {precondition.text}", _LONGEST_REASON))
    return judge(precondition, present)


def judge(precondition: Precondition, present: Mapping[str, Observed]) -> str:
    """Why a precondition does not hold: each clause that does not, with the present values of all that it names. "" when it
    holds."""
    clauses = precondition.clauses
    if not clauses:
        return ""
    observed = {name: present.get(name, _NOT_OBSERVED) for name in preclause.names}
    values = {name: each.value for name, each in observed.items() if each.counts}
    results = evaluate([clause.cel for clause in clauses], preclause.names, values)
    reasons = [
        _reason(clause, result, observed) for clause, result in zip(clauses, results, strict=True) if result is not True
    ]
    return one_line(shortened("; ".join(dict.fromkeys(reasons)), _LONGEST_REASON))


def _reason(clause: Clause, result: bool | str, observed: Mapping[str, Observed]) -> str:
    """Why one clause does not hold. The name of a value says it all where the clause is nothing else, or where its only
    value does not count."""
    names = clause.names
    present = ", ".join(f"{name} is {observed_text(observed[name])}" for name in names)
    lacking = [name for name in names if not observed[name].counts]
    is_name = clause.cel.lstrip("! ") in names and not isinstance(result, str)
    if is_name or (names and len(lacking) == len(names)):
        return present
    cel = f"`{shortened(clause.cel, _LONGEST_CLAUSE)}`"
    if isinstance(result, str) and not lacking:
        cannot = f"{cel} cannot be evaluated: {result}"
        return f"{cannot} ({present})" if present else cannot
    return f"{cel} does not hold: {present}" if present else f"{cel} does not hold"
