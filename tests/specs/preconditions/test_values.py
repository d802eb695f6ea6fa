"""The section `updateManager.values` of the settings."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from evenkeel.specs.preconditions.source import FileSource, TopicSource, WindowSource, source_text
from evenkeel.specs.problem import Flaw, path_text
from evenkeel.specs.settings.settings import Settings, settings_from
from evenkeel.specs.settings.values import MOST_VALUES, ValueSpec, values_from, written_value
from evenkeel.specs.settings.written import written as written_settings
from evenkeel.specs.window import Window

WRITTEN: dict[str, dict[str, str]] = {
    "vehicle.parked": {"topic": "vehicle/state", "path": "$.parked", "maxAge": "10s"},
    "vehicle.speed": {"topic": "vehicle/speed"},
    "battery": {"file": "/sys/class/power_supply/BAT0/capacity"},
    "gear": {"file": "/run/gear.json", "path": "$['selected gear'][0]", "maxAge": "1m30s"},
    "night": {"window": "22:00-05:30"},
}


def read(written: Any) -> tuple[Any, list[str]]:
    flaws: list[Flaw] = []
    sources = values_from(msgspec.convert(written, dict[str, ValueSpec]), flaws)
    return sources, [
        f"{path_text(flaw.path)}: {flaw.message}" + (f"; {flaw.hint}" if flaw.hint else "") for flaw in flaws
    ]


def test_each_source() -> None:
    sources, flaws = read(WRITTEN)
    assert flaws == []
    assert sources == {
        "vehicle.parked": TopicSource("vehicle/state", ("parked",), timedelta(seconds=10)),
        "vehicle.speed": TopicSource("vehicle/speed"),
        "battery": FileSource("/sys/class/power_supply/BAT0/capacity"),
        "gear": FileSource("/run/gear.json", ("selected gear", 0), timedelta(seconds=90)),
        "night": WindowSource(Window(22 * 60, 5 * 60 + 30)),
    }
    assert [source_text(each) for each in sources.values()][-2:] == ["/run/gear.json", "22:00-05:30"]


def test_what_is_written_again_is_the_same() -> None:
    sources, _ = read(WRITTEN)
    assert {name: written_value(source) for name, source in sources.items()} == WRITTEN


ONE = {"topic": "a"}


@pytest.mark.parametrize(
    ("written", "flaw"),
    [
        ({"a-b": ONE}, "a-b: a name has letters, digits, `_`, and dots between its parts; write `a_b`"),
        ({"1": ONE}, "1: a name has letters, digits, `_`, and dots between its parts; for example `vehicle.speed`"),
        (
            {"a..b": ONE},
            "a..b: a name has letters, digits, `_`, and dots between its parts; for example `vehicle.speed`",
        ),
        ({"a.in": ONE}, "a.in: `in` is a word of CEL; write for example `a.in_value`"),
        ({"int": ONE}, "int: `int` is a word of CEL; write for example `int_value`"),
        ({"AND": ONE}, "AND: `AND` is a word of CEL; write for example `AND_value`"),
        (
            {"a": ONE, "a.b": ONE},
            "a.b: `a` is a value, too, so that `a.b` might be a part of it; give one of them another name",
        ),
        ({"a": {}}, "a: expected a source; write `topic: …`, `file: …` or `window: …`"),
        (
            {"a": {"topic": "b", "file": "/c"}},
            "a.file: `file` is a second source, beside `topic`; write each value with a name of its own",
        ),
        ({"a": {"topic": "b/+"}}, "a.topic: a value has one topic, without wildcards"),
        ({"a": {"topic": ""}}, "a.topic: expected a topic; for example vehicle/speed"),
        (
            {"a": {"topic": "b", "path": "speed"}},
            "a.path: column 1: a path begins with `$`; write `$.speed`; for example `$.data.speed`",
        ),
        ({"a": {"topic": "b", "maxAge": "10ms"}}, "a.maxAge: expected a duration of at least 1s, got 10ms"),
        ({"a": {"window": "22:00"}}, "a.window: expected two times of the day; write it as `02:00-04:30`"),
        (
            {"a": {"window": "02:00-02:00"}},
            "a.window: the window begins and ends at the same time; leave it out, if any time will do",
        ),
        ({"a": {"window": "02:00-03:00", "maxAge": "1m"}}, "a.maxAge: means nothing for a window; leave it out"),
    ],
)
def test_flaws_have_a_place_and_a_hint(written: Any, flaw: str) -> None:
    assert read(written)[1] == [f"updateManager.values.{flaw}"]


def test_there_is_a_bound() -> None:
    _, flaws = read({f"a{number}": ONE for number in range(MOST_VALUES + 1)})
    assert flaws == [f"updateManager.values: expected at most {MOST_VALUES} values, got {MOST_VALUES + 1}"]


def test_each_name_that_is_accepted_is_a_variable_of_cel() -> None:
    from evenkeel.reconcilers.preconditions.judging import unmet
    from evenkeel.specs.preconditions.observed import Observed

    words = [
        "in",
        "true",
        "null",
        "as",
        "int",
        "type",
        "list",
        "string",
        "cel",
        "size",
        "has",
        "all",
        "matches",
        "x1",
        "_",
        "package",
        "google",
        "vehicle",
    ]
    for name in [*words, *(f"a.{word}" for word in words)]:
        _, flaws = read({name: ONE})
        assert flaws or unmet(name, {name: Observed(True)}) == "", name
        assert not flaws or name.split(".")[-1] not in ("x1", "_", "size", "has", "all", "matches", "vehicle")


def test_they_are_a_part_of_the_settings_and_are_written_again() -> None:
    flaws: list[Flaw] = []
    written: Any = {"updateManager": {"values": WRITTEN}}
    settings = settings_from(written, flaws)
    assert settings is not None
    assert settings.update_manager.values["battery"] == FileSource("/sys/class/power_supply/BAT0/capacity")
    assert written_settings(settings, Settings()) == {"updateManager": {"values": WRITTEN}}
    assert [(path_text(flaw.path), flaw.hint, flaw.warning) for flaw in flaws] == [
        ("updateManager.values", "write `mqtt: {enabled: true}`", True)
    ]
    flaws.clear()
    assert settings_from({"updateManager": {"values": {"a": {"topc": "b"}}}}, flaws) is None
    assert [(path_text(flaw.path), flaw.hint) for flaw in flaws] == [
        ("updateManager.values.a.topc", "did you mean `topic`?")
    ]
