"""How registries let an engine in that pulls for evenkeel, and evenkeel itself that asks for sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class PullAccess(NamedTuple):
    """`admitted`: the file with the credentials that the registries domain has in force; they come before those in
    `docker_config` ("" for the usual one). `realms`: hosts that may have the credentials of any registry. `certificates`:
    further folders like `certs.d`, in which the engine looks."""

    docker_config: str = ""
    admitted: Path | None = None
    realms: Sequence[str] = ()
    certificates: Sequence[Path] = ()


NO_ACCESS = PullAccess()
