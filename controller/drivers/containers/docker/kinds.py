"""The kinds of engines that speak the Docker Engine API, and the differences between them. Pure.

Podman serves the same API, and answers some of it in other words or not at all (measured, 4.3.1; docs/engines.md has the
table). All of that is here: its inspections are put into Docker's words before anything else reads them, and its
abilities are declared. Settings of which it does not tell count as kept.
"""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from evenkeel.controller.drivers.containers.docker import answers
from evenkeel.controller.drivers.containers.docker.render import asked_from, log_body
from evenkeel.reconcilers.containers.lacks import needs_shell
from evenkeel.specs.containers.container import ExecProbe
from evenkeel.specs.containers.observed import Lack


class Kind(NamedTuple):
    """The abilities of one kind of engine, as in `ContainersSeen`; `inspected` puts an inspection into Docker's words,
    `asked` the body of a creation into those of the engine. `log_ends_with_it`: its log of events begins with the engine, and
    tells of each `kill`. `has_clock`: it runs the commands of checks by itself."""

    name: str
    in_place: Literal["finite", "none"]
    reconnects: bool
    lacks: tuple[Lack, ...]
    inspected: Callable[[answers.Inspected], answers.Inspected]
    asked: Callable[[dict[str, Any]], dict[str, Any]]
    log_ends_with_it: bool
    has_clock: bool


def kind_of(server: str, version: answers.Version | None = None) -> Kind:
    """The kind of an engine by the `Server` header of its answers, or by its answer about its version: a proxy may take
    the header away."""
    parts = (version.get("Components") if version is not None else None) or ()
    is_podman = server.startswith(_PODMAN_SERVER) or any("podman" in part.get("Name", "").lower() for part in parts)
    return PODMAN if is_podman else DOCKER


def version_of(server: str) -> str:
    """The version in the `Server` header of Podman, "" for other engines. Podman runs several programs to answer
    `GET /version`, which takes half a second and more."""
    found = re.match(rf"{_PODMAN_SERVER}(\S+)", server)
    return found[1] if found else ""


def _by_podman(found: answers.Inspected) -> answers.Inspected:
    config, host, state = found["Config"], found["HostConfig"], found["State"]
    asked = asked_from(config.get("Labels") or {})
    told_config: dict[str, Any] = {"StopSignal": _signal_name(config.get("StopSignal") or "")}
    told_host: dict[str, Any] = {key: None for key, usual in _USUAL.items() if host.get(key) in usual}
    limits = host.get("Ulimits") or ()
    told_host["Ulimits"] = [limit for limit in limits if limit.get("Name") not in _GIVEN_LIMITS]
    if asked is None:
        told_config["Env"] = [text for text in config.get("Env") or () if not _is_given(text, config)]
    else:
        told_config["Domainname"] = asked.domain_name or ""
        log = host.get("LogConfig") or {}
        if log.get("Type") == "json-file":
            told_host["LogConfig"] = {**log_body(asked.log), "Type": "json-file"}
    # The list of networks calls Podman's own network `bridge`, an inspection `podman`.
    ends = {"bridge" if name == "podman" else name: end for name, end in answers.endpoints(found).items()}
    if host.get("NetworkMode") == "bridge" and ends:
        told_host["NetworkMode"] = next(iter(ends))
    if asked is not None:
        words = {device.container_path: device.permissions for device in asked.devices}
        told_host["Devices"] = [
            {**device, "CgroupPermissions": words.get(device["PathInContainer"], "rwm")}
            for device in host.get("Devices") or ()
        ]
        test = (config.get("Healthcheck") or {}).get("Test") or []
        if test[:1] == ["CMD-SHELL"] and asked.health is not None:
            told_config["Healthcheck"] = {**(config.get("Healthcheck") or {}), "Test": ["CMD", *shlex.split(test[1])]}
    status = _STATES.get(state.get("Status", ""), state.get("Status", ""))
    return {
        **found,
        "Config": _with(config, told_config),
        "HostConfig": _with(host, told_host),
        "State": _with(state, {"Status": status}),
        "NetworkSettings": {"Networks": {name: _renamed(end) for name, end in ends.items()}},
    }


def _with(found: Any, told: Mapping[str, Any]) -> Any:
    return {**found, **told}


def _renamed(end: answers.Endpoint) -> answers.Endpoint:
    return {**end, "NetworkID": "bridge"} if end.get("NetworkID") == "podman" else end


def _for_podman(body: dict[str, Any]) -> dict[str, Any]:
    """Podman joins the words of a check's command and splits them again at spaces. Words with spaces keep their form only
    as one text for a shell."""
    _, *command = (body.get("Healthcheck") or {}).get("Test") or ("",)
    if not needs_shell(ExecProbe(tuple(command))):
        return body
    return {**body, "Healthcheck": {**body["Healthcheck"], "Test": ["CMD-SHELL", shlex.join(command)]}}


def _signal_name(text: str) -> str:
    """Podman tells the number of a signal, and signals between SIGRTMIN and SIGRTMAX have no name of their own."""
    with suppress(ValueError):
        number = int(text)
        if signal.SIGRTMIN < number < signal.SIGRTMAX:
            return f"SIGRTMIN+{number - signal.SIGRTMIN}"
        return signal.Signals(number).name
    return text


def _is_given(text: str, config: answers.Config) -> bool:
    """Whether Podman itself put this variable there."""
    return text in ("TERM=xterm", "container=podman", f"HOSTNAME={config.get('Hostname')}") or text.startswith("HOME=")


_PODMAN_SERVER = "Libpod/"
_STATES = {"configured": "created", "initialized": "created", "stopped": "exited", "stopping": "running"}
_GIVEN_LIMITS = ("RLIMIT_NOFILE", "RLIMIT_NPROC")
_USUAL: Mapping[str, tuple[object, ...]] = {
    "PidMode": ("private",),
    "UTSMode": ("private",),
    "PidsLimit": (2048,),
    "Runtime": ("oci",),
    "ShmSize": (65_536_000,),
}
"""Podman's defaults that differ from Docker's; they are no settings of a container."""

_BOTH: tuple[Lack, ...] = ("log-path", "restart-limit", "split-seconds")
"""Keys of Kanto's that the API has no word for."""
DOCKER = Kind(
    "docker",
    "finite",
    True,
    _BOTH,
    lambda found: found,
    lambda body: body,
    log_ends_with_it=True,
    has_clock=True,
)
PODMAN = Kind(
    "podman",
    "none",
    True,
    (
        *("links", "unset-env", "port-ranges", "unlimited-swap", "domain-name", "log-options", "exec-words"),
        "pull-progress",
        *_BOTH,
    ),
    _by_podman,
    _for_podman,
    log_ends_with_it=False,
    has_clock=False,
)
