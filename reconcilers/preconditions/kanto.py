"""Kanto's form of preconditions, translated to CEL. Pure.

Kanto documents it by two sentences and one example, and evaluates it nowhere (docs/desired-state-specification.md of
eclipse-kanto/update-manager: "List of comma-separated precondition expressions",
`AND(device.mode=MAINTENANCE,OR(device.battery>75,device.pluggedIn=true))`). The rest is decided here:

    list       = condition *("," condition)                     all of them have to hold
    condition  = ("AND" / "OR") "(" list ")" / name operator value
    operator   = "=" / "!=" / ">" / ">=" / "<" / "<="
    value      = "true" / "false" / number / quoted text / word

A word is a text without quotes, up to the next comma or parenthesis; the name of a value is none, because two values are
compared in CEL only. Blanks mean nothing, but those within a word. A number is compared as a number: `version=1.10` is true for
1.1, and `version="1.10"` compares texts.

The two forms have no text in common: one with `=`, with a comma outside of parentheses, or with the functions AND and OR is no
CEL. Every other text is CEL, also `mode!=OFF`, which CEL refuses: a mistyped name must not become a word that differs from all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from itertools import zip_longest
from typing import NamedTuple

from evenkeel.reconcilers.preconditions.tokens import tokens
from evenkeel.specs.preconditions.precondition import Fault
from evenkeel.specs.problem import likely

MOST_DEPTH = 12
"""Functions within functions; CEL has its own bound beyond it."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_FUNCTION = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)[ \t\r\n]*\(")
_OPERATOR = re.compile(r"!=|>=|<=|=|>|<")
_QUOTED = re.compile(r"'([^'\\]*)'|\"([^\"\\]*)\"")
_WORD = re.compile(r"[^,()<>=!&|'\"]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?)(?:[eE][+-]?[0-9]{1,3})?")
_BLANKS = re.compile(r"[ \t\r\n]*")
_JOINED = {"AND": " && ", "OR": " || "}


class _Bad(Exception):
    def __init__(self, at: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.fault = Fault(at + 1, message, hint)


class _Part(NamedTuple):
    """A part of the translation. `joined`: the function that it comes from, "" for a comparison."""

    cel: str
    joined: str = ""


def is_kanto(text: str) -> bool:
    """Whether a text is meant in Kanto's form: it has something that no CEL has."""
    words = tokens(text)
    for word, after in zip_longest(words, words[1:]):
        if word.kind == "sign" and (word.text == "=" or (word.text == "," and word.depth == 0)):
            return True
        if word.text in _JOINED and after is not None and after.text == "(":
            return True
    return False


def translated(text: str, names: Collection[str]) -> str | Fault:
    """The same in CEL. `names`: of the values that there are."""
    reader = _Reader(text, names)
    try:
        parts, at = reader.list_at(0, 0)
        if at < len(text):
            raise _Bad(at, f"unexpected `{text[at]}`", _for_sign(text, at))
    except _Bad as bad:
        return bad.fault
    return _join(parts, "AND").cel


def _join(parts: list[_Part], function: str) -> _Part:
    """Parts with one operator between them; parentheses only around the other one."""
    if len(parts) == 1:
        return parts[0]
    texts = [part.cel if part.joined in ("", function) else f"({part.cel})" for part in parts]
    return _Part(_JOINED[function].join(texts), function)


class _Reader:
    """Reads a text from a place on, and returns the place behind it."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        self._text, self._names = text, names

    def list_at(self, at: int, depth: int) -> tuple[list[_Part], int]:
        if depth > MOST_DEPTH:
            raise _Bad(at, f"more than {MOST_DEPTH} functions within each other")
        parts: list[_Part] = []
        while True:
            part, at = self._condition(self._blanks(at), depth)
            parts.append(part)
            at = self._blanks(at)
            if self._sign(at) != ",":
                return parts, at
            at += 1

    def _condition(self, at: int, depth: int) -> tuple[_Part, int]:
        if function := _FUNCTION.match(self._text, at):
            return self._call(function, depth)
        found = _NAME.match(self._text, at)
        if found is None:
            raise _Bad(at, "expected a condition, such as `vehicle.parked=true`", _for_sign(self._text, at))
        if found[0] not in self._names:
            raise _Bad(at, *no_value(found[0], self._names))
        at = self._blanks(found.end())
        operator = _OPERATOR.match(self._text, at)
        if operator is None:
            hint = f"write `{found[0]}=true`" if self._sign(at) in ("", ",", ")") else _for_sign(self._text, at)
            raise _Bad(at, f"expected an operator after `{found[0]}`: = != > >= < <=", hint)
        value, end = self._value(self._blanks(operator.end()))
        return _Part(f"{found[0]} {'==' if operator[0] == '=' else operator[0]} {value}"), end

    def _call(self, function: re.Match[str], depth: int) -> tuple[_Part, int]:
        name = function[1]
        if name not in _JOINED:
            hint = (
                f"write `{name.upper()}`"
                if name.upper() in _JOINED
                else "in CEL, `!` is the negation, and `==` compares"
            )
            raise _Bad(function.start(), f"no function has the name `{name}`; there are AND and OR", hint)
        parts, at = self.list_at(function.end(), depth + 1)
        if self._sign(at) != ")":
            raise _Bad(at, f"expected `,` or the `)` of {name}", _for_sign(self._text, at))
        return _join(parts, name), at + 1

    def _value(self, at: int) -> tuple[str, int]:
        if quoted := _QUOTED.match(self._text, at):
            return json.dumps(quoted[1] if quoted[1] is not None else quoted[2], ensure_ascii=False), quoted.end()
        word = _WORD.match(self._text, at)
        text = word[0].strip() if word is not None else ""
        if word is None or not text:
            hint = "write `=` once" if self._sign(at) == "=" else _for_sign(self._text, at)
            raise _Bad(at, "expected a value", hint)
        if text in ("true", "false"):
            return text, word.end()
        if _NUMBER.fullmatch(text):
            return _number(text, at), word.end()
        if "\\" in text or not text.isprintable():
            raise _Bad(at, "a word has neither backslashes nor unprintable characters", "put it into quotes")
        if text in self._names:
            raise _Bad(
                at, f"`{text}` is a value, and Kanto's form compares with words", "compare two values in CEL, with `==`"
            )
        return json.dumps(text, ensure_ascii=False), word.end()

    def _blanks(self, at: int) -> int:
        found = _BLANKS.match(self._text, at)
        return found.end() if found is not None else at

    def _sign(self, at: int) -> str:
        return self._text[at : at + 1]


def _number(text: str, at: int) -> str:
    """The number as CEL writes it: without a sign `+`, and without leading zeros."""
    if re.fullmatch("[+-]?[0-9]+", text):
        whole = int(text)
        if not -(2**63) <= whole < 2**63:
            raise _Bad(at, "the number is too large", "put it into quotes to compare texts")
        return str(whole)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise _Bad(at, "the number is too large", "put it into quotes to compare texts")
    return repr(value)


def no_value(name: str, names: Collection[str]) -> tuple[str, str]:
    """Message and hint for a name that no value has."""
    known = ", ".join(f"`{each}`" for each in sorted(names)[:12])
    hint = likely(name, names) or (f"there are {known}" if known else "add it to `updateManager.values`")
    return f"no value has the name `{name}`", hint


def _for_sign(text: str, at: int) -> str:
    """A hint for a sign of CEL in Kanto's form."""
    sign = text[at : at + 2]
    if sign in ("&&", "||"):
        return f"in Kanto's form write `{'AND' if sign == '&&' else 'OR'}(…,…)`; in CEL, `==` compares"
    if sign[:1] == "!":
        return "in CEL, `!` is the negation, and `==` compares"
    return ""
