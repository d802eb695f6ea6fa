"""`evenkeel identity`: who this device is, and how it proves that."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from evenkeel.controller.cli.options import ENGINE, Options, say_simulated, shared_options
from evenkeel.controller.cli.output import echo, echo_lines

if TYPE_CHECKING:
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.provisioning_described import Identity


@click.group("identity", invoke_without_command=True)
@shared_options("config", "state", "specs", *ENGINE)
@click.pass_context
def command(context: click.Context, options: Options) -> None:
    """Show who this device is, and how it proves that.

    \b
      evenkeel identity show            id, certificate, thumbprints, hub, and where the files are
      evenkeel identity show -o env     the same as KEY=value, for scripts
      evenkeel provision                make or change it
    """
    context.obj = options
    if context.invoked_subcommand is None:
        echo_lines(context.get_help())


@command.command("show")
@click.argument("name", required=False, default="")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json", "yaml", "env"]), default="text", help="How to print it."
)
@shared_options("config", "state", "specs", *ENGINE)
def show(options: Options, name: str, output: str) -> int:
    """Show who this device is, and how it proves that.

    NAME is the name of a document (`kind: Provisioning`); it may be left out where there is one. Without any document, the
    id and the certificates are shown that lie in the usual places: /data/var/certificates and /etc/deviceid. Where the specs
    ask for something else than what is in force, what is in force is shown, and that another one is asked for.

    -o env prints KEY=value: first the names of Leda's `sdv-device-info env`, then those of evenkeel. TENANT_ID is empty,
    because only the connector knows the tenant. No cloud is asked, nothing is changed, and no key and no connection string
    is shown.

    Exit code: 0; 1 for an unknown name, and when a file cannot be read.
    """
    from evenkeel.controller.cli.output import echo_value
    from evenkeel.templates.provisioning_described import environment, environment_lines, identity_lines, identity_value

    settings = options.settings()
    engine, one = identity_in_force(settings, name)
    if output in ("json", "yaml"):
        head = {"apiVersion": "evenkeel/v1", "kind": "Identity", "engine": engine}
        echo_value({**head, **identity_value(one)}, output)
        return 0
    say_simulated(settings)  # of the other forms, the value names the engine
    if output == "env":
        for line in environment_lines(environment(one)):
            echo(line)
        return 0
    echo(f"identity    {one.name or 'no document asks for one; this is in the usual places'}")
    for line in identity_lines(one):
        echo_lines(line)
    return 0


def identity_here(settings: Settings, name: str = "") -> tuple[str, Identity]:
    """The host in words, and the identity of this name, or the only one that the specs ask for; without any, what lies in the
    usual places. EvenkeelError for an unknown name; raises Unavailable, TimedOut, Refused."""
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.spec_text import read_state
    from evenkeel.controller.cli.subjects.provisioning import identities_of
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.controller.provisioning_wiring import document_without_one
    from evenkeel.specs.desired import Document, desired_state

    state = read_state(settings)
    names = identity_names(state)
    picked = picked_name(names, name)
    if not picked:
        wanted = document_without_one(settings)
        state = desired_state([Document("Provisioning", wanted.name, wanted)])
    with closing(read_journal(Path(settings.state))) as journal:
        engine, found = asyncio.run(identities_of(settings, journal, state))
    one = next(each for each in found if each.name == picked)
    return engine, one if picked else one._replace(is_asked=False)


def identity_in_force(settings: Settings, name: str = "") -> tuple[str, Identity]:
    """As `identity_here`; where the specs ask for something else than what is in force and proven, that, with words about what
    is asked for (`otherwise`)."""
    engine, one = identity_here(settings, name)
    if not one.is_asked or (one.in_force and one.proven):
        return engine, one
    good = good_otherwise(settings, one.name)
    if good is None:
        return engine, one
    import asyncio
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.subjects.provisioning import identities_of
    from evenkeel.controller.journal.journal import read_journal

    with closing(read_journal(Path(settings.state))) as journal:
        _, found = asyncio.run(identities_of(settings, journal, good.state))
    kept = next(each for each in found if each.name == one.name)
    return engine, kept._replace(
        otherwise=good.otherwise, has_failed=good.has_failed
    ) if kept.in_force and kept.proven else one


class Good(NamedTuple):
    """The state that was good last. `otherwise`: what the specs ask for instead, in words; `has_failed`: that has failed."""

    state: DesiredState
    otherwise: str
    has_failed: bool


def good_otherwise(settings: Settings, name: str) -> Good | None:
    """The state that was good last, where it asks for an identity in another way than the specs do; `None` where it does
    not."""
    from contextlib import closing
    from pathlib import Path

    from evenkeel.controller.cli.spec_text import read_state
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.reconcilers.provisioning.select import select
    from evenkeel.reconcilers.provisioning.settings import otherwise
    from evenkeel.specs.problem import place_text

    asked = read_state(settings)
    with closing(read_journal(Path(settings.state))) as journal:
        good, attempt = journal.readable_revision("last-good"), journal.attempts.of(asked.digest)
    wish, document = next(each for each in select(asked).documents if each[0].name == name)
    kept = select(good).subjects.get(name) if good is not None else None
    if good is None or kept is None or kept == wish:
        return None
    differing = ", ".join(path for path, _, _ in otherwise(kept, wish)) or "its outputs"
    has_failed = attempt is not None and attempt.failed
    how = f"that has failed: {attempt.why}" if attempt is not None and has_failed else "that is not in force yet"
    return Good(good, f"{differing} otherwise, at {place_text(document.place)}; {how}", has_failed)


def identity_names(state: DesiredState) -> tuple[str, ...]:
    """The names of the identities that a state asks for."""
    from evenkeel.reconcilers.provisioning.select import select

    return tuple(wanted.name for wanted, _ in select(state).documents)


def first_identity(settings: Settings) -> Identity:
    """The identity that other programs are told of: the first by its name. For tools that have no word for another one; else as
    `identity_in_force`."""
    return identity_in_force(settings, first_name(settings))[1]


def first_name(settings: Settings) -> str:
    """The first name of an identity that the specs ask for; "" for none."""
    from evenkeel.controller.cli.spec_text import read_state

    return next(iter(identity_names(read_state(settings))), "")


def picked_name(names: tuple[str, ...], name: str) -> str:
    """The name that is meant; "" where there is no document. EvenkeelError for an unknown one, UsageError where one has to be
    given."""
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.problem import nearest

    if name and name not in names:
        near = nearest(name, names)
        why = "no document of kind Provisioning has this name"
        raise EvenkeelError(f"identity:{name}", f"{why}; {near}" if near else why)
    if not name and len(names) > 1:
        raise click.UsageError(f"say which one: {', '.join(names)}")
    return name or next(iter(names), "")
