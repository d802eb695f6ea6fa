"""`evenkeel get`: what is there, asked of the engine itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.containers import Containers, describe_hint
from evenkeel.controller.cli.options import (
    ENGINE,
    Options,
    say_simulated,
    shared_options,
    terminal_style,
    terminal_width,
)
from evenkeel.controller.cli.output import echo_lines
from evenkeel.specs.codec import changed

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.specs.containers.observed import ContainerSeen
    from evenkeel.specs.look import Look
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.style import Role


@click.command("get", context_settings={"allow_extra_args": True})
@click.argument("what", type=Containers("containers"), required=False)
@click.option(
    "-o", "--output", type=click.Choice(["text", "wide", "json", "yaml"]), default="text", help="How to print."
)
@shared_options("config", "state", *ENGINE)
def command(options: Options, what: str | None, output: str) -> int:
    """List what is there.

    Asks the engine and shows every container, whoever created it. The column BY tells whose it is: `evenkeel` (managed),
    `system` (never touched) or `others` (not ours; `evenkeel adopt` takes one over). Where the engine has another name for a
    container, as in the middle of a switch or for a name that it does not take, that stands in brackets. -o wide shows more
    columns, the published ports among them.
    """
    import asyncio
    from pathlib import Path

    from evenkeel.controller.cli.reaching import look_once
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.process.clock import system_now

    if what is None:
        raise click.UsageError("say what to get: `evenkeel get containers`")
    more = click.get_current_context().args
    if more:
        raise click.UsageError(f"`get` lists all of them; all about one: {describe_hint(more[0])}")
    settings = options.settings()
    journal = read_journal(Path(settings.state))

    seen = asyncio.run(look_once(settings, _look(settings, journal)))
    system = _system(settings, journal)
    journal.close()
    both = [(_item(instance, system), instance) for instance in seen.containers]
    both.sort(key=lambda each: (each[0]["by"] != "evenkeel", each[0]["name"], each[0]["engineName"]))
    if output in ("json", "yaml"):
        from evenkeel.controller.cli.output import echo_value

        echo_value(
            {
                "apiVersion": "evenkeel/v1",
                "kind": "Containers",
                "engine": seen.engine,
                "items": [item for item, _ in both],
            },
            output,
        )
        return 0
    from evenkeel.templates.tables import table_lines

    rows = [_row(item, instance, system_now(), wide=output == "wide") for item, instance in both]
    columns = ["NAME", "STATE", "HEALTH", "BY", "RESTARTS", "SINCE", "IMAGE"]
    if output == "wide":
        columns[6:6] = ["ID", "ENGINE NAME", "ADDRESS", "PORTS"]
    width = 0 if output == "wide" else terminal_width()
    for line in table_lines(columns, rows, width, terminal_style(), _colour):
        echo_lines(line)
    say_simulated(settings)
    return 0


def _look(settings: Settings, journal: Journal) -> Look:
    """With the checks that are in force, by which `status` tells how containers are; those of their creation where nobody
    knows what is."""
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.controller.wiring import reconciler

    state, decisions = journal.readable_revision(role_in_force(journal)), reconciler(settings)
    want = decisions.select(state) if state is not None else None
    return changed(decisions.look(want, journal.memories.of(decisions.memory)), here_only=True)


def _system(settings: Settings, journal: Journal) -> set[str]:
    from evenkeel.controller.wiring import reconciler
    from evenkeel.specs.desired import DesiredState

    desired = journal.readable_revision("desired") or DesiredState()
    return set(reconciler(settings).select(desired).system)


def _item(instance: ContainerSeen, system: set[str]) -> dict[str, Any]:
    """Facts, and nothing that may hold a secret."""
    from evenkeel.specs.containers.shorthand import port_text
    from evenkeel.templates.moment import iso_value

    names = {instance.name, instance.engine_name}
    ports = instance.container.ports if instance.container is not None else instance.ports
    return {
        "name": instance.name,
        "engineName": instance.engine_name,
        "id": instance.id,
        "by": "system" if names & system else "evenkeel" if instance.container is not None else "others",
        "state": instance.state,
        "health": instance.health,
        "image": instance.image,
        "imageId": instance.image_id,
        "restarts": instance.restart_count,
        "exitCode": instance.exit_code if instance.state in ("exited", "dead", "restarting") else None,
        "error": instance.error or None,
        "address": instance.address or None,
        "ports": [port_text(port) for port in ports],
        "createdAt": iso_value(instance.created_at),
        "startedAt": iso_value(instance.started_at),
        "finishedAt": iso_value(instance.finished_at),
    }


def _row(item: dict[str, Any], instance: ContainerSeen, now: float, *, wide: bool) -> list[str]:
    from evenkeel.templates.ago import age_text

    at = instance.started_at if instance.state in ("running", "paused", "restarting") else instance.finished_at
    at = at or instance.created_at
    state = f"{item['state']} ({item['exitCode']})" if item["exitCode"] is not None else item["state"]
    health = "" if item["health"] == "none" else item["health"]
    name = item["name"]
    if not wide and item["engineName"] != name:
        name = f"{name} ({item['engineName']})"
    row = [name, state, health, item["by"], str(item["restarts"]), age_text(at, now) if at else ""]
    if wide:
        row += [item["id"][:12], item["engineName"], item["address"] or "", ",".join(item["ports"])]
    is_id = item["image"].startswith("sha256:")
    return [*row, item["image"].removeprefix("sha256:")[:12] if is_id else item["image"]]


def _colour(column: str, cell: str) -> Role | None:
    if column == "STATE":
        return "good" if cell == "running" else "bad" if cell.startswith(("exited", "dead", "restarting")) else "change"
    if column == "HEALTH":
        return {"healthy": "good", "unhealthy": "bad"}.get(cell, "faint")  # type: ignore[return-value]
    return None
