"""`evenkeel events`: the entries of the journal."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_args

import click

from evenkeel.controller.cli.history import Wanted, dated_line, entries_after, followed
from evenkeel.controller.cli.options import Options, shared_options, terminal_style
from evenkeel.controller.cli.output import echo, echo_json, echo_lines
from evenkeel.controller.process.streams import is_heard
from evenkeel.specs.feedback import Kind, is_surely_about

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.specs.feedback import Feedback

_MOST = 50
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SINCE = "a number of an entry, an age such as 10m, 3h or 2d, or a time such as 2026-11-26T18:40"


class Since(NamedTuple):
    """The begin: after a number, or with a moment (seconds since the epoch)."""

    number: int = 0
    at: float = 0.0


class _SinceType(click.ParamType[Since]):
    name = "since"

    def convert(self, value: str | Since, param: click.Parameter | None, ctx: click.Context | None) -> Since:
        if isinstance(value, Since):
            return value
        if value.isdecimal():
            return Since(number=int(value))
        import time
        from datetime import datetime

        age = re.fullmatch(r"(\d{1,9})([smhd])", value)
        if age is not None:
            return Since(at=time.time() - int(age[1]) * _UNITS[age[2]])
        try:
            return Since(at=datetime.fromisoformat(value).timestamp())
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not {_SINCE}", param, ctx)


@click.command("events")
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on, until Ctrl-C.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice(get_args(Kind)),
    multiple=True,
    metavar="KIND",
    help="Only of this kind; may be given again.",
)
@click.option("--since", type=_SinceType(), metavar="WHEN", help=f"Everything since then: {_SINCE}.")
@click.option("--last", type=click.IntRange(min=0), help="How many of the newest.  [default: 50, with --since all]")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="json: one object a line.")
@shared_options("config", "state")
def command(
    options: Options,
    name: str | None,
    follow: bool,
    kinds: tuple[str, ...],
    since: Since | None,
    last: int | None,
    output: str,
) -> int:
    """Show what happened.

    With NAME only the entries about this container or file, and those that may be: an entry that ends in "and 27 more" names
    only some subjects, and is marked if it does not name this one. An unknown name is an error. Standard error says that there
    is nothing to show and, with --follow, that no controller is at work any more.

    Every entry has a number that never changes. With --since, a program that remembers the last number it saw gets everything
    after it, and nothing twice. docs/reference/events.md explains every KIND.
    """
    from evenkeel.templates.entry_json import entry_json

    def show(entries: Sequence[Feedback]) -> None:
        for entry in entries:
            if output == "json":
                echo_json(entry_json(entry).decode())
            else:
                echo_lines(dated_line(entry, terminal_style(), name or ""))
            if not is_heard():
                return

    state = Path(options.settings().state)
    wanted = Wanted(name or "", kinds, since.at if since is not None else 0.0)
    found, after = entries_after(state, since.number if since is not None else 0, wanted)
    most = last if last is not None else None if since is not None else _MOST
    found = found[max(len(found) - most, 0) :] if most is not None else found
    if not any(not name or is_surely_about(entry, name) for entry in found):
        _say_nothing(state, name or "", fails=not found and not follow)
    coming = followed(state, after, wanted) if follow else None
    show(found)
    if coming is not None and is_heard():
        for news in coming:
            show(news)
            if not is_heard():
                break
    return 0


def _say_nothing(state: Path, name: str, *, fails: bool) -> None:
    """Say why nothing is shown. `fails`: an unknown name is an EvenkeelError."""
    from evenkeel.controller.cli.names import known_names, unknown_text
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.specs.errors import EvenkeelError

    with closing(read_journal(state)) as journal:
        known, is_empty = known_names(journal), not journal.last_seq()
    if name and name not in known and (known or not is_empty):
        if fails:
            raise EvenkeelError(f"name:{name}", unknown_text(name, known))
        echo(f"{name}: {unknown_text(name, known)}", err=True)
    elif fails or is_empty:
        echo("No entries yet." if is_empty else "No entry matches.", err=True)
