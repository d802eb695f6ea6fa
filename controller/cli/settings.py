"""`evenkeel settings`: the settings in force, and the origin of each."""

from __future__ import annotations

from typing import Any

import click

from evenkeel.controller.cli.options import Options, shared_options, terminal_style
from evenkeel.controller.cli.output import echo, echo_lines


@click.command("settings")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@shared_options(*Options._fields)
def command(options: Options, output: str) -> int:
    """Show the settings in force.

    Every key with its value, defaults included; after it stands where it comes from. The yaml is what
    config.yaml would hold to say all of it. docs/reference/settings.md explains every key.
    """
    from evenkeel.specs.problem import Problem, problem_text
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.specs.settings.written import written

    notes: list[Problem] = []
    settings = options.settings(notes=notes)
    for note in notes:
        echo(problem_text(note), err=True)
    if output != "text":
        from evenkeel.controller.cli.output import echo_value

        echo_value(written(settings), output)
        return 0
    from pathlib import Path

    from evenkeel.controller.settings.load import DEFAULT_PATH, load_settings
    from evenkeel.specs.visible import one_line
    from evenkeel.templates.style import paint

    style = terminal_style()
    usual = dict(_leaves(written(Settings())))
    named = options.config_file()
    of_file = dict(_leaves(written(load_settings(Path(named) if named else None))))
    found = list(_leaves(written(settings)))
    width = max(len(path) for path, _ in found)
    for path, value in found:
        origin = "command line or environment"
        if usual.get(path) == value:
            origin = "default"
        elif of_file.get(path) == value:
            origin = named or str(DEFAULT_PATH)
        echo_lines(f"{path:<{width}}  {one_line(_text(value))}  {paint(f'({one_line(origin)})', 'faint', style)}")
    return 0


def _leaves(value: dict[str, Any], path: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        found += _leaves(item, here) if isinstance(item, dict) else [(here, item)]
    return found


def _text(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
