"""The figures of the original agent, Kanto's containersupdate on containerd, to be printed beside those of evenkeel.

They were measured on 2026-11-26, on the machine of bench/README.md: warm images, the same commander, and mosquitto with
`set_tcp_nodelay true` (shared/findings/perf.md, last section). The original reports a container as soon as it is started and
proves nothing. It is not installed where `make bench` runs, so these are figures that were written down.
"""

from __future__ import annotations

from collections.abc import Mapping

_COMPLETED: Mapping[int, str] = {1: "0.24 to 0.29 s", 10: "2.3 s", 50: "11.2 to 15.7 s"}
"""From a desired state of so many new containers to COMPLETED."""
_MEMORY: Mapping[int, str] = {0: "38.6 MiB", 10: "46 to 51 MiB", 50: "57 to 65 MiB"}
"""PSS with so many containers."""


def completed(count: int) -> str:
    """Its time for an activity of so many containers; "" where none was measured."""
    return _text(_COMPLETED.get(count, ""), ", which proves nothing")


def answered() -> str:
    """Its time for the answer to a command that has nothing to do."""
    return _text("1 to 2 ms")


def memory(count: int) -> str:
    """Its memory with so many containers; "" where none was measured."""
    return _text(_MEMORY.get(count, ""))


def _text(figure: str, more: str = "") -> str:
    return f"the original agent: {figure}{more}" if figure else ""
