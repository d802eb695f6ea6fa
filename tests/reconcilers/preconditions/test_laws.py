"""What holds of any text and any values: a verdict, soon, and closed when in doubt."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evenkeel.reconcilers.preconditions.judging import judge, unmet
from evenkeel.reconcilers.preconditions.kanto import is_kanto
from evenkeel.reconcilers.preconditions.reading import read
from evenkeel.reconcilers.preconditions.tokens import conjuncts, tokens
from evenkeel.specs.preconditions.observed import Observed
from evenkeel.specs.preconditions.precondition import Fault, Precondition
from evenkeel.specs.visible import visible

NAMES = ("a.b", "a.c", "d", "list")
UNKNOWN = Observed(unknown="nobody knows")
STALE = Observed(True, 11.0, 10.0)

scalars = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(["", "MAINTENANCE", "true", "1", "ü\0"]),
)
values = st.recursive(
    scalars | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "y", ""]), inner, max_size=3),
    max_leaves=8,
)
observed = st.one_of(values.map(Observed), st.just(UNKNOWN), st.just(STALE))
present = st.fixed_dictionaries(dict.fromkeys(NAMES, observed))
SIGNS = (
    "a.b a.c d list x . , ( ) [ ] { } && || ! == != < <= > >= = + - * / % ? : in true false null 1 1u 0x1f 2.5 1e400 'a' \"b\""
    " r'\\' b'\\xff' '''c''' AND( OR( has( size( matches( list.all(x, list.exists(x, list.map(x, dyn( int( type( timestamp("
    " duration('1s') // \n . ' \" \\ ` ; & | # @ ü google.protobuf.Any{ .startsWith('a') 9223372036854775808"
)
WORDS = SIGNS.split(" ")
texts = (
    st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join)
    | st.lists(st.sampled_from(WORDS)).map("".join)
    | st.text()
)


@settings(max_examples=150, deadline=None)
@given(texts, present)
def test_any_text_and_any_values_have_a_verdict_soon(text: str, present: dict[str, Observed]) -> None:
    began = time.process_time()
    reason = unmet(text, present)
    assert time.process_time() - began < 2
    assert visible(reason) == reason
    assert len(reason) <= 1000
    fault = read(text, NAMES)
    if isinstance(fault, Fault):
        assert reason
        assert 0 <= fault.column <= len(text) + 2


@settings(max_examples=200, deadline=None)
@given(texts)
def test_words_are_apart_and_leave_nothing_out(text: str) -> None:
    words = tokens(text)
    at = 0
    for word in words:
        assert word.start >= at
        assert text[word.start : word.end] == word.text
        gap = text[at : word.start]
        assert not gap.strip() or "//" in gap
        at = word.end
    assert len(conjuncts(text)) <= text.count("&&") + 1


# ── closed when in doubt ─────────────────────────────────────────────────────────────────────────────────────────────

atoms = st.sampled_from(
    [
        "a.b",
        "a.c",
        "d",
        "true",
        "false",
        "a.b == a.c",
        "d > 1",
        "d != 'x'",
        "a.b in [1, true]",
        "has(d.x)",
        "type(d) == bool",
        "list.all(x, x == 1)",
        "list.exists(x, a.b)",
        "size(list) > 1",
        "d.matches('a*')",
        "[d, true] == [true, true]",
    ]
)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        inner.map(lambda one: f"!({one})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} && {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} || {two[1]})"),
        st.tuples(inner, inner, inner).map(lambda three: f"({three[0]} ? {three[1]} : {three[2]})"),
    ),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(conditions, present, st.sets(st.sampled_from(NAMES)), st.sampled_from([UNKNOWN, STALE]), st.data())
def test_what_holds_without_a_value_holds_with_any(
    text: str, present: dict[str, Observed], without: set[str], lack: Observed, data: st.DataObject
) -> None:
    """An unknown or stale value is never the reason why something holds, whatever the operators."""
    lacking = {name: lack if name in without else each for name, each in present.items()}
    if unmet(text, lacking):
        return
    known = {name: data.draw(values.map(Observed)) if name in without else each for name, each in present.items()}
    assert unmet(text, known) == ""


@pytest.mark.parametrize("lack", [UNKNOWN, STALE])
@pytest.mark.parametrize(
    "text",
    [
        "d",
        "!d",
        "d == 1",
        "d != 1",
        "d > 1",
        "!(d > 1)",
        "d in [1]",
        "!(d in [1])",
        "has(d.x)",
        "!has(d.x)",
        "d == d",
        "size(d) == 0",
        "d ? true : true",
        "[1].all(x, d)",
        "!d.matches('a')",
        "type(d) != int",
        "d=1",
        "d!=1",
        "OR(d=1,d!=1)",
    ],
)
def test_no_operator_makes_a_lacking_value_hold(text: str, lack: Observed) -> None:
    assert unmet(text, {"d": lack})
    assert not isinstance(read(text, ["d"]), Fault)


# ── Kanto's form ─────────────────────────────────────────────────────────────────────────────────────────────────────

Tree = tuple[str, Any, Any]
comparisons = st.tuples(
    st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
    st.sampled_from(["a.b", "a.c", "d"]),
    st.booleans() | st.integers(-3, 3) | st.sampled_from([2.5, -0.5, "MAINTENANCE", "on the road", "1.10"]),
)
trees: st.SearchStrategy[Any] = st.recursive(
    comparisons,
    lambda inner: st.tuples(st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=1, max_size=3), st.none()),
    max_leaves=6,
)
blanks = st.sampled_from(["", "", " ", "  ", "\n"])


def written(tree: Any, data: st.DataObject) -> str:
    """The tree in Kanto's form, with blanks anywhere."""
    operator, left, right = tree
    before, after = data.draw(blanks), data.draw(blanks)
    if operator in ("AND", "OR"):
        return f"{before}{operator}({','.join(written(each, data) for each in left)}){after}"
    value = str(right).lower() if isinstance(right, bool) else str(right)
    if right == "1.10":
        value = f'"{right}"'
    elif isinstance(right, str) and data.draw(st.booleans()):
        value = f"'{right}'"
    return f"{before}{left}{data.draw(blanks)}{operator}{data.draw(blanks)}{value}{after}"


def verdict(tree: Any, present: dict[str, Observed]) -> bool | None:
    """Whether the tree holds, by the rules of docs/reference/preconditions.md; `None` when it cannot be said."""
    operator, left, right = tree
    if operator in ("AND", "OR"):
        found = [verdict(each, present) for each in left]
        decisive = operator == "OR"
        return decisive if decisive in found else None if None in found else not decisive
    if not present[left].counts:
        return None
    value = present[left].value
    alike = kind(value) == kind(right)
    if operator in ("=", "!="):
        return (alike and value == right) == (operator == "=")
    if not alike:
        return None
    return bool({">": value > right, ">=": value >= right, "<": value < right, "<=": value <= right}[operator])


def kind(value: object) -> type:
    return bool if isinstance(value, bool) else float if isinstance(value, int | float) else type(value)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(trees, min_size=1, max_size=3),
    st.fixed_dictionaries(
        dict.fromkeys(
            ("a.b", "a.c", "d"),
            st.one_of(
                st.booleans(), st.integers(-3, 3), st.sampled_from([2.5, -0.5, "MAINTENANCE", "on the road", "1.10"])
            ).map(Observed)
            | st.sampled_from([UNKNOWN, STALE]),
        )
    ),
    st.data(),
)
def test_kantos_form_and_its_translation_agree(
    forest: list[Any], present: dict[str, Observed], data: st.DataObject
) -> None:
    text = ",".join(written(tree, data) for tree in forest)
    assume(is_kanto(text) or text.endswith(("'", '"')) or not text.strip().endswith(("MAINTENANCE", "road")))
    precondition = read(text, present)
    assert isinstance(precondition, Precondition)
    holds = verdict(("AND", forest, None), present)
    assert (judge(precondition, present) == "") == (holds is True)
    again = read(precondition.cel, present)
    assert isinstance(again, Precondition)
    if precondition.form == "Kanto":
        assert again.form == "CEL"
    assert (again.clauses, judge(again, present)) == (precondition.clauses, judge(precondition, present))


@settings(max_examples=120, deadline=None)
@given(texts | conditions)
def test_no_text_belongs_to_both_forms(text: str) -> None:
    """A text that CEL accepts is never taken for Kanto's: it keeps its meaning."""
    from evenkeel.reconcilers.preconditions.bounds import bounds
    from evenkeel.reconcilers.preconditions.cel import check

    if not bounds(text) and "\0" not in text and text.strip() and check(text, NAMES) is None:
        assert not is_kanto(text)
