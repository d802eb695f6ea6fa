"""The options that all commands share: the places of files, and the manner of output on this terminal.

The shared options may stand before or after the name of the command; one after it wins. They become settings only when
a command asks for them, so that `--help` reads nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from evenkeel.controller.cli.output import echo
from evenkeel.templates.style import COLOURED, PLAIN, Style

if TYPE_CHECKING:
    from evenkeel.specs.problem import Problem
    from evenkeel.specs.settings.settings import Settings


class Options(NamedTuple):
    """The shared options as given; empty is "not given"."""

    config: str = ""
    state: str = ""
    specs: tuple[str, ...] = ()
    engine: str = ""
    docker_address: str = ""
    verbose: bool = False

    def settings(self, kanto_config: str | None = None, notes: list[Problem] | None = None) -> Settings:
        """The settings file (or one of Kanto's), with the overrides of the command line. SettingsError with every
        problem. `notes` receives the warnings."""
        from evenkeel.controller.settings.load import load_settings
        from evenkeel.controller.settings.sockets import with_socket

        given, config = self.overrides(), self.config_file()
        if kanto_config is not None:
            from evenkeel.controller.settings.kanto_config import load_kanto_config
            from evenkeel.specs.errors import SettingsError

            if self.config:
                raise SettingsError("option:--kanto-config", "there is --config already; leave one of them")
            return with_socket(load_kanto_config(Path(kanto_config), given, notes))
        return with_socket(load_settings(Path(config) if config else None, given, notes=notes))

    def overrides(self) -> dict[str, Any]:
        """The settings that the command line gives, and the environment, by their dotted paths."""
        given: dict[str, Any] = {}
        state = self.state or os.environ.get("EVENKEEL_STATE", "")
        if state:
            given["state"] = str(Path(state).absolute())
        if self.specs:
            given["specs"] = [str(Path(path).absolute()) for path in self.specs]
        if self.engine or self.docker_address:
            given["engine.kind"] = self.engine or "docker"
        if self.docker_address:
            given["engine.address"] = self.docker_address
        if self.verbose:
            given["log.level"] = "debug"
        return given

    def config_file(self) -> str:
        """The settings file that is named, "" when none is."""
        return self.config or os.environ.get("EVENKEEL_CONFIG", "")


_OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "config": (
        "--config",
        {"metavar": "FILE", "help": "Settings. Default: $EVENKEEL_CONFIG, else /etc/evenkeel/config.yaml."},
    ),
    "state": (
        "--state",
        {"metavar": "DIR", "help": "Where evenkeel remembers. Default: $EVENKEEL_STATE, else /var/lib/evenkeel."},
    ),
    "specs": (
        "--specs",
        {
            "metavar": "PATH",
            "multiple": True,
            "help": "A file or folder that says what is asked for; may be given again. Default: /etc/evenkeel/specs.",
        },
    ),
    "engine": (
        "--engine",
        {
            "type": click.Choice(["memory", "docker", "podman"]),
            "help": "Which engine runs the containers; `memory` (the default) only simulates.",
        },
    ),
    "docker_address": (
        "--docker-address",
        {
            "metavar": "ADDRESS",
            "help": "The engine's socket, unix:///path; means --engine docker, unless another is named.",
        },
    ),
    "verbose": ("--verbose", {"is_flag": True, "help": "Log everything, settled cycles too."}),
}
ENGINE = ("engine", "docker_address")
output_option = click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print what changes."
)
"""For a command that changes something: unless it is text, standard output has one value and nothing else."""


def shared_options(*shown: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the shared options; it receives them together as `options`. Its help shows the options that have
    an effect on it. It accepts the others, too, so that a script can pass the same options to all commands."""

    def give(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def with_options(*args: Any, **values: Any) -> Any:
            context = click.get_current_context()
            _check_texts(context)
            context.meta[_CALLED] = f"{context.command_path} {context.invoked_subcommand or ''}".strip()
            above = context.find_object(Options) or Options()
            here = {name: given for name in Options._fields if (given := values.pop(name))}
            return function(*args, options=above._replace(**here), **values)

        wrapped: Callable[..., Any] = with_options
        for name, (word, more) in reversed(_OPTIONS.items()):
            words = ("-v", word) if name == "verbose" else (word,)
            wrapped = click.option(*words, **more, hidden=name not in shown)(wrapped)
        return wrapped

    return give


def _check_texts(context: click.Context) -> None:
    """BadParameter for an empty text on the command line: a script has an empty variable, and would get what is usual. Commands
    of others have the grammar of others."""
    if _OF_OTHERS in context.command_path.split():
        return
    for each in context.command.params:
        is_given = each.name and context.get_parameter_source(each.name) is ParameterSource.COMMANDLINE
        value = context.params.get(each.name) if each.name and is_given else None
        if value == "" or (isinstance(value, tuple) and "" in value):
            raise click.BadParameter("expected a text that is not empty, or none at all", context, each)


_OF_OTHERS = "compat"
_CALLED = "evenkeel.called"


def called(context: click.Context) -> str:
    """The names of the command that was called and of those above it, as `slots check`; "" while none was."""
    return str(context.meta.get(_CALLED, "")).partition(" ")[2]


def say_simulated(settings: Settings, why: str = "") -> None:
    """Say on standard error, when the engine is simulated, that no container and no identity of this machine is meant; once in
    each command, which may call another one. A command that asks somebody to do something says it before. `why`: other words
    for it."""
    from evenkeel.specs.settings.settings import SIMULATED

    said = click.get_current_context().meta
    if settings.engine.kind == "memory" and not said.get(_SIMULATED_SAID):
        said[_SIMULATED_SAID] = True
        echo(f"Note: {why or SIMULATED}", err=True)


NO_DEVICE = (
    "this is the memory engine, which only simulates: its containers and identities are not of this device;"
    " `engine: {kind: docker}` in /etc/evenkeel/config.yaml is real"
)
"""The same, for tools that have no options of evenkeel's."""
_SIMULATED_SAID = "evenkeel.simulated"


SHOW_VALUES = "Show values of variables and words of commands, on a terminal only."


def check_values_may_show(output: str = "text") -> None:
    """UsageError where a file or a log would keep the values that an operator asked to see."""
    if output != "text":
        raise click.UsageError(f"--show-values goes with text only: -o {output} never holds values")
    if not sys.stdout.isatty():
        raise click.UsageError(
            "--show-values is for a terminal: what is written to a file or a pipe never holds values"
        )


def terminal_width() -> int:
    """Columns of the terminal, 120 where there is none."""
    return shutil.get_terminal_size((120, 24)).columns


def on_terminal() -> bool:
    """Whether standard output is a terminal, on which lines can be replaced."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") != "dumb"


def terminal_style() -> Style:
    """Colours on a terminal, unless NO_COLOR (https://no-color.org) says no."""
    return COLOURED if on_terminal() and not os.environ.get("NO_COLOR") else PLAIN
