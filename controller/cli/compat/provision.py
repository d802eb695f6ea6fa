"""`evenkeel compat sdv-provision`: the conversation of Leda's tool, which ends in a document of evenkeel's.

The questions and lines are those of the original where they are true (provisioning.md §2; leda-device-provisioning.txt §2).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from evenkeel.controller.cli.options import NO_DEVICE, Options, say_simulated, shared_options
from evenkeel.controller.cli.output import echo, echo_question
from evenkeel.specs.errors import EvenkeelError

if TYPE_CHECKING:
    from evenkeel.controller.cli.provision.questions import Replies
    from evenkeel.specs.settings.settings import Settings
    from evenkeel.templates.provisioning_described import Identity


class StandardInput:
    """The lines of standard input, whoever writes them (`questions.Answers`)."""

    def line(self, question: str) -> str:
        echo_question(question)
        found = sys.stdin.readline()
        if not sys.stdin.isatty():
            echo()
        if not found:
            raise EvenkeelError("standard input", "it has ended without an answer, and nothing was changed")
        return found.strip()

    def secret(self, question: str) -> str:
        if sys.stdin.isatty():
            text = click.prompt(question, default="", show_default=False, prompt_suffix=" ", hide_input=True)
            return str(text).strip()
        return self.line(question)


@click.command("sdv-provision", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@shared_options()
def sdv_provision(options: Options, arguments: tuple[str, ...]) -> int:
    """Provision this device as Leda's sdv-provision does.

    It has no options. It asks for an id scope or for a connection string, makes the certificates, and shows what has to be
    entered at the Azure portal. With everything in place it only prints. Each answer is looked at, and nothing is written
    before all of them are good.

    Exit code: 0; 1 when it cannot be done, and the text says why.
    """
    from evenkeel.controller.cli.identity import first_name, identity_here
    from evenkeel.controller.cli.provision.carrying import (
        check_files_in_force,
        controller_is_told,
        is_settled,
        prepared,
    )

    echo("Note: `evenkeel provision` does this, with options, too, and connects", err=True)
    if arguments:
        echo("Note: sdv-provision has no options; all of them are passed over", err=True)
    settings = options.settings()
    say_simulated(settings, NO_DEVICE)
    check_files_in_force(settings)
    echo("Checking Eclipse Leda Device Provisioning configuration...")
    before = identity_here(settings, first_name(settings))[1]
    _say_folder(settings, before)
    echo("Checking Device ID")
    if not before.there.id.announced:
        echo("- File does not exist, to be created: /etc/deviceid")
    echo(f"- Device ID: {before.there.id.id}")
    echo("Checking whether either IdScope or ConnectionString is configured")
    name = _ask(settings, before)
    echo("Checking device certificates")
    one = prepared(settings, name)
    _say_certificates(one, is_there=_pairs(one) <= _pairs(before))
    if is_settled(one):
        echo("The device is in force at its hub, and proven.")
        return 0
    once = f"Once {_turn(one)}, " if _turn(one) else ""
    if controller_is_told(settings):
        echo(f"{once or 'Now '}the controller at work connects by itself.")
    else:
        echo(f"{once or 'Now '}`evenkeel provision` connects.")
    return 0


def _turn(one: Identity) -> str:
    """Somebody's turn before the device can connect; "" when it can."""
    from evenkeel.templates.provisioning_portal import must_be_entered

    if one.waits:
        return "that is there"
    return "this is entered" if must_be_entered(one) else ""


def _say_folder(settings: Settings, one: Identity) -> None:
    from evenkeel.controller.provisioning_wiring import host_path

    folder = one.wanted.folder
    is_there = host_path(settings, folder).is_dir()
    echo("- Certificates directory exists" if is_there else f"- To be created: {folder}")


def _ask(settings: Settings, before: Identity) -> str:
    """Ask where nothing is configured yet; the name of the document."""
    import asyncio

    from evenkeel.controller.cli.provision.document import change_for, check_possible, write_change
    from evenkeel.controller.cli.provision.questions import CHOICE, Replies, choose_way, with_usual
    from evenkeel.controller.provisioning_wiring import leda_files
    from evenkeel.specs.provisioning.wishes import Wishes

    azure = before.wanted.azure if before.is_asked else None
    if azure is not None:
        scope = before.there.azure.id_scope
        path = azure.connection_string or azure.id_scope_file
        if path:
            echo(f"- {'ConnectionString' if azure.connection_string else 'Id Scope'} file found: {path}")
        if scope:
            echo(f"- Id Scope configured: {scope}")
        return before.name
    connection, scope = leda_files(settings, before.wanted.folder)
    if connection and scope:
        echo(f"WARNING: Both Id Scope file and Connection String files are present; {connection} counts.")
    if connection or scope:
        echo(f"- {'ConnectionString' if connection else 'Id Scope'} file found: {connection or scope}")
        asked = Replies(Wishes(connection_file=connection, id_scope_file="" if connection else scope))
    else:
        echo("- Neither Id Scope file nor ConnectionString found, needs manual configuration")
        echo(CHOICE)
        asked = choose_way(Wishes(), StandardInput(), may_be_none=False)
    asked = _with_certificates(settings, asked, before) if before.is_asked else with_usual(settings, asked, None)
    change = change_for(settings, before.name, asked, "")
    asyncio.run(check_possible(settings, change, asked.connection))
    write_change(change)
    echo(f"- Written: {change.file}")
    return change.name


def _with_certificates(settings: Settings, asked: Replies, before: Identity) -> Replies:
    """The wishes for a document that has no cloud yet: its certificate stays."""
    from evenkeel.controller.cli.provision.questions import with_usual

    return asked if before.wanted.certificate is not None else with_usual(settings, asked, None)


def _pairs(one: Identity) -> set[str]:
    """The thumbprints of the pairs that are there and can be used."""
    return {each.sha256 for each in (one.next, one.current, one.second) if each is not None and not each.fault}


def _say_certificates(one: Identity, *, is_there: bool) -> None:
    first, second = one.next or one.current, one.second
    if one.waits:
        echo(f"- Waiting for {one.waits}")
    if first is None:
        if not one.waits:
            echo("- No certificate is needed: the device has a key")
        return
    echo("- All device certificates are present" if is_there else "- Some certificates are missing: they are made")
    which = "next" if one.next is not None else "current"
    for word, files, pair in (("Primary", one.files(which), first), ("Secondary", one.files("second"), second)):
        if pair is not None:
            echo(f"- {word} device certificate: {files.certificate}")
            echo(f"- {word} device private key: {files.key}")
    echo("Fingerprints (add these to the Azure IoT Hub Device)")
    echo(f"- Primary thumbprint: {first.sha1}")
    if second is not None:
        echo(f"- Secondary thumbprint: {second.sha1}")
