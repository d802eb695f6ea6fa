"""Write the files of declared differences anew, with the rows that they name now: `uv run --locked python -m tests.replay`."""

from __future__ import annotations

from .differences import Declared, declared, write
from .originals import ORIGINALS, Original


def _write(original: Original) -> None:
    known = declared(original.file) if original.file.exists() else {}
    sections = {}
    for name, recording in original.recordings().items():
        found = original.play(recording).differs
        if found:
            sections[name] = Declared(known[name].because if name in known else ("?",), found)
    write(sections, original.file)
    print(f"{len(sections)} of {len(original.recordings())} recordings of the {original.agent} differ")


for each in ORIGINALS:
    _write(each)
