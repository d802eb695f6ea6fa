"""The one renderer for texts that are more than lines: the reference page of specs, a unit for systemd, files of documents.

Pure: a template's name and values in, text out. Templates lie in this package and are read by the package loader.
Values may hold anything, and a template can neither change them nor reach beyond them (`specs.reading.template`). Output
beyond a bound is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from evenkeel.specs.errors import Bug
from evenkeel.specs.reading.template import named, parsed, sandbox

if TYPE_CHECKING:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

MOST_CHARACTERS = 1_000_000


def render(template: str, values: Mapping[str, Any], most: int = MOST_CHARACTERS) -> str:
    """The text of `templates/text/<template>` with `values`; Bug when the template is wrong or has no end."""
    from jinja2 import TemplateError

    parts: list[str] = []
    size = 0
    try:
        for part in _environment().get_template(template).generate(dict(values)):
            size += len(part)
            if size > most:
                raise Bug(f"template:{template}", f"made more than {most} characters")
            parts.append(part)
    except TemplateError as error:
        raise Bug(f"template:{template}", f"cannot be rendered: {error}") from error
    return "".join(parts)


def fill(text: str, values: Mapping[str, Any], names: Collection[str], most: int = MOST_CHARACTERS) -> str:
    """A template of a document, filled with values. `names`: those that a template may have. Raises ValueError with the line
    of the template and the kind of error; no text of a value or of the template is in it, but the names in the template."""
    template, used, _ = parsed(text, names)
    made = ""
    try:
        for part in template.generate(dict(values)):
            made += part
            if len(made) > most:
                break
    except Exception as error:  # noqa: BLE001 - a filter may raise anything, with the value in its text
        lacking = sorted(used - values.keys()) if type(error).__name__ == "UndefinedError" else []
        what = f"there is no {named(lacking)}" if lacking else _KINDS.get(type(error).__name__, type(error).__name__)
        raise ValueError(f"line {_line(error)} of the template cannot be filled: {what}") from None
    if len(made) > most:
        raise ValueError(f"the template makes more than {most} characters")
    return made


_KINDS = {
    "UndefinedError": "something that it names is not there",
    "SecurityError": "it may not do that",
    "TemplateRuntimeError": "it names a filter or a test that is not there, or assigns to a value",
    "TypeError": "a value is of the wrong type (TypeError)",
}
"""Errors of Jinja in words, by their names."""


def _line(error: Exception) -> int:
    """The line of a template where an error came up, 1 where that is not known."""
    found, trace = 1, error.__traceback__
    while trace is not None:
        found = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<template>" else found
        trace = trace.tb_next
    return found


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    """For templates of this package."""
    from jinja2 import PackageLoader

    return sandbox().overlay(loader=PackageLoader("evenkeel.templates", "text"))
