"""Removals from files, and which of them look like an accident.

A folder that is not mounted is an empty folder, and nothing in it says so. Therefore a path that had documents and now
has none is taken for an accident, be it the only path or one of several. One file of several that is removed from a
folder is meant, and so is a document that moves to another file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from evenkeel.specs.desired import DesiredState, Document


def lost(before: DesiredState | None, now: DesiredState) -> tuple[str, ...]:
    """Names of documents that the state before had and the new state has not."""
    return tuple(document.name for document in _gone(before, now))


def emptied(before: DesiredState | None, now: DesiredState, paths: Sequence[str]) -> tuple[str, ...]:
    """The `paths` that had documents before and have none now, so that some of them would be removed."""
    asked = {_path_of(document, paths) for document in _gone(before, now)}
    asking = {_path_of(document, paths) for document in now.subjects().values()} if asked else set()
    return tuple(path for path in dict.fromkeys(paths) if path in asked and path not in asking)


def _gone(before: DesiredState | None, now: DesiredState) -> list[Document]:
    if before is None or before.digest == now.digest:
        return []
    kept = now.subjects()
    return [document for subject, document in before.subjects().items() if subject not in kept]


def _path_of(document: Document, paths: Sequence[str]) -> str | None:
    """The path by which a document was found: its file, or the folder nearest to it."""
    around = [path for path in paths if PurePath(document.place.file).is_relative_to(path)]
    return max(around, key=len, default=None)
