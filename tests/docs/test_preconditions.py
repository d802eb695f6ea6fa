"""docs/reference/preconditions.md: its examples are read as they stand, and its reasons are real ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
from ruamel.yaml import YAML

from evenkeel.reconcilers.preconditions.judging import unmet
from evenkeel.reconcilers.preconditions.reading import read
from evenkeel.specs.preconditions.observed import Observed
from evenkeel.specs.preconditions.precondition import Precondition
from evenkeel.specs.problem import Flaw
from evenkeel.specs.settings.values import ValueSpec, values_from
from evenkeel.templates.preconditions_text import PlannedPrecondition, precondition_lines

PAGE = (Path(__file__).parents[2] / "docs/reference/preconditions.md").read_text()


def block(language: str, heading: str = "") -> str:
    """The first block in a language, below a heading."""
    found = re.search(rf"```{language}\n(.*?)```", PAGE.partition(f"\n## {heading}")[2] if heading else PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[2:]]


def names() -> list[str]:
    written = YAML(typ="safe").load(block("yaml", "Values"))["updateManager"]["values"]
    flaws: list[Flaw] = []
    sources = values_from(msgspec.convert(written, dict[str, ValueSpec]), flaws)
    assert flaws == []
    assert list(sources) == list(written)
    return list(sources)


def test_the_example_of_a_baseline_names_the_values_of_the_example() -> None:
    (baseline,) = json.loads(block("json"))["baselines"]
    precondition = read(baseline["preconditions"], names())
    assert isinstance(precondition, Precondition)
    assert set(precondition.names) <= set(names())


def test_the_example_of_a_file_says_the_same() -> None:
    (baseline,) = json.loads(block("json"))["baselines"]
    assert YAML(typ="safe").load(block("yaml"))["spec"]["preconditions"] == baseline["preconditions"]


def test_the_example_of_a_plan_is_what_a_plan_prints() -> None:
    written = YAML(typ="safe").load(block("yaml"))["spec"]["preconditions"]
    present = {
        "vehicle.parked": Observed(False, 3.0, 10.0),
        "battery.level": Observed(80, 240.0),
        "night": Observed(True),
    }
    precondition = read(written, names())
    planned = PlannedPrecondition("stack-7", written, precondition, present, unmet(written, present))
    assert list(precondition_lines(planned)) == block("text", "In a plan").splitlines()


def test_what_the_table_says_to_write_can_be_read() -> None:
    known = [*names(), "report", "vehicle.doors", "vehicle.moving"]
    texts = [text.replace(r"\|", "|") for _, cell in table("In CEL") for text in re.findall("`([^`]+)`", cell)]
    whole = [text for text in texts if re.search("[ .(]", text) and not re.fullmatch(r'matches\(".*"\)', text)]
    assert len(whole) >= 11
    assert {text: read(text, known) for text in whole if not isinstance(read(text, known), Precondition)} == {}


def test_kantos_example_and_its_translation() -> None:
    written, translated = block("text", "In Kanto's form").splitlines()
    precondition = read(written, names())
    assert isinstance(precondition, Precondition)
    assert (precondition.form, precondition.cel) == ("Kanto", translated)


def test_the_reasons_are_real() -> None:
    reasons = [cells[1].strip("` ").strip() for cells in table("Reasons")]
    parked = {"vehicle.parked": Observed(False)}
    unknown = {"vehicle.speed": Observed(unknown="nothing was received on vehicle/state")}
    speed = {"vehicle.speed": Observed(7)}
    assert [re.sub("`", "", reason) for reason in reasons] == [
        re.sub("`", "", reason)
        for reason in (
            unmet("vehicle.parked", parked),
            unmet("vehicle.speed < 5", speed),
            unmet("vehicle.speed < 5", unknown),
            unmet("vehicle.speed < 5", {"vehicle.speed": Observed(7, 42.0, 10.0)}),
            unmet('vehicle.speed < "5"', speed),
            unmet("vehicle.sped < 5", speed),
        )
    ]
