"""Units of systemd: which ones this device needs by its settings, and whether one is as it should be.

A unit that systemd starts when it is called, by D-Bus or by a socket, may idle: that is no failure, as it is with
`sdv-health` for RAUC (provisioning.md §7).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evenkeel.specs.doctor.finding import Detail
from evenkeel.specs.settings.mqtt import broker_address
from evenkeel.specs.settings.settings import Settings

_LOCAL = ("localhost", "127.0.0.1", "::1")
_OF_DOCKER = ("unix:///var/run/docker.sock", "unix:///run/docker.sock")
_OF_PODMAN = ("unix:///run/podman/podman.sock", "unix:///var/run/podman/podman.sock")


class UnitWanted(NamedTuple):
    """`must`: it has to be there. Otherwise something else may do its work."""

    name: str
    must: bool = False


class UnitState(NamedTuple):
    """In systemd's words, org.freedesktop.systemd1(5). `is_called`: D-Bus or another unit starts it when it is needed."""

    load: str
    active: str
    sub: str
    is_called: bool = False


def wanted_units(settings: Settings, *, has_slots: bool) -> Iterator[UnitWanted]:
    """The units that the settings lead to. `has_slots`: the operating system is updated by RAUC. The address of the engine is
    the one that is spoken to."""
    yield UnitWanted("evenkeel.service")
    if settings.engine.kind == "docker" and settings.engine.address in _OF_DOCKER:
        yield UnitWanted("docker.service", must=True)
        yield UnitWanted("containerd.service")
    if settings.engine.kind == "podman" and settings.engine.address in _OF_PODMAN:
        yield UnitWanted("podman.socket", must=True)
    if settings.mqtt.is_configured and broker_address(settings.mqtt.broker).host in _LOCAL:
        yield UnitWanted("mosquitto.service")
    if has_slots:
        yield UnitWanted("rauc.service", must=True)
    for name in settings.doctor.units:
        yield UnitWanted(name, must=True)


def of_unit(name: str, state: UnitState, *, must: bool) -> Detail:
    """Whether a unit is as it should be. `must`: it has to be there."""
    words, see = f"{state.active} ({state.sub})", f"`systemctl status {name}` and `journalctl -u {name}` tell more"
    if state.load == "not-found":
        if must:
            return Detail(name, "failed", "not there", "install it, or correct its name")
        return Detail(name, "skipped", "not on this device")
    if state.load == "masked":
        state_ = "failed" if must else "skipped"
        return Detail(name, state_, "masked", f"`systemctl unmask {name}`" if must else "")  # type: ignore[arg-type]
    if state.load != "loaded":
        return Detail(name, "failed", f"{state.load}: systemd cannot read it", see)
    if state.active in ("active", "reloading"):
        return Detail(name, "ok", words)
    if state.active in ("activating", "deactivating"):
        return Detail(name, "warning", f"{words}: it starts, or ends, at this moment", see)
    if state.active == "inactive" and state.is_called:
        return Detail(name, "ok", f"{words}; it is started when it is needed")
    return Detail(name, "failed", words, f"`systemctl start {name}`; {see}")
