"""`evenkeel run`: the controller in the foreground, as a service supervisor wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import Options, shared_options

if TYPE_CHECKING:
    from evenkeel.specs.problem import Problem


@click.command("run")
@click.option(
    "--kanto-config",
    metavar="FILE",
    help="Settings from the config.json of Kanto's container-management (`connection`, `update_agent`) instead.",
)
@click.option("--only-read", is_flag=True, hidden=True)
@shared_options(*Options._fields)
def command(options: Options, kanto_config: str | None, *, only_read: bool) -> int | bytes:
    """Be the controller: watch specs and engine, keep them one.

    Stays in the foreground and logs to standard error. SIGTERM and Ctrl-C let the step at work end first, unless the engine
    lets it wait; SIGHUP means "look again now". With `updateAgent` in the settings it serves desired states over MQTT, too.
    Under systemd (Type=notify) it says when it is ready, what its state is, and that its worker lives.
    """
    from evenkeel.controller.daemon import RunSettings, serve

    notes: list[Problem] = []
    settings = RunSettings(options.settings(kanto_config, notes), notes)
    if only_read:  # for `controller.front`
        from evenkeel.specs.codec import encode

        return encode(settings)
    return serve(*settings)
