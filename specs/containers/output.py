"""What a container has written itself: the last lines of its output, and what its check's command said.

It is the first thing that somebody wants who looks for the cause of a failure, and it may hold secrets. So it goes into the
journal and to whoever asks for it (`evenkeel logs`), and never into an error, an entry, a log or a message. The only
exception are well-known causes, which name a program and nothing else (`reconcilers.containers.causes`). Before it is kept,
it is bounded, what could move a terminal's cursor is taken from it, and known secrets are replaced
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
"""Of one output, and of one line."""
_SEQUENCE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)?|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]")
"""What a terminal would obey: colours, movements, titles."""


def last_lines(text: str, env: Iterable[tuple[str, str | None]] = (), marked: Collection[str] = ()) -> tuple[str, ...]:
    """The last lines of a text, as plain text within the bounds. Of a line that was written over, as progress bars are, the
    last state counts. `env`: the variables of the container that wrote it; `marked`: names of those that a spec marks as
    secret."""
    lines = [_plain(line) for line in without_secrets(_SEQUENCE.sub("", text), env, marked).split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines[-MOST_LINES:])


def as_marked(output: Output, asked: Iterable[Container]) -> Output:
    """Output without the secrets of what is asked for: a mark that was set later is none that the instance knows of."""
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
