"""Whether a text of another program repeats a secret, in whatever way JSON, Go, HTML or an address writes it.

A registry's words come in an engine's JSON, an engine may put them into quotes once more, and each of them escapes characters
in its own way: a double quote is `\\"` in JSON, `\\\\\\"` in Go's `%q` of that, and `%22` in an address. So both texts get one
plain form, in which no spelling is left.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from urllib.parse import quote, quote_plus, unquote

from evenkeel.specs.visible import one_line

_RUN = re.compile(r"\\+")
_CODE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2}))")
"""A character by its number: JSON, Go, and evenkeel's own way to show characters."""
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_CONTROL = re.compile(r"\\[abfnrtv]")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f]+")
_ONE = r"\\"
"""The number of backslashes says only how often a text was put into quotes."""
_MOST_TURNS = 6
"""For spellings within each other."""


def has_secret(text: str, secrets: Sequence[str]) -> bool:
    """Whether a text repeats one of these, in a spelling that texts on the way may have. Neither the size of letters counts
    nor backslashes: it rather finds a secret too many than one too few."""
    folded, plain = text.casefold(), _plain_forms(text)
    for secret in filter(None, secrets):
        written = (secret, one_line(secret), quote(secret), quote(secret, safe=""), quote_plus(secret))
        if any(each.casefold() in folded for each in written):
            return True
        if any(form.strip() and form in each for each, form in zip(plain, _plain_forms(secret), strict=True)):
            return True
    return False


def _plain_forms(text: str) -> tuple[str, str]:
    """The plain form, and that of the text in which control characters are written as letters (`\\n`)."""
    return _plain(text), _plain(_CONTROL.sub(" ", _RUN.sub(_ONE, text)))


def _plain(text: str) -> str:
    for _ in range(_MOST_TURNS):
        former = text
        text = _PAIR.sub(_one_of, html.unescape(unquote(_CODE.sub(_character, _RUN.sub(_ONE, text)))))
        if text == former:
            break
    return _BLANKS.sub(" ", text.replace("\\", "")).casefold()


def _one_of(pair: re.Match[str]) -> str:
    return pair[0].encode("utf-16", "surrogatepass").decode("utf-16")


def _character(found: re.Match[str]) -> str:
    number = int(found[1] or found[2] or found[3], 16)
    return chr(number) if number <= 0x10FFFF else ""
