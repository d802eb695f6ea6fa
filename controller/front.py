"""The entry of the command `evenkeel`, before the command line is read.

`evenkeel run` and `evenkeel update-manager` stay for months, and need neither click nor YAML any more once their options and
settings are known. So a process of its own reads these. Where that one fails, as with an option that does not exist, and for
all other commands, `cli` does everything itself, and says what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from evenkeel.controller.process.apart import apart
from evenkeel.controller.process.streams import secure

_STAYING = {"run", "update-manager"}


def main() -> int:
    """Run the command; the exit code."""
    secure()
    words = sys.argv[1:]
    content = apart(partial(_settings, words)) if _STAYING & {*words} else b""
    if not content:
        from evenkeel.controller.cli import main as command

        return command(words)
    try:
        from evenkeel.controller.daemon import RunSettings, serve
        from evenkeel.specs.codec import decode

        return serve(*decode(content, RunSettings))
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - as in `cli`
        from evenkeel.controller.cli import ended

        return ended(error)


def _settings(words: Sequence[str]) -> bytes:
    """The settings of a command that stays, as `RunSettings`; raises what is wrong with them."""
    from evenkeel.controller.cli import commands

    content = commands.main(args=[*words, "--only-read"], prog_name="evenkeel", standalone_mode=False)
    return content if isinstance(content, bytes) else b""
