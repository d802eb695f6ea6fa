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


@click.command("doctor")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--ping", metavar="HOST", default="", help="Ping this host, too. Default: `doctor.ping` in the settings.")
@click.option(
    "--bundle",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True),
    help="Write a tar.gz for a bug report, too, which holds no secret.",
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
    the newest entries of the journal.

    Exit code: 0 when nothing has failed, also with warnings; 1 when something has, or is unknown.
    """
    from pathlib import Path

    from evenkeel.controller.doctor.examination import examination
    from evenkeel.controller.process import logs
    from evenkeel.templates.doctor_text import report_lines, report_value

    logs.silence()
    given = given_settings(options, ping)
    report = examination(given)
    if output == "text":
        for line in report_lines(report, terminal_width(), terminal_style()):
            echo_lines(line)
        if given.settings is not None:
            say_simulated(given.settings)
    else:
        from evenkeel.controller.cli.output import echo_value

        echo_value(report_value(report), output)
    if bundle is not None:
        from evenkeel.controller.doctor.bundle import write_bundle

        write_bundle(Path(bundle), given, report)
        echo(f"wrote {bundle}; look into it before you pass it on", err=True)
    return int(not report.is_well)


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
