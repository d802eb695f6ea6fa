"""The actions of a driver of files, each on one path or on the store of contents.

No action tells a content, and none of their facts a digest: a short content can be guessed from it.
"""

from __future__ import annotations

from msgspec import Struct

from evenkeel.specs.files.file import Form
from evenkeel.specs.plan import Traits
from evenkeel.specs.renewing import Renew, containers_to_notify
from evenkeel.specs.unit import Unit


class Fetch(Struct, frozen=True, tag="fetch"):
    """Read a source into the store. Disturbs nothing. `digest`: the content that was seen there."""

    source: str
    digest: str

    @property
    def traits(self) -> Traits:
        return Traits(f"read {self.source}", {"action": "fetch", "source": self.source})


class Keep(Struct, frozen=True, tag="keep"):
    """Copy what is at a path, and not evenkeel's, into the store, if it still has the form that was seen."""

    path: str
    form: Form

    @property
    def traits(self) -> Traits:
        return Traits(f"keep what is at {self.path}", {"action": "keep", "path": self.path})


class Write(Struct, frozen=True, tag="write"):
    """Write a form into the temporary file `temporary` beside a path, from `content` or from the store. Missing folders are
    made."""

    path: str
    temporary: str
    form: Form
    content: str | None = None

    @property
    def traits(self) -> Traits:
        return Traits(f"write what is to be {self.path}", {"action": "write", "path": self.path})


class Switch(Struct, frozen=True, tag="switch"):
    """Rename the temporary file into place. `replaces`: what is there and may be replaced, `None` when nothing is. `is_own`: it
    is evenkeel's, so that any file there is; else it has to have that very form."""

    path: str
    temporary: str
    form: Form
    replaces: Form | None = None
    is_own: bool = False

    @property
    def traits(self) -> Traits:
        facts = {"action": "switch", "path": self.path}
        return Traits(f"put {self.path} in place", facts, provides=(self.path,))


class Adjust(Struct, frozen=True, tag="adjust"):
    """Give the file at a path another owner, group and mode."""

    path: str
    form: Form

    @property
    def traits(self) -> Traits:
        text = f"give {self.path} the owner {self.form.uid}:{self.form.gid} and the mode {self.form.mode:04o}"
        return Traits(text, {"action": "adjust", "path": self.path})


class Verify(Struct, frozen=True, tag="verify"):
    """Read a file again and compare it. `notify`: the containers that are to be told of the change that it proves, `told`
    further ones; `units`, `told_units`: the units of systemd. `restores`: it is the original again, and not evenkeel's any
    more. `secret`: its content is one."""

    path: str
    form: Form
    notify: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    restores: bool = False
    secret: bool = False
    units: tuple[Unit, ...] = ()
    told_units: tuple[Unit, ...] = ()

    @property
    def traits(self) -> Traits:
        names = tuple(dict.fromkeys((*self.notify, *self.told)))
        return Traits(
            f"read {self.path} again",
            {"action": "verify", "path": self.path},
            notifies=containers_to_notify(names),
        )


class Remove(Struct, frozen=True, tag="remove"):
    """Remove a file that evenkeel has placed, with the temporary files beside it. Anything but a file stays. `told`,
    `told_units`: the containers and units that have to begin anew without it."""

    path: str
    told: tuple[str, ...] = ()
    told_units: tuple[Unit, ...] = ()

    @property
    def traits(self) -> Traits:
        return Traits(
            f"remove {self.path}", {"action": "remove", "path": self.path}, notifies=containers_to_notify(self.told)
        )


class Discard(Struct, frozen=True, tag="discard"):
    """Remove temporary files beside a path. `names`: theirs in the folder. `forgets`: evenkeel has nothing else there.
    `told`, `told_units`: as for `Remove`."""

    path: str
    names: tuple[str, ...]
    forgets: bool = False
    told: tuple[str, ...] = ()
    told_units: tuple[Unit, ...] = ()

    @property
    def traits(self) -> Traits:
        facts = {"action": "discard", "path": self.path}
        return Traits(f"remove temporary files beside {self.path}", facts, notifies=containers_to_notify(self.told))


class Drop(Struct, frozen=True, tag="drop"):
    """Remove contents from the store, by their names there."""

    names: tuple[str, ...]

    @property
    def traits(self) -> Traits:
        return Traits(f"drop {len(self.names)} stored contents", {"action": "drop"})


FileAction = Fetch | Keep | Write | Switch | Adjust | Verify | Remove | Discard | Drop | Renew
