"""`evenkeel compat sdv-health`: the command of Leda that tells how a device is, with its grammar, sections and labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import NO_DEVICE, Options, say_simulated, terminal_style, terminal_width
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenkeel.controller.doctor.device import Device, GivenSettings
    from evenkeel.controller.doctor.leda import Section
    from evenkeel.specs.leda.health import Line, Variables

_NOTE = "Note: `evenkeel doctor` looks at more, says the remedies, and has an exit code for scripts"
_CONTAINER_LINES = 20
_JOURNAL_S = 5.0
_SYSTEMD = "/run/systemd/system"
"""Without it there is no log of units."""


@click.command(
    "sdv-health",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def sdv_health(context: click.Context, arguments: tuple[str, ...]) -> int:
    """Tell how the device is, as Leda's sdv-health does.

    \b
      sdv-health [-l | --log [n]] [-v | --verbose] [--ansi] [--help]

    The names of units and containers are in ~/.config/sdv.conf, else in /etc/sdv/sdv.conf. Its assignments are read, and
    nothing in it is executed. Unknown options are ignored.

    Exit code: 0, as with the original, and 1 when it cannot be printed; `evenkeel doctor` has one that tells.
    """
    from evenkeel.controller.cli.doctor import given_settings
    from evenkeel.controller.doctor.threads import run_bounded
    from evenkeel.controller.process import logs
    from evenkeel.specs.leda.health import USAGE, read_line

    line = read_line(arguments)
    if line.help:
        echo_lines(USAGE)
        return 0
    logs.silence()
    echo(_NOTE, err=True)
    given = given_settings(context.find_object(Options) or Options())
    if given.settings is not None:
        say_simulated(given.settings, NO_DEVICE)
    run_bounded(_tell(line, _variables(), given))
    return 0


def _variables() -> Variables:
    """Those of the first sdv.conf that is there."""
    from pathlib import Path

    from evenkeel.controller.process.bounded import read_bounded
    from evenkeel.specs.leda.health import CONF_PLACES, Variables, read_conf

    for place in CONF_PLACES:
        file = Path.home() / place  # an absolute place stays as it is
        try:
            found, notes = read_conf(read_bounded(file).decode(errors="replace"))
        except FileNotFoundError:
            continue
        except OSError as error:
            echo(f"Note: {file} cannot be read: {(error.strerror or '').lower()}", err=True)
            continue
        for note in notes:
            echo(f"Note: {file}: {note}", err=True)
        return found
    return Variables()


async def _tell(line: Line, names: Variables, given: GivenSettings) -> None:
    from evenkeel.controller.doctor.device import Device
    from evenkeel.controller.doctor.leda import sections

    async with Device(given) as device:
        is_first = True
        async for section in sections(device, names):
            if not is_first:
                echo()
            is_first = False
            for text in _lines(section, line):
                echo_lines(text)
        if line.log:
            await _logs(device, line, names)


def _lines(section: Section, line: Line) -> Sequence[str]:
    from evenkeel.templates.doctor_text import health_lines

    return list(health_lines(section.title, section.lines, terminal_width(), terminal_style(), remedies=line.verbose))


async def _logs(device: Device, line: Line, names: Variables) -> None:
    """The newest lines of units, and of containers that are there; of the latter without what a spec marks as secret."""
    from evenkeel.controller.doctor.leda import last_lines
    from evenkeel.specs.unit import is_unit

    for name in (*names.units, *names.units_opt) if _has_log_of_units() else ():
        if is_unit(name) or is_unit(f"{name}.service"):
            echo()
            echo(f"[{name}]")
            for each in await _journal_lines(name, line.log):
                echo(each)
    for name in (*names.containers, *names.containers_opt):
        lines = await last_lines(device, name, _CONTAINER_LINES)
        if lines is not None:
            echo()
            echo(f"[{name}]")
            for each in lines:
                echo(each)


def _has_log_of_units() -> bool:
    from pathlib import Path

    return Path(_SYSTEMD).exists()


async def _journal_lines(unit: str, count: int) -> list[str]:
    import asyncio
    from asyncio.subprocess import DEVNULL, PIPE

    line = ("journalctl", "--no-pager", "-q", "-n", str(count), "-u", unit)
    try:
        process = await asyncio.create_subprocess_exec(*line, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    except OSError as error:
        return [f"journalctl cannot be run: {(error.strerror or '').lower()}"]
    try:
        async with asyncio.timeout(_JOURNAL_S):
            out, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        return [f"journalctl did not end within {_JOURNAL_S:g} s"]
    return out.decode(errors="replace").splitlines()
