"""The socket of an engine, when the settings do not name it: the first of the usual places that is there.

The environment counts as it does for the commands of the engines: `DOCKER_HOST` for Docker, `CONTAINER_HOST` and then
`DOCKER_HOST` for Podman. Then come the socket of the system, and that of the user's own engine without root.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from evenkeel.specs.codec import changed
from evenkeel.specs.settings.settings import EngineKind, EngineSettings, Settings

_VARIABLES: Mapping[EngineKind, tuple[str, ...]] = {
    "docker": ("DOCKER_HOST",),
    "podman": ("CONTAINER_HOST", "DOCKER_HOST"),
}
_OF_SYSTEM: Mapping[EngineKind, str] = {"docker": "/var/run/docker.sock", "podman": "/run/podman/podman.sock"}
_OF_USER: Mapping[EngineKind, str] = {"docker": "docker.sock", "podman": "podman/podman.sock"}
_STARTED_BY: Mapping[EngineKind, str] = {
    "docker": "`systemctl enable --now docker.socket` starts it",
    "podman": "`systemctl enable --now podman.socket` starts it, with `--user` the one without root",
}
_SCHEME = "unix://"


def with_socket(settings: Settings) -> Settings:
    """The settings with the address of the engine: the one that they name, or else the first of the usual ones whose socket is
    there; when none is, the first of all."""
    engine = settings.engine
    if engine.kind == "memory" or engine.address:
        return settings
    places = usual(engine.kind)
    found = next((each for each in places if Path(each.removeprefix(_SCHEME)).exists()), places[0])
    return changed(settings, engine=changed(engine, address=found))


def usual(kind: EngineKind) -> tuple[str, ...]:
    """The addresses of a kind of engine, in the order in which they are tried. Those of the environment that are none of a
    socket are left out, because evenkeel speaks to no others."""
    named = [os.environ.get(variable, "") for variable in _VARIABLES[kind]]
    places = [each for each in named if each.startswith(f"{_SCHEME}/")]
    places.append(_SCHEME + _OF_SYSTEM[kind])
    if (folder := os.environ.get("XDG_RUNTIME_DIR", "")).startswith("/"):
        places.append(f"{_SCHEME}{folder}/{_OF_USER[kind]}")
    return tuple(dict.fromkeys(places))


def advice(engine: EngineSettings) -> str:
    """The remedy for an engine that does not listen at its address, as the end of a sentence."""
    if engine.kind == "memory":
        return ""
    places = usual(engine.kind)
    tried = f"tried {', '.join(each.removeprefix(_SCHEME) for each in places)}; " if engine.address in places else ""
    told = "".join(f"; {why}" for variable in _VARIABLES[engine.kind] if (why := _why_not(variable, engine)))
    return f"{tried}{_STARTED_BY[engine.kind]}; `engine.address` or `--docker-address` says where it is{told}"


def other_engine(engine: EngineSettings, version: str) -> str:
    """A sentence for an engine of another kind than the settings say that was found by the environment; "" without one.
    `version`: the kind and the version of the engine that answers. At an address of the settings any may answer."""
    named = [variable for variable in _VARIABLES.get(engine.kind, ()) if os.environ.get(variable) == engine.address]
    if not named or version.startswith(engine.kind):
        return ""
    before = [each for each in _VARIABLES[engine.kind] if each != named[0] and (os.environ.get(each, ""))]
    gone = "".join(f"; {why}" for each in before if (why := _why_not(each, engine) or _gone(each)))
    where = engine.address.removeprefix(_SCHEME)
    return f"the engine is to be {engine.kind}, and {version} answers at {where}, which ${named[0]} names{gone}"


def _gone(variable: str) -> str:
    place = os.environ[variable].removeprefix(_SCHEME)
    return "" if Path(place).exists() else f"${variable} names {place}, and nothing is there"


def _why_not(variable: str, engine: EngineSettings) -> str:
    """The reason why a variable of the environment does not count; "" when it does. Its value may have a password."""
    value = os.environ.get(variable, "")
    if not value or value == engine.address:
        return ""
    if not value.startswith(f"{_SCHEME}/"):
        scheme, found, _ = value.partition("://")
        how = f", not over {scheme}" if found and scheme.isalnum() and scheme != "unix" else ""
        return f"${variable} does not count: evenkeel reaches engines at sockets, unix:///…{how}"
    return "" if engine.address in usual(engine.kind) else f"${variable} does not count: the settings name an address"
