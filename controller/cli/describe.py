"""`evenkeel describe`: all about one container, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.containers import Containers
from evenkeel.controller.cli.options import (
    ENGINE,
    SHOW_VALUES,
    Options,
    check_values_may_show,
    say_simulated,
    shared_options,
    terminal_style,
)
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from evenkeel.controller.journal.journal import Journal
    from evenkeel.reconcilers.containers.select import ContainersWanted
    from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.feedback import StepAtWork
    from evenkeel.specs.look import Look
    from evenkeel.specs.output import Output
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.describe_text import Described

_MOST_ENTRIES = 15


@click.command("describe")
@click.argument("what", type=Containers("container"), required=False)
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", help="How to print it.")
@click.option("--show-values", is_flag=True, help=SHOW_VALUES)
@shared_options("config", "state", *ENGINE)
def command(options: Options, what: str | None, name: str | None, output: str, show_values: bool) -> int:
    """Tell all about one container.

    Where it is asked for and in which revisions, what differs from that and what follows, whether it is well and why not, its
    instances in the engine with state, check, image and ports, what is asked for beyond the defaults, and what happened to it
    lately (`evenkeel events NAME` has more; what was said again and again is one line here). Of one that is gone, what happened
    to it and what it left. What the command of its check wrote last is shown as `evenkeel logs` shows output.

    Values of variables and words of commands are not shown. --show-values shows them, on a terminal only and as text only,
    but for those that a spec marks as `secret` or whose name says so.

    What is asked for is what is in force: what the controller last took over, or last-good once that has failed. Its check is
    the one that is made, and `status` and `get` tell of the same. What a failed revision asks for otherwise is told as not
    done. A file that was changed since is in `evenkeel plan`.

    Exit code: 0; 1 for a name that nothing is known of, and where the engine cannot be asked; then the rest is told all the
    same.
    """
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.history import dated_line
    from evenkeel.controller.cli.newest import hear_failures
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.process.clock import system_now
    from evenkeel.controller.wiring import reconciler
    from evenkeel.specs.codec import changed
    from evenkeel.specs.containers.observed import ContainersSeen
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.errors import Refused, TimedOut, Unavailable
    from evenkeel.templates.describe_text import describe_lines, describe_value

    if what is None or name is None:
        raise click.UsageError("say which one: `evenkeel describe container NAME`")
    if show_values:
        check_values_may_show(output)
    settings = options.settings()
    decisions = reconciler(settings)
    with closing(read_journal(Path(settings.state))) as journal:
        hear_failures(Path(settings.state), journal)
        want = decisions.select(journal.revision(role_in_force(journal)) or DesiredState())
        look = changed(decisions.look(want, journal.memories.of(decisions.memory)), here_only=True)

        away: EvenkeelError | None = None
        seen = ContainersSeen("")
        said: Mapping[str, Output] = {}
        try:
            seen, said = asyncio.run(_looked(settings, look, want, name))
        except (Unavailable, TimedOut, Refused) as error:
            away = error
        described = _described(settings, journal, want, seen, said, name, away, show_values=show_values)
    if output != "text":
        from evenkeel.controller.cli.output import echo_value

        echo_value(describe_value(described), output)
        return _code(away)
    style = terminal_style()
    for line in describe_lines(described, system_now(), style):
        echo_lines(line)
    if described.entries:
        echo()
        echo("what happened lately")
    for each in described.entries:
        echo_lines(dated_line(each.entry, style, name, each))
    say_simulated(settings)
    return _code(away)


def _code(away: EvenkeelError | None) -> int:
    """The exit code; that the engine could not be asked is an error, whatever is known without it."""
    if away is not None:
        echo(f"error: {away}", err=True)
        return 1
    return 0


async def _looked(
    settings: Settings, look: Look, want: ContainersWanted, name: str
) -> tuple[ContainersSeen, Mapping[str, Output]]:
    """One look; and by id the newest output of each container of this name whose check is a command."""
    from evenkeel.controller.cli.reaching import awaiting_engine
    from evenkeel.controller.cycle.stage import output
    from evenkeel.controller.wiring import open_driver
    from evenkeel.specs.containers.container import ExecProbe
    from evenkeel.specs.containers.output import as_marked

    driver = open_driver(settings, readonly=True)
    try:
        with awaiting_engine(settings):
            seen = await driver.observe(look)
            said = {}
            for each in seen.containers:
                health = each.container.health if each.container is not None else None
                is_asked = name in (each.name, each.engine_name) and each.check is not None
                if is_asked and health is not None and isinstance(health.probe, ExecProbe):
                    of_it = (container for container, _ in want.documents if container.name == each.name)
                    said[each.id] = as_marked(await output(driver, each.id, lambda error: type(error).__name__), of_it)
            return seen, said
    finally:
        await driver.close()


def _described(
    settings: Settings,
    journal: Journal,
    want: ContainersWanted,
    seen: ContainersSeen,
    said: Mapping[str, Output],
    name: str,
    away: EvenkeelError | None,
    *,
    show_values: bool,
) -> Described:
    """EvenkeelError when nobody asks for `name`, nothing has it, and no entry is about it. `away`: why the engine could not be
    asked; nothing was seen then, and nothing follows from that."""
    from evenkeel.controller.cli.history import Wanted, entries
    from evenkeel.controller.cli.known import known_names
    from evenkeel.controller.cycle.in_force import role_in_force
    from evenkeel.controller.wiring import reconciler
    from evenkeel.reconcilers.containers.asked import asked_texts, otherwise
    from evenkeel.reconcilers.containers.instances import is_proven
    from evenkeel.reconcilers.containers.reveal import revealed_difference
    from evenkeel.reconcilers.containers.select import protects
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.feedback import names
    from evenkeel.specs.problem import nearest
    from evenkeel.specs.repeats import folded
    from evenkeel.templates.describe_text import Described, Instance

    decisions = reconciler(settings)
    memory = journal.memories.of(decisions.memory)
    asked = {document.name: (container, document) for container, document in want.documents}
    desired = journal.revision("desired") or DesiredState()
    wish, of_desired = next(
        (each for each in decisions.select(desired).documents if each[0].name == name), (None, None)
    )
    instances = [each for each in seen.containers if name in (each.name, each.engine_name)]
    happened = entries(journal, 0, Wanted(name))[0]
    is_gone = name not in asked and name not in want.system and wish is None and not instances
    if is_gone and journal.failures.last(name) is None and all(each.subject != name for each in happened):
        if away is not None:
            raise away
        known = {*asked, *(each.name for each in seen.containers), *known_names(journal)}
        hint = nearest(name, known)
        raise EvenkeelError(
            f"container:{name}",
            "it is not there, and nothing that is in force asks for it (`evenkeel plan` shows what files ask for)"
            + (f"; {hint}" if hint else ""),
        )
    container, document = asked.get(name, (None, None))
    roles = tuple(
        (role, state.digest)
        for role, state in (("desired", desired), ("last-good", journal.revision("last-good")))
        if state is not None and name in state.containers()
    )
    attempt = journal.attempts.of(journal.digest("desired"))
    is_given_up = attempt is not None and attempt.failed and (document is not None or wish is not None)
    in_force, shown = role_in_force(journal), container if container is not None else wish
    ailment = decisions.ailing(seen, memory).get(name) if away is None else None
    differences = decisions.diff(want, seen, memory) if away is None else []
    difference = next((each for each in differences if each.subject == name), None)
    of_force = journal.readable_revision(in_force) or DesiredState()
    protecting = next((each for each in of_force.documents if protects(each, name)), None)
    return Described(
        name,
        _whose(name, want, instances, is_asked=container is not None, is_away=away is not None),
        next((each.place for each in (document, of_desired) if each is not None), None),
        asked_texts(shown, show_values=show_values) if shown is not None else (),
        roles,
        tuple(
            Instance(
                each,
                each.container is not None and is_proven(each, container or each.container, memory),
                said[each.id].check if each.id in said else (),
            )
            for each in instances
        ),
        ailment.why if ailment is not None else "",
        revealed_difference(difference, seen) if show_values and difference is not None else difference,
        attempt.why if attempt is not None and (is_given_up or names(attempt.why, name)) else "",
        is_given_up,
        otherwise(container, wish) if in_force == "last-good" else (),
        in_force,
        journal.failures.last(name),
        tuple(folded(happened)[-_MOST_ENTRIES:]),
        str(away) if away is not None else "",
        _at_work(settings, name),
        protecting.place if protecting is not None else None,
    )


def _whose(
    name: str, want: ContainersWanted, instances: Sequence[ContainerSeen], *, is_asked: bool, is_away: bool
) -> str:
    """By what is there, as `get` has it: that a container is asked for does not make one of others evenkeel's."""
    if name in want.system:
        return "system"
    if instances:
        return "evenkeel" if any(each.container is not None for each in instances) else "others"
    return "evenkeel" if is_asked else "unknown" if is_away else "nobody"


def _at_work(settings: Settings, name: str) -> tuple[StepAtWork, ...]:
    """What the controller is doing for this container just now, if one is at work."""
    from pathlib import Path

    from evenkeel.controller.control.ask import ask_status

    told = ask_status(Path(settings.state))
    return tuple(step for step in told.work.steps if step.subject == name) if told is not None else ()
