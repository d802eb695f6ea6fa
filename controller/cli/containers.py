"""The word `container` on the command line, and what is said to whoever leaves it out."""

from __future__ import annotations

import click

from evenkeel.specs.visible import one_line


class Containers(click.Choice[str]):
    """The word itself, `container` or `containers`; the other one means the same."""

    def __init__(self, word: str) -> None:
        super().__init__([word])

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in ("container", "containers"):
            return value
        if "containers" in self.choices:
            raise click.UsageError(f"there are only `containers` to get; all about one: {describe_hint(value)}", ctx)
        raise click.UsageError(f"say what it is: {describe_hint(value)}", ctx)


def describe_hint(name: str) -> str:
    """The command that describes this container."""
    return f"`evenkeel describe container {one_line(name)[:100]}`"
