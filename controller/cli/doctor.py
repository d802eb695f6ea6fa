"""`evenkeel doctor`: everything on the device that evenkeel needs, looked at side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import (
    ENGINE,
    Options,
    say_simulated,
    shared_options,
    terminal_style,
    terminal_width,
)
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from evenkeel.controller.doctor.device import GivenSettings
    from evenkeel.specs.doctor.finding import Report


@click.command("doctor")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--ping", metavar="HOST", default="", help="Ping this host, too. Default: `doctor.ping` in the settings.")
@click.option(
    "--bundle",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, allow_dash=True),
    help="Write a tar.gz for a bug report, too, which holds no secret; `-`: to standard output.",
)
@shared_options("config", "state", "specs", *ENGINE)
def command(options: Options, output: str, ping: str, bundle: str | None) -> int:
    """Look at everything that evenkeel needs, and say the remedy.

    Looks at the device (clock, disk, CAN, units of systemd), at evenkeel itself (settings, specs, controller, journal,
    permissions, certificates), at the engine, the containers, their ports and registries, at the slots of the operating system,
    and at hosts, broker and update agents. All checks run side by side, each within some seconds. Nothing is changed.

    \b
      OK         it is well
      WARNING    it works, and something is at risk
      FAILED!    it does not work
      N/A        it does not apply to this device, and why
      UNKNOWN    it could not be looked at, or not in time

    No host is asked that neither settings nor specs name. --bundle collects all of it, with versions, settings, the plan, and
    the newest entries of the journal. It replaces a former bundle and nothing else, and makes no folder. With `-` the report
    goes to standard error.

    Exit code: 0 when nothing has failed, also with warnings; 1 when something has, or is unknown.
    """
    from evenkeel.controller.doctor.examination import examination
    from evenkeel.controller.process import logs
    from evenkeel.templates.doctor_text import report_lines, report_value

    logs.silence()
    given = given_settings(options, ping)
    if bundle is not None:
        _check_target(bundle, given, output)
    report = examination(given)
    if output == "text":
        for line in report_lines(report, terminal_width(), terminal_style()):
            echo_lines(line, err=bundle == "-")
        if given.settings is not None:
            say_simulated(given.settings)
    else:
        from evenkeel.controller.cli.output import echo_value

        echo_value(report_value(report), output)
    if bundle is not None:
        _put_bundle(bundle, given, report)
    return int(not report.is_well)


def _check_target(bundle: str, given: GivenSettings, output: str) -> None:
    """Raises UsageError, and Refused, for a place that the bundle must not take: before anything takes time."""
    import os
    import sys
    from pathlib import Path

    from evenkeel.controller.doctor.bundle import check_place
    from evenkeel.specs.errors import Refused
    from evenkeel.specs.settings.settings import Settings

    if bundle == "-":
        if output != "text":
            raise click.UsageError(f"--bundle - writes to standard output, and so does -o {output}: name a file")
        if sys.stdout.isatty():
            raise click.UsageError("--bundle - writes bytes, and standard output is a terminal: name a file")
        return
    path = Path(bundle).absolute()
    try:
        found = check_place(path)
    except Refused as error:
        raise Refused(error.element, f"{error.message}; `--bundle -` writes to standard output") from None
    if found is not None and os.path.samestat(found, os.fstat(1)):
        raise click.UsageError(f"--bundle {bundle}: standard output goes there; `--bundle -` writes to it")
    settings = given.settings or Settings()
    for place in (settings.state, *settings.specs, given.file):
        if place and path.resolve().is_relative_to(Path(place).resolve()):
            raise Refused(f"file:{path}", f"{place} is evenkeel's own; name a file in another place")


def _put_bundle(bundle: str, given: GivenSettings, report: Report) -> None:
    import sys
    from pathlib import Path

    from evenkeel.controller.doctor.bundle import bundle_bytes, write_bundle

    if bundle == "-":
        sys.stdout.buffer.write(bundle_bytes(given, report))
        sys.stdout.buffer.flush()
        return
    write_bundle(Path(bundle), given, report)
    echo(f"wrote {bundle}; look into it before you pass it on", err=True)


def given_settings(options: Options, ping: str = "") -> GivenSettings:
    """The settings, or the reason why there are none: a check tells it, and the others go on as far as they can."""
    from evenkeel.controller.doctor.device import GivenSettings
    from evenkeel.controller.settings.load import DEFAULT_PATH
    from evenkeel.specs.codec import changed
    from evenkeel.specs.errors import SettingsError
    from evenkeel.specs.problem import Problem, problem_text
    from evenkeel.specs.settings.doctor import is_host

    if ping and not is_host(ping):
        raise click.UsageError("--ping: expected the name or the address of a host")
    notes: list[Problem] = []
    file = options.config_file() or (str(DEFAULT_PATH) if DEFAULT_PATH.exists() else "")
    try:
        settings = options.settings(notes=notes)
    except SettingsError as error:
        return GivenSettings(None, str(error), file)
    if ping:
        settings = changed(settings, doctor=changed(settings.doctor, ping=ping))
    return GivenSettings(settings, "", file, tuple(map(problem_text, notes)))
