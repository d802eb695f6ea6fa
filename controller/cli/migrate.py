"""`evenkeel migrate`: from Kanto's configuration to one of evenkeel, once."""

from __future__ import annotations

import click

from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo, echo_lines


@click.command("migrate")
@click.argument("kanto_config", metavar="KANTO-CONFIG", type=click.Path(dir_okay=False))
@click.option("--to", metavar="DIR", type=click.Path(file_okay=False), help="Write there instead of printing.")
@click.option("--replace", is_flag=True, help="Replace files that are there already.")
@shared_options()
def command(options: Options, kanto_config: str, to: str | None, replace: bool) -> int:
    """Write the settings that do what a config.json of Kanto does.

    Reads the sections `connection` and `update_agent`, the folder of manifests and the time to stop from
    container-management's config.json, or everything in the config.json of the update manager, and prints the equivalent
    config.yaml. With --to it is written into DIR, and the password, when there is one, beside it into a file that only its
    owner may read; it is never printed. Keys that are not carried over are named on standard error, with what to do by hand.
    To use the file as it is, without migrating: evenkeel run --kanto-config FILE, and for the update manager's
    evenkeel update-manager -config-file FILE.

    Exit code: 0; 1 when the file is wrong, or something is there already.
    """
    from pathlib import Path

    from evenkeel.controller.settings.kanto_config import migrate, migrated_settings, to_yaml
    from evenkeel.specs.codec import changed
    from evenkeel.specs.problem import Problem, problem_text

    source = Path(kanto_config)
    notes: list[Problem] = []
    if to is not None:
        folder = Path(to)
        files = migrate(source, folder / "config.yaml", replace=replace, notes=notes)
        for note in notes:
            echo(problem_text(note), err=True)
        for file in files:
            echo(f"wrote {file}")
        return 0
    settings = migrated_settings(source, notes)
    for note in notes:
        echo(problem_text(note), err=True)
    if settings.mqtt.password_key:
        settings = changed(
            settings, mqtt=changed(settings.mqtt, password_file="/etc/evenkeel/mqtt-password", password_key="")
        )
        echo("Note: write the password into /etc/evenkeel/mqtt-password; --to DIR does that, too", err=True)
    echo_lines(to_yaml(settings))
    return 0
