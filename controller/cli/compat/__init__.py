"""`evenkeel compat`: the names of other tools, with evenkeel behind them."""

from __future__ import annotations

import click

from evenkeel.controller.cli.compat.kanto_ctl import sdv_kanto_ctl
from evenkeel.controller.cli.compat.sdv_health import sdv_health
from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo, echo_lines

NAMES = ("sdv-kanto-ctl", "sdv-health")
"""The tools; each is a command beside `install`."""


@click.group("compat", invoke_without_command=True)
@shared_options()
@click.pass_context
def command(context: click.Context, options: Options) -> None:
    """Be the tools of Eclipse Leda that have another name.

    \b
      evenkeel compat install            put `sdv-kanto-ctl` and `sdv-health` into /usr/local/bin
      evenkeel compat sdv-kanto-ctl …    what the former runs
      evenkeel compat sdv-health …       what the latter runs

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
    """Put `sdv-kanto-ctl` and `sdv-health` in place.

    Each is a script of two lines that runs evenkeel. Where one is there that is not from here, all stays as it is, unless
    --replace is given.

    Exit code: 0; 1 when they cannot be put there.
    """
    from pathlib import Path

    from evenkeel.controller.process.atomic import write_atomically
    from evenkeel.specs.errors import EvenkeelError

    files = {name: Path(prefix).absolute() / "bin" / name for name in NAMES}
    for name, file in files.items():
        is_there = file.exists() or file.is_symlink()
        if is_there and not replace and f"compat {name}" not in file.read_text(errors="replace"):
            raise EvenkeelError(f"file:{file}", "is there already, and is not evenkeel's; --replace replaces it")
    for name, file in files.items():
        write_atomically(file, f'#!/bin/sh\nexec {_evenkeel()} compat {name} "$@"\n'.encode(), 0o755)
        echo(f"wrote {file}")
    return 0


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


for each in (sdv_kanto_ctl, sdv_health):
    command.add_command(each)
