"""The written form of files: the shape behind `kind: File`. `specs.files.documents` gives it its meaning, and has the
words for texts that do not have their form: the patterns here are for editors."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from evenkeel.specs.documents.on_host import MODE_PATTERN, OWNER_PATTERN
from evenkeel.specs.documents.written import AbsolutePath, Name
from evenkeel.specs.files.file import MOST_CONTENT
from evenkeel.specs.unit import UnitSpec

DIGEST_PATTERN = "^[0-9a-f]{64}$"


class FileSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """A file of the host, for example one that a container mounts. Give exactly one of `content`, `source`."""

    path: Annotated[
        AbsolutePath,
        Meta(
            description="The path on the host, without symbolic links on its way. Missing folders are made (`0755`), but not in"
            " the place of a file that is asked for, was until now, or is in last-good."
        ),
    ]
    content: (
        Annotated[
            str, Meta(max_length=MOST_CONTENT, description="The content, as text of at most 1 MiB. It is never shown.")
        ]
        | UnsetType
    ) = UNSET
    source: (
        Annotated[
            AbsolutePath,
            Meta(description="A file of the host that is copied, at most 16 MiB. It is followed when it changes."),
        ]
        | UnsetType
    ) = UNSET
    sha256: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": DIGEST_PATTERN},
                description="With `source`: the content that is meant. A way back finds it, also when the source has changed.",
            ),
        ]
        | UnsetType
    ) = UNSET
    owner: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": OWNER_PATTERN},
                description="A user, by name or number in quotes. Default: root, or evenkeel's own where it is not root.",
            ),
        ]
        | UnsetType
    ) = UNSET
    group: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": OWNER_PATTERN},
                description="A group, by name or number in quotes. Default: as for `owner`.",
            ),
        ]
        | UnsetType
    ) = UNSET
    mode: Annotated[
        str, Meta(extra_json_schema={"pattern": MODE_PATTERN}, description="Permissions, as octal digits in quotes.")
    ] = "0644"
    secret: Annotated[bool, Meta(description="Not even a digest of the content is shown.")] = False
    overwrite: Annotated[
        bool,
        Meta(
            description="Replace a file, or a symbolic link, at this path that evenkeel did not make. It is put back when the "
            "revision fails."
        ),
    ] = False
    notify: Annotated[
        tuple[Name | UnitSpec, ...],
        Meta(
            description="Subjects to restart after the content, the owner or the mode was changed: names of containers, and "
            "`{unit: …}` or `{unit: …, reload: true}` for units of systemd. A "
            "unit that fails then is a failure of the revision."
        ),
    ] = ()
