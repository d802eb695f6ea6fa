"""Kanto's desired state → drafts of our own documents.

The message that Kanto's update manager sends to the containers agent, with its envelope or without, from a file or from
MQTT (container-management.md §1.2, §1.5–1.7, §2.3). Kanto ignores what it does not know and rejects a message at its first
error; here every flaw is found, each with its path, and the mistakes that people really make (§8.3: ids with the domain in
front, `parameters` instead of `config`) get a hint that cures them.

Messages are the *reasons* of §1.7; `rejection` puts them into Kanto's whole sentence for the wire. Baselines ask for nothing
by themselves: they are checked here, read for commands with `baselines`, and from files with `baseline_drafts`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import msgspec

from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.host_ports import taken_twice
from evenkeel.specs.desired import Draft, SystemContainers
from evenkeel.specs.kanto.baselines import check_baselines
from evenkeel.specs.kanto.entries import container_draft
from evenkeel.specs.kanto.entry import KEYS, REPORTED, Entry
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.kanto.payload import (
    Message,
    Payload,
    below,
    mappings,
    payload_of,
    payload_path,
    settings,
    texts,
)
from evenkeel.specs.name import is_name
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


def is_desired_state(value: Mapping[str, object]) -> bool:
    """Whether a document is meant as a Kanto desired state, right or wrong."""
    if "apiVersion" in value or "kind" in value:
        return False
    own = ("activityId", "payload", "domains", "baselines", "softwareNodes", "specification", "blueprintMetadata")
    return any(key in value for key in own)


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
    """A flaw about an unknown key as a warning, unless the key is known as a mistake that changes what is asked for."""
    if not flaw.message.startswith(_UNKNOWN) or flaw.message in _HINTS:
        return flaw
    return msgspec.structs.replace(flaw, message=f"{flaw.message}, which is passed over", warning=True)


def _drafts(value: object, flaws: list[Flaw], domain: str, stop_timeout: timedelta) -> list[Draft]:
    root = payload_path(value)
    payload = payload_of(value)
    for flaw in faults(value, Message if root else Payload):
        helped = msgspec.structs.replace(flaw, hint=_HINTS.get(flaw.message, flaw.hint))
        # Keys beside the payload ask for nothing, and on the wire nobody reads them.
        flaws.append(_passed_over(helped) if payload and len(flaw.path) == len(root) == 1 else helped)
    drafts: list[Draft] = []
    found = list(mappings(payload, "domains", root))
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
        check_baselines(payload, root, domain, flaws)
    _check_ports(drafts, flaws)
    return drafts


def baselines(value: object, domain: str = DOMAIN) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Title and own components (without the domain in front) of every baseline, in order; components of other domains
    are left out (§2.3). `value` has the envelope or not."""
    prefix = f"{domain}:"
    return tuple(
        (
            str(item.get("title", "")),
            tuple(name.removeprefix(prefix) for _, name in texts(item, "components", path) if name.startswith(prefix)),
        )
        for path, item in mappings(payload_of(value), "baselines", ())
    )


def rejection(value: object, flaw: Flaw) -> str:
    """The whole message with which Kanto rejects `value` for this reason (§1.7)."""
    match flaw.path[len(payload_path(value)) :]:
        case ("domains", int(), "components", int(), *_):
            component = below(value, flaw.path[: len(payload_path(value)) + 4])
            name = component.get("id", "") if isinstance(component, dict) else ""
            start = "cannot convert desired state components to container configurations: "
            return f"{start}invalid configuration for container {name}: {flaw.message}"
        case ("baselines", int(), *_):
            baseline = below(value, flaw.path[: len(payload_path(value)) + 2])
            title = baseline.get("title", "") if isinstance(baseline, dict) else ""
            start = "cannot process desired state baselines with containers: "
            return f"{start}problem with baseline {title}: {flaw.message}"
        case _:
            return flaw.message


def _components(
    domain: Mapping[str, object], root: Path, domain_id: str, flaws: list[Flaw], stop_timeout: timedelta
) -> Iterator[Draft]:
    first: dict[str, Path] = {}
    for path, component in mappings(domain, "components", root):
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
    if any(entry.get("key") == "image" for _, entry in mappings(component, "config", path)):
        return []
    name, version = component.get("id"), component.get("version")
    if not version:
        flaws.append(Flaw(path, "the containers image configuration is invalid", "give a key `image`, or a `version`"))
    if not version or not name or not isinstance(version, str) or not isinstance(name, str) or not is_name(name):
        return []
    return [Entry("image", f"{name}:{version}", (*path, "version"))]


def _entries(component: Mapping[str, object], root: Path, flaws: list[Flaw]) -> Iterator[Entry]:
    for path, key, text in settings(component, root):
        if key in KEYS:
            yield Entry(key, text, (*path, "value"))
        elif key not in REPORTED:
            hint = nearest(key, KEYS) if len(flaws) < MOST_FAULTS else ""
            flaws.append(Flaw((*path, "key"), key_words(_UNKNOWN, key), hint))


def _system_containers(domain: Mapping[str, object], root: Path, name: str, flaws: list[Flaw]) -> list[Draft]:
    """Names between commas; the last entry wins, and an empty one means that there are none (§1.5)."""
    drafts: list[Draft] = []
    for path, key, text in settings(domain, root):
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
    """Two components cannot have one port of the host. System containers are not checked, because nothing is asked of them."""
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
