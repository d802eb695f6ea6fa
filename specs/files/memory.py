"""The memory of files: facts that no look can tell."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct, field

from evenkeel.specs.files.file import File, Form
from evenkeel.specs.memory import Memory
from evenkeel.specs.renewing import Renewal
from evenkeel.specs.unit import Unit


class Placed(Struct, frozen=True):
    """A file that evenkeel has placed. `proven` names the form (`file.form_name`) that was read back, "" while none was
    since the last change. `notify`, `units`: the containers and units that heard of it last. `is_open`: the form that was
    read back was asked for as no secret, so that its digest may be told."""

    subject: str
    proven: str = ""
    notify: tuple[str, ...] = ()
    is_open: bool = False
    units: tuple[Unit, ...] = ()


class FilesMemory(Memory, frozen=True):
    """The facts of the files domain, by path.

    `placed`: files that evenkeel has placed; a file that is there is its own. `begun` names the form that was about to
    be placed and is not proven yet: a file of that form is evenkeel's own, too, so that a crash right after the
    switch ends with a proof and a notification. `prepared`: subjects of paths beside which temporary files may be.
    `originals`: what was there before evenkeel replaced it, with its content in the store. `stored`: digests of contents that
    were put into the store, so that the store is emptied before the domain is idle. `renewals`: units, by name, that have to
    hear of a change which was proven, from that proof until they have.
    """

    domain: ClassVar[str] = File.domain

    placed: dict[str, Placed] = field(default_factory=dict)
    begun: dict[str, str] = field(default_factory=dict)
    prepared: dict[str, str] = field(default_factory=dict)
    originals: dict[str, Form] = field(default_factory=dict)
    stored: tuple[str, ...] = ()
    renewals: dict[str, Renewal] = field(default_factory=dict)
