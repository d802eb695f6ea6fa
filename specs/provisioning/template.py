"""The templates of an identity: the names in them that it never has a value of, and secrets in files for everybody."""

from __future__ import annotations

from collections.abc import Iterable

from evenkeel.specs.provisioning.provisioning import Output, Provisioning
from evenkeel.specs.reading.template import named, parsed
from evenkeel.specs.values import VALUES

_EVERYBODY_READS = 0o004
PRIVATE_HINT = 'write `mode: "0600"`, or `mode: "0640"` with the `group` of the program that reads it'


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


def open_flaw(output: Output, secrets: Iterable[str]) -> str:
    """The reason why a file cannot be made with these secret values; "" when it can."""
    names = sorted(secrets)
    if not names or not output.mode & _EVERYBODY_READS:
        return ""
    return f"mode {output.mode:04o} lets everybody on this device read it, and it has {named(names)}, which is secret"
