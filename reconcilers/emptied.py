"""What files no longer ask for, and whether that looks like an accident.

A folder that is not mounted is an empty folder, and nothing in it says so. Therefore a path that asked for containers and
now asks for none is taken for an accident, be it the only path or one of several; one file of several that is removed from
a folder is taken for a wish, and so is a container that another file asks for from now on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import DesiredState, Document


def lost(before: DesiredState | None, now: DesiredState) -> tuple[str, ...]:
    """Names of the containers that were asked for before and are not now."""
    if before is None or before.digest == now.digest:
        return ()
    kept = now.containers()
    return tuple(name for name in before.containers() if name not in kept)


def emptied(before: DesiredState | None, now: DesiredState, paths: Sequence[str]) -> tuple[str, ...]:
    """Those of the `paths` that asked for containers before and ask for none now, so that some would go."""
    gone = lost(before, now)
    if before is None or not gone:
        return ()
    asking = {_path_of(document, paths) for document in _containers(now)}
    asked = {_path_of(document, paths) for document in _containers(before) if document.name in gone}
    return tuple(path for path in dict.fromkeys(paths) if path in asked and path not in asking)


def _containers(state: DesiredState) -> list[Document]:
    return [document for document in state.documents if isinstance(document.wanted, Container)]


def _path_of(document: Document, paths: Sequence[str]) -> str | None:
    """The one of the paths that a document was found by: its file, or the folder nearest to it."""
    around = [path for path in paths if PurePath(document.place.file).is_relative_to(path)]
    return max(around, key=len, default=None)
