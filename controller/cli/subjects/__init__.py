"""The kinds of subjects on the command line: the word for each, and the module of its domain.

A domain adds its module and a line in `SUBJECTS`; `get`, `describe`, their errors and the completion follow from it. Groups
are of all domains: they are listed, and a description of each is that of its members.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import click

from evenkeel.controller.cli.subjects import baselines, containers, files, provisioning, registries, slots
from evenkeel.controller.cli.subjects.port import Listed, Subjects
from evenkeel.specs.problem import likely
from evenkeel.specs.visible import one_line


class Kind(NamedTuple):
    """A kind: the word for one, the word for many, its domain, and what the commands do with it."""

    one: str
    many: str
    domain: str
    subjects: Subjects


SUBJECTS = {
    kind.domain: kind
    for kind in (
        Kind("container", "containers", "containers", containers),
        Kind("file", "files", "files", files),
        Kind("registry", "registries", "registries", registries),
        Kind("identity", "identities", "provisioning", provisioning),
        Kind("os", "os", "slots", slots),
    )
}
"""The kinds by their domains."""

LISTED: dict[str, Listed] = {**{kind.many: kind.subjects for kind in SUBJECTS.values()}, "baselines": baselines}
"""The lists of `get`, by word."""

_WORDS = {word: kind for kind in SUBJECTS.values() for word in (kind.one, kind.many)}
_LISTED_WORDS = {word: kind.many for word, kind in _WORDS.items()} | dict.fromkeys(
    ("baseline", "baselines"), "baselines"
)


class KindOfMany(click.Choice[str]):
    """The kind of subjects that are listed; the word for one means the same. The value is the key in `LISTED`."""

    def __init__(self) -> None:
        super().__init__(list(LISTED))

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in _LISTED_WORDS:
            return _LISTED_WORDS[value]
        there = _listed(f"`{many}`" for many in LISTED)
        near = likely(value, (each for each in LISTED if len(each) > 2 or len(value) < 4))  # `os` is near to much
        hint = near or f"all about one: {describe_hint(value)}"
        raise click.UsageError(f"there are only {there} to get; {hint}", ctx)


class KindOfOne(click.Choice[str]):
    """The kind of the subject that is described; the word for many means the same. The value is the key in
    `SUBJECTS`."""

    def __init__(self) -> None:
        super().__init__([kind.one for kind in SUBJECTS.values()])

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in _WORDS:
            return _WORDS[value].domain
        raise click.UsageError(f"say what it is: {describe_hint(value)}", ctx)


def get_hint() -> str:
    """The commands that list subjects."""
    return _listed((f"`evenkeel get {many}`" for many in LISTED), "or")


def describe_hint(name: str, kinds: Iterable[str] = ()) -> str:
    """The commands that describe the subject of this name; only of these `kinds`, where it is known which it may be."""
    ones = [SUBJECTS[each].one for each in kinds or SUBJECTS]
    return _listed((f"`evenkeel describe {one} {one_line(name)[:100]}`" for one in ones), "or")


def _listed(texts: Iterable[str], word: str = "and") -> str:
    *first, last = texts
    return f"{', '.join(first)} {word} {last}" if first else last


def domain_of(many: str) -> str | None:
    """The domain whose subjects `get` lists under this word; `None` for what is of all domains."""
    return next((kind.domain for kind in SUBJECTS.values() if kind.many == many), None)
