"""The one renderer for texts that are more than lines: the reference page of specs, a unit for systemd.

Pure: a template's name and values in, text out. Templates lie in this package and are read by the package loader.
Values may hold anything, and a template can neither change them nor reach beyond them (immutable sandbox). An unknown
name is an error, not an empty text. Output beyond a bound is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from evenkeel.specs.errors import Bug

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
