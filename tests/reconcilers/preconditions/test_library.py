"""The library of CEL: loaded when it is needed, not always there, and taken out of it only what is safe."""

from __future__ import annotations

import gc
import subprocess
import sys
import time

import pytest

from evenkeel.reconcilers.preconditions.judging import unmet
from evenkeel.specs.preconditions.observed import MOST_PARTS, Observed

_PROGRAM = """
import sys
from datetime import timedelta
import evenkeel.controller.daemon, evenkeel.controller.serving
from evenkeel.controller.operations.values import Values
from evenkeel.reconcilers.operations.orchestration import begin
from evenkeel.reconcilers.preconditions.judging import unmet
from evenkeel.specs.preconditions.source import TopicSource
values = Values({"speed": TopicSource("vehicle/speed", None, timedelta(seconds=1))})
values.present()
assert begin("1", "content", ()).operation
assert unmet(" ", {}) == ""
print("cel_expr_python" in sys.modules)
unmet("true", {})
print("cel_expr_python" in sys.modules)
"""


def test_evenkeel_without_preconditions_does_not_load_it() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_without_it_no_precondition_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    for text in ("true", "parked=true"):
        assert unmet(text, {"parked": Observed(True)}) == (
            "the preconditions cannot be read: CEL is not installed; install it with"
            " `pip install 'evenkeel[preconditions]'`"
        )
    assert unmet("", {}) == ""


@pytest.mark.parametrize("text", ["dyn(null)", "v.x", "v.x == null || !true", "[null] == v.list"])
def test_no_null_is_freed_once_too_often(text: str) -> None:
    """cel-expr-python 0.1.3 takes a reference of Python's None with each null that is taken out of it; a process that judges
    such a text for some days would die."""
    present = {"v": Observed({"x": None, "list": [None]})}
    unmet(text, present)
    gc.collect()
    gc.disable()  # it frees what earlier tests have left, and with it references to None
    try:
        before = sys.getrefcount(None)
        for _ in range(600):
            unmet(text, present)
        after = sys.getrefcount(None)
    finally:
        gc.enable()
    assert after > before - 300


@pytest.mark.parametrize(
    "text",
    [
        " || ".join(["v == w"] * 90) + " && v != v",
        "v.all(x, " + " && ".join(["v == w"] * 90) + ")",
        "v.all(x, " + " && ".join(["w.exists_one(1)"] * 40) + ")",
        "v.all(x, !s.contains('b') && s.startsWith('a') && [s, s, s] == [s, s, s])",
        " && ".join(["!s.matches('(a?){500}b')"] * 30),
        "(" * 14 + "s" + " + s)" * 14 + " != ''",
    ],
)
def test_the_costliest_texts_are_over_soon(text: str) -> None:
    many = list(range(MOST_PARTS - 1))
    present = {"v": Observed(many), "w": Observed([*many]), "s": Observed("a" * 4000)}
    began = time.process_time()
    unmet(text, present)
    assert time.process_time() - began < 4
