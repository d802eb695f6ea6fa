"""`evenkeel adopt`: from now on a container counts as evenkeel's own, with all that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import ENGINE, Options, shared_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenkeel.specs.observed import ContainersSeen
    from evenkeel.specs.settings import Settings


@click.command("adopt")
@click.argument("name")
@click.option("--to-remove", is_flag=True, help="Adopt it although nobody asks for it, so that it is removed.")
@shared_options("config", "state", "specs", *ENGINE)
def command(options: Options, name: str, to_remove: bool) -> int:
    """Take over a container that evenkeel did not create.

    evenkeel never touches containers of others. One that is adopted is compared with the specs like its own: updated, or
    recreated where it differs, and removed when nobody asks for it. So NAME has to be asked for first.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.asked import asked
    from evenkeel.controller.journal import open_journal, read_journal
    from evenkeel.controller.lock import ask_to_look_again
    from evenkeel.controller.wiring import reconciler
    from evenkeel.reconcilers.containers.naming import engine_name
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.feedback import Feedback

    settings = options.settings()
    want = reconciler(settings).select(asked(settings, readonly=True, allow_empty=True).desired)
    if name in want.system:
        raise EvenkeelError(f"container:{name}", "is a system container, which is never touched")
    if not to_remove and name not in {container.name for container, _ in want.documents}:
        raise EvenkeelError(
            f"container:{name}",
            "nobody asks for it, so it would be removed; write a spec for it first, or say --to-remove",
        )
    state = Path(settings.state)
    with closing(read_journal(state)) as journal:
        adopted = journal.adopted()
    seen = asyncio.run(_look(settings, adopted))
    others = {instance.engine_name: instance for instance in seen.containers if instance.container is None}
    found = others.get(name) or others.get(engine_name(name))
    if found is None:
        if name in {instance.name for instance in seen.containers if instance.container is not None}:
            click.echo(f"{name} is evenkeel's own already.")
            return 0
        raise EvenkeelError(f"container:{name}", f"is not there; the engine is {seen.engine}")
    with closing(open_journal(state)) as journal, journal.at_once():
        if journal.adopt(found.id, name):
            journal.say(Feedback("adopted", f"an operator gave {name} to evenkeel", subject=name))
    told = ask_to_look_again(state)
    click.echo(f"{name} is adopted." + ("" if told else " `evenkeel plan` shows what follows from it."))
    return 0


async def _look(settings: Settings, adopted: Mapping[str, str]) -> ContainersSeen:
    from evenkeel.controller.wiring import open_driver

    driver = open_driver(settings, readonly=True)
    try:
        return await driver.observe(adopted)
    finally:
        await driver.close()
