"""Write `differences.txt` anew, with the rows that it names now: `uv run --locked python -m tests.replay`."""

from __future__ import annotations

from tests.controller.agents.harness import DEVICES
from tests.virtual import run

from .bench import play_in_memory
from .differences import Declared, declared, difference, write
from .player import recorded
from .recording import recordings

known = declared()
sections = {}
for name, recording in recordings().items():
    found = difference(recorded(recording).lines, run(play_in_memory(recording)).lines)
    while DEVICES:
        DEVICES.pop().scrap()
    if found:
        sections[name] = Declared(known[name].because if name in known else ("?",), found)
write(sections)
print(f"{len(sections)} of {len(recordings())} recordings differ")
