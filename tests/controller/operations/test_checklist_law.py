"""Every item of Kanto's checklist of its update manager (update-manager.md §6) is a test, or has a reason why it is none."""

from __future__ import annotations

import re
from pathlib import Path

from tests.controller.operations import test_checklist_messages, test_checklist_phases, test_checklist_wire
from tests.controller.operations.checklist import ITEMS, NOWHERE
from tests.places import ROOT

_MODULES = (test_checklist_messages, test_checklist_phases, test_checklist_wire)


def test_every_item_is_a_test_or_nowhere_for_a_reason() -> None:
    """Stories have their item as a key, other tests in their names: `test_fb_7_…`, `test_top_1_to_5_…`."""
    tables = [table for module in _MODULES for table in vars(module).values() if isinstance(table, dict)]
    named = {item for table in tables for item in table if item in ITEMS}
    for file in Path(__file__).parent.glob("test_checklist_*.py"):
        for group, first, last in re.findall(r"def test_([a-z]{2,3})_(\d+)_(?:to_(\d+)_)?", file.read_text()):
            named |= {f"{group.upper()}-{number}" for number in range(int(first), int(last or first) + 1)}
    assert not named & set(NOWHERE), "they have a test"
    assert set(ITEMS) == named | set(NOWHERE)


def test_files_that_reasons_name_exist() -> None:
    paths = [path for reason in NOWHERE.values() for path in re.findall(r"tests/[\w/.]+", reason)]
    assert paths
    assert all((ROOT / path).exists() for path in paths)


def test_items_about_settings_are_tests_where_their_reasons_say() -> None:
    for item in (each for each in NOWHERE if each.startswith("CFG-")):
        number = item.removeprefix("CFG-")
        (path,) = re.findall(r"tests/[\w/.]+", NOWHERE[item])
        assert re.search(rf"def test_cfg_(\d+_)*{number}_|CFG-{number}\b", (ROOT / path).read_text()), item
