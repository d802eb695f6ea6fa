"""The questions of the first set-up: what no option has said, with each answer looked at before the next question."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

import click

from evenkeel.controller.cli.output import echo
from evenkeel.specs.provisioning.wishes import Wishes

if TYPE_CHECKING:
    from evenkeel.specs.provisioning.connection_string import ConnectionString
    from evenkeel.specs.settings.settings import Settings

MOST_SECRET = 16 * 1024
CHOICE = (
    "Do you want to use the global Azure IoT Device Provisioning Service (DPS) by using an Id Scope, or do you want to use a"
    " direct connection to a specific Azure IoT Hub using a Connection String?"
)
SERVICE = "d) Azure IoT Device Provisioning Service (DPS) with Id Scope"
HUB = "h) Azure IoT Hub with Connection String"
_ANSWERS = "Please answer with 'd' for Azure Device Provisioning Service (DPS) or 'h' for Azure IoT Hub."


class Replies(NamedTuple):
    """The wishes with all answers. `text`: a connection string that was typed or piped, and is kept in a file; it is secret.
    `connection`: what it says."""

    wishes: Wishes
    text: str = ""
    connection: ConnectionString | None = None

    def __repr__(self) -> str:
        return f"Replies({self.wishes!r}, …)"


class Answers(Protocol):
    """Where answers come from. Raises Abort at their end."""

    def line(self, question: str) -> str:
        """One line."""
        ...

    def secret(self, question: str) -> str:
        """One line that is not shown."""
        ...


class Terminal:
    """The person at the terminal."""

    def line(self, question: str) -> str:
        return str(click.prompt(question, default="", show_default=False, prompt_suffix=" ")).strip()

    def secret(self, question: str) -> str:
        text = click.prompt(question, default="", show_default=False, prompt_suffix=" ", hide_input=True)
        return str(text).strip()


def filled(settings: Settings, name: str, wishes: Wishes, *, from_stdin: bool, yes: bool) -> Replies:
    """The wishes with what is missing for a new document. UsageError where nobody can be asked."""
    from evenkeel.controller.cli.identity import identity_names
    from evenkeel.controller.cli.spec_text import read_state

    names = identity_names(read_state(settings))
    is_new = name not in names if name else not names
    if from_stdin:
        asked = _of_stdin(wishes)
    elif not is_new or _has_cloud(wishes):
        asked = Replies(wishes)
    else:
        asked = _asked(settings, wishes, yes=yes)
    if not is_new:
        return asked
    return with_usual(settings, asked, Terminal() if sys.stdin.isatty() and not yes else None)


def _has_cloud(wishes: Wishes) -> bool:
    return wishes.no_cloud or bool(wishes.connection_file) or wishes.by_registration


def _of_stdin(wishes: Wishes) -> Replies:
    from evenkeel.specs.provisioning.connection_string import read_connection_string

    content = sys.stdin.buffer.read(MOST_SECRET + 1)
    try:
        if len(content) > MOST_SECRET:
            raise ValueError("the connection string is too long")
        text = content.decode().strip()
        return Replies(wishes, text, read_connection_string(text))
    except ValueError as error:  # no text in it has a part of what was given
        why = "it is no text in UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise click.UsageError(f"--connection-string-stdin: {why}") from None


def _asked(settings: Settings, wishes: Wishes, *, yes: bool) -> Replies:
    from evenkeel.controller.cli.identity import identity_here
    from evenkeel.controller.provisioning_wiring import USUAL_FOLDER, leda_files

    connection, scope = leda_files(settings, wishes.folder or USUAL_FOLDER)
    if connection or scope:
        echo(f"{connection or scope} is there, as sdv-provision has left it, and is followed.")
        return Replies(wishes._replace(connection_file=connection, id_scope_file="" if connection else scope))
    if yes or not sys.stdin.isatty():
        ways = "--id-scope ID, --connection-string-file FILE, --connection-string-stdin or --no-cloud"
        raise click.UsageError(f"which way to the cloud? Give one of {ways}")
    ids = identity_here(settings)[1].there.id
    echo(f"Device ID: {wishes.device_id or ids.id or 'none yet; `evenkeel provision --device-id` gives one'}")
    echo(CHOICE)
    return choose_way(wishes, Terminal(), may_be_none=True)


def choose_way(wishes: Wishes, answers: Answers, *, may_be_none: bool) -> Replies:
    """The way to the cloud. `may_be_none`: a device may have none."""
    ways = [SERVICE, HUB, *(["n) None: the certificate alone"] if may_be_none else [])]
    for way in ways:
        echo(way)
    while True:
        answer = answers.line("Choose:")[:1].lower()
        if answer == "n" and may_be_none:
            return Replies(wishes._replace(no_cloud=True))
        if answer == "d":
            scope = until_good(
                lambda: answers.line("Please enter your Id Scope of the Azure IoT Device Provisioning Service:"), _scope
            )
            return Replies(wishes._replace(id_scope=scope))
        if answer == "h":
            text = until_good(
                lambda: answers.secret("Please enter the device Connection String of the Azure IoT Hub:"), _connection
            )
            return Replies(wishes, text, _read(text))
        echo(_ANSWERS + (" With 'n', it has none." if may_be_none else ""))


def until_good(ask: Callable[[], str], flaw: Callable[[str], str]) -> str:
    """The first answer without a flaw; the flaw of each other one is told."""
    while why := flaw(answer := ask()):
        echo(f"error: {why}", err=True)
    return answer


def _scope(text: str) -> str:
    from evenkeel.specs.provisioning.documents import id_scope_flaw

    return id_scope_flaw(text)


def _connection(text: str) -> str:
    try:
        _read(text)
    except ValueError as error:
        return str(error)
    return ""


def _read(text: str) -> ConnectionString:
    from evenkeel.specs.provisioning.connection_string import read_connection_string

    return read_connection_string(text)


def with_usual(settings: Settings, asked: Replies, answers: Answers | None) -> Replies:
    """The wishes about the certificate of a new document; without `answers`, what is usual."""
    from evenkeel.controller.provisioning_wiring import shown_by

    wishes = asked.wishes
    has_key = bool(wishes.shared_key_file or wishes.group_key_file)
    if asked.connection is not None:
        has_key = asked.connection.means != "certificate"
    elif wishes.connection_file:
        has_key = shown_by(settings, wishes.connection_file) != "certificate"
    if wishes.mode is None:
        wishes = wishes._replace(mode="none") if has_key else _ask_mode(wishes, answers)
    if wishes.mode == "selfSigned" and wishes.second is None:
        is_kept = answers is None or _agrees("Keep a second pair ready, for the next renewal? [Y/n]", answers)
        wishes = wishes._replace(second=is_kept)
    return asked._replace(wishes=wishes)


def _ask_mode(wishes: Wishes, answers: Answers | None) -> Wishes:
    if answers is None:
        return wishes._replace(mode="selfSigned")
    echo("How does this device get its certificate?")
    echo("s) It signs itself, and the thumbprint is entered at the portal (usual)")
    echo("r) Somebody signs a request (CSR)")
    echo("f) It is there, in two files")
    while True:
        match answers.line("Choose [s]:")[:1].lower() or "s":
            case "s":
                return wishes._replace(mode="selfSigned")
            case "r":
                return wishes._replace(mode="csr")
            case "f":
                cert = until_good(lambda: answers.line("The file of the certificate:"), _file)
                key = until_good(lambda: answers.line("The file of its key:"), _file)
                return wishes._replace(mode="files", cert=cert, key=key)
            case _:
                continue


def _file(text: str) -> str:
    return "" if text.startswith("/") else "expected an absolute path, as `/data/certificates/device.crt`"


def _agrees(question: str, answers: Answers) -> bool:
    return not answers.line(question).lower().startswith("n")
