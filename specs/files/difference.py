"""The difference of one file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from evenkeel.specs.files.file import File, Form
from evenkeel.specs.plan import Difference
from evenkeel.specs.unit import Unit

Verb = Literal["create", "update", "finish", "remove", "blocked"]
"""The verbs of a plan for a file. `finish`: right already, but a proof or a clean-up is outstanding."""

STORED = "stored contents"
"""The subject of contents that nobody needs any more; no document has a name with a blank in it."""


class FileDifference(Difference, frozen=True):
    """All that differs for one file, and what has to be done.

    `file` is what is wanted, `None` when nobody wants the subject; `form` is how it has to be, `before` how it is. `fetch`
    the source into the store, `keep` what is replaced and is not evenkeel's, `write` the form beside the path, `switch` it
    into place, `adjust` owner and mode in place, `verify` it. `is_foreign`: what is there is not evenkeel's. `restores`:
    the form is the original that evenkeel has replaced. `told`, `told_units`: further containers and units that have to
    hear of a change. `renews`: units that have to hear of one that was proven before, each with whether the wanted files
    name it. `removes` are paths of files to remove; `temporaries` paths, and the names of temporary files beside each.
    `forgets`: paths of which nothing has to be remembered any more. `contents`: names in the store that nothing which is
    wanted or remembered needs.
    """

    file: File | None = None
    form: Form = Form()
    before: Form | None = None
    fetch: bool = False
    keep: bool = False
    write: bool = False
    switch: bool = False
    adjust: bool = False
    verify: bool = False
    is_foreign: bool = False
    restores: bool = False
    told: tuple[str, ...] = ()
    told_units: tuple[Unit, ...] = ()
    renews: tuple[tuple[Unit, bool], ...] = ()
    removes: tuple[str, ...] = ()
    temporaries: tuple[tuple[str, tuple[str, ...]], ...] = ()
    forgets: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()


def of_files(differences: Iterable[Difference]) -> tuple[FileDifference, ...]:
    """Those that are about files, which is all of them in this domain."""
    return tuple(each for each in differences if isinstance(each, FileDifference))
