"""`evenkeel compat`: the names of other tools, with evenkeel behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.compat.kanto_ctl import sdv_kanto_ctl
from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from pathlib import Path

_NAME = "sdv-kanto-ctl"
_SIGN = f"compat {_NAME}"


@click.group("compat", invoke_without_command=True)
@shared_options()
@click.pass_context
def command(context: click.Context, options: Options) -> None:
    """Be the tools of Eclipse Leda that have another name.

    \b
      evenkeel compat install            put `sdv-kanto-ctl` into /usr/local/bin
      evenkeel compat sdv-kanto-ctl …    what that runs

    docs/compatibility.md lists each difference from the original.
    """
    context.obj = options
    if context.invoked_subcommand is None:
        echo_lines(context.get_help())


@command.command("install")
@click.option(
    "--prefix",
    metavar="DIR",
    type=click.Path(file_okay=False),
    default="/usr/local",
    help="Into the folder `bin` of DIR. Default: /usr/local.",
)
@click.option("--replace", is_flag=True, help="Replace the original where it is there.")
@shared_options()
def install(options: Options, prefix: str, replace: bool) -> int:
    """Put `sdv-kanto-ctl` in place.

    It is a script of two lines that runs evenkeel. One that is there and is not from here stays, unless --replace is given.

    Exit code: 0; 1 when it cannot be put there.
    """
    from pathlib import Path

    from evenkeel.controller.process.atomic import write_atomically
    from evenkeel.specs.errors import EvenkeelError

    file = Path(prefix).absolute() / "bin" / _NAME
    if not replace and _is_of_others(file):
        raise EvenkeelError(f"file:{file}", "is there already, and is not evenkeel's; --replace replaces it")
    write_atomically(file, f'#!/bin/sh\nexec {_evenkeel()} {_SIGN} "$@"\n'.encode(), 0o755)
    echo(f"wrote {file}")
    return 0


def _is_of_others(file: Path) -> bool:
    """Whether something is there that is not from here. A link that leads nowhere is."""
    try:
        return _SIGN not in file.read_text(errors="replace")
    except FileNotFoundError:
        return file.is_symlink()
    except IsADirectoryError:
        return True


def _evenkeel() -> str:
    """The command by which evenkeel was called, with its whole path, for a shell."""
    import os
    import shlex
    import sys
    from pathlib import Path

    own = Path(sys.argv[0]).absolute()
    if own.name == "evenkeel" and os.access(own, os.X_OK) and own.is_file():
        return shlex.quote(str(own))
    return f"{shlex.quote(sys.executable)} -m evenkeel.controller"


command.add_command(sdv_kanto_ctl)
