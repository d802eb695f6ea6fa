"""The files of a desired state."""

from __future__ import annotations

from typing import NamedTuple

from evenkeel.specs.desired import DesiredState, Document
from evenkeel.specs.files.file import File


class FilesWanted(NamedTuple):
    """Files in order of name, with their documents."""

    documents: tuple[tuple[File, Document], ...] = ()

    @property
    def subjects(self) -> dict[str, File]:
        """The wanted files, by name."""
        return {file.name: file for file, _ in self.documents}

    @property
    def protected(self) -> tuple[str, ...]:
        """No file is protected by its name."""
        return ()

    @property
    def pinned(self) -> frozenset[str]:
        """The digests of contents that are wanted by their digest."""
        return frozenset(file.sha256 for file, _ in self.documents if file.sha256)


def select(desired: DesiredState) -> FilesWanted:
    """The files of a desired state."""
    return FilesWanted(
        tuple((document.wanted, document) for document in desired.documents if isinstance(document.wanted, File))
    )
