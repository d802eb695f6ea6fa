"""Evaluating CEL: the one place that knows the library. Pure.

The library is loaded when the first precondition is read, because it takes 13 MiB, and it is an extra of the package, because
few devices need it (docs/adr/0027-cel.md). Each value is a variable of CEL whose name may have dots. A value that does not
count is left out: reading it is an error, and an error counts as far as the result depends on it, as CEL defines it for `||`,
`&&` and `?:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from evenkeel.reconcilers.preconditions.kanto import no_value
from evenkeel.reconcilers.preconditions.tokens import chains, tokens
from evenkeel.specs.preconditions.precondition import Fault

if TYPE_CHECKING:
    from cel_expr_python.cel import Env  # type: ignore[import-untyped]

MISSING = Fault(0, "CEL is not installed", "install it with `pip install 'evenkeel[preconditions]'`")

_LIBRARY_ERRORS = (RuntimeError, TypeError, ValueError, OverflowError)
_PLACE = re.compile(r"ERROR: <input>:(-?[0-9]+):(-?[0-9]+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(
    r"(?:found no matching overload for|No matching overloads found ?:) '?_?([^'( ]+?)_?'? ?(?:applied to '(.*)'|(\(.*\)))"
)
_CODE = re.compile(r"^[A-Z_]+: | ?\[[A-Z_]+\]$")
_MEMBER = re.compile(r'Key not found in map : "?(.*?)"?$')


def check(text: str, names: Sequence[str]) -> Fault | None:
    """The fault of a text, by the library. `names`: of the values that there are."""
    try:
        env = _env(names)
        is_bool = str(env.compile(text).return_type().name()) in ("BOOL", "DYN")
    except ImportError:
        return MISSING
    except _LIBRARY_ERRORS as error:
        return _fault(str(error), text, names)
    return (
        None if is_bool else Fault(1, "expected a condition that is true or false", "compare it, for example with `==`")
    )


def evaluate(texts: Sequence[str], names: Sequence[str], values: Mapping[str, Any]) -> Iterator[bool | str]:
    """For each text whether it is true, or why it is neither true nor false. `values`: those that count."""
    try:
        env = _env(names)
    except ImportError:
        yield from (MISSING.text for _ in texts)
        return
    for text in texts:
        try:
            yield _result(env, text, values)
        except _LIBRARY_ERRORS as error:
            yield _why(str(error))


def _env(names: Sequence[str]) -> Env:
    from cel_expr_python import cel  # type: ignore[import-untyped]

    return cel.NewEnv(variables=dict.fromkeys(names, cel.Type.DYN))


def _result(env: Env, text: str, values: Mapping[str, Any]) -> bool | str:
    """Only these two kinds of results are taken out: taking out a null frees Python's None once too often, until the process
    dies of it (cel-expr-python 0.1.3)."""
    result = env.compile(text).eval(data=values)
    kind = str(result.type().name())
    if kind == "BOOL":
        return bool(result.value())
    return (
        _why(str(result.value()))
        if kind == "ERROR"
        else f"it is of the type {kind.lower()}, and neither true nor false"
    )


def _why(message: str) -> str:
    """An error of an evaluation, in words."""
    text = _CODE.sub("", message.strip())
    if found := _MEMBER.fullmatch(text):
        return f"there is no member `{found[1]}`"
    if found := _OVERLOAD.search(text):
        return f"`{found[1]}` does not work for {found[2] or found[3]}"
    return text[:1].lower() + text[1:]


def _fault(message: str, text: str, names: Sequence[str]) -> Fault:
    """An error of the compiler, with the column in the whole text."""
    found = _PLACE.search(message)
    if found is None:
        deep = "recursion" in message
        return Fault(0, "it is nested too deeply" if deep else _why(message.split("\n")[0]))
    line, column, problem = int(found[1]), int(found[2]), found[3]
    if line < 1 or column < 1:
        return Fault(0, "it is nested too deeply" if "recursion" in problem else problem)
    before = sum(len(each) + 1 for each in text.split("\n")[: line - 1])
    return _explained(problem, before + column, text, names)


def _explained(problem: str, column: int, text: str, names: Sequence[str]) -> Fault:
    if found := _UNDECLARED.search(problem):
        # the compiler names the last sign of a chain
        chain = next((each for each in reversed(chains(tokens(text))) if each.start < column), None)
        if chain is None or chain.is_called:
            start = column if chain is None else chain.start + 1
            return Fault(start, f"no function has the name `{found[1].removeprefix('.')}`")
        column = chain.start + 1
        message, hint = no_value(chain.text, names)
        is_word = chain.text.isupper() and not hint.startswith("did you mean")
        return Fault(column, message, f'a text stands in quotes: "{chain.text}"' if is_word else hint)
    if found := _OVERLOAD.search(problem):
        return Fault(column, f"`{found[1]}` does not work for {found[2] or found[3]}")
    if "token recognition error" in problem or "Syntax error" in problem:
        sign = next((word.text for word in tokens(text) if word.end >= column), "")
        return Fault(column, f"unexpected `{sign}`" if sign and column <= len(text) else "it ends too early")
    return Fault(column, problem.partition(" (in container")[0])
