"""Keys of compose files, `docker run` and Kubernetes that have no equivalent in a spec, and what to use instead.

Such a key is not mistyped, so the nearest key would be the wrong suggestion. A key that evenkeel has under another name
is in `specs.reading.suggest`.
"""

from __future__ import annotations

_LIMITS = "the limits are those of memory"
_MOUNT, _NETWORK = "mount a file of the host with `mounts`", "`network` is `bridge` or `host`"
_CONTAINER = {
    "build": "give the `image` that was built",
    "capdrop": "",
    "configs": _MOUNT,
    "cpus": _LIMITS,
    "cpuset": _LIMITS,
    "cpushares": _LIMITS,
    "deploy": "",
    "dns": "",
    "entrypoint": "the image's own is used, and `command` is its arguments",
    "envfile": "write the variables under `env`",
    "envfrom": "write the variables under `env`",
    "expose": "containers reach each other at every port, and `ports` opens one of the host",
    "gpus": "",
    "init": "",
    "ipc": "",
    "links": "containers find each other by their names",
    "macaddress": "",
    "networks": _NETWORK,
    "oomkilldisable": "",
    "pid": "",
    "pidslimit": _LIMITS,
    "profiles": "",
    "readonly": "a mount may be `readOnly`",
    "rm": "a container stays until nobody asks for it",
    "scale": "",
    "secrets": _MOUNT,
    "securitycontext": "",
    "securityopt": "",
    "shmsize": "",
    "sysctls": "",
    "tmpfs": "mount a folder of a tmpfs of the host, as below /run, with `mounts`",
    "ulimits": "",
    "user": "the image says who runs it",
    "usernsmode": "",
    "volumesfrom": "mount the same folder of the host in both with `mounts`",
    "workdir": "the image says where it runs",
    "workingdir": "the image says where it runs",
}
"""Keys of a container, in lower case and without `_` and `-`."""
_RESOURCES = {
    "cpu": _LIMITS,
    "cpus": _LIMITS,
    "limits": "write `memory` here",
    "pids": _LIMITS,
    "requests": "write `memoryReservation` here",
}
"""Keys of `resources`."""


def for_lacking(key: str, known: tuple[str, ...]) -> str:
    """The hint for a key that is known elsewhere and has no equivalent here; "" for any other key. `known`: the keys
    beside it."""
    lacking = _CONTAINER if "dependsOn" in known else _RESOURCES if "memorySwap" in known else {}
    name = key.lower().replace("_", "").replace("-", "")
    if name not in lacking:
        return ""
    return "evenkeel has no such thing" + (f": {lacking[name]}" if lacking[name] else "")
