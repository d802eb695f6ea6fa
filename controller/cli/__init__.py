"""The command `evenkeel`.

Each subcommand is a module that is imported when it is called; `--help` imports none of them. Exit codes: 0 well, 1 error,
2 from `plan` alone (there is something to do), 130 after Ctrl-C. An error is said once, on standard error, without a
traceback; EVENKEEL_DEBUG=1 shows it. A reader that has enough is no error: the command ends as if it had read on.
"""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

import click

from evenkeel.controller.cli.options import Options, called, shared_options
from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.controller.process import streams
from evenkeel.specs.errors import EvenkeelError, SettingsError, SpecError
from evenkeel.specs.visible import visible_lines

SUMMARIES = {
    "plan": "Show what would be done, and do nothing.",
    "apply": "Do it: show the plan, ask, converge, give a verdict.",
    "run": "Be the controller: watch specs and engine, keep them one.",
    "status": "Say whether all is well, and what to do if not.",
    "doctor": "Look at everything that evenkeel needs, and say the remedy.",
    "get": "List what is there: containers, files, registries, identities, systems, groups.",
    "describe": "Tell all about one container, file, registry, identity, or operating system.",
    "events": "Show what happened.",
    "logs": "Show what a container had said when it last failed.",
    "slots": "Show the slots of the operating system; mark, boot, install by hand.",
    "provision": "Give this device its identity: id, certificate and cloud; rotate or prove it.",
    "identity": "Show who this device is, and how it proves that.",
    "registry": "Say which registries let this device in, and how; test them.",
    "validate": "Check spec files and say everything that is wrong.",
    "settings": "Show the settings in force.",
    "schema": "Print the JSON Schema of spec files, or their reference.",
    "retry": "Try a failed revision again.",
    "publish": "Ask an update agent for a desired state over MQTT, and follow it.",
    "watch": "Show live what update agents do, or the controller.",
    "release": "Give the spec files their say again after a desired state from MQTT.",
    "adopt": "Take over a container that evenkeel did not create.",
    "migrate": "Write the settings that do what a config.json of Kanto does.",
    "compat": "Be the tools of Eclipse Leda that have another name.",
    "update-manager": "Be Kanto's update manager, with its config.json and its command line.",
    "demo": "See it work on a simulated engine, in less than a minute.",
    "completion": "Print the completion script for a shell.",
}

_OTHERS = {
    **dict.fromkeys(("delete", "down", "remove", "rm"), "remove its document from the specs, and `evenkeel apply`"),
    **dict.fromkeys(("start", "stop"), "what the specs ask for is kept running; change them, and `evenkeel apply`"),
    **dict.fromkeys(("pause", "suspend"), "what the specs ask for is kept running; change them, and `evenkeel apply`"),
    "config": "did you mean `settings`?",
    **dict.fromkeys(("diagnose", "health"), "did you mean `doctor`?"),
    "info": "did you mean `status`?",
    **dict.fromkeys(("rauc", "slot"), "did you mean `slots`?"),
    **dict.fromkeys(("login", "logout", "registries"), "did you mean `registry`?"),
    "restart": "the engine does that, for example `docker restart`",
    **dict.fromkeys(("certificate", "device-info", "deviceid"), "did you mean `identity`?"),
    **dict.fromkeys(("enrol", "enroll", "renew", "rotate"), "did you mean `provision`?"),
    **dict.fromkeys(("deploy", "sync", "up"), "did you mean `apply`?"),
    **dict.fromkeys(("diff", "dry-run"), "did you mean `plan`?"),
    **dict.fromkeys(("list", "ls", "ps"), "did you mean `get`?"),
    **dict.fromkeys(("check", "lint"), "did you mean `validate`?"),
}
"""Commands of other programs, and the command of evenkeel for the same purpose."""

_NEXT = "\nerror: "

_DOING = (
    "apply",
    "run",
    "update-manager",
    "retry",
    "publish",
    "release",
    "adopt",
    "slots",
    "provision",
    "registry",
    "compat",
    "demo",
)
"""Commands with effects: lost output does not change their exit code."""

_SHOWING = (
    "slots",
    "slots check",
    "registry",
    "registry list",
    "registry test",
    "compat",
    "compat sdv-device-info",
    "compat sdv-health",
)
"""Those below them that only show something."""


class _Commands(click.Group):
    """Names to modules: click's lazy loading, as its documentation shows it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUMMARIES:
            return None
        module = importlib.import_module(f"evenkeel.controller.cli.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            hint = "" if args[0].startswith("-") else _meant(args[0])
            if not hint:
                raise
            raise click.UsageError(f"{error.message.removesuffix('.')}; {hint}", error.ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        ended = super().invoke(ctx)
        lost = streams.broken()
        if lost is not None and (ctx.invoked_subcommand not in _DOING or called(ctx) in _SHOWING):
            raise lost
        return ended

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


def _meant(word: str) -> str:
    """The command that the user meant by `word`; "" unless that is sure. Commands have effects, so a command that only
    resembles the word, as `release` resembles `delete`, must not be suggested."""
    import difflib

    slips = [name for name in SUMMARIES if sorted(name) == sorted(word)]
    near = slips or difflib.get_close_matches(word[:40], SUMMARIES, n=1, cutoff=0.75)
    return _OTHERS.get(word, f"did you mean `{near[0]}`?" if near else "")


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Try it without an engine: evenkeel demo. All options may stand before or after the command.",
)
@click.version_option(None, "--version", package_name="evenkeel", message="%(prog)s %(version)s")
@shared_options(*Options._fields)
@click.pass_context
def commands(ctx: click.Context, options: Options) -> None:
    """Keep a device on an even keel.

    evenkeel compares what spec files ask for with what an engine runs, shows the difference as a plan, and converges:
    fetching first, new beside old, watching health, going back to what was good when something is not.
    """
    ctx.obj = options
    if ctx.invoked_subcommand is None:
        echo_lines(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    streams.secure()
    try:
        code: Any = commands.main(args=arguments, prog_name="evenkeel", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - the outermost place: say it once and end
        return ended(error)


def ended(error: BaseException) -> int:
    """Say why a command ended; its exit code."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        echo("stopped", err=True)
        return 130
    return _say(error)


def _say(error: BaseException) -> int:
    """Print every expected error in a line of its own; anything else is a bug and says so."""
    if os.environ.get("EVENKEEL_DEBUG"):
        import traceback

        for line in traceback.format_exception(error):
            echo_lines(visible_lines(line), err=True)
    for leaf in _leaves(error):
        match leaf:
            case click.ClickException():
                echo_lines(_shown(leaf), err=True)
            case SpecError():
                from evenkeel.specs.problem import count_text, problem_text

                for problem in leaf.problems:
                    echo(problem_text(problem), err=True)
                echo(f"error: {leaf.element}: {count_text(leaf.problems)}", err=True)
            case SettingsError() if leaf.problems:
                from evenkeel.specs.problem import errors, problem_text, problems_text

                for problem in leaf.problems:
                    if problem.severity == "warning":
                        echo(problem_text(problem), err=True)
                echo_lines(f"error: {problems_text(errors(leaf.problems), _NEXT)}", err=True)
            case EvenkeelError():
                echo(f"error: {leaf}", err=True)
            case OSError():
                about = f"{leaf.filename}: " if leaf.filename else ""
                echo(f"error: {about}{leaf.strerror or leaf}", err=True)
            case _:
                text = f"internal error: {type(leaf).__name__}: {leaf}; EVENKEEL_DEBUG=1 shows where"
                echo(text, err=True)
    return 1


def _shown(error: click.ClickException) -> str:
    """The text that click would print: the usage, a hint, and the error."""
    text = io.StringIO()
    error.show(text)
    return text.getvalue()


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
