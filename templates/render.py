"""The one renderer for texts that are more than lines: the reference page of specs, a unit for systemd, files of documents.

Pure: a template's name and values in, text out. Templates lie in this package and are read by the package loader.
Values may hold anything, and a template can neither change them nor reach beyond them (immutable sandbox). An unknown
name is an error, not an empty text. Output beyond a bound is an error.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from evenkeel.specs.errors import Bug
from evenkeel.specs.problem import likely

if TYPE_CHECKING:
    from jinja2 import Template
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
    made, used = "", frozenset[str]()
    try:
        template, used = _template(text)
        _check(used, names)
        for part in template.generate(dict(values)):
            made += part
            if len(made) > most:
                raise _Flaw(f"the template makes more than {most} characters")
    except _Flaw as flaw:
        raise ValueError(str(flaw)) from None
    except Exception as error:  # noqa: BLE001 - a filter may raise anything, with the value in its text
        lacking = sorted(used - values.keys()) if type(error).__name__ == "UndefinedError" else []
        what = f"there is no {_named(lacking)}" if lacking else _KINDS.get(type(error).__name__, type(error).__name__)
        raise ValueError(f"line {_line(error)} of the template cannot be filled: {what}") from None
    return made


def names_in(text: str, names: Collection[str]) -> frozenset[str]:
    """The names of values in a template of a document. Raises ValueError as `fill` does, for all that values do not decide."""
    try:
        used = _template(text)[1]
        _check(used, names)
    except _Flaw as flaw:
        raise ValueError(str(flaw)) from None
    return used


class _Flaw(ValueError):
    """A flaw of a template, in words that are for everybody."""


_KINDS = {
    "UndefinedError": "something that it names is not there",
    "SecurityError": "it may not do that",
    "TemplateRuntimeError": "it names a filter or a test that is not there, or assigns to a value",
    "TypeError": "a value is of the wrong type (TypeError)",
}
"""Errors of Jinja in words, by their names."""
_QUOTED = re.compile(r"'(\w+)'")
_OF_JINJA = frozenset(
    ("if", "elif", "else", "endif", "for", "endfor", "set", "endset", "name", "integer", "float", "string")
)
"""The words of Jinja that its errors may repeat. Others are those of the template, which may have a secret at any place."""
_MOST_KNOWN = 64


def _check(used: Collection[str], names: Collection[str]) -> None:
    unknown = sorted(set(used) - set(names))
    if unknown:
        raise _Flaw(f"there is no value `{unknown[0]}`; {likely(unknown[0], names) or f'there are: {_named(names)}'}")


def _named(names: Collection[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _line(error: Exception) -> int:
    """The line of a template where an error came up, 1 where that is not known."""
    found, trace = 1, error.__traceback__
    while trace is not None:
        found = trace.tb_lineno if trace.tb_frame.f_code.co_filename == "<template>" else found
        trace = trace.tb_next
    return found


@lru_cache(_MOST_KNOWN)
def _template(text: str) -> tuple[Template, frozenset[str]]:
    """A template of a document, and the names of values in it. It stands alone: it can have no other template in it. Raises
    _Flaw."""
    from jinja2 import TemplateError, TemplateSyntaxError, meta, nodes

    environment = _alone()
    try:
        tree = environment.parse(text)
        for node in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
            raise _Flaw(f"line {node.lineno} of the template: it stands alone, without include, import and extends")
        return environment.from_string(text), frozenset(meta.find_undeclared_variables(tree))
    except _Flaw:
        raise
    except TemplateSyntaxError as error:
        words = _QUOTED.sub(lambda match: match[0] if match[1] in _OF_JINJA else "…", error.message or "")
        raise _Flaw(f"line {error.lineno} of the template: {words}") from None
    except (TemplateError, RecursionError, OverflowError, MemoryError, ValueError) as error:
        raise _Flaw(f"the template cannot be read: {type(error).__name__}") from None


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    """For templates of this package."""
    from jinja2 import PackageLoader

    return _alone().overlay(loader=PackageLoader("evenkeel.templates", "text"))


@cache
def _alone() -> ImmutableSandboxedEnvironment:
    """For templates of documents, which reach no other one."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
