"""The differences between the files that are wanted and those that are there.

Nothing here depends on the progress of an earlier cycle: a prepared file is seen beside its path, and a file that was
placed and not proven yet is in the memory.

INV-07  files and symbolic links that evenkeel did not place are never changed or removed, but where a document overwrites them
"""

from __future__ import annotations

from collections.abc import Iterator
from posixpath import basename

from evenkeel.reconcilers.files.look import remembered_paths, subject_at
from evenkeel.reconcilers.files.ownership import is_open, is_own, is_proven
from evenkeel.reconcilers.files.select import FilesWanted
from evenkeel.reconcilers.files.telling import changes, foreign_text, source_text
from evenkeel.specs.codec import changed
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.files.difference import STORED, FileDifference
from evenkeel.specs.files.file import MOST_SOURCE, File, Form, digest_of, form_name, temporary_name
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FileSeen, FilesSeen
from evenkeel.specs.plan import Change
from evenkeel.specs.problem import Place
from evenkeel.specs.unit import Unit


def diff(want: FilesWanted, seen: FilesSeen, memory: FilesMemory) -> tuple[FileDifference, ...]:
    """In order of subject; a file without difference is absent."""
    at = {each.path: each for each in seen.files}
    found: dict[str, FileDifference] = {}
    for file, document in want.documents:
        there = at.get(file.path)
        difference = _wanted(file, document, there, seen, memory) if there is not None else None
        if difference is not None:
            found[file.name] = difference
    subjects = want.subjects
    for path in sorted(remembered_paths(memory) - {file.path for file, _ in want.documents}):
        left = _unwanted(at[path], memory, subjects) if path in at else None
        if left is not None:
            found[left.subject] = _joined(found[left.subject], left) if left.subject in found else left
    found = with_former_places(_without_folders_for_files(found, memory), memory)
    _add_renewals(found, want, memory)
    unneeded = () if seen.only else _unneeded(want, seen, memory)
    if unneeded:
        count = "a stored content" if len(unneeded) == 1 else f"{len(unneeded)} stored contents"
        found[STORED] = FileDifference(STORED, "remove", f"nothing needs {count} any more", contents=unneeded)
    return tuple(found[subject] for subject in sorted(found))


def _without_folders_for_files(found: dict[str, FileDifference], memory: FilesMemory) -> dict[str, FileDifference]:
    """The differences, blocked where a folder would take the place of a file that was placed: no way back could make a file of
    the folder again. The file stays there, too, until a revision asks for neither."""
    more: dict[str, FileDifference] = {}
    for subject, each in found.items():
        path = each.file.path if each.file is not None else ""
        around = next((folder for folder in folders_above(path) if folder in memory.placed), None)
        if around is None:
            continue
        owner = memory.placed[around].subject
        rule = "evenkeel makes no folder of a file in one revision"
        why = f"{around} is a file{'' if owner == subject else f' of {owner}'}: {rule}"
        more[subject] = FileDifference(subject, "blocked", why, file=each.file, asked=each.asked)
        if owner in found and around in found[owner].removes:
            left, why = found[owner], f"{subject} is asked for below {around}: {rule}"
            more[owner] = FileDifference(owner, "blocked", why, file=left.file, asked=left.asked)
    return found | more


def folders_above(path: str) -> Iterator[str]:
    """The folders on the way to a path, the nearest first."""
    while path := path.rpartition("/")[0]:
        yield path


def _add_renewals(found: dict[str, FileDifference], want: FilesWanted, memory: FilesMemory) -> None:
    """Add the units that have not heard of a change yet, to the subject that was changed. One that is named again hears of the
    newer change instead."""
    asked = {unit.name for file, _ in want.documents for unit in file.units}
    for name, renewal in sorted(memory.renewals.items()):
        unit, subject = Unit(name, renewal.reload), renewal.subject
        why = f"{name} has not heard of its change yet"
        there = found.get(subject) or FileDifference(subject, "finish", why, asked=_place(subject, want))
        if there.verb != "blocked":
            found[subject] = changed(there, renews=(*there.renews, (unit, name in asked)))


def _place(subject: str, want: FilesWanted) -> Place:
    return next((document.place for file, document in want.documents if file.name == subject), Place())


def with_former_places(found: dict[str, FileDifference], memory: FilesMemory) -> dict[str, FileDifference]:
    """The differences, blocked where a file wants the place that a blocked file still has: that one has no other."""
    blocked = {subject for subject, each in found.items() if each.verb == "blocked"}
    while blocked:
        more = {}
        for subject, each in found.items():
            placed = memory.placed.get(each.file.path) if each.file is not None else None
            if placed is not None and placed.subject in blocked - {subject} and subject not in blocked:
                why = f"its place is still that of {placed.subject}, which is blocked"
                more[subject] = FileDifference(subject, "blocked", why, file=each.file, asked=each.asked)
        found, blocked = found | more, set(more)
    return found


def _wanted(
    file: File, document: Document, there: FileSeen, seen: FilesSeen, memory: FilesMemory
) -> FileDifference | None:
    def blocked(why: str, key: str = "path") -> FileDifference:
        return FileDifference(file.name, "blocked", why, file=file, asked=asked_at(document, key))

    if there.refused or there.trouble:
        return blocked(there.refused or there.trouble)
    if there.kind in ("folder", "special"):
        what = "a folder" if there.kind == "folder" else "a device, a socket or a pipe"
        return blocked(f"{file.path} is {what}, which evenkeel never replaces")
    if file.source and not file.sha256 and there.source is not None and there.source.why:
        return blocked(source_text(file, there), "source")
    form = _form(file, there)
    temporary = temporary_name(basename(file.path), form)
    own, original = is_own(there, memory), memory.originals.get(file.path)
    placed = memory.placed.get(file.path)
    restores = original == form and file.content is None and not file.source
    found = FileDifference(
        file.name,
        "finish",
        "it is in place, and was not read back yet",
        asked=document.place,
        file=file,
        form=form,
        before=None if there.kind == "absent" else there.form,
        is_foreign=there.kind != "absent" and not own,
        restores=restores,
        told=placed.notify if restores and placed is not None else (),
        told_units=placed.units if placed is not None else (),
        temporaries=_temporaries(there, but=temporary),
    )
    if there.kind != "absent" and there.form == form:
        if own and not is_proven(there, memory):
            return changed(found, verify=True, temporaries=_temporaries(there))
        why = "temporary files of an interrupted change are left beside it"
        left = _temporaries(there)
        return changed(found, why=why, temporaries=left) if left else None
    found = changed(
        found,
        changes=changes(file, document, there, form, is_open=is_open(there, memory)) if there.kind != "absent" else (),
        verify=True,
    )
    if found.is_foreign:
        why = _not_to_overwrite(file, there, form, memory)
        if why:
            return blocked(why)
        is_kept = original == there.form and (there.kind == "link" or there.form.digest in seen.stored)
        found = changed(found, keep=not is_kept)
    if own and there.kind == "file" and there.form.digest == form.digest and not form.link:
        return changed(found, verb="update", why=_why(found), adjust=True, temporaries=_temporaries(there))
    write = all((each.name, each.form) != (temporary, form) for each in there.temporaries)
    fetch = write and file.content is None and not form.link and form.digest not in seen.stored
    if fetch and (there.source is None or there.source.digest != form.digest):
        return blocked(source_text(file, there), "sha256" if file.sha256 else "source")
    verb, why = ("create", _absent_text(there)) if there.kind == "absent" else ("update", _why(found))
    if found.is_foreign:
        why = "it replaces a link or a file that evenkeel did not make, and keeps that one"
    return changed(found, verb=verb, why=why, fetch=fetch, write=write, switch=True)


def _form(file: File, there: FileSeen) -> Form:
    """The wanted form of a file."""
    if file.link:
        return Form(link=file.link)
    if file.content is not None:
        digest = digest_of(file.content.encode())
    else:
        digest = file.sha256 or (there.source.digest if there.source is not None else "")
    return Form(digest, there.uid, there.gid, file.mode)


def _why(found: FileDifference) -> str:
    return ", ".join(each.why for each in found.changes)


def _absent_text(there: FileSeen) -> str:
    why = "it is asked for and not there"
    return f"{why}; the folder {there.missing} is made, too" if there.missing else why


def _not_to_overwrite(file: File, there: FileSeen, form: Form, memory: FilesMemory) -> str:
    """The reason why a foreign file is not replaced; "" when it may be."""
    if not file.overwrite:
        return foreign_text(file, there, form)
    if there.size > MOST_SOURCE:
        return (
            f"{file.path} is larger than {MOST_SOURCE >> 20} MiB; evenkeel could not keep it, and does not overwrite it"
        )
    elsewhere = sorted(p for p, each in memory.placed.items() if each.subject == file.name and p != file.path)
    if elsewhere:  # a way back could not ask for both, the former file and the original, under one name
        what = f"it is placed at {elsewhere[0]}, and {file.path} is not evenkeel's"
        return f"{what}; ask for it in a document with another name"
    return ""


def _unwanted(there: FileSeen, memory: FilesMemory, wanted: dict[str, File]) -> FileDifference | None:
    """The difference at a path that no document has any more."""
    path, subject = there.path, subject_at(there.path, memory)
    placed, is_moved = memory.placed.get(path), subject in wanted
    told, units = (placed.notify, placed.units) if placed is not None else ((), ())
    if there.trouble or there.refused:
        why = f"it cannot be removed: {there.trouble}"
        is_stuck = there.trouble and placed is not None and not is_moved
        return FileDifference(subject, "blocked", why) if is_stuck else None
    if is_own(there, memory):
        why = "nobody asks for it any more"
        if placed is not None and placed.proven and placed.proven != form_name(there.form):
            why += "; somebody else has changed it since it was placed"
        if is_moved:
            return FileDifference(
                subject, "finish", f"its former file {path} is left", removes=(path,), told=told, told_units=units
            )
        return FileDifference(subject, "remove", why, before=there.form, removes=(path,), told=told, told_units=units)
    left = _temporaries(there)
    if there.missing:
        return None  # it may be on a disk that is not mounted
    why = (
        f"temporary files of an interrupted change are left beside {path}" if left else f"{path} is not there any more"
    )
    return FileDifference(subject, "finish", why, temporaries=left, forgets=(path,), told=told, told_units=units)


def _joined(difference: FileDifference, left: FileDifference) -> FileDifference:
    """A difference joined with that of the same subject at its former path. While it cannot be placed, its former file
    stays."""
    if difference.verb == "blocked" or left.verb == "blocked":
        return difference
    file = difference.file
    moves = [
        Change(file.name, "path", path, file.path, "the path differs", difference.asked)
        for path in left.removes
        if file is not None
    ]
    return changed(
        difference,
        changes=(*moves, *difference.changes),
        removes=(*difference.removes, *left.removes),
        temporaries=(*difference.temporaries, *left.temporaries),
        forgets=(*difference.forgets, *left.forgets),
        told=tuple(dict.fromkeys((*difference.told, *left.told))),
        told_units=tuple(dict.fromkeys((*difference.told_units, *left.told_units))),
    )


def _temporaries(there: FileSeen, but: str = "") -> tuple[tuple[str, tuple[str, ...]], ...]:
    names = tuple(each.name for each in there.temporaries if each.name != but)
    return ((there.path, names),) if names else ()


def _unneeded(want: FilesWanted, seen: FilesSeen, memory: FilesMemory) -> tuple[str, ...]:
    """Names in the store that neither this want nor an original needs."""
    sources = {each.source.digest for each in seen.files if each.source is not None}
    kept = {each.digest for each in memory.originals.values()}
    names = dict.fromkeys((*seen.stored, *memory.stored))
    return tuple(name for name in names if name not in sources | kept | want.pinned)
