"""`evenkeel events`: what the journal says happened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import Options, shared_options, terminal_style
from evenkeel.controller.cli.output import echo_json, echo_lines
from evenkeel.controller.cli.streams import is_heard

if TYPE_CHECKING:
    from evenkeel.specs.feedback import Feedback
    from evenkeel.templates.style import Role

_POLL_S = 0.3
_ROLES: dict[str, Role] = {
    "revision-good": "good",
    "settled": "good",
    "source-broken": "bad",
    "source-empty": "bad",
    "revision-failed": "bad",
    "step-failed": "bad",
    "stalled": "bad",
    "engine-lost": "bad",
    "rolling-back": "change",
    "rolled-back": "change",
    "drift": "change",
    "step-retrying": "change",
}


@click.command("events")
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@click.option("--since", type=click.IntRange(min=0), metavar="NUMBER", help="Everything after this number.")
@click.option("--last", type=click.IntRange(min=0), default=50, show_default=True, help="How many of the newest.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
@shared_options("config", "state")
def command(options: Options, follow: bool, since: int | None, last: int, output: str) -> int:
    """Show what happened.

    Every entry has a number that never changes; a program that remembers the last number it saw gets everything after it,
    and nothing twice, with --since.
    """
    import time

    from evenkeel.specs.codec import encode

    state = Path(options.settings().state)
    after = max(_newest(state) - last, 0) if since is None else since
    while True:
        entries = _said(state, after)
        for entry in entries:
            if output == "json":
                echo_json(encode(entry).decode())
            else:
                echo_lines(_line(entry))
            after = entry.seq
            if not is_heard():
                return 0
        if entries:
            continue
        if not follow:
            return 0
        time.sleep(_POLL_S)


def _newest(state: Path) -> int:
    from evenkeel.controller.journal import read_journal

    journal = read_journal(state)
    try:
        return journal.last_seq()
    finally:
        journal.close()


def _said(state: Path, after: int) -> tuple[Feedback, ...]:
    """Each look opens the journal anew: a reader of a resting journal does not see a writer that comes."""
    from evenkeel.controller.journal import read_journal

    journal = read_journal(state)
    try:
        return journal.said(after)
    finally:
        journal.close()


def _line(entry: Feedback) -> str:
    import time

    from evenkeel.specs.visible import one_line
    from evenkeel.templates.style import paint

    style = terminal_style()
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.at))
    kind = paint(f"{entry.kind:<17}", _ROLES.get(entry.kind), style)
    subject = f"{one_line(entry.subject)}: " if entry.subject else ""
    place = f"  {paint(one_line(entry.place), 'faint', style)}" if entry.place else ""
    took = f" ({entry.seconds:.1f} s)" if entry.seconds >= 0.1 else ""
    return f"{entry.seq:>6}  {at}  {kind} {subject}{one_line(entry.message)}{took}{place}"
