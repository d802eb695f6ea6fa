"""The version of the engine against those that evenkeel was tested with (docs/engines.md)."""

from __future__ import annotations

import re
from typing import NamedTuple

from evenkeel.specs.doctor.finding import Finding

_TESTED = {"docker": (20, 10), "podman": (4, 3)}
"""The oldest versions that evenkeel was tested with, by the kind of engine."""


class EngineFacts(NamedTuple):
    """`version`: its kind and its version, as `docker 20.10.24`. `api`: the API that it offers. `root`: its folder on this
    host, "" where it does not tell."""

    version: str
    api: str
    root: str = ""


def of_engine(facts: EngineFacts, address: str, other: str = "") -> Finding:
    """`other`: a sentence for an engine of another kind than the settings name."""
    kind, _, version = facts.version.partition(" ")
    told = f"{facts.version}, API {facts.api}, at {address}"
    oldest = _TESTED.get(kind)
    number = tuple(int(each) for each in re.findall(r"\d+", version)[:2])
    if other:
        return Finding("warning", f"{told}; {other}", "set `engine.kind` or `engine.address`")
    if oldest is not None and len(number) == 2 and number < oldest:
        least = ".".join(map(str, oldest))
        return Finding("warning", f"{told}; evenkeel is tested with {kind} {least} and later", f"update {kind}")
    return Finding("ok", told)
