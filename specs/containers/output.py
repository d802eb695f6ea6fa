"""The output of a container: its last lines, and the last output of its check's command.

It is the first thing to look at for the cause of a failure, and it may hold secrets. So it goes into the journal and to
an operator who asks for it (`evenkeel logs`), and never into an error, an entry, a log or a message. The only
exceptions are well-known causes, which name a program and nothing else (`reconcilers.containers.causes`). Before it is
kept, it is bounded, control sequences of terminals are removed, and known secrets are replaced
(`specs.containers.redaction`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable

from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.redaction import without_secrets
from evenkeel.specs.output import Output

MOST_LINES, MOST_CHARACTERS = 40, 500
"""Bounds of one output, and of one line."""
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]")
"""Control sequences of terminals: colours, movements, titles."""


def last_lines(text: str, env: Iterable[tuple[str, str | None]] = (), marked: Collection[str] = ()) -> tuple[str, ...]:
    """The last lines of a text, as plain text within the bounds. Of a line that was written over, as with progress
    bars, the last state counts. `env`: the variables of the container that wrote it; `marked`: names of those that a
    spec marks as secret."""
    lines = [_plain(line) for line in without_secrets(_SEQUENCE.sub("", text), env, marked).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines[-MOST_LINES:])


def as_marked(output: Output, asked: Iterable[Container]) -> Output:
    """Output without the secrets of the wanted containers: an instance does not have a mark that was set later."""
    for container in asked:
        lines, check = (
            tuple(without_secrets(line, container.env, container.secrets) for line in part)
            for part in (output.lines, output.check)
        )
        output = Output(lines, check, output.unread, output.exit_code)
    return output


def _plain(line: str) -> str:
    line = line.rstrip("\r \t").rpartition("\r")[2].replace("\t", "    ")
    cut = line if len(line) <= MOST_CHARACTERS else line[: MOST_CHARACTERS - 1] + "…"
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(each)[0] == "C" else each for each in cut)
