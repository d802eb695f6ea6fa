"""Bounds of a text in CEL, so that its evaluation takes a bounded time. Pure.

The library cannot be interrupted, and its own budget counts the turns of a loop and not what each of them costs: one line can
take minutes, or all memory (docs/adr/0027-cel.md). So loops are bounded by what stands in them. With the bounds of values
(`specs.preconditions.observed`) everything else costs a few milliseconds at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evenkeel.reconcilers.preconditions.tokens import Token, tokens
from evenkeel.specs.preconditions.precondition import Fault

MOST_CHARACTERS = 1000
"""The longest text. Kanto's own example has 70."""
LOOPS = ("all", "exists", "exists_one")
"""The macros that go through a list."""
_REFUSED_LOOPS = ("map", "filter", "transformList", "transformMap", "transformMapEntry")
_COSTLY = ("matches", "+", *LOOPS)
"""Calls and operators that may not stand inside of a loop."""


def bounds(text: str) -> Fault | None:
    """The first fault of a text that is too long, or has a loop that might take too long."""
    if len(text) > MOST_CHARACTERS:
        return Fault(0, f"{len(text):,} characters, and at most {MOST_CHARACTERS:,} are allowed")
    return next(_faults(tokens(text)), None)


def _faults(words: Sequence[Token]) -> Iterator[Fault]:
    for at, word in enumerate(words):
        if not _is_method(words, at):
            continue
        if word.text in _REFUSED_LOOPS:
            yield Fault(word.start + 1, f"`{word.text}` is not allowed", "`all`, `exists` and `exists_one` are")
        if word.text in LOOPS:
            inside = _inside(words, at + 1)
            costly = next((each for each in inside if each.text in _COSTLY and each.kind != "text"), None)
            if costly is not None:
                message = f"`{costly.text}` is not allowed inside of `{word.text}`"
                yield Fault(costly.start + 1, message, "its time would have no bound")


def _is_method(words: Sequence[Token], at: int) -> bool:
    return 0 < at < len(words) - 1 and words[at - 1].text == "." and words[at + 1].text == "("


def _inside(words: Sequence[Token], opening: int) -> Iterator[Token]:
    """The words between a parenthesis and its partner."""
    for word in words[opening + 1 :]:
        if word.depth <= words[opening].depth:
            return
        yield word
