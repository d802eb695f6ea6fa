"""The templates of an identity, and the names in them that it never has a value of."""

from __future__ import annotations

from evenkeel.specs.provisioning.provisioning import Provisioning
from evenkeel.specs.reading.template import parsed
from evenkeel.specs.values import VALUES


def names_in(text: str) -> frozenset[str]:
    """The names of values in a template. Raises ValueError, without a text of the template, for one that no values can fill."""
    return parsed(text, VALUES).names


def never_there(text: str, wanted: Provisioning) -> tuple[str, str]:
    """The reason why a template can never be filled for an identity, and a suggestion; ("", "") when it can. A value may be
    missing where the template asks whether it is there. Raises ValueError as `names_in` does."""
    template = parsed(text, VALUES)
    for name in sorted(template.names - template.optional):
        if lacking := wanted.lacks(name):
            why = f"the template names `{name}`, which `{wanted.name}` never has, because it has no `{lacking}`"
            return why, f"take another value, or add `{lacking}`"
    return "", ""
