"""The look of the files domain: wanted paths, and remembered ones."""

from __future__ import annotations

from evenkeel.reconcilers.files.select import FilesWanted
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FilesLook, Sought


def look(want: FilesWanted | None, memory: FilesMemory) -> FilesLook:
    """The look, in order of path. Without a want only the files that evenkeel has placed matter."""
    sought = {path: Sought(path, subject_at(path, memory), is_wanted=False) for path in remembered_paths(memory)}
    for file, _ in want.documents if want is not None else ():
        sought[file.path] = Sought(
            file.path,
            file.name,
            file.owner,
            file.group,
            file.source,
            overwrites=file.overwrite,
            secret=file.secret,
            sha256=file.sha256,
        )
    return FilesLook(files=tuple(sought[path] for path in sorted(sought)))


def remembered_paths(memory: FilesMemory) -> frozenset[str]:
    """The paths at which a file of evenkeel is, or may be."""
    return frozenset((*memory.placed, *memory.begun, *memory.prepared))


def subject_at(path: str, memory: FilesMemory) -> str:
    """The last subject of a remembered path; the path itself when that is not known any more."""
    placed = memory.placed.get(path)
    return placed.subject if placed is not None else memory.prepared.get(path, path)
