"""Settings that somebody has written, and that do nothing beside the others.

Such a setting is no fault of evenkeel's: it starts. But somebody has meant something by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from evenkeel.specs.doctor.finding import Detail
from evenkeel.specs.settings.settings import Settings
from evenkeel.specs.settings.written import written

_OF_DOCKER = ("registries.daemonFile",)
_OF_PODMAN = ("registries.authFile", "registries.dropIns")
_OF_ENGINES = (
    "engine.address",
    "engine.network",
    "engine.dockerConfig",
    "engine.tokenRealms",
    "registries.certificates",
)
_ROLES = ("updateAgent", "selfUpdateAgent", "updateManager")
_HEARD = ("mqtt.will", "mqtt.keepAlive", "mqtt.clientId", "mqtt.version")


def without_effect(settings: Settings) -> Iterator[Detail]:
    """A warning for each setting that differs from its default and has no effect."""
    keys = tuple(_keys(written(settings, Settings())))
    kind = settings.engine.kind
    if kind == "memory":
        more = "the memory engine only simulates"
        yield from _idle(keys, (*_OF_ENGINES, *_OF_DOCKER, *_OF_PODMAN), more, "write `engine: {kind: docker}`")
    else:
        theirs = _OF_PODMAN if kind == "docker" else _OF_DOCKER
        yield from _idle(keys, theirs, f"the engine is {kind}", "leave it out")
    if settings.slots.engine in ("none", "memory"):
        why = f"`slots.engine` is {settings.slots.engine}"
        # `slots.bus` is that of units, too
        yield from _idle(keys, ("slots.store", "slots.markGood"), why, "leave it out")
    if not settings.mqtt.enabled:
        yield from _idle(keys, _HEARD, "`mqtt.enabled` is false", "write `mqtt: {enabled: true}`")
    for role in _ROLES:
        below = tuple(key for key in keys if key.startswith(f"{role}.") and key != f"{role}.enable")
        if f"{role}.enable" not in keys:
            # values of preconditions are heard without an update manager, too
            below = tuple(key for key in below if not key.startswith("updateManager.values"))
            yield from _idle(below, below, f"`{role}.enable` is false", f"write `{role}: {{enable: true}}`")
    reboots = settings.update_manager.reboot.enable
    if settings.update_manager.enable and not reboots:
        when = ("updateManager.reboot.after", "updateManager.reboot.window")
        yield from _idle(keys, when, "`updateManager.reboot.enable` is false", "leave it out")


def _idle(keys: tuple[str, ...], idle: tuple[str, ...], why: str, remedy: str) -> Iterator[Detail]:
    for key in keys:
        if any(key == each or key.startswith(f"{each}.") for each in idle):
            yield Detail(key, "warning", f"no effect: {why}", remedy)


def _keys(value: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, item in value.items():
        if isinstance(item, Mapping) and item:
            yield from _keys(item, f"{above}{key}.")
        elif not isinstance(item, Mapping):
            yield f"{above}{key}"
