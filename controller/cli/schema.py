"""`evenkeel schema`: for editors the JSON Schema, for people the reference."""

from __future__ import annotations

import click

from evenkeel.controller.cli.output import echo_lines


@click.command("schema")
@click.option("--reference", "as_reference", is_flag=True, help="All keys as a page of Markdown instead.")
def command(as_reference: bool) -> int:
    """Print the JSON Schema of spec files, or their reference.

    \b
      evenkeel schema > evenkeel.schema.json
      # yaml-language-server: $schema=evenkeel.schema.json      as the first line of a spec file
    """
    if as_reference:
        from evenkeel.specs.documents.schema import reference
        from evenkeel.templates.render import render

        echo_lines(render("reference.md.j2", {"kinds": reference()}))
        return 0
    from evenkeel.controller.cli.output import echo_value
    from evenkeel.specs.documents.schema import json_schema

    echo_value(json_schema(), "json")
    return 0
