"""The one renderer for texts that are more than lines: the reference page of specs, a unit for systemd, files of documents.

Pure: a template's name and values in, text out. Templates lie in this package and are read by the package loader.
Values may hold anything, and a template can neither change them nor reach beyond them (immutable sandbox). An unknown
name is an error, not an empty text. Output beyond a bound is an error.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from evenkeel.specs.errors import Bug
from evenkeel.specs.problem import nearest

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
    """A template of a document, filled with values. `names`: those that a template may have. Raises ValueError with the line of
    the template and the reason, which has no value."""
    from jinja2 import TemplateError, TemplateSyntaxError

    made = ""
    try:
        template, used = _template(text)
        unknown = sorted(used - set(names))
        if unknown:
            raise ValueError(f"there is no value `{unknown[0]}`; {nearest(unknown[0], names)}")
        for part in template.generate(dict(values)):
            made += part
            if len(made) > most:
                raise ValueError(f"the template makes more than {most} characters")
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the template: {error.message}") from None
    except TemplateError as error:
        raise ValueError(f"the template cannot be filled: {error.message}") from None
    except (TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise ValueError(f"the template cannot be filled: {type(error).__name__}") from None
    return made


@lru_cache(64)
def _template(text: str) -> tuple[Template, frozenset[str]]:
    """A template of a document, and the names of values in it. Raises TemplateSyntaxError."""
    from jinja2 import meta

    environment = _environment()
    return environment.from_string(text), frozenset(meta.find_undeclared_variables(environment.parse(text)))


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import PackageLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=PackageLoader("evenkeel.templates", "text"),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
