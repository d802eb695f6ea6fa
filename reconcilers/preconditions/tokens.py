"""The words of a text in CEL, as far as its names, its conjunctions and its bounds need them. Pure.

The library checks the grammar; this only has to see strings, comments and parentheses as CEL does
(https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax). A text that is no CEL has words, too: every character
belongs to one, or is a blank.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["name", "number", "text", "sign", "comment", "other"]

_TOKEN = re.compile(
    r"""
      (?P<comment>//[^\n]*)
    | (?P<text>
        (?:[rR][bB]?|[bB][rR])(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"[^"\n]*"|'[^'\n]*')
      | [bB]?(?:\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      )
    | (?P<number>0[xX][0-9a-fA-F]+[uU]?|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[uU]?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<sign>&&|\|\||==|!=|<=|>=|[-+*/%<>=!?:.,()\[\]{}])
    | (?P<other>\S)
    """,
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class Token(NamedTuple):
    """One word. `start`, `end`: offsets in the text. `depth`: how many parentheses, brackets and braces are open around it; a
    parenthesis itself stands outside."""

    kind: Kind
    text: str
    start: int
    end: int
    depth: int


class Chain(NamedTuple):
    """Names with dots between them, as `vehicle.speed`; a function at its end does not belong to it."""

    text: str
    start: int
    is_called: bool


def tokens(text: str) -> list[Token]:
    """The words of a text, without blanks and comments."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        kind, word = match.lastgroup, match[0]
        if kind == "comment":
            continue
        if word in (")", "]", "}"):
            depth = max(depth - 1, 0)
        found.append(Token(kind, word, match.start(), match.end(), depth))  # type: ignore[arg-type]
        depth += word in _CLOSING
    return found


def without_comments(text: str) -> str:
    """The text with blanks in the place of its comments and line breaks: all words stand where they stood. A line break within
    a text of three quotes stays."""
    kept = [" "] * len(text)
    for word in tokens(text):
        kept[word.start : word.end] = word.text
    return "".join(kept).rstrip()


def chains(words: Sequence[Token]) -> list[Chain]:
    """All names that begin an expression, with the members that follow."""
    found: list[Chain] = []
    at = 0
    while at < len(words):
        if words[at].kind != "name" or _follows_operand(words, at):
            at += 1
            continue
        end = at + 1
        while end + 1 < len(words) and words[end].text == "." and words[end + 1].kind == "name":
            end += 2
        is_called = end < len(words) and words[end].text == "("
        parts = [word.text for word in words[at:end:2]]
        if is_called and len(parts) > 1:
            found.append(Chain(".".join(parts[:-1]), words[at].start, False))
        else:
            found.append(Chain(".".join(parts), words[at].start, is_called))
        at = end
    return found


def _follows_operand(words: Sequence[Token], at: int) -> bool:
    """Whether the name is a member of something that is no name, as in `f().a` or `a[0].b`. A dot that begins an expression
    means the root, as in `.vehicle.speed`."""
    if at == 0 or words[at - 1].text != ".":
        return False
    return at > 1 and (words[at - 2].text in (")", "]", "}") or words[at - 2].kind in ("text", "name"))


def needed(words: Sequence[Token], names: Sequence[str]) -> tuple[str, ...]:
    """Those of `names` that stand in a text: each chain has at most one of them at its beginning."""
    found: dict[str, None] = {}
    for chain in chains(words):
        parts = chain.text.split(".")
        for count in range(len(parts), 0, -1):
            if (name := ".".join(parts[:count])) in names:
                found[name] = None
                break
    return tuple(found)


def conjuncts(text: str) -> list[str]:
    """The parts of a text that have to hold together: what stands between `&&` outside of parentheses. A text with `||` or `?`
    outside of parentheses is one part, because these bind less."""
    words = tokens(text)
    outer = [word for word in words if word.depth == 0]
    if any(word.text in ("||", "?") for word in outer if word.kind == "sign"):
        return [text.strip()]
    ands = [word for word in outer if word.text == "&&"]
    starts, ends = [0, *(word.end for word in ands)], [*(word.start for word in ands), len(text)]
    return [text[start:end].strip() for start, end in zip(starts, ends, strict=True)]
