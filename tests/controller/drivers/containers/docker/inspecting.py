"""What an engine makes of a create body: its inspection, as far as `parse` reads it.

Every rule here was seen in `tests/data/docker/recorded.json`, and a test compares the two.
"""

from __future__ import annotations

import json
import posixpath
from typing import Any

from tests.places import DATA

RECORDED: dict[str, Any] = json.loads((DATA / "docker" / "recorded.json").read_text(encoding="utf-8"))
ID = "5eafc0f631de" + "0" * 52


def inspection(body: dict[str, Any], name: str, image: dict[str, Any]) -> Any:
    """The inspection of a container that was created from `body`; `image` is the `Config` of its image."""
    host = body["HostConfig"]
    network = host["NetworkMode"]
    endpoint = body.get("NetworkingConfig", {}).get("EndpointsConfig", {}).get(network, {})
    return {
        "Id": ID,
        "Name": f"/{name}",
        "Image": "sha256:" + "1" * 64,
        "Created": "2026-11-23T15:14:00.123456789Z",
        "RestartCount": 0,
        "State": {"Status": "created", "ExitCode": 0, "Error": "", "StartedAt": "0001-01-01T00:00:00Z"},
        "Config": {
            "Image": body["Image"],
            "Hostname": body.get("Hostname") or ID[:12],
            "Domainname": body.get("Domainname", ""),
            "Env": _env(body["Env"], image.get("Env") or []),
            "Labels": {**(image.get("Labels") or {}), **body["Labels"]},
            "Cmd": body.get("Cmd") or image.get("Cmd"),
            "Tty": body["Tty"],
            "OpenStdin": body["OpenStdin"],
            "StopSignal": body["StopSignal"],
            "StopTimeout": body["StopTimeout"],
            "Healthcheck": _healthcheck(body.get("Healthcheck"), image.get("Healthcheck")),
        },
        "HostConfig": {
            "NetworkMode": network,
            "PortBindings": host["PortBindings"],
            "ExtraHosts": host["ExtraHosts"] or None,
            "Privileged": host["Privileged"],
            "CapAdd": host["CapAdd"] or None,
            "RestartPolicy": host["RestartPolicy"],
            "LogConfig": host["LogConfig"],
            "Devices": host["Devices"],
            "Memory": host.get("Memory", 0),
            "MemorySwap": host.get("MemorySwap", 0),
            "MemoryReservation": host.get("MemoryReservation", 0),
        },
        "Mounts": [_mount(mount) for mount in host["Mounts"]],
        "NetworkSettings": {
            "Networks": {
                network: {
                    "Links": endpoint.get("Links") or None,
                    "Aliases": [*endpoint.get("Aliases", []), ID[:12]],
                    "IPAddress": "",
                }
            }
        },
    }


def _env(ours: list[str], images: list[str]) -> list[str]:
    """Ours first, then those of the image that we do not name; a name without `=` stays as it is."""
    named = {text.partition("=")[0] for text in ours}
    return [*ours, *(text for text in images if text.partition("=")[0] not in named)]


def _healthcheck(ours: dict[str, Any] | None, images: dict[str, Any] | None) -> dict[str, Any] | None:
    """What ours leaves at zero is the image's."""
    if ours is None or images is None:
        return ours or images
    return {key: ours.get(key) or images.get(key) for key in {*ours, *images}}


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    return {
        "Type": "bind",
        "Source": _tidy(mount["Source"]),
        "Destination": _tidy(mount["Target"]),
        "Mode": "",
        "RW": not mount["ReadOnly"],
        "Propagation": mount.get("BindOptions", {}).get("Propagation", "rprivate"),
    }


def _tidy(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")
