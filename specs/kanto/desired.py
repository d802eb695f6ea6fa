"""Kanto's desired state → drafts of our own documents.

The message that Kanto's update manager sends to the containers agent, with its envelope or without, from a file or from
MQTT (container-management.md §1.2, §1.5–1.7, §2.3). Kanto ignores what it does not know and rejects a message at its first
error; here every flaw is found, each with its path, and the mistakes that people really make (§8.3: ids with the domain in
front, `parameters` instead of `config`) get a hint that cures them.

Messages are the *reasons* of §1.7; `rejection` puts them into Kanto's whole sentence for the wire. Baselines ask for nothing
by themselves, they group components for commands: they are checked here and read with `baselines`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from evenkeel.specs.containers.container import KANTO_STOP_TIMEOUT, Container
from evenkeel.specs.containers.host_ports import taken_twice
from evenkeel.specs.desired import Draft, SystemContainers
from evenkeel.specs.kanto.entries import container_draft, is_name
from evenkeel.specs.kanto.entry import KEYS, REPORTED, Entry
from evenkeel.specs.problem import Flaw, Path, nearest, path_text
from evenkeel.specs.reading.secrecy import key_words
from evenkeel.specs.reading.walk import MOST_FAULTS, faults

DOMAIN = "containers"
"""Kanto's default; it is configurable (§1.4)."""

_HINTS = {
    "unknown key `parameters`": "did you mean `config`? Only reports of the current state say `parameters`",
    "unknown key `softwareNodes`": "this is a report of the current state; a desired state has `domains`",
    "unknown key `activityId`": "it stands beside `payload`, and `domains` below that",
    "unknown key `timestamp`": "it stands beside `payload`, and `domains` below that",
    "unknown key `specification`": "this is an older form; write `payload`, and below it `domains` and `baselines`",
}


_UNKNOWN = "unknown key"


class KeyValue(Struct, frozen=True, forbid_unknown_fields=True):
    """One setting. Kanto leaves an empty `value` out when it writes."""

    key: str
    value: str | None = ""


class Component(Struct, frozen=True, forbid_unknown_fields=True):
    """One container; its id is the container's name."""

    id: str | None = ""
    version: str | None = ""
    config: tuple[KeyValue, ...] | None = ()


class Domain(Struct, frozen=True, forbid_unknown_fields=True):
    """All that one agent is asked for."""

    id: str | None = ""
    config: tuple[KeyValue, ...] | None = ()
    components: tuple[Component, ...] | None = ()


class Baseline(Struct, frozen=True, forbid_unknown_fields=True):
    """Components, written `domain:id`, that commands address together."""

    title: str
    description: str | None = ""
    preconditions: str | None = ""
    components: tuple[str, ...] | None = ()


class Payload(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for."""

    domains: tuple[Domain, ...] | None = ()
    baselines: tuple[Baseline, ...] | None = ()


class Message(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The envelope of the wire. `blueprint_metadata` is what Leda's blueprint selector shows of it."""

    activity_id: str | None = ""
    timestamp: int | None = 0
    payload: Payload | None = None
    blueprint_metadata: Any = None


def is_desired_state(value: Mapping[str, object]) -> bool:
    """Whether a document is meant as a Kanto desired state, right or wrong."""
    if "apiVersion" in value or "kind" in value:
        return False
    own = ("activityId", "payload", "domains", "baselines", "softwareNodes", "specification", "blueprintMetadata")
    return any(key in value for key in own)


class Manner(NamedTuple):
    """How a desired state is read. `stop_timeout`: what a container's process is given to end, because a desired state cannot
    say. `takes_unknown_keys`: a key that nobody here knows is passed over with a warning."""

    stop_timeout: timedelta = KANTO_STOP_TIMEOUT
    takes_unknown_keys: bool = False


def desired_state_drafts(
    value: object,
    flaws: list[Flaw],
    domain: str = DOMAIN,
    manner: Manner = Manner(),  # noqa: B008 - a value
) -> list[Draft]:
    """The containers asked for, and the system containers if the domain names them; flaws have paths of `value`."""
    found: list[Flaw] = []
    drafts = _drafts(value, found, domain, manner.stop_timeout)
    flaws.extend(_passed_over(flaw) if manner.takes_unknown_keys else flaw for flaw in found)
    return drafts


def _passed_over(flaw: Flaw) -> Flaw:
    """An unknown key as a doubt, unless it is known to be a mistake that changes what is asked for. Beside the payload
    nobody asks for anything, and on the wire nobody looks there."""
    if not flaw.message.startswith(_UNKNOWN) or flaw.message in _HINTS:
        return flaw
    return msgspec.structs.replace(flaw, message=f"{flaw.message}, which is passed over", warning=True)


def _drafts(value: object, flaws: list[Flaw], domain: str, stop_timeout: timedelta) -> list[Draft]:
    root = _payload_path(value)
    payload = _payload(value)
    for flaw in faults(value, Message if root else Payload):
        helped = msgspec.structs.replace(flaw, hint=_HINTS.get(flaw.message, flaw.hint))
        flaws.append(_passed_over(helped) if payload and len(flaw.path) == len(root) == 1 else helped)
    drafts: list[Draft] = []
    found = list(_mappings(payload, "domains", root))
    if len(found) != 1:
        message = f"one domain expected in desired state specification, but got {len(found)}"
        hint = f"leave only `{domain}`; other domains have other agents" if found else f"expected the domain `{domain}`"
        flaws.append(Flaw((*root, "domains"), message, hint))
    for path, item in found:
        if item.get("id") == domain:
            drafts.extend(_system_containers(item, path, domain, flaws))
            drafts.extend(_components(item, path, domain, flaws, stop_timeout))
        elif len(found) == 1:
            message = f"domain id mismatch - expecting {domain}, received {item.get('id', '')}"
            flaws.append(Flaw((*path, "id"), message, nearest(str(item.get("id", "")), [domain])))
    if all(item.get("id") == domain for _, item in found):
        _check_baselines(payload, root, domain, flaws)
    _check_ports(drafts, flaws)
    return drafts


def baselines(value: object, domain: str = DOMAIN) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Title and own components (without the domain in front) of every baseline, in order; components of other domains
    are left out (§2.3). `value` has the envelope or not."""
    prefix = f"{domain}:"
    return tuple(
        (
            str(item.get("title", "")),
            tuple(name.removeprefix(prefix) for _, name in _texts(item, "components", path) if name.startswith(prefix)),
        )
        for path, item in _mappings(_payload(value), "baselines", ())
    )


def rejection(value: object, flaw: Flaw) -> str:
    """The whole message with which Kanto rejects `value` for this reason (§1.7)."""
    match flaw.path[len(_payload_path(value)) :]:
        case ("domains", int(), "components", int(), *_):
            component = _below(value, flaw.path[: len(_payload_path(value)) + 4])
            name = component.get("id", "") if isinstance(component, dict) else ""
            start = "cannot convert desired state components to container configurations: "
            return f"{start}invalid configuration for container {name}: {flaw.message}"
        case ("baselines", int(), *_):
            baseline = _below(value, flaw.path[: len(_payload_path(value)) + 2])
            title = baseline.get("title", "") if isinstance(baseline, dict) else ""
            start = "cannot process desired state baselines with containers: "
            return f"{start}problem with baseline {title}: {flaw.message}"
        case _:
            return flaw.message


def _components(
    domain: Mapping[str, object], root: Path, domain_id: str, flaws: list[Flaw], stop_timeout: timedelta
) -> Iterator[Draft]:
    first: dict[str, Path] = {}
    for path, component in _mappings(domain, "components", root):
        before = len(flaws)
        name = component.get("id")
        entries = [*_version_image(component, path, flaws), *_entries(component, path, flaws)]
        if not name:
            flaws.append(Flaw(path, "the key `id` is missing", "the id of a component is the name of its container"))
        elif not isinstance(name, str):
            pass  # reported by its shape already
        elif not is_name(name):
            hint = "expected letters, digits and _ . -, beginning with a letter, a digit or _"
            if name.startswith(f"{domain_id}:"):
                hint = f"leave out `{domain_id}:`, the id is the name of the container"
            flaws.append(Flaw((*path, "id"), f"invalid container name format : {name}", hint))
        elif name in first:
            flaws.append(
                Flaw((*path, "id"), f"the component `{name}` stands here again", f"first at {path_text(first[name])}")
            )
        else:
            first[name] = path
        called = name if isinstance(name, str) and is_name(name) else "unknown"
        draft = container_draft(called, entries, path, flaws, stop_timeout)
        if draft is not None and all(flaw.warning or flaw.message.startswith(_UNKNOWN) for flaw in flaws[before:]):
            yield draft


def _version_image(component: Mapping[str, object], path: Path, flaws: list[Flaw]) -> list[Entry]:
    """The image that id and version make when no key `image` is there (§1.6)."""
    if any(entry.get("key") == "image" for _, entry in _mappings(component, "config", path)):
        return []
    name, version = component.get("id"), component.get("version")
    if not version:
        flaws.append(Flaw(path, "the containers image configuration is invalid", "give a key `image`, or a `version`"))
    if not version or not name or not isinstance(version, str) or not isinstance(name, str) or not is_name(name):
        return []
    return [Entry("image", f"{name}:{version}", (*path, "version"))]


def _entries(component: Mapping[str, object], root: Path, flaws: list[Flaw]) -> Iterator[Entry]:
    for path, key, text in _settings(component, root):
        if key in KEYS:
            yield Entry(key, text, (*path, "value"))
        elif key not in REPORTED:
            hint = nearest(key, KEYS) if len(flaws) < MOST_FAULTS else ""
            flaws.append(Flaw((*path, "key"), key_words(_UNKNOWN, key), hint))


def _system_containers(domain: Mapping[str, object], root: Path, name: str, flaws: list[Flaw]) -> list[Draft]:
    """Names between commas; the last entry wins, and an empty one means that there are none (§1.5)."""
    drafts: list[Draft] = []
    for path, key, text in _settings(domain, root):
        if key != "systemContainers":
            flaws.append(Flaw((*path, "key"), key_words(_UNKNOWN, key), nearest(key, ["systemContainers"])))
            continue
        names = [part.strip() for part in text.split(",") if part.strip()]
        flaws.extend(
            Flaw((*path, "value"), f"invalid container name format : {part}", "expected names between commas")
            for part in names
            if not is_name(part)
        )
        wanted = SystemContainers(tuple(sorted(set(names))))
        drafts.append(Draft("SystemContainers", name, wanted, path, {"names": (*path, "value")}))
    for draft in drafts[:-1]:
        message = "`systemContainers` is given again further down, and only the last one counts"
        hint = f"leave one of them; the last is at {path_text(drafts[-1].paths['names'])}"
        flaws.append(Flaw(draft.paths["names"], message, hint, warning=True))
    return drafts[-1:]


def _check_ports(drafts: list[Draft], flaws: list[Flaw]) -> None:
    """No two components can have one port of the host; of system containers nothing is asked."""
    protected = {name for each in drafts if isinstance(each.wanted, SystemContainers) for name in each.wanted.names}
    claims = [
        (draft, port)
        for draft in drafts
        if isinstance(draft.wanted, Container) and draft.name not in protected
        for port in draft.wanted.ports
    ]
    for one, other, port in taken_twice(claims):
        for here, there in ((other, one), (one, other)) if one is not other else ():
            message = f"host port {port.host_port}/{port.protocol} is taken by {there.name}, too"
            flaws.append(Flaw(here.paths.get("ports", here.root), message, "give one of them another"))


def _check_baselines(payload: Mapping[str, object], root: Path, domain: str, flaws: list[Flaw]) -> None:
    components = (
        item for _, each in _mappings(payload, "domains", root) for _, item in _mappings(each, "components", ())
    )
    known = {str(item["id"]) for item in components if isinstance(item.get("id"), str)}
    taken: dict[str, str] = {}
    titles: set[str] = set()
    for path, baseline in _mappings(payload, "baselines", root):
        title = baseline.get("title")
        if isinstance(title, str):
            if title in titles:
                flaws.append(
                    Flaw(
                        (*path, "title"),
                        f"the baseline `{title}` stands here again",
                        "commands name baselines by title",
                    )
                )
            titles.add(title)
            if title in ("", "*", f"{domain}:remove-components"):
                named = f"`{title}` stands for what the agent puts there"
                flaws.append(
                    Flaw((*path, "title"), f"a baseline cannot be called that, {named}", "choose another title")
                )
        for where, name in _texts(baseline, "components", path):
            message = f"cannot find container component {name}"
            own = name.removeprefix(f"{domain}:")
            if own == name:
                if name in known:
                    flaws.append(Flaw(where, f"`{name}` names no domain", f"write `{domain}:{name}`", warning=True))
            elif own not in known:
                flaws.append(Flaw(where, message, nearest(own, known)))
            elif own in taken:
                flaws.append(Flaw(where, message, f"the baseline `{taken[own]}` has it already"))
            else:
                taken[own] = str(title)
    for path, baseline in _mappings(payload, "baselines", root):
        own = str(baseline.get("title")).removeprefix(f"{domain}:")
        if own in known and own not in taken and own != baseline.get("title"):
            message = f"the component `{own}` is in no baseline, so that it has one of its own, of this title"
            flaws.append(Flaw((*path, "title"), message, "choose another title"))


def _payload_path(value: object) -> Path:
    """Where the payload is: below the envelope unless there is none."""
    has_envelope = isinstance(value, dict) and ("payload" in value or not ("domains" in value or "baselines" in value))
    return ("payload",) if has_envelope and value else ()


def _payload(value: object) -> Mapping[str, object]:
    payload = _below(value, _payload_path(value))
    return payload if isinstance(payload, dict) else {}


def _below(value: Any, path: Path) -> object:
    """The value at a path, `None` where there is none."""
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _mappings(owner: Mapping[str, object], key: str, root: Path) -> Iterator[tuple[Path, dict[str, object]]]:
    """The mappings in the list at a key; anything else there was reported by its shape."""
    items = owner.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, dict):
            yield (*root, key, index), item


def _texts(owner: Mapping[str, object], key: str, root: Path) -> Iterator[tuple[Path, str]]:
    items = owner.get(key)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, str):
            yield (*root, key, index), item


def _settings(owner: Mapping[str, object], root: Path) -> Iterator[tuple[Path, str, str]]:
    for path, entry in _mappings(owner, "config", root):
        key, text = entry.get("key"), entry.get("value")
        if isinstance(key, str) and isinstance(text, str | None):
            yield path, key, text or ""
