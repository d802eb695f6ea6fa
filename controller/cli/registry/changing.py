"""`evenkeel registry add` and `remove`: a document about a registry in a spec file, and the file of its password."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from evenkeel.controller.cli.options import Options, output_option, shared_options

if TYPE_CHECKING:
    from pathlib import Path

    from evenkeel.controller.cli.registry.spec_file import Asking
    from evenkeel.specs.registries.registry import Registry
    from evenkeel.specs.settings.settings import Settings

_MOST_SECRET = 64 * 1024
_FILE = click.Path(dir_okay=False)


def _absolute(ctx: click.Context, param: click.Parameter, value: str | None) -> str:
    import os
    from pathlib import Path

    return os.path.normpath(Path(value).absolute()) if value else ""


class RegistryOptions(NamedTuple):
    """The options about a registry, as they are given; empty is "not given". Files have absolute paths."""

    user: str
    password_file: str
    helper: str
    config_json: str
    ca: str
    cert: str
    key: str
    insecure: bool | None
    mirror: tuple[str, ...]
    token_realm: tuple[str, ...]
    no_credentials: bool
    no_ca: bool
    no_cert: bool
    no_mirrors: bool
    no_token_realms: bool

    @property
    def has_credentials(self) -> bool:
        return bool(self.user or self.password_file or self.helper or self.config_json)


def _together(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options about a registry together, as `given`."""

    @functools.wraps(function)
    def with_given(*args: Any, **values: Any) -> int:
        given = RegistryOptions(**{name: values.pop(name) for name in RegistryOptions._fields})
        return function(*args, given=given, **values)

    return with_given


@click.command("add")
@click.argument("host")
@click.option("--user", default="", help="The user. Without another source its password is asked for.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option(
    "--password-file", type=_FILE, callback=_absolute, help="A file that has the password; it is named, not copied."
)
@click.option("--helper", metavar="NAME", default="", help="Ask the program docker-credential-NAME at each pull.")
@click.option(
    "--config-json", type=_FILE, callback=_absolute, help="A config.json or auth.json that is read at each pull."
)
@click.option("--ca", type=_FILE, callback=_absolute, help="Authorities (PEM) to trust for this host.")
@click.option("--cert", type=_FILE, callback=_absolute, help="A certificate (PEM) that the device shows; needs --key.")
@click.option("--key", type=_FILE, callback=_absolute, help="The key (PEM) of that certificate.")
@click.option(
    "--insecure/--no-insecure",
    default=None,
    help="It may be reached without encryption, or without a valid certificate.",
)
@click.option("--mirror", metavar="URL", multiple=True, help="An address that is asked first; may be given again.")
@click.option("--token-realm", metavar="HOST", multiple=True, help="A further host that may have the credentials.")
@click.option("--no-credentials", is_flag=True, help="Ask it without credentials from now on.")
@click.option("--no-ca", is_flag=True, help="Trust the authorities of the system alone.")
@click.option("--no-cert", is_flag=True, help="Show no certificate.")
@click.option("--no-mirrors", is_flag=True, help="Ask no mirrors.")
@click.option("--no-token-realms", is_flag=True, help="Let no further hosts have the credentials.")
@click.option("--name", default="", help="The name of the document. Default: the host.")
@click.option(
    "--file",
    type=_FILE,
    default="",
    help="The spec file, one of the specs. Default: registries.yaml in their first folder.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@shared_options("config", "state", "specs")
@_together
def add(
    options: Options,
    host: str,
    name: str,
    file: str,
    yes: bool,
    output: str,
    password_stdin: bool,
    given: RegistryOptions,
) -> int:
    """Ask for a registry, or change what is asked for.

    HOST is the host, with its port, and with the beginning of a path where it is about a part of it alone, as `quay.io/org`.
    Of a registry that is asked for already the given options change, and all else stays. An option that begins with `--no-`
    takes back what was asked for. Mirrors and hosts that give tokens are given as a whole: those that are given replace the
    former ones.

    A password is never an argument, because others can see those: it is asked for on the terminal, twice, or read from
    standard input, and kept in a file below the state directory that only its owner may read.

    Exit code: 0; 1 when the specs would not be valid, or nobody has agreed.
    """
    from evenkeel.controller.cli.registry.spec_file import (
        Change,
        DocumentChange,
        carry_out,
        check,
        read_state,
        registries,
        secret_file,
    )
    from evenkeel.specs.registries.document_text import with_document, written_spec

    _check_sources(given, password_stdin=password_stdin)
    _check_taken_back(given, gives_credentials=given.has_credentials or password_stdin)
    settings = options.settings()
    place = _place(host)
    found = registries(read_state(settings))
    known = next((each for each in found if each.registry.place == place), None)
    if known is not None and name not in ("", known.registry.name):
        raise click.UsageError(f"it is asked for already, as `{known.registry.name}`")
    name = name or (known.registry.name if known is not None else _free_name(place, found))
    target = _file_of(settings, known, file)
    registry = _with_given(known.registry if known is not None else None, name, place, given)
    secrets: dict[Path, bytes] = {}
    if password_stdin or (given.user and not given.password_file):
        secret = secret_file(settings, name)
        secrets[secret] = _password(given.user, from_stdin=password_stdin) + b"\n"
        registry = _with(registry, password_file=str(secret))
    before = _text_of(target)
    after = with_document(before, name, written_spec(registry))
    former = known.registry if known is not None else None
    documents = (DocumentChange(former, registry),)
    gone = _gone(settings, former.password_file if former is not None else "", [registry, *_others(known, found)])
    change = Change(target, before, after, documents if before != after else (), secrets, gone)
    check(settings, change)
    return carry_out(settings, change, yes=yes, output=output)


@click.command("remove")
@click.argument("name", metavar="NAME|HOST")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@output_option
@shared_options("config", "state", "specs")
def remove(options: Options, name: str, yes: bool, output: str) -> int:
    """Ask for a registry no longer.

    Its document is removed from its file, and the file of its password if `evenkeel registry` has made that. The
    controller takes its values out of force.

    Exit code: 0; 1 for an unknown name, and when nobody has agreed.
    """
    from evenkeel.controller.cli.registry.spec_file import (
        Change,
        DocumentChange,
        carry_out,
        check,
        named,
        read_state,
        registries,
    )
    from evenkeel.specs.registries.document_text import without_document

    settings = options.settings()
    found = registries(read_state(settings))
    one = named(name, found)
    target = _file_of(settings, one, "")
    before = _text_of(target)
    gone = _gone(settings, one.registry.password_file, _others(one, found))
    after, documents = without_document(before, one.registry.name), (DocumentChange(one.registry, None),)
    change = Change(target, before, after, documents, gone=gone)
    check(settings, change)
    return carry_out(settings, change, yes=yes, output=output)


def _check_sources(given: RegistryOptions, *, password_stdin: bool) -> None:
    from evenkeel.specs.registries.login import user_fault

    if fault := user_fault(given.user):
        raise click.UsageError(f"--user: {fault}; give the user alone, the password is asked for")
    options = {"--password-stdin": password_stdin, "--password-file": bool(given.password_file)}
    options |= {"--helper": bool(given.helper), "--config-json": bool(given.config_json)}
    named = [option for option, is_given in options.items() if is_given]
    if len(named) > 1:
        raise click.UsageError(f"the credentials come from one place: {' and '.join(named)} are several")
    if named and named[0].startswith("--password") and not given.user:
        raise click.UsageError(f"{named[0]} needs --user")
    if given.user and named and not named[0].startswith("--password"):
        raise click.UsageError(f"{named[0]} has the user, too; leave --user out")


def _check_taken_back(given: RegistryOptions, *, gives_credentials: bool) -> None:
    clashes = {
        "--no-credentials": given.no_credentials and gives_credentials,
        "--no-ca": given.no_ca and given.ca,
        "--no-cert": given.no_cert and (given.cert or given.key),
        "--no-mirrors": given.no_mirrors and given.mirror,
        "--no-token-realms": given.no_token_realms and given.token_realm,
    }
    for option, clash in clashes.items():
        if clash:
            raise click.UsageError(f"{option} takes back what another option gives; leave one of them out")


def _others(one: Asking | None, found: tuple[Asking, ...]) -> list[Registry]:
    return [each.registry for each in found if each is not one]


def _gone(settings: Settings, secret: str, wanted: list[Registry]) -> tuple[Path, ...]:
    """The file of a password that evenkeel has made and that none of the registries needs."""
    from pathlib import Path

    from evenkeel.controller.cli.registry.spec_file import is_own_secret

    is_needed = any(each.password_file == secret for each in wanted)
    return (Path(secret),) if is_own_secret(settings, secret) and not is_needed and Path(secret).exists() else ()


def _place(host: str) -> str:
    from evenkeel.specs.registries.registry import WebPage, written_place

    if "@" in host:
        raise click.UsageError("a host is no place for a user and a password; --user asks for the password")
    try:
        return written_place(host)
    except WebPage as error:
        raise click.UsageError(f"{error}; write {error.place}") from None
    except ValueError as error:
        raise click.UsageError(f"{error}; write for example registry.example:5000") from None


def _free_name(place: str, found: tuple[Asking, ...]) -> str:
    from evenkeel.specs.registries.entry import subject_names

    return dict(subject_names([place], {each.registry.name for each in found}))[place]


def _file_of(settings: Settings, known: Asking | None, given: str) -> Path:
    """The spec file of a document. EvenkeelError where it is not a file of documents."""
    from pathlib import Path

    from evenkeel.controller.cli.registry.spec_file import spec_file
    from evenkeel.specs.errors import EvenkeelError
    from evenkeel.specs.problem import place_text

    if known is None:
        return spec_file(settings, given)
    file = Path(known.document.place.file)
    place = place_text(known.document.place)
    if known.document.place.file in settings.registries.kanto:
        raise EvenkeelError(
            f"registry:{known.registry.place}", f"Kanto's file asks for it, at {place}; change it there"
        )
    if given and Path(given).absolute() != file:
        raise EvenkeelError(
            f"registry:{known.registry.place}", f"it is asked for already, at {place}; leave --file out"
        )
    if file.suffix.lower() == ".json":
        raise EvenkeelError(f"registry:{known.registry.place}", f"its file is JSON, at {place}; change it by hand")
    return file


def _text_of(file: Path) -> str:
    from evenkeel.controller.cli.registry.spec_file import text_of

    return text_of(file)


def _with_given(known: Registry | None, name: str, place: str, given: RegistryOptions) -> Registry:
    """The registry with what was given; credentials, certificates and mirrors are each given as a whole."""
    from evenkeel.specs.registries.registry import Registry

    found = known or Registry(name, place)
    if given.has_credentials or given.no_credentials:
        found = _with(
            found,
            user=given.user,
            user_file="",
            password_file=given.password_file,
            helper=given.helper,
            config=given.config_json,
        )
    if given.ca or given.no_ca:
        found = _with(found, ca=given.ca)
    if given.cert or given.key or given.no_cert:
        found = _with(found, certificate=given.cert, key=given.key)
    if given.insecure is not None:
        found = _with(found, insecure=given.insecure)
    if given.mirror or given.no_mirrors:
        found = _with(found, mirrors=given.mirror)
    if given.token_realm or given.no_token_realms:
        found = _with(found, realms=given.token_realm)
    return found


def _with(registry: Registry, **values: Any) -> Registry:
    from evenkeel.specs.codec import changed

    return changed(registry, **values)


def _password(user: str, *, from_stdin: bool) -> bytes:
    """The password, in one line. UsageError for what no password can be."""
    from evenkeel.specs.registries.login import is_password

    if from_stdin:
        content = sys.stdin.buffer.read(_MOST_SECRET + 1)
    elif sys.stdin.isatty():
        text = click.prompt(f"Password of {user}", hide_input=True, confirmation_prompt="Once more", err=True)
        content = str(text).encode(errors="surrogateescape")
    else:
        raise click.UsageError("nobody can be asked for the password here; --password-stdin or --password-file has it")
    found = content.removesuffix(b"\n").removesuffix(b"\r")
    if not found:
        raise click.UsageError("the password is empty")
    try:
        is_sound = len(content) <= _MOST_SECRET and is_password(found.decode())
    except UnicodeDecodeError:
        is_sound = False
    if not is_sound:
        raise click.UsageError("expected a password as UTF-8 text in one line, without control characters")
    return found
