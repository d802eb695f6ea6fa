"""The meaning of an observation beyond differences: originals to go back to, and files that are gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evenkeel.reconcilers.files.ownership import is_own
from evenkeel.reconcilers.ports import Ailment
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.files.difference import FileDifference
from evenkeel.specs.files.file import USUAL_MODE, File, Form
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FileSeen, FilesSeen


def as_found(seen: FilesSeen, memory: FilesMemory | None) -> DesiredState | None:
    """The files that a first revision may overwrite, as a desired state. Without a memory, all files of the look: where
    no stored state tells what is in force, files that evenkeel has placed stay as they are."""
    files = [each for each in seen.files if each.kind in ("file", "link") and _counts(each, memory)]
    return (
        desired_state([_original(each.subject, each.path, each.form, secret=each.secret) for each in files])
        if files
        else None
    )


def _counts(there: FileSeen, memory: FilesMemory | None) -> bool:
    if memory is None:
        return there.kind == "file"
    return there.is_wanted and there.overwrites and there.path not in memory.placed and not is_own(there, memory)


def superseded(differences: Sequence[FileDifference]) -> tuple[Document, ...]:
    """The foreign files that are overwritten, as documents to go back to."""
    return tuple(
        _original(each.subject, each.file.path, each.before, each.file.notify, secret=each.file.secret)
        for each in differences
        if each.file is not None and each.before is not None and each.is_foreign and each.switch
    )


def _original(subject: str, path: str, form: Form, notify: tuple[str, ...] = (), *, secret: bool) -> Document:
    """A document for exactly this form, whose content is in the store. The original of a secret file is as secret."""
    if form.link:
        return Document("File", subject, File(subject, path, link=form.link, mode=USUAL_MODE, notify=notify))
    owner, group = str(form.uid), str(form.gid)
    wanted = File(
        subject, path, sha256=form.digest, owner=owner, group=group, mode=form.mode, secret=secret, notify=notify
    )
    return Document("File", subject, wanted)


def down(seen: FilesSeen, expected: Iterable[str]) -> dict[str, Ailment]:
    """The expected files that are absent. Their absence does not refute a change."""
    there = {each.subject for each in seen.files if each.kind != "absent" and each.is_wanted}
    missing = () if seen.only else sorted(set(expected) - there)
    return {subject: Ailment("is not there", refutes=False) for subject in missing}
