"""The parts of Kanto's `config.json` that have no place in the settings of evenkeel, each with its remedy.

Every key that is given is either carried over (`specs.kanto.settings`) or named here: a setting that is dropped without
a warning is noticed when a device is in the field. Keys and their meaning: container-management.md §3.4, §4. Most of
them are about the engine, which is Docker now, and are named together. Values are not repeated; of registries the hosts
are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evenkeel.specs.containers.container import KANTO_STOP_TIMEOUT
from evenkeel.specs.kanto.settings import STOP_TIMEOUT, UNUSED, is_encrypted, kanto_password, kanto_settings
from evenkeel.specs.problem import Flaw, Path
from evenkeel.specs.reading.quantity import duration_text, parse_duration
from evenkeel.specs.reading.secrecy import key_words
from evenkeel.specs.reading.suggest import for_key
from evenkeel.specs.reading.tree import Value


class _Left(NamedTuple):
    """Keys of one section that are not carried over for one reason."""

    section: str
    keys: tuple[str, ...]
    why: str
    remedy: str = ""


_LOG = ("log_level", "log_file", "log_file_size", "log_file_count", "log_file_max_age", "syslog")
_ENGINES = "it is about Kanto's own engine"
_ENCRYPTED = "encrypted images are not supported"
_DAEMON = "/etc/docker/daemon.json"
_IMPORT = (
    "`evenkeel registry import` makes such documents from this file, or name it in the settings as `registries.kanto`"
)

_LEFT = (
    _Left(
        "log",
        _LOG,
        "evenkeel logs to standard error",
        "`log.level` and `log.format` are settings; journald keeps files",
    ),
    _Left("deployment", ("home_dir",), _ENGINES),
    _Left(
        "deployment",
        ("mode",),
        "spec files are followed whenever they change, and a container that is taken out of them is removed",
    ),
    _Left("manager", ("home_dir", "exec_root_dir", "container_client_sid", "network_manager_sid"), _ENGINES),
    _Left(
        "containers",
        ("default_ns", "address_path", "exec_root_dir", "home_dir", "runc_runtime", "lease_id"),
        _ENGINES,
        f"Docker has its own in {_DAEMON}",
    ),
    _Left(
        "containers",
        ("insecure_registries",),
        "registries are in documents of their own",
        f"{_IMPORT}; Docker has localhost there by itself",
    ),
    _Left("containers", ("image_dec_keys", "image_dec_recipients"), _ENCRYPTED, "store images that are not"),
    _Left(
        "containers",
        ("image_verifier_type", "image_verifier_config"),
        "signatures of images are not verified",
        "name images by digest, or let the engine verify them",
    ),
    _Left(
        "containers", ("image_expiry", "image_expiry_disable"), "images are never removed", "`docker image prune` does"
    ),
    _Left("network", ("type", "home_dir", "exec_root_dir"), _ENGINES),
    _Left(
        "network",
        ("default_bridge",),
        "the bridge is Docker's",
        f"`engine.network` names it; {_DAEMON} has `mtu`, `icc`, `iptables`, `ip-forward`, `ip-masq`, `userland-proxy`",
    ),
    _Left("grpc_server", ("protocol", "address_path"), "there is no gRPC", "use `evenkeel` where `kanto-cm` was used"),
    _Left(
        "things",
        ("enable", "home_dir", "features"),
        "ContainerFactory, SoftwareUpdatable and Metrics are not offered",
        "ask over MQTT as an update manager does",
    ),
    _Left("connection", UNUSED, "evenkeel has no such limits"),
)
_CARRIED = {
    "deployment": ("enable", "ctr_dir"),
    "manager": (STOP_TIMEOUT,),
    "containers": ("registry_configurations",),
    "connection": (),
    "update_agent": (),
}
"""Keys that are looked at one by one. The others in the last two sections are looked at in `specs.kanto.settings`."""
_LOOKED_AT = ("connection", "update_agent")


def omissions(value: Value) -> Iterator[Flaw]:
    """A warning for every key that is given and not carried over; the paths are those of Kanto's configuration."""
    if not isinstance(value, dict):
        return
    sections = {left.section: [each for each in _LEFT if each.section == left.section] for left in _LEFT}
    for name in sections.keys() | _CARRIED.keys():
        found = value.get(name)
        if not isinstance(found, dict):
            if name in value and found not in (None, "", [], {}) and name not in _LOOKED_AT:
                yield _named((name,), f"`{name}` is no mapping, and nothing of it is carried over")
            continue
        yield from _section(name, found, sections.get(name, []))
    known = (*sections, *_CARRIED)
    for name in value:
        if name not in known and name.lower() not in _LOOKED_AT:
            yield _unknown((name,), name, known)
    yield from _deployment(_mapping(value, "deployment"))
    yield from _stop_timeout(value)
    yield from _registries(_mapping(_mapping(value, "containers"), "registry_configurations"))
    yield from _connection(value)


def _section(name: str, given: dict[str, Value], lefts: list[_Left]) -> Iterator[Flaw]:
    for left in lefts:
        keys = [key for key in left.keys if given.get(key) not in (None, "", [], {})]
        if keys:
            path = (name, keys[0]) if len(keys) == 1 else (name,)
            words = ", ".join(f"`{key}`" for key in keys)
            yield _named(path, f"{words} {'is' if len(keys) == 1 else 'are'} not carried over: {left.why}", left.remedy)
    known = (*_CARRIED.get(name, ()), *(key for left in lefts for key in left.keys))
    for key in given if name not in _LOOKED_AT else ():
        if key not in known:
            yield _unknown((name, key), key, known)


def _deployment(given: dict[str, Value]) -> Iterator[Flaw]:
    folder = given.get("ctr_dir")
    if given.get("enable") is False:
        message = "`enable` is not carried over: spec files are always read"
        yield _named(("deployment", "enable"), message, "leave the folder of `specs` empty")
    if folder and "specs" not in kanto_settings({"deployment": given}, []):
        message = "`ctr_dir` is not carried over: it is no absolute path, or Kanto does not read it"
        yield _named(("deployment", "ctr_dir"), message, "write where spec files are as `specs`")


def _stop_timeout(value: dict[str, Value]) -> Iterator[Flaw]:
    agent = kanto_settings({"manager": value.get("manager")}, []).get("updateAgent")
    text = agent.get("stopTimeout") if isinstance(agent, dict) else None
    if isinstance(text, str) and parse_duration(text) > KANTO_STOP_TIMEOUT:
        usual = duration_text(KANTO_STOP_TIMEOUT)
        message = f"`{STOP_TIMEOUT}` counts for desired states over MQTT; containers of Kanto's files are given {usual}"
        yield _named(("manager", STOP_TIMEOUT), message, "write `stop: {timeout: …}` in an evenkeel document for more")


def _registries(registries: dict[str, Value]) -> Iterator[Flaw]:
    for host, given in registries.items():
        path = ("containers", "registry_configurations", host)
        if _mapping(registries, host).get("credentials"):
            message = f"the `credentials` for {host} are not carried over: registries are in documents of their own"
            yield _named((*path, "credentials"), message, _IMPORT)
        if _mapping(registries, host).get("transport"):
            message = f"the `transport` for {host} is not carried over: registries are in documents of their own"
            yield _named((*path, "transport"), message, _IMPORT)
        unknown = [key for key in _mapping(registries, host) if key not in ("credentials", "transport")]
        for key in unknown:
            yield _unknown((*path, key), key, ("credentials", "transport"))
        if not isinstance(given, dict):
            yield _named(path, f"what is given for {host} is no mapping, and nothing of it is carried over")


def _connection(value: dict[str, Value]) -> Iterator[Flaw]:
    given = _mapping(value, "connection")
    address = given.get("broker_url") or "tcp://localhost:1883"
    if any(_mapping(given, "transport").values()) and not is_encrypted(str(address)):
        message = "`transport` is not carried over: the address of the broker is one without encryption"
        yield _named(("connection", "transport"), message, "write `tls://` in front of it if that is meant")
    if kanto_password(value) and not given.get("client_username"):
        message = "`client_password` is not carried over: there is no `client_username`"
        yield _named(("connection", "client_password"), message)


def _named(path: Path, message: str, hint: str = "") -> Flaw:
    return Flaw(path, message, hint, warning=True)


def _unknown(path: Path, key: str, known: tuple[str, ...]) -> Flaw:
    if key.lower() in known and key not in known:
        return _named(
            path, f"`{key}` is not carried over; Kanto takes it for `{key.lower()}`", f"write `{key.lower()}`"
        )
    return _named(path, f"{key_words('unknown key', key)}, which does nothing, as with Kanto", for_key(key, known))


def _mapping(value: Value, key: str) -> dict[str, Value]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}
