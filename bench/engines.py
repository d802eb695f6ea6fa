"""The engine that is measured with, `$ENGINE`: docker (the default) or podman; and the memory of all that it runs beside
the containers themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.engines.dockerd import Dockerd, make_dockerd
from tests.engines.podman import Podman, make_podman

from bench.measuring import Row, pss_kib

ENGINE = os.environ.get("ENGINE") or "docker"
_PER_CONTAINER = ("containerd-shim", "conmon", "docker-proxy")


def make_engine() -> Dockerd | Podman:
    """An engine of its own that runs, with the standard images."""
    if ENGINE not in ("docker", "podman"):
        raise SystemExit(f"bench: ENGINE is docker or podman, not {ENGINE}")
    return make_podman() if ENGINE == "podman" else make_dockerd()


def footprint(engine: Dockerd | Podman, evenkeel: int) -> list[Row]:
    """The memory of a device: the controller (its process id), the engine, and what the engine keeps for each container."""
    own = pss_kib(evenkeel)
    found = list(_processes(str(engine.folder)))
    each = [pss for name, pss in found if name.startswith(_PER_CONTAINER)]
    rest = sum(pss for name, pss in found if not name.startswith(_PER_CONTAINER))
    names = ", ".join(sorted({name for name, _ in found if not name.startswith(_PER_CONTAINER)}))
    return [
        Row("footprint: evenkeel (PSS)", own / 1024, "MiB"),
        Row("footprint: engine", rest / 1024, "MiB", names),
        Row("footprint: processes per container", sum(each) / 1024, "MiB", f"{len(each)} processes"),
        Row("footprint: all together", (own + rest + sum(each)) / 1024, "MiB"),
    ]


def _processes(folder: str) -> Iterator[tuple[str, int]]:
    """Names and KiB of the processes that have the engine's folder in their arguments."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                words = (entry / "cmdline").read_text().split("\0")
                if "evenkeel" not in " ".join(words[:3]) and any(folder in word for word in words):
                    yield Path(words[0]).name, pss_kib(int(entry.name))
