"""Ownership of files. evenkeel touches files that it has placed, and no others without a document that overwrites
them."""

from __future__ import annotations

from evenkeel.specs.files.file import form_name
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FileSeen


def is_own(seen: FileSeen, memory: FilesMemory) -> bool:
    """Whether the file at a path is evenkeel's: evenkeel has placed a file there, whatever its content is by now; or it
    has exactly the form that evenkeel was about to place when it was interrupted. A symbolic link, or anything else, in
    the place of a file is not."""
    begun = memory.begun.get(seen.path, "")
    if seen.kind == "file":
        return seen.path in memory.placed or (begun != "" and begun.startswith(f"{seen.form.digest} "))
    return seen.kind == "link" and begun == form_name(seen.form)


def is_open(seen: FileSeen, memory: FilesMemory) -> bool:
    """Whether the digest of what is there may be told: it was read back as what somebody asked for, and not as a secret.
    A file that others have made, or edited, may hold anything."""
    placed = memory.placed.get(seen.path)
    return placed is not None and placed.is_open and is_own(seen, memory) and is_proven(seen, memory)


def is_proven(seen: FileSeen, memory: FilesMemory) -> bool:
    """Whether the form of an own file was read back since evenkeel changed it last."""
    name, placed = form_name(seen.form), memory.placed.get(seen.path)
    return placed is not None and placed.proven == name and memory.begun.get(seen.path) != name
