"""Ports of the host that specs publish, and who holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from evenkeel.specs.doctor.finding import Detail

_OF_ENGINES = (
    *("docker-proxy", "dockerd", "containerd", "rootlesskit", "rootlessport"),
    *("conmon", "podman", "slirp4netns", "pasta", "pasta.avx2", "netavark", "exe"),
)
"""Programs by which engines hold the ports of containers; `exe` is the name of rootlessport and rootlesskit after their
start from /proc/self/exe."""


class Published(NamedTuple):
    """A port that a spec publishes: its container, whether that runs, and `8080/tcp`. `holders`: the programs that listen
    there, "" for one whose name cannot be seen."""

    container: str
    runs: bool
    port: str
    holders: Sequence[str]


def of_port(found: Published) -> Detail:
    """Whether a port is held by the engine while its container runs, and by nobody else."""
    others = sorted({each for each in found.holders if each and each not in _OF_ENGINES})
    name = f"{found.container} {found.port}"
    if others:
        told = f"{', '.join(others)} listens there, and not the engine for {found.container}"
        return Detail(name, "failed", told, f"end it, or give {found.container} another port")
    if found.runs and not found.holders:
        remedy = f"`evenkeel describe container {found.container}`; is it cut off from its network?"
        return Detail(name, "failed", f"nobody listens there, though {found.container} runs", remedy)
    if found.runs:
        return Detail(name, "ok", f"held for {found.container}")
    if found.holders:
        told = f"{found.container} does not run, and somebody listens there"
        return Detail(name, "warning", told, "`ss -ltnup`, as root, shows who it is")
    return Detail(name, "skipped", f"{found.container} does not run; nobody listens there")
