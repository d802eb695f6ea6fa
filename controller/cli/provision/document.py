"""The document of an identity in its spec file: what changes, whether that can be, and the writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evenkeel.controller.cli.output import echo
from evenkeel.specs.errors import EvenkeelError
from evenkeel.specs.provisioning.wishes import KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from evenkeel.controller.cli.provision.questions import Replies
    from evenkeel.specs.desired import DesiredState, Document
    from evenkeel.specs.plan import Action
    from evenkeel.specs.provisioning.connection_string import ConnectionString
    from evenkeel.specs.provisioning.memory import ProvisioningMemory
    from evenkeel.specs.provisioning.provisioning import Provisioning
    from evenkeel.specs.settings.settings import Settings

FILE = "provisioning.yaml"
USUAL_NAME = "device"
_SECRETS = ("secrets", "provisioning")


class Change(NamedTuple):
    """The change of one document: its spec file, the text before and after, and the files of connection strings that come and
    go. `wanted`: the identity as it will be asked for."""

    name: str
    file: Path
    before: str
    after: str
    wanted: Provisioning
    secrets: Mapping[Path, bytes]
    gone: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        return f"Change({self.name!r}, {self.file!r}, …)"

    @property
    def is_empty(self) -> bool:
        return self.before == self.after and not self.secrets


def secret_file(settings: Settings, name: str) -> Path:
    """The file of a connection string that was typed or piped, by the name of the document."""
    return Path(settings.state).joinpath(*_SECRETS, name)


def change_for(settings: Settings, name: str, asked: Replies, file: str) -> Change:
    """The change that says what was asked for; SpecError and EvenkeelError where it cannot be, and nothing is written."""
    from evenkeel.controller.cli.spec_text import check_text, holds, read_state, text_of
    from evenkeel.controller.provisioning_wiring import USUAL_FOLDER
    from evenkeel.specs.documents.document_text import spec_in, with_document
    from evenkeel.specs.provisioning.wishes import spec_with

    state = read_state(settings)
    known = _document(state, name)
    name = known.name if known is not None else name or USUAL_NAME
    target = _file_of(settings, known, file)
    wishes, secrets = asked.wishes, dict[Path, bytes]()
    if asked.text:
        secret = secret_file(settings, name)
        secrets = {secret: f"{asked.text}\n".encode()}
        secrets = {path: content for path, content in secrets.items() if not holds(path, content)}
        wishes = wishes._replace(connection_file=str(secret))
    before = text_of(target)
    spec = spec_in(before, KIND, name)
    new = spec_with(spec, wishes, USUAL_FOLDER)
    after = before if known is not None and new == spec else with_document(before, KIND, name, new)
    desired = check_text(settings, target, after)
    found = _document(desired, name)
    assert found is not None
    wanted: Provisioning = found.wanted  # type: ignore[assignment]
    connection = wanted.azure.connection_string if wanted.azure is not None else ""
    own = secret_file(settings, name)
    gone = (own,) if str(own) != connection and own.exists() else ()
    return Change(name, target, before, after, wanted, secrets, gone)


def _document(state: DesiredState, name: str) -> Document | None:
    """The document of this name, or the only one; `None` for a new one. UsageError where one of several is meant."""
    from evenkeel.controller.cli.identity import picked_name

    found = {each.name: each for each in state.documents if each.kind == KIND}
    if name:
        return found.get(name)
    return found.get(picked_name(tuple(found), ""))


def _file_of(settings: Settings, known: Document | None, given: str) -> Path:
    """The spec file of a document. EvenkeelError where it is not a file of documents."""
    from evenkeel.controller.cli.spec_text import file_for
    from evenkeel.specs.problem import place_text

    if known is None:
        return file_for(settings, given, FILE)
    file, place = Path(known.place.file), place_text(known.place)
    if given and Path(given).absolute() != file:
        raise EvenkeelError(f"identity:{known.name}", f"it is asked for already, at {place}; leave --file out")
    if file.suffix.lower() == ".json":
        raise EvenkeelError(f"identity:{known.name}", f"its file is JSON, at {place}; change it by hand")
    return file


_LAST_S = 253_402_300_799.0
"""The last second that a certificate can name: the end of 9999 (RFC 5280 §4.1.2.5)."""
_ONE = "`evenkeel provision --mode selfSigned` makes one"


async def check_possible(settings: Settings, change: Change, connection: ConnectionString | None) -> None:
    """EvenkeelError with the reason why the identity cannot be had on this device. `connection`: a connection string that is
    in no file yet. Asks no cloud."""
    from evenkeel.controller.cli.reaching import open_domain
    from evenkeel.reconcilers.provisioning import ProvisioningDecisions
    from evenkeel.specs.codec import changed
    from evenkeel.specs.desired import Document, desired_state
    from evenkeel.specs.provisioning.difference import of_provisioning
    from evenkeel.specs.provisioning.memory import ProvisioningMemory

    wanted, decisions = change.wanted, ProvisioningDecisions()
    if connection is not None:
        wanted = changed(wanted, azure=None)
    state = desired_state([Document(KIND, wanted.name, wanted)])
    want, memory = decisions.select(state), _memory(settings, ProvisioningMemory)
    async with open_domain(settings, wanted.domain) as domain:
        seen = await domain.driver.observe(decisions.look(want, memory))
    there = seen.of(wanted.name)
    assert there is not None
    element, identity = f"identity:{wanted.name}", there.id.id
    device = connection.device if connection is not None else there.azure.device
    if device and identity and device != identity:
        why = f"the connection string is for the device {device}, and this one is {identity}"
        raise EvenkeelError(element, f"{why}; `evenkeel provision --device-id {device}` gives it that id")
    if connection is not None and connection.means == "certificate" and wanted.certificate is None:
        raise EvenkeelError(element, f"the connection string has no key, so that a certificate is needed; {_ONE}")
    differences = of_provisioning(decisions.diff(want, seen, memory))
    for each in differences:
        if each.verb == "blocked":
            raise EvenkeelError(element, each.why)
    made = [action for each in differences if each.subject == wanted.name for action in each.due.fetch]
    if flaw := _unmakeable(settings, wanted.folder, made):
        raise EvenkeelError(element, flaw)


def _unmakeable(settings: Settings, folder: str, actions: Iterable[Action]) -> str:
    """The reason why what lies in the folder of an identity cannot be made, or ""."""
    import os

    from evenkeel.controller.provisioning_wiring import host_path
    from evenkeel.specs.provisioning.actions import KeepId, Make, Request

    made = [each for each in actions if isinstance(each, KeepId | Make | Request)]
    if any(isinstance(each, Make) and each.subject.ends_s > _LAST_S for each in made):
        return "no certificate can be made: it would end after the year 9999, if the clock is right"
    path = host_path(settings, folder)
    while made and not os.path.lexists(path):
        path = path.parent
    if not made or (path.is_dir() and os.access(path, os.W_OK | os.X_OK)):
        return ""
    return f"{folder} cannot be written: {path} is {'not writable' if path.is_dir() else 'no folder'}; name one with --folder"


def _memory(settings: Settings, kind: type[ProvisioningMemory]) -> ProvisioningMemory:
    from contextlib import closing

    from evenkeel.controller.journal.journal import read_journal

    with closing(read_journal(Path(settings.state))) as journal:
        return journal.memories.of(kind)


def say_change(change: Change) -> None:
    """Show what changes: the document, and the names of files that have secrets."""
    from evenkeel.controller.cli.spec_text import differing_lines
    from evenkeel.specs.documents.document_text import document_in

    old, new = (document_in(text, KIND, change.name) for text in (change.before, change.after))
    if old != new:
        echo(f"{change.file}:" if change.before else f"{change.file} (new):")
        for line in differing_lines(old, new):
            echo(f"  {line}")
    for file in change.secrets:
        echo(f"{file}: the connection string ({'changes' if file.exists() else 'new'}, not shown)")
    for file in change.gone:
        echo(f"{file}: removed")
    azure = change.wanted.azure
    named = azure.connection_string if azure is not None else ""
    if named and Path(named) not in change.secrets and _others_read(Path(named)):
        echo(f"warning: others may read {named}; `chmod 600` keeps the connection string to its owner", err=True)


def _others_read(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & 0o077)
    except OSError:
        return False


def say_take_back(change: Change) -> None:
    """Say what was written although the identity cannot be had, and how to take that back."""
    file = change.file
    if not change.before:
        way = f"remove {file}"
    else:
        way = f"take the change of {change.name} back that is shown above"
    echo(f"Note: {file} is written, and goes on asking for this; to take it back, {way}.", err=True)
    for secret in change.secrets:
        echo(f"Note: {secret} is written, too.", err=True)


def write_change(change: Change) -> None:
    """Write the spec file and the files of secrets."""
    from evenkeel.controller.cli.spec_text import write

    write(change.file, change.before, change.after, change.secrets, change.gone)
