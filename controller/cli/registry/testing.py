"""`evenkeel registry test`: each step on the way into a registry, and where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import ENGINE, Options, say_simulated, shared_options, terminal_style
from evenkeel.controller.cli.output import echo_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from evenkeel.controller.registries_wiring import Step
    from evenkeel.specs.registries.registry import Registry

_WIDTH = 12


@click.command("test")
@click.argument("name", metavar="NAME|HOST")
@click.option("--image", metavar="REF", default="", help="Ask for the manifest of this image, too.")
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@shared_options("config", "state", "specs", *ENGINE)
def test_command(options: Options, name: str, image: str, output: str) -> int:
    """Try each step on the way into a registry.

    NAME is the name of its document, or its host; a host that nobody asks for is tried without credentials. The steps are the
    credentials, the name, TCP, TLS with the certificates that it shows, the realm that gives tokens, the login, and with
    --image the manifest of an image. They stop at the first that is not good, with the remedy. Nothing is changed, and no
    secret is shown.

    Exit code: 0 when all are good; 1 when one is not.
    """
    import asyncio

    from evenkeel.controller.cli.output import echo_value
    from evenkeel.controller.cli.registry.spec_file import read_state, registries
    from evenkeel.controller.registries_wiring import probe_registry

    _check_image(image)
    settings = options.settings()
    registry = _registry(name, tuple(each.registry for each in registries(read_state(settings))))
    is_text = output == "text"
    steps = asyncio.run(followed(probe_registry(settings, registry, image), says=is_text))
    if is_text:
        say_simulated(settings)
    else:
        items = [
            {"step": each.step, "good": each.is_good, "text": each.text, "remedy": each.remedy or None}
            for each in steps
        ]
        head = {"apiVersion": "evenkeel/v1", "kind": "RegistryTest", "name": registry.name, "place": registry.place}
        echo_value({**head, "good": all(each.is_good for each in steps), "steps": items}, output)
    return int(not all(each.is_good for each in steps))


async def followed(steps: AsyncIterator[Step], *, says: bool) -> list[Step]:
    """All steps, each printed when it is there."""
    found = []
    async for step in steps:
        found.append(step)
        if says:
            for line in step_lines(step, terminal_style()):
                echo_lines(line)
    return found


def step_lines(step: Step, style: Any) -> list[str]:
    """A step as lines: a mark, its name and its result, and below it the remedy."""
    from evenkeel.specs.visible import one_line
    from evenkeel.templates.style import paint

    mark = paint("✓", "good", style) if step.is_good else paint("✗", "bad", style)
    lines = [f"  {mark} {one_line(step.step):<{_WIDTH}} {one_line(step.text)}"]
    if step.remedy:
        lines.append(f"    {'':<{_WIDTH}} {one_line(step.remedy)}")
    return lines


def _check_image(image: str) -> None:
    from evenkeel.specs.containers.image import parse_image

    try:
        parse_image(image or "image")
    except ValueError as error:
        raise click.UsageError(f"--image: {error}") from None


def _registry(word: str, found: tuple[Registry, ...]) -> Registry:
    """The registry of this name, or the one that stands for this place; else one without credentials."""
    from evenkeel.specs.registries.registry import Registry, WebPage, longest, written_place

    for each in found:
        if each.name == word:
            return each
    try:
        place = written_place(word)
    except WebPage as error:
        raise click.UsageError(f"{error}; write {error.place}") from None
    except ValueError as error:
        raise click.UsageError(f"no registry of this name is asked for, and as a host: {error}") from None
    by_place = {each.place: each for each in found}
    covering = longest(by_place, place)
    return by_place[covering] if covering is not None else Registry(place, place)
