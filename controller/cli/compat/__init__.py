"""`evenkeel compat`: the names of other tools, with evenkeel behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.compat.kanto_ctl import sdv_kanto_ctl
from evenkeel.controller.cli.compat.provision import sdv_provision
from evenkeel.controller.cli.compat.sdv_health import sdv_health
from evenkeel.controller.cli.compat.who import sdv_who
from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from pathlib import Path

_COMMANDS = (sdv_kanto_ctl, sdv_provision, sdv_who, sdv_health)
NAMES = tuple(str(each.name) for each in _COMMANDS)


@click.group("compat", invoke_without_command=True)
@shared_options()
@click.pass_context
def command(context: click.Context, options: Options) -> None:
    """Be the tools of Eclipse Leda that have another name.

    \b
      evenkeel compat install            put all of them into /usr/local/bin
      evenkeel compat sdv-kanto-ctl …    edits Kanto's config.json
      evenkeel compat sdv-provision      asks for the cloud, and makes the certificates
      evenkeel compat sdv-device-info    shows who this device is
      evenkeel compat sdv-health         tells how this device is

    docs/compatibility.md lists each difference from the original.
    """
    context.obj = options
    if context.invoked_subcommand is None:
        echo_lines(context.get_help())


@command.command("install")
@click.argument("names", nargs=-1, type=click.Choice(NAMES), metavar="[NAME]...")
@click.option(
    "--prefix",
    metavar="DIR",
    type=click.Path(file_okay=False),
    default="/usr/local",
    help="Into the folder `bin` of DIR. Default: /usr/local.",
)
@click.option("--replace", is_flag=True, help="Replace an original where it is there.")
@shared_options()
def install(options: Options, names: tuple[str, ...], prefix: str, replace: bool) -> int:
    """Put the names in place: all of them, or those that are given.

    Each is a script of two lines that runs evenkeel. One that is there and is not from here stays, unless --replace is given;
    then none is written.

    Exit code: 0; 1 when they cannot be put there.
    """
    from pathlib import Path

    from evenkeel.controller.process.atomic import write_atomically
    from evenkeel.controller.process.replacing import check_file
    from evenkeel.specs.errors import EvenkeelError

    names = names or NAMES
    files = {name: Path(prefix).absolute() / "bin" / name for name in names}
    for name, file in files.items():
        if not file.is_symlink():  # a link is an original, too, and is replaced as one
            check_file(file)
        if not replace and _is_of_others(file, name):
            raise EvenkeelError(f"file:{file}", "is there already, and is not evenkeel's; --replace replaces it")
    for name, file in files.items():
        write_atomically(file, f'#!/bin/sh\nexec {_evenkeel()} {_sign(name)} "$@"\n'.encode(), 0o755)
        echo(f"wrote {file}")
    return 0


def _sign(name: str) -> str:
    """The words by which a script of evenkeel's is known."""
    return f"compat {name}"


def _is_of_others(file: Path, name: str) -> bool:
    """Whether something is there that is not from here. A link that leads nowhere is."""
    if file.exists() and not file.is_file():
        return True
    try:
        return _sign(name) not in file.read_text(errors="replace")
    except FileNotFoundError:
        return file.is_symlink()


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


for _command in _COMMANDS:
    command.add_command(_command)
