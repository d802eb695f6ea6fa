"""A precondition as it was read, and what is wrong with a text that is none."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Form = Literal["CEL", "Kanto"]
"""The language it was written in."""


class Clause(Struct, frozen=True):
    """A part that has to hold, together with the others: its text in CEL, and the names of the values in it."""

    cel: str
    names: tuple[str, ...] = ()


class Precondition(Struct, frozen=True):
    """`text`: as it was written. `cel`: in CEL. `clauses`: its parts; it holds when all of them do."""

    text: str
    form: Form
    cel: str
    clauses: tuple[Clause, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all values that it needs, each once, in their order."""
        return tuple(dict.fromkeys(name for clause in self.clauses for name in clause.names))


class Fault(Struct, frozen=True):
    """A fault of a text. `column`: its place, from 1; 0 when it has no place."""

    column: int
    message: str
    hint: str = ""

    @property
    def text(self) -> str:
        """In one line: place, message and hint."""
        place = f"column {self.column}: " if self.column else ""
        return f"{place}{self.message}; {self.hint}" if self.hint else f"{place}{self.message}"
