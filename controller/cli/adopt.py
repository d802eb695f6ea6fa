"""`evenkeel adopt`: from now on a container is managed as evenkeel's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import ENGINE, Options, say_simulated, shared_options
from evenkeel.controller.cli.output import echo
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersLook

if TYPE_CHECKING:
    from evenkeel.specs.containers.observed import ContainerSeen
    from evenkeel.specs.settings.settings import Settings


@click.command("adopt")
@click.argument("name")
@click.option("--to-remove", is_flag=True, help="Adopt it although nobody asks for it, so that it is removed.")
@click.option("--accept-loss", is_flag=True, help="Adopt it although it has what no spec can say.")
@shared_options("config", "state", "specs", *ENGINE)
def command(options: Options, name: str, to_remove: bool, accept_loss: bool) -> int:
    """Take over a container that evenkeel did not create.

    evenkeel never touches containers of others. An adopted container is compared with the specs like its own: updated, or
    recreated where it differs, and removed when nobody asks for it. So a spec has to ask for NAME first.

    A container may have properties that no spec can have, such as an entrypoint or a volume with a name. A new container
    in its place loses them; so such a container is adopted with --accept-loss only.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.reading import desired_reading
    from evenkeel.controller.control.ask import ask_to_look_again
    from evenkeel.controller.journal.journal import open_journal, read_journal
    from evenkeel.controller.wiring import reconciler
    from evenkeel.reconcilers.containers.remembering import taken_over
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.feedback import Feedback

    settings = options.settings()
    want = reconciler(settings).select(desired_reading(settings, readonly=True, allow_empty=True).desired)
    if name in want.system:
        raise EvenkeelError(f"container:{name}", "is a system container, which is never touched")
    is_asked_for = name in {container.name for container, _ in want.documents}
    state = Path(settings.state)
    with closing(read_journal(state)) as journal:
        adopted = journal.memories.of(ContainersMemory).adopted
    found = asyncio.run(_look(settings, adopted, name))
    say_simulated(settings)
    if found is None:
        echo(f"{name} is evenkeel's own already.")
        return 0
    if not to_remove and not is_asked_for:
        raise EvenkeelError(
            f"container:{name}",
            "nobody asks for it, so it would be removed; write a spec for it first, or say --to-remove",
        )
    lost = ", ".join(found.unspoken) if is_asked_for else ""
    if lost and not accept_loss:
        why = f"has what no spec can say, and a new container in its place will be without: {lost}"
        raise EvenkeelError(f"container:{name}", f"{why}; --accept-loss adopts it all the same")
    with closing(open_journal(state)) as journal, journal.at_once():
        memory = journal.memories.of(ContainersMemory)
        if journal.memories.keep(memory, taken_over(memory, found.id, name)):
            why, domain = f"an operator gave {name} to evenkeel", ContainersMemory.domain
            journal.say(Feedback("adopted", why, domain=domain, subject=name))
    told = ask_to_look_again(state)
    echo(f"{name} is adopted." + ("" if told else " `evenkeel plan` shows what follows from it."))
    if lost:
        echo(f"A new container in its place will be without: {lost}.")
    return 0


async def _look(settings: Settings, adopted: dict[str, str], name: str) -> ContainerSeen | None:
    """The foreign container with this name, as if it were adopted; `None` when `name` is evenkeel's own."""
    from evenkeel.controller.cli.reaching import awaiting_engine
    from evenkeel.controller.wiring import open_driver
    from evenkeel.reconcilers.containers.naming import engine_name
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.problem import likely

    driver = open_driver(settings, readonly=True)
    try:
        with awaiting_engine(settings):
            seen = await driver.observe(ContainersLook(adopted=adopted))
        others = {each.engine_name: each.id for each in seen.containers if each.container is None}
        id_ = others.get(name) or others.get(engine_name(name))
        if id_ is not None:
            seen = await driver.observe(ContainersLook(adopted={id_: name}, subject=name))
            for found in seen.containers:
                if found.id == id_:
                    return found
        elif name in {each.name for each in seen.containers if each.container is not None}:
            return None
        near = likely(name, others)
        why = f"there is no container {name}; the engine is {seen.engine}"
        raise EvenkeelError(f"container:{name}", f"{why}; {near}" if near else why)
    finally:
        await driver.close()
