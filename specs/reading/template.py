"""Templates of documents: their names of values, and all that is wrong with them whatever the values are.

A template stands alone, in an immutable sandbox: it reaches no other template and nothing beyond its values. No error repeats
a text of a template but the names of values, for a template may have a secret at any place.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.specs.problem import likely

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.nodes import Template as Tree
    from jinja2.sandbox import ImmutableSandboxedEnvironment

_QUOTED = re.compile(r"'(\w+)'")
_OF_JINJA = frozenset(
    ("if", "elif", "else", "endif", "for", "endfor", "set", "endset", "name", "integer", "float", "string")
)
"""The words of Jinja that its errors may repeat; others are those of the template."""
_MOST_KNOWN = 64


class ParsedTemplate(NamedTuple):
    """A template. `names`: those of values in it; `optional`: those of which it asks whether they are there, by `is defined` or
    `default`."""

    template: Template
    names: frozenset[str]
    optional: frozenset[str]


def parsed(text: str, names: Collection[str]) -> ParsedTemplate:
    """A template of a document. `names`: those that it may have. Raises ValueError with the line of the template, or with the
    name that no value has and a suggestion."""
    found = _parsed(text)
    unknown = sorted(found.names - set(names))
    if unknown:
        raise ValueError(
            f"there is no value `{unknown[0]}`; {likely(unknown[0], names) or f'there are: {named(names)}'}"
        )
    return found


def named(names: Collection[str]) -> str:
    """Names as a list in words."""
    return ", ".join(f"`{name}`" for name in names)


@cache
def sandbox() -> ImmutableSandboxedEnvironment:
    """The surroundings of a template. An unknown name is an error, not an empty text."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


@lru_cache(_MOST_KNOWN)
def _parsed(text: str) -> ParsedTemplate:
    from jinja2 import TemplateError, TemplateSyntaxError, meta

    try:
        tree = sandbox().parse(text)
        others = _line_of_others(tree)
        template, used = sandbox().from_string(text), frozenset(meta.find_undeclared_variables(tree))
    except TemplateSyntaxError as error:
        words = _QUOTED.sub(lambda match: match[0] if match[1] in _OF_JINJA else "…", error.message or "")
        raise ValueError(f"line {error.lineno} of the template: {words}") from None
    except (TemplateError, RecursionError, OverflowError, MemoryError, ValueError) as error:
        raise ValueError(f"the template cannot be read: {type(error).__name__}") from None
    if others:
        raise ValueError(f"line {others} of the template: it stands alone, without include, import and extends")
    return ParsedTemplate(template, used, _optional(tree))


def _line_of_others(tree: Tree) -> int:
    """The line where another template is named, 0 for none."""
    from jinja2 import nodes

    others = nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends
    return next((node.lineno for node in tree.find_all(others)), 0)


def _optional(tree: Tree) -> frozenset[str]:
    from jinja2 import nodes

    tests, filters = tree.find_all(nodes.Test), tree.find_all(nodes.Filter)
    asked: list[nodes.Expr | None] = [node.node for node in tests if node.name in ("defined", "undefined")]
    asked += [node.node for node in filters if node.name in ("default", "d")]
    return frozenset(node.name for node in asked if isinstance(node, nodes.Name))
