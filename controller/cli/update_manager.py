"""`evenkeel update-manager`: Kanto's update manager with its own command line.

Its flags are those of Go, with one dash and names of agents in them. click cannot read these, so `read_line` does; click has
them for the help.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import Options, shared_options
from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.specs.kanto.update_manager.keys import AGENT_KEYS, CONFIG_FILE, DOMAINS, KEYS, Key, Kind
from evenkeel.specs.kanto.update_manager.line import Line, read_line

if TYPE_CHECKING:
    from evenkeel.specs.problem import Problem

_HELP, _VERSION, _ONLY_READ = ("h", "help"), "version", "only-read"
_OWN: dict[str, Kind] = {
    **dict.fromkeys(("config", "state", "specs", "engine", "docker-address"), "text"),
    **dict.fromkeys(("verbose", "v", _VERSION, _ONLY_READ, *_HELP), "truth"),
}
"""Flags that are evenkeel's, or only have an effect on the command itself."""


class _GoLine(click.Command):
    """A command whose words are flags of Go."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            line = read_line(args, _OWN)
        except ValueError as error:
            raise click.UsageError(str(error), ctx) from None
        if any(line.last(flag) == "true" for flag in _HELP) and not ctx.resilient_parsing:
            echo_lines(ctx.get_help())
            ctx.exit()
        if line.last(_VERSION) == "true":
            from importlib.metadata import version

            echo(f"evenkeel {version('evenkeel')}")
            ctx.exit()
        given: dict[str, Any] = {name: line.last(name.replace("_", "-")) for name in Options._fields}
        specs = tuple(text for flag, text in line.flags if flag == "specs")
        is_verbose = "true" in (line.last("v"), line.last("verbose"))
        ctx.params = {**given, "specs": specs, "verbose": is_verbose, "line": line}
        return []


def _documented(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the flags of the original, for its help."""
    file = Key((), CONFIG_FILE, "text", "", "the config.json; without it the defaults count", without=True)
    domains = Key(("agents",), DOMAINS, "words", "containers", "domains that have an agent, with commas")
    of_agents = tuple(
        key._replace(flag=f"DOMAIN-{key.flag}", path=("agents", "DOMAIN", *key.path)) for key in AGENT_KEYS
    )
    for key in reversed((file, domains, *KEYS, *of_agents)):
        said = [f"`{'.'.join(key.path)}`"] if key.path else []
        said += [f"${key.variable}"] if key.variable else []
        said += [f"default {key.default}"] if key.default else []
        more = f" ({', '.join(said)})" if said else ""
        text = f"{key.meaning[0].upper()}{key.meaning[1:]}{more}."
        name = f"of_{key.flag.replace('-', '_').lower()}"
        kinds = {"truth": "[=false]", "duration": "DURATION", "number": "N", "words": "A,B"}
        function = click.option(name, f"-{key.flag}", metavar=kinds.get(key.kind, "TEXT"), help=text)(function)
    return function


@click.command("update-manager", cls=_GoLine, options_metavar="[-FLAG VALUE | -FLAG=VALUE]...")
@_documented
@shared_options("config", "state", "verbose")
def command(options: Options, line: Line) -> int | bytes:
    """Be Kanto's update manager, with its config.json and its command line.

    Takes a desired state from its backend, commands the update agents of all domains in it, and reports as
    one. A flag wins over a variable of the environment, that one over the file. A setting of the original that evenkeel
    does not use is a warning. Flags may have two dashes. As with the original, the backend is served over Things, and not
    on topics, unless -things-enabled=false or `"thingsEnabled": false` says otherwise.

    The settings of evenkeel (--config) may ask for domains of this device beside it; without specs, engine, slots or an
    update agent in them there are none. To have all settings in one file: evenkeel migrate.

    Stays in the foreground and logs to standard error, as evenkeel run does.
    """
    import os
    from pathlib import Path

    from evenkeel.controller.daemon import RunSettings, serve
    from evenkeel.controller.settings.sockets import with_socket
    from evenkeel.controller.settings.update_manager_config import load_update_manager

    notes: list[Problem] = []
    file, own = line.last(CONFIG_FILE), options.config_file()
    found = load_update_manager(
        Path(file) if file is not None else None,
        line,
        os.environ,
        Path(own) if own else None,
        options.overrides(),
        notes,
    )
    settings = RunSettings(with_socket(found.settings), notes, found.local, found.password)
    if line.last(_ONLY_READ) is not None:  # for `controller.front`
        from evenkeel.specs.codec import encode

        return encode(settings)
    return serve(*settings)
