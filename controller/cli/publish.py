"""`evenkeel publish`: a cloud or an Update Manager, from a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from evenkeel.controller.cli.options import Options, on_terminal, shared_options, terminal_style
from evenkeel.controller.cli.output import echo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evenkeel.reconcilers.agents.speech import Speech
    from evenkeel.specs.problem import Flaw
    from evenkeel.specs.settings.settings import Settings


@click.command("publish")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@click.option("--drive", is_flag=True, help="Send the commands, too, as an Update Manager does.")
@click.option("--activity", metavar="ID", default="", help="Its activityId. Default: the file's, else a new one.")
@click.option("--broker", metavar="URL", default="", help="Another broker than the settings': tcp://host:1883.")
@click.option("--domain", metavar="NAME", default="", help="The agent's domain. Default: as FILE says.")
@click.option("--timeout", metavar="SECONDS", type=click.FloatRange(min=0.1), help="Give up after so many seconds.")
@shared_options("config", "verbose")
def command(
    options: Options, file: str, drive: bool, activity: str, broker: str, domain: str, timeout: float | None
) -> int:
    """Ask an update agent for a desired state over MQTT, and follow it.

    FILE is a desired state, with or without its envelope, for the update agent (`containers`) or the self update agent
    (`self-update`); or documents of evenkeel's kinds, which are translated into the words of the agent that has their kind (and
    refused where it has none). FILE is checked first; after a mistake, which is reported with its place, nothing is sent. The
    settings under `mqtt` say how to connect.

    An agent only identifies the actions and then waits for commands. --drive sends them: DOWNLOAD, UPDATE, ACTIVATE, CLEANUP,
    each when the last one ended well, and ROLLBACK and CLEANUP when it did not. Without --drive somebody else commands, or the
    agent goes on alone (`updateAgent.autonomous.after`). An update of the operating system ends after the reboot, and has the
    status CLEANUP until then.

    Exit code: 0 COMPLETED; 1 any other end, or none in time.
    """
    import asyncio

    from evenkeel.controller.cli.reaching import at_broker
    from evenkeel.controller.process import logs

    settings = at_broker(options.settings(), broker)
    if options.verbose:
        logs.install(settings.log.level, settings.log.format)
    else:
        logs.silence()
    domain, found_id, payload = _asked(file, domain, _agents(settings))
    return asyncio.run(_follow(settings, activity or found_id or _new_id(), payload, domain, drive, timeout))


async def _follow(
    settings: Settings, activity: str, payload: Any, domain: str, drive: bool, limit_s: float | None
) -> int:
    from evenkeel.controller.agents.commander import Commander, passing_link
    from evenkeel.controller.cli.following import following
    from evenkeel.controller.cli.reaching import reached
    from evenkeel.specs.errors import SpecError
    from evenkeel.specs.kanto.updateagent import read_envelope

    link = passing_link(settings, "publish")
    commander = Commander(link, domain)
    if problems := read_envelope(commander.message(activity, payload), "message").problems:
        raise SpecError("message", problems)
    async with link:
        await reached(link, settings.mqtt, limit_s)
        echo(f"activity {activity}")
        with following(on_terminal(), terminal_style()) as show:
            end = await commander.carry_out(activity, payload, drive=drive, on_feedback=show, limit_s=limit_s)
    if end.status != "COMPLETED":
        echo(f"Not done: {end.status}{f', {end.message}' if end.message else ''}", err=True)
        return 1
    return 0


def _agents(settings: Settings) -> dict[str, Speech]:
    """The words of the agents, by their domains. The first one is meant where nothing else says which."""
    from evenkeel.reconcilers.agents.speech import kanto, leda
    from evenkeel.specs.kanto.manner import Manner

    asked = settings.update_agent
    manner = Manner(takes_unknown_keys=asked.unknown_keys == "accept")
    return {asked.domain: kanto(manner), settings.self_update_agent.domain: leda()}


def _asked(file: str, domain: str, agents: Mapping[str, Speech]) -> tuple[str, str, Any]:
    """Domain, activity ("" when the file names none) and payload; SpecError with every problem. `domain`: "" for that of the
    file."""
    from pathlib import Path

    from evenkeel.controller.process.bounded import read_bounded
    from evenkeel.specs.documents.decode import decode_file
    from evenkeel.specs.documents.join import desired_from
    from evenkeel.specs.errors import SpecError
    from evenkeel.specs.kanto import desired as kanto
    from evenkeel.specs.kanto.payload import mappings, payload_of
    from evenkeel.specs.problem import Place, Problem, errors, problem_text
    from evenkeel.specs.reading.text import read_trees
    from evenkeel.specs.reading.tree import nearest_position

    content = read_bounded(Path(file))
    element = f"file:{file}"
    trees, problems = read_trees(content, file)
    values = [tree.value for tree in trees if isinstance(tree.value, dict)]
    if not problems and any(kanto.is_desired_state(value) for value in values):
        if len(trees) != 1:
            message = "a message holds one desired state, and there are more documents in this file"
            raise SpecError(element, [Problem(Place(file, *trees[1].start), "", message)])
        names = [each.get("id") for _, each in mappings(payload_of(values[0]), "domains", ())]
        domain = domain or next((each for each in agents if each in names), next(iter(agents)))
        flaws: list[Flaw] = []
        _speech(agents, domain).check(values[0], flaws, domain)
        _say(element, flaws, [Place(file, *nearest_position(trees[0], flaw.path)) for flaw in flaws])
        enveloped = "payload" in values[0]
        found_id = values[0].get("activityId") if enveloped else ""
        payload = values[0]["payload"] if enveloped else values[0]
        return domain, (found_id if isinstance(found_id, str) else ""), payload
    state, found = desired_from([decode_file(content, file)])
    if errors(found):
        raise SpecError(element, errors(found))
    for problem in found:
        echo(problem_text(problem), err=True)
    kinds, flaws = {document.kind for document in state.documents}, []
    meant = (each for each, speech in agents.items() if kinds.intersection(speech.kinds))
    domain = domain or next(meant, next(iter(agents)))
    payload = _speech(agents, domain).payload(state, flaws, domain)
    _say(element, flaws, [_place_of(flaw, state.documents, file) for flaw in flaws])
    return domain, "", payload


def _speech(agents: Mapping[str, Speech], domain: str) -> Speech:
    """The words of the agent of a domain; of another domain than the settings name, those of the first one."""
    return agents.get(domain) or next(iter(agents.values()))


def _say(element: str, flaws: list[Flaw], places: list[Any]) -> None:
    """Print warnings; SpecError for everything else."""
    from evenkeel.specs.errors import SpecError
    from evenkeel.specs.problem import Problem, errors, path_text, problem_text
    from evenkeel.specs.reading.secrecy import shown_path

    problems = [
        Problem(
            place, path_text(shown_path(flaw.path)), flaw.message, flaw.hint, "warning" if flaw.warning else "error"
        )
        for flaw, place in zip(flaws, places, strict=True)
    ]
    if errors(problems):
        raise SpecError(element, sorted(problems))
    for problem in problems:
        echo(problem_text(problem), err=True)


def _place_of(flaw: Flaw, documents: Any, file: str) -> Any:
    """The place of a value in the document that a flaw's path begins with."""
    from evenkeel.specs.desired import asked_at
    from evenkeel.specs.problem import Place, path_text

    for document in documents:
        if flaw.path[:1] == (document.name,) and document.kind not in flaw.path[1:]:
            return asked_at(document, path_text(flaw.path[1:]))
    return Place(file)


def _new_id() -> str:
    import uuid

    return str(uuid.uuid4())
