"""How many cases laws have tried: a line for each kind at the end of a run, also where output is captured. A plugin of pytest.

The number travels with the report of the test, as workers (pytest-xdist) send nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator

import pytest

_KEY = "cases tried: "
_counted: list[tuple[str, tuple[int, int]]] = []


def count(name: str, number: int, of: int = 0) -> None:
    """Add to the sum of this name. `of`: the number of cases that there are, where only some were drawn. Tests that fail
    count for nothing."""
    _counted.append((f"{_KEY}{name}", (number, of)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    _counted.clear()
    yield
    item.user_properties.extend(_counted)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    sums, there = Counter[str](), Counter[str]()
    for report in terminalreporter.getreports("passed"):
        for name, counted in report.user_properties:
            if name.startswith(_KEY):
                number, of = counted
                sums[name] += number
                there[name] += of
    for name, number in sorted(sums.items()):
        terminalreporter.write_line(f"{name}: {number:,}" + (f" of {there[name]:,}" if there[name] else ""))
