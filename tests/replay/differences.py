"""The differences between an original agent and evenkeel that are on purpose, read, written and compared.

`differences.txt` has those from Kanto's agent, `self_update_differences.txt` those from Leda's, and
`update_manager_differences.txt` those from Kanto's update manager.

A section for each recording that is not answered to the letter: its name behind `==`, a line `because:` for each row of
docs/compatibility.md that says why, and the difference. There `-` is what the original said, `+` is what evenkeel says, and
what is indented tells where. The rows are written by hand; the difference is written by `python -m tests.replay` and read by a
person before it is committed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.places import ROOT

FILE = Path(__file__).with_name("differences.txt")
SELF_UPDATE_FILE = Path(__file__).with_name("self_update_differences.txt")
UPDATE_MANAGER_FILE = Path(__file__).with_name("update_manager_differences.txt")
COMPATIBILITY = ROOT / "docs/compatibility.md"
_LONGEST_CONTEXT = 300


class Declared(NamedTuple):
    """One section: how the rows begin that say why, and the difference."""

    because: tuple[str, ...]
    difference: tuple[str, ...]


def declared(file: Path = FILE) -> dict[str, Declared]:
    """All sections, by the name of the recording."""
    sections = re.split(r"^== (.+)\n", file.read_text(), flags=re.MULTILINE)[1:]
    return {name: _section(text) for name, text in zip(sections[::2], sections[1::2], strict=True)}


def _section(text: str) -> Declared:
    lines = text.rstrip("\n").splitlines()
    rows = tuple(line.removeprefix("because: ") for line in lines if line.startswith("because: "))
    return Declared(rows, tuple(lines[len(rows) :]))


def write(sections: Mapping[str, Declared], file: Path = FILE) -> None:
    """Replace the file."""
    head = "# Read tests/replay/differences.py first. `python -m tests.replay` writes everything but the lines `because:`.\n"
    texts = (
        "\n".join([f"== {name}", *(f"because: {row}" for row in found.because), *found.difference])
        for name, found in sorted(sections.items())
    )
    file.write_text(head + "".join(f"\n{text}\n" for text in texts))


def difference(original: Sequence[str], ours: Sequence[str]) -> tuple[str, ...]:
    """What differs between two transcripts, and where; nothing when they are equal."""
    return tuple(_difference(original, ours))


def _difference(original: Sequence[str], ours: Sequence[str]) -> Iterator[str]:
    sent = ""
    for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, original, ours, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        before = [line for line in original[:i1] if line.startswith("> ")]
        if before and before[-1] != sent:
            sent = before[-1]
            yield f"  {sent[:_LONGEST_CONTEXT]}"
        first = original[i1] if i1 < i2 else ours[j1]
        if first.startswith(" "):
            yield f"  {next(line for line in reversed(original[:i1]) if not line.startswith(' '))}"
        yield from (f"- {line}" for line in original[i1:i2])
        yield from (f"+ {line}" for line in ours[j1:j2])


def rows(document: str) -> list[tuple[str, str]]:
    """First cell and whole text of each row of the tables of a document."""
    found = [line for line in document.splitlines() if line.startswith("| ")]
    return [(line.removeprefix("| ").partition(" | ")[0], line) for line in found]
