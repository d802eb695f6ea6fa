"""From a document to an identity that is in force: the pair is made and shown, the person enters it, the device connects.

Without a controller the pair is made here, by the driver's own actions, and all else is done as `evenkeel apply` does it. A
controller at work does everything by itself, and is followed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from evenkeel.controller.cli.options import terminal_style
from evenkeel.controller.cli.output import echo, echo_lines
from evenkeel.specs.errors import EvenkeelError

if TYPE_CHECKING:
    from evenkeel.controller.cli.provision.questions import Replies
    from evenkeel.controller.cli.subjects.provisioning import Identities
    from evenkeel.specs.desired import DesiredState
    from evenkeel.specs.plan import Action
    from evenkeel.specs.provisioning.difference import ProvisioningDifference
    from evenkeel.specs.provisioning.observed import ProvisionedSeen, ProvisioningSeen
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.provisioning_described import Identity

DOMAIN = "provisioning"
TURN = 2
"""The exit code where it is somebody's turn."""
_MADE_S = 60.0
"""So long a controller is given to make a pair."""
_ONLY_HERE = ("keep-id", "make", "request")
"""The actions that disturb nobody and ask no cloud."""


def carry_out(settings: Settings, name: str, asked: Replies, file: str, *, yes: bool, limit_s: float) -> int:
    """Change the document where it has to be, and lead to the identity; the exit code."""
    import asyncio

    from evenkeel.controller.cli.consent import consents
    from evenkeel.controller.cli.provision.document import (
        change_for,
        check_possible,
        say_change,
        say_take_back,
        write_change,
    )

    check_files_in_force(settings)
    change = change_for(settings, name, asked, file)
    asyncio.run(check_possible(settings, change, asked.connection))
    if not change.is_empty:
        say_change(change)
        if not yes and not consents():
            return 1
        write_change(change)
    try:
        return lead(settings, change.name, yes=yes, limit_s=limit_s)
    except (EvenkeelError, OSError):
        if not change.is_empty:
            say_take_back(change)
        raise


def check_files_in_force(settings: Settings) -> None:
    """EvenkeelError where a desired state from MQTT is in force, and not the files."""
    from contextlib import closing

    from evenkeel.controller.cli.reading import check_no_message
    from evenkeel.controller.journal.journal import read_journal

    with closing(read_journal(Path(settings.state))) as journal:
        check_no_message(settings, journal)


def lead(settings: Settings, name: str, *, yes: bool, limit_s: float) -> int:
    """Lead to the identity of a document that is there; the exit code. With everything in place this only prints."""
    check_not_failed(settings, name)
    one = prepared(settings, name)
    if is_settled(one):
        _show(one)
        echo("Nothing is left to do: it is in force and proven.")
        return 0
    if one.waits:
        echo(f"Waiting for {one.waits}. Then `evenkeel provision` goes on, or the controller at work.")
        return TURN
    if not _is_entered(one, yes=yes):
        return TURN
    return connect(settings, name, is_settled, yes=yes, limit_s=limit_s)


def check_not_failed(settings: Settings, name: str) -> None:
    """EvenkeelError where what the specs ask for has failed, so that something else is in force: nobody tries it as it is."""
    from evenkeel.controller.cli.identity import identity_in_force

    one = identity_in_force(settings, name)[1]
    if one.has_failed:
        way = "`evenkeel retry` has it tried again, and options of `evenkeel provision` change it"
        raise EvenkeelError(f"identity:{name}", f"the specs ask for {one.otherwise}; what was in force stays; {way}")


def is_settled(one: Identity) -> bool:
    """Whether all that is asked for is in force and proven, and no other certificate is waited for."""
    return one.in_force and one.proven and not one.postponed and not one.waits


def prepared(settings: Settings, name: str) -> Identity:
    """The identity with its pair made, or its request written: here, or by the controller at work. EvenkeelError where that
    does not come about."""
    from evenkeel.controller.cli.identity import identity_here

    if controller_is_told(settings):

        def is_made(one: Identity) -> bool:
            return bool(one.blocked) or not _left_to_make(settings, name)

        one = follow(settings, name, is_made, _MADE_S)
        if not is_made(one):
            why = f"the controller at work has made nothing within {_MADE_S:g} s; {_WHY}"
            raise EvenkeelError(f"identity:{name}", why)
    else:
        perform(settings, name, _left_to_make(settings, name), alone=True)
    one = identity_here(settings, name)[1]  # the controller may have made it after the last look
    if one.blocked:
        raise EvenkeelError(f"identity:{name}", one.blocked)
    return one


_WHY = "`evenkeel status` says why"


def _left_to_make(settings: Settings, name: str) -> Sequence[Action]:
    """The actions up to a pair, or a request, that are yet to be done."""
    difference = look(settings, name).difference
    due = difference.due.fetch if difference is not None and difference.verb != "blocked" else ()
    return [each for each in due if each.traits.facts["action"] in _ONLY_HERE]


def controller_is_told(settings: Settings) -> bool:
    """Whether a controller is at work; it is told to look again."""
    from evenkeel.controller.control.ask import ask_to_look_again

    return ask_to_look_again(Path(settings.state))


class Looked(NamedTuple):
    """One look at an identity that the specs ask for; `difference`: what differs, or `None`."""

    there: ProvisionedSeen
    seen: ProvisioningSeen
    difference: ProvisioningDifference | None


def look(settings: Settings, name: str, state: DesiredState | None = None) -> Looked:
    """Look at the identity of this name. `state`: the state that asks for it, else the specs. Raises Unavailable, TimedOut,
    Refused."""
    import asyncio

    return asyncio.run(_look(settings, name, state))


async def _look(settings: Settings, name: str, state: DesiredState | None) -> Looked:
    from contextlib import closing

    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.controller.cli.spec_text import read_state
    from evenkeel.controller.journal.journal import read_journal
    from evenkeel.specs.provisioning.difference import of_provisioning

    domain: Identities
    async with open_domain(settings, DOMAIN) as domain:
        decisions = domain.reconciler
        want = decisions.select(state if state is not None else read_state(settings))
        with closing(read_journal(Path(settings.state))) as journal:
            memory = journal.memories.of(decisions.memory)
        seen = await domain.driver.observe(decisions.look(want, memory))
    differences = of_provisioning(decisions.diff(want, seen, memory))
    there = seen.of(name)
    assert there is not None
    return Looked(there, seen, next((each for each in differences if each.subject == name), None))


def perform(
    settings: Settings, name: str, actions: Sequence[Action], *, alone: bool, limit_s: float | None = None
) -> None:
    """Have the driver perform actions. `alone`: no controller may be at work meanwhile (raises Busy). `limit_s`: so many
    seconds at most. EvenkeelError with the reason where one cannot be done."""
    import asyncio
    from contextlib import nullcontext

    from evenkeel.controller.journal.lock import sole_controller

    if actions:
        with sole_controller(Path(settings.state)) if alone else nullcontext():
            asyncio.run(_perform(settings, name, actions, limit_s))


async def _perform(settings: Settings, name: str, actions: Sequence[Action], limit_s: float | None) -> None:
    import asyncio

    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.specs.plan import Done

    async with open_domain(settings, DOMAIN) as domain:
        for action in actions:
            try:
                async with asyncio.timeout(limit_s):
                    outcome = await domain.driver.perform(action, lambda message, done, total: None)
            except TimeoutError:
                raise EvenkeelError(f"identity:{name}", f"no answer within {limit_s:g} s") from None
            if not isinstance(outcome, Done):
                raise EvenkeelError(f"identity:{name}", outcome.message)
            echo(f"  ✓ {name}: {outcome.message}")


# ── the person ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _show(one: Identity) -> None:
    from evenkeel.templates.provisioning_described import identity_lines

    echo(f"identity    {one.name}")
    for line in identity_lines(one):
        echo_lines(line)


def _is_entered(one: Identity, *, yes: bool) -> bool:
    """Show what is to be entered at the portal, and wait for the person; whether to connect."""
    from evenkeel.templates.provisioning_portal import must_be_entered, portal_lines, rotation_lines

    is_rotation = one.proven and one.next is not None
    lines = list(rotation_lines(one, one.current, is_second=False) if is_rotation else portal_lines(one))
    for line in lines:
        echo_lines(line)
    return not lines or not must_be_entered(one) or agrees_that_entered(yes=yes)


def agrees_that_entered(*, yes: bool) -> bool:
    """Whether the person has entered what was shown."""
    if yes:
        return True
    if not sys.stdin.isatty():
        echo("Nobody can be asked here whether that is done; then, `evenkeel provision --yes` goes on.", err=True)
        return False
    if click.confirm("Entered?", default=True):
        return True
    echo("Then `evenkeel provision` goes on.")
    return False


# ── the connection ─────────────────────────────────────────────────────────────────────────────────────────────────


def connect(settings: Settings, name: str, done: Callable[[Identity], bool], *, yes: bool, limit_s: float) -> int:
    """Have the rest done, by the controller at work or as `evenkeel apply` does; the exit code. A renewal that is postponed is
    tried now: a person may have ended what stood in its way. `limit_s`: so many seconds at most."""
    from evenkeel.controller.cli.identity import identity_here
    from evenkeel.controller.cli.provision.pausing import end_pauses

    end_pauses(Path(settings.state), name)
    if not controller_is_told(settings):
        from evenkeel.controller.cli.apply import carried_out

        def lack() -> str:
            one = identity_here(settings, name)[1]
            return "" if done(one) else _lack(one)

        code = carried_out(click.get_current_context().obj, yes=yes, limit_s=limit_s, lack=lack)
        return TURN if code == 1 and identity_here(settings, name)[1].waits else code
    one = follow(settings, name, lambda found: done(found) or bool(found.postponed), limit_s)
    if done(one):
        echo(f"Done: {one.name} is in force, and proven.")
        return 0
    if one.postponed:
        echo(f"Not done: {_lack(one)}", err=True)
    else:
        echo(f"Not done within {limit_s:g} s; the controller at work goes on, and {_WHY}.", err=True)
    return 1


def _lack(one: Identity) -> str:
    """The reason why an identity is not as it is waited for, although nothing is left to do at once."""
    goes_on = "what is in force stays, and `evenkeel provision` has it tried again"
    if one.postponed:
        return f"the next certificate of {one.name} is not in force: {one.postponed}; {goes_on}"
    return f"{one.name}: {one.trouble or one.waits or 'it is not as it was asked for'}; {_WHY}"


def follow(settings: Settings, name: str, done: Callable[[Identity], bool], limit_s: float) -> Identity:
    """Print what the controller at work says of an identity until it is as `done` wants it, or for so long; the identity
    then."""
    from evenkeel.controller.cli.history import Wanted, dated_line, entries_after, followed
    from evenkeel.controller.cli.identity import identity_here

    state, ends = Path(settings.state), time.monotonic() + limit_s
    _, after = entries_after(state, 0, Wanted("", at=float("inf")))
    one = identity_here(settings, name)[1]
    if done(one):
        return one
    for news in followed(state, after, Wanted(name, domain=DOMAIN)):
        for entry in news:
            echo_lines(dated_line(entry, terminal_style()))
        if news or time.monotonic() > ends:
            one = identity_here(settings, name)[1]
        if done(one) or time.monotonic() > ends:
            break
    return one
