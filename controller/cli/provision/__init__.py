"""`evenkeel provision`: the first set-up of an identity as a conversation or by options, and its rotation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from evenkeel.controller.cli.options import ENGINE, Options, say_simulated, shared_options
from evenkeel.specs.provisioning.wishes import Wishes

_FILE = click.Path(dir_okay=False)
_MODES = ["selfSigned", "caSigned", "csr", "files", "none"]
_OF_MODE = {
    "caSigned": ("authority", "authority_key"),
    "csr": ("request", "chain"),
    "files": ("cert", "key"),
}
"""The options that mean a mode."""


def _absolute(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    import os
    from pathlib import Path

    return os.path.normpath(Path(value).absolute()) if value else ""


def _path(*words: str, text: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    return click.option(*words, type=_FILE, callback=_absolute, help=text)


def _together(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the wishes together."""

    @functools.wraps(function)
    def with_wishes(*args: Any, **values: Any) -> int:
        wishes = Wishes(**{name: values.pop(name) for name in Wishes._fields})
        return function(*args, wishes=wishes, **values)

    return with_wishes


@click.command("provision")
@click.argument("name", required=False, default="")
@click.option("--id-scope", metavar="ID", default="", help="Azure's provisioning service, with this id scope.")
@_path("--id-scope-file", text="The same, with the id scope in this file.")
@_path("--connection-string-file", "connection_file", text="The IoT Hub of the connection string in this file.")
@click.option("--connection-string-stdin", is_flag=True, help="The same, read from standard input and kept in a file.")
@click.option("--no-cloud", is_flag=True, help="Make the identity, and show it to no cloud.")
@click.option(
    "--mode",
    type=click.Choice(_MODES),
    help="How the certificate comes about. Default: selfSigned, or none beside a key.",
)
@click.option("--second/--no-second", default=None, help="With selfSigned: keep a second pair ready. Default: yes.")
@_path("--authority", text="With caSigned: the authority's certificate.")
@_path("--authority-key", text="With caSigned: the authority's key.")
@_path("--request", text="With csr: the file for the request. Default: request.csr in the folder.")
@_path("--chain", text="With csr: the file in which the signed certificate comes. Default: signed.crt in the folder.")
@_path("--cert", text="With files: the certificate.")
@_path("--key", text="With files: its key.")
@_path("--shared-key-file", text="With an id scope: the device's symmetric key, instead of a certificate.")
@_path("--group-key-file", text="With an id scope: the symmetric key of the enrolment group. For labs.")
@click.option("--registration", metavar="ID", default="", help="The registration id. Default: the device id.")
@click.option(
    "--device-id", metavar="ID", default="", help="The device id. Default: the one that is there, or a new one."
)
@click.option("--folder", metavar="DIR", default="", callback=_absolute, help="Where id, keys and certificates lie.")
@_path("--file", text="The spec file, one of the specs. Default: provisioning.yaml in their first folder.")
@click.option("--rotate", is_flag=True, help="Let another certificate follow the one in force, now.")
@click.option("--prove", is_flag=True, help="Ask the cloud again whether it lets in what is in force.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=click.FloatRange(min=0.1),
    default=120.0,
    help="How long to wait, for the cloud or the controller at work. Default: 120.",
)
@shared_options("config", "state", "specs", *ENGINE)
@_together
@click.pass_context
def command(
    context: click.Context,
    options: Options,
    name: str,
    wishes: Wishes,
    connection_string_stdin: bool,
    file: str,
    rotate: bool,
    prove: bool,
    yes: bool,
    timeout: float,
) -> int:
    """Give this device its identity: id, certificate and cloud; rotate or prove it.

    \b
      evenkeel provision                        asks for everything, first time or not
      evenkeel provision --id-scope ID --yes    Azure's provisioning service; nothing is asked
      evenkeel provision --rotate               another certificate, before its time
      evenkeel provision --prove                registers and connects again

    Writes a document (`kind: Provisioning`) into a spec file, and shows it before. Then the key and the certificate are
    made, and shown with all that has to be entered at the Azure portal. When that is done, the device connects, and only
    then the identity is in force. With everything in place nothing is asked and nothing changes. NAME is the name of the
    document; options change the one that is there, and all else in it stays.

    A connection string and a key are never arguments, because others can see those: they are asked for, or read from standard
    input, and kept below the state directory (secrets/provisioning/NAME) in a file that only its owner may read.

    A controller at work makes the certificate and connects by itself, and is followed; without one this does what `evenkeel
    apply` does, with all that the specs ask for.

    --rotate makes a new pair beside the one in force, or takes the second one, which is entered already. It comes into
    force once the cloud has let it in.

    --prove changes nothing by itself. A settled device asks nobody; this is for a device that was moved to another hub, or
    whose connector is refused. Where the service assigns another hub now, that is followed.

    Exit code: 0 in force and proven; 1 not; 2 it is somebody's turn, as the text says; 130 stopped by Ctrl-C.
    """
    from evenkeel.controller.cli.provision.carrying import carry_out
    from evenkeel.controller.cli.provision.proving import prove_again
    from evenkeel.controller.cli.provision.questions import filled
    from evenkeel.controller.cli.provision.rotating import rotate_pair

    context.obj = options
    _check(
        wishes, asks="--rotate" if rotate else "--prove" if prove else "", has_string=connection_string_stdin, file=file
    )
    if rotate and prove:
        raise click.UsageError("--rotate proves what it puts in force: leave --prove out")
    wishes = _with_mode(wishes)
    settings = options.settings()
    say_simulated(settings)
    if rotate:
        return rotate_pair(settings, name, yes=yes, limit_s=timeout)
    if prove:
        return prove_again(settings, name, yes=yes, limit_s=timeout)
    asked = filled(settings, name, wishes, from_stdin=connection_string_stdin, yes=yes)
    return carry_out(settings, name, asked, file, yes=yes, limit_s=timeout)


def _check(wishes: Wishes, *, asks: str, has_string: bool, file: str) -> None:
    """UsageError for options that exclude each other. `asks`: the option that changes no document, or ""."""
    clouds = {
        "--id-scope": wishes.id_scope,
        "--id-scope-file": wishes.id_scope_file,
        "--connection-string-file": wishes.connection_file,
        "--connection-string-stdin": has_string,
        "--no-cloud": wishes.no_cloud,
    }
    named = [option for option, given in clouds.items() if given]
    if asks and (wishes != Wishes() or has_string or file):
        raise click.UsageError(f"{asks} changes no document: leave the other options out")
    if len(named) > 1:
        raise click.UsageError(f"a device goes one way: {' and '.join(named)} are several")
    keys = [wishes.shared_key_file and "--shared-key-file", wishes.group_key_file and "--group-key-file"]
    if all(keys):
        raise click.UsageError("--shared-key-file and --group-key-file are two keys: keep one of them")
    further = [*keys, wishes.registration and "--registration"]
    if any(further) and named and not named[0].startswith("--id-scope"):
        raise click.UsageError(
            f"{next(filter(None, further))} goes with the provisioning service, and not with {named[0]}"
        )
    for mode, pair in (("caSigned", ("authority", "authority_key")), ("files", ("cert", "key"))):
        given = [name for name in pair if getattr(wishes, name)]
        if len(given) == 1 or (not given and wishes.mode == mode):
            words = " and ".join(f"--{name.replace('_', '-')}" for name in pair)
            raise click.UsageError(f"{words} belong together" if given else f"--mode {mode} needs {words}")


def _with_mode(wishes: Wishes) -> Wishes:
    """The wishes with the mode that other options mean. UsageError where they mean another one than is given."""
    for mode, names in _OF_MODE.items():
        given = [f"--{name.replace('_', '-')}" for name in names if getattr(wishes, name)]
        if given and wishes.mode not in (None, mode):
            raise click.UsageError(f"{given[0]} goes with --mode {mode}, and not with --mode {wishes.mode}")
        if given:
            wishes = wishes._replace(mode=mode)  # type: ignore[arg-type]
    if wishes.second and wishes.mode not in (None, "selfSigned"):
        raise click.UsageError(f"--second goes with --mode selfSigned, and not with --mode {wishes.mode}")
    return wishes
