"""Preconditions of a baseline in words, with the present values: for plans and the status. From values alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from evenkeel.specs.preconditions.observed import Observed, observed_text
from evenkeel.specs.preconditions.precondition import Fault, Precondition
from evenkeel.specs.visible import one_line
from evenkeel.templates.ago import ago_text
from evenkeel.templates.fitting import cut
from evenkeel.templates.style import PLAIN, Style, paint

_NOT_OBSERVED = Observed(unknown="nothing has looked at it")


class PlannedPrecondition(NamedTuple):
    """The preconditions of a baseline at one moment. `unmet`: why they do not hold, "" when they do. `operation`: the name of
    that of the update manager which has the baseline; "" for one of the files."""

    title: str
    written: str
    precondition: Precondition | Fault
    present: Mapping[str, Observed]
    unmet: str
    operation: str = ""


def precondition_lines(shown: PlannedPrecondition, width: int = 80, style: Style = PLAIN) -> Iterator[str]:
    """Whether they hold, their text, its translation, and the value of each name in them. The reason is not cut."""
    title, written, precondition, present, unmet, operation = shown
    about = f"preconditions of `{one_line(title)}`" if title else "preconditions"
    about += f" of operation {one_line(operation)}" if operation else ""
    if isinstance(precondition, Fault):
        yield f"{about}: {paint('cannot be read', 'bad', style)}: {one_line(precondition.text)}"
        yield cut(f"    {one_line(written)}", width)
        return
    if not precondition.clauses:
        return
    if unmet:
        yield f"{about}: {paint('do not hold now', 'change', style)}: {one_line(unmet)}"
    else:
        yield f"{about}: {paint('hold now', 'good', style)}"
    yield cut(f"    {one_line(written.strip())}", width)
    if precondition.form == "Kanto":
        yield cut(f"    in CEL: {one_line(precondition.cel)}", width)
    broad = max((len(name) for name in precondition.names), default=0)
    for name in precondition.names:
        observed = present.get(name, _NOT_OBSERVED)
        age = f", {ago_text(observed.age_s)} old" if observed.counts and observed.age_s is not None else ""
        text = cut(f"    {name.ljust(broad)}  {observed_text(observed)}{age}", width)
        yield text if observed.counts else paint(text, "faint", style)


def precondition_value(shown: PlannedPrecondition) -> dict[str, Any]:
    """The same as plain values."""
    title, written, precondition, present, unmet, operation = shown
    about = {"baseline": title or None, "operation": operation or None}
    if isinstance(precondition, Fault):
        return {
            **about,
            "text": written,
            "holds": False,
            "reason": f"cannot be read: {precondition.text}",
            "values": {},
        }
    values = {name: _value(present.get(name, _NOT_OBSERVED)) for name in precondition.names}
    return {
        **about,
        "text": written,
        "form": precondition.form,
        "cel": precondition.cel,
        "holds": not unmet,
        "reason": unmet or None,
        "values": values,
    }


def _value(observed: Observed) -> dict[str, Any]:
    lacking = None if observed.counts else observed_text(observed)
    return {"value": observed.value, "ageSeconds": observed.age_s, "doesNotCount": lacking}
