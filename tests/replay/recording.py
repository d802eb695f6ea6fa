"""The recordings of two update agents, Kanto's and Leda's, read from `tests/data/recordings`.

A recording is one conversation: lines that were sent to the agent, lines that it published, and events outside of MQTT, in the
order in which the broker delivered them. `tests/data/recordings/README.md` explains the form.
"""

from __future__ import annotations

import json
import re
import tarfile
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from tests.places import DATA

CONTAINERS, SELF_UPDATE = "containers-update-agent", "self-update-agent"


class Line(NamedTuple):
    """One line. `at_s`: seconds since the recorder connected; `message`: decoded JSON, or the text of an event."""

    at_s: float
    kind: Literal["in", "out", "event"]
    topic: str
    message: Any
    retained: bool

    @property
    def payload(self) -> bytes:
        """As it stood on the wire."""
        if isinstance(self.message, dict) and "__raw__" in self.message:
            return str(self.message["__raw__"]).encode()
        return json.dumps(self.message).encode()


class Recording(NamedTuple):
    """One file: its name, what it is about, and its lines."""

    name: str
    note: str
    lines: tuple[Line, ...]

    def flag(self, name: str) -> str:
        """The value of a flag of the recorded program, "" without it."""
        found = re.search(rf"--{name}=([^ \]]+)", self.note)
        return found[1] if found else ""


@cache
def recordings(agent: str = CONTAINERS) -> dict[str, Recording]:
    """All of one agent, by name."""
    found = {}
    with tarfile.open(DATA / f"recordings/{agent}.tar.xz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            if content is not None:
                name = Path(member.name).name.removesuffix(".jsonl")
                found[name] = _recording(name, content.read().decode())
    return dict(sorted(found.items()))


def _recording(name: str, text: str) -> Recording:
    head, *lines = (json.loads(line) for line in text.splitlines())
    return Recording(
        name,
        head["note"],
        tuple(Line(each["t"], each["dir"], each["topic"], each["payload"], "retained" in each) for each in lines),
    )
