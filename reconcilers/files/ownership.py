"""Whose a file is. evenkeel touches what it has placed, and nothing else unless it was told to."""

from __future__ import annotations

from evenkeel.specs.files.file import form_name
from evenkeel.specs.files.memory import FilesMemory
from evenkeel.specs.files.observed import FileSeen


def is_own(seen: FileSeen, memory: FilesMemory) -> bool:
    """Whether what is at a path is evenkeel's: it has placed a file there, whatever is in it by now; or what is there is just
    what it was about to place when it was interrupted. A symbolic link, or anything else, where a file was placed is not."""
    begun = memory.begun.get(seen.path, "")
    if seen.kind == "file":
        return seen.path in memory.placed or (begun != "" and begun.startswith(f"{seen.form.digest} "))
    return seen.kind == "link" and begun == form_name(seen.form)


def is_proven(seen: FileSeen, memory: FilesMemory) -> bool:
    """Whether the form of an own file was read back since evenkeel changed it last."""
    name, placed = form_name(seen.form), memory.placed.get(seen.path)
    return placed is not None and placed.proven == name and memory.begun.get(seen.path) != name
