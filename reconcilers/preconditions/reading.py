"""A text of preconditions → its clauses in CEL, or what is wrong with it. Pure."""

from __future__ import annotations

from collections.abc import Collection

from evenkeel.reconcilers.preconditions.bounds import bounds
from evenkeel.reconcilers.preconditions.cel import check
from evenkeel.reconcilers.preconditions.kanto import is_kanto, translated
from evenkeel.reconcilers.preconditions.tokens import conjuncts, needed, tokens, without_comments
from evenkeel.specs.preconditions.precondition import Clause, Fault, Form, Precondition
from evenkeel.specs.reading.sound import is_sound_text


def read(text: str, names: Collection[str]) -> Precondition | Fault:
    """The preconditions of a baseline. `names`: of the values that there are. A text of blanks has no clauses."""
    if not is_sound_text(text) or "\0" in text:
        return Fault(0, "it has characters that no text may have")
    if fault := bounds(text):
        return fault
    if not text.strip():
        return Precondition(text, "CEL", "")
    form: Form = "Kanto" if is_kanto(text) else "CEL"
    cel = translated(text, names) if form == "Kanto" else without_comments(text)
    if isinstance(cel, Fault):
        return cel
    known = sorted(names)
    if fault := check(cel, known):
        return fault if form == "CEL" else Fault(0, fault.message, fault.hint)
    clauses = tuple(Clause(part, needed(tokens(part), known)) for part in conjuncts(cel))
    return Precondition(text, form, cel.strip(), clauses)
