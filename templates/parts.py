"""A line of a plan about a part of a subject, such as a slot of the operating system."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.templates.style import Role


class Part(NamedTuple):
    """`mark`, `name` and `verb` are the columns at the left; `role` is their colour. Without a verb the text begins in the
    column of verbs. `remarks`: sentences below."""

    mark: str
    role: Role
    name: str
    verb: str
    text: str
    remarks: tuple[str, ...] = ()
