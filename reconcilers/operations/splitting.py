"""One desired state as the slices of its domains (update-manager.md §2.3, §6.2). Pure.

A slice has one domain, and of each baseline those components that belong to it. Like the original, everything empty is
left out. Losses that the original passes over in silence are told here: a wrong type, a domain that stands there twice, a
domain without an agent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evenkeel.reconcilers.counted import joined
from evenkeel.specs.codec import encode
from evenkeel.specs.kanto.payload import Payload, mappings, texts
from evenkeel.specs.kanto.updateagent import read_envelope
from evenkeel.specs.operations.conduct import Conduct
from evenkeel.specs.operations.operation import BaselinePart, DomainPart
from evenkeel.specs.problem import Flaw, Path, nearest, path_text, problem_text
from evenkeel.specs.reading.secrecy import shown_address, shown_path
from evenkeel.specs.reading.walk import faults

_UNKNOWN = "unknown key"
_DOMAIN_KEYS, _COMPONENT_KEYS = ("id", "config", "components"), ("id", "version", "config")
_BASELINE_KEYS = ("title", "description", "preconditions", "components")


class Demand(NamedTuple):
    """The content of one message. `reasons`: why it cannot be followed; with reasons, only `activity_id` counts beside them.
    `content`: the digest of the desired state. `notes`: remarks for the sender of a good message."""

    activity_id: str
    reasons: tuple[str, ...] = ()
    content: str = ""
    parts: tuple[DomainPart, ...] = ()
    baselines: tuple[BaselinePart, ...] = ()
    notes: str = ""


def read_demand(payload: bytes, topic: str, agents: Collection[str], conduct: Conduct) -> Demand:
    """The content of a message on `topic`, for the domains that have `agents`. Never raises, whatever the message holds."""
    received = read_envelope(payload, topic)
    id_ = received.activity_id
    if received.problems:
        return Demand(id_, tuple(problem_text(problem) for problem in received.problems))
    value: Mapping[str, Any] = received.payload if isinstance(received.payload, dict) else {}
    flaws = [*faults(value, Payload), *_repeated(value)]
    reasons = [_text(flaw) for flaw in flaws if not flaw.message.startswith(_UNKNOWN)]
    notes = [f"{_text(flaw)}, which is passed over" for flaw in flaws if flaw.message.startswith(_UNKNOWN)]
    domains = {str(item.get("id", "")): item for _, item in mappings(value, "domains", ())}
    strange = [_strange(name, agents) for name in domains if name not in agents]
    (reasons if conduct.unknown_domains == "fail" else notes).extend(strange)
    if reasons:
        return Demand(id_, tuple(reasons))
    baselines = [item for _, item in mappings(value, "baselines", ())]
    return Demand(
        id_,
        content=hashlib.sha256(encode(value)).hexdigest()[:16],
        parts=tuple(_part(name, item, baselines) for name, item in domains.items() if name in agents),
        baselines=tuple(_baseline(item) for item in baselines),
        notes=joined(notes),
    )


def _repeated(value: Mapping[str, object]) -> Iterator[Flaw]:
    """A domain that stands there twice: the original forwards the last one alone (SPL-5)."""
    first: dict[object, Path] = {}
    for path, item in mappings(value, "domains", ()):
        name = item.get("id", "")
        if isinstance(name, str) and name in first:
            why = f"the domain {name or 'without a name'} stands at {path_text(first[name])}, too"
            yield Flaw((*path, "id"), why, "write all of its components below one")
        first.setdefault(name, path)


def _strange(name: str, agents: Collection[str]) -> str:
    hint = nearest(name, agents)
    return f"the domain {name or 'without a name'} has no agent here" + (f", {hint}" if hint else "")


def _part(name: str, item: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]]) -> DomainPart:
    components = tuple(f"{name}:{each.get('id') or ''}" for _, each in mappings(item, "components", ()))
    return DomainPart(name, slice=encode(_slice(name, item, baselines)), components=components)


def _slice(name: str, item: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    own = [
        {**_known(each, _BASELINE_KEYS), "components": components}
        for each in baselines
        if (components := [text for _, text in texts(each, "components", ()) if text.startswith(f"{name}:")])
    ]
    parts = [_component(each) for _, each in mappings(item, "components", ())]
    domain = {**_known(item, _DOMAIN_KEYS), "components": parts}
    return _without_empty({"baselines": own, "domains": [_without_empty(domain)]})


def _component(item: Mapping[str, Any]) -> dict[str, Any]:
    return _known(item, _COMPONENT_KEYS)


def _known(item: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return _without_empty({key: item[key] for key in keys if key in item})


def _without_empty(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if value not in (None, "", [], ())}


def _baseline(item: Mapping[str, Any]) -> BaselinePart:
    components = tuple(text for _, text in texts(item, "components", ()))
    return BaselinePart(str(item.get("title") or ""), components, str(item.get("preconditions") or ""))


def _text(flaw: Flaw) -> str:
    text = f"{shown_address(flaw.message)} [{path_text(shown_path(('payload', *flaw.path)))}]"
    return f"{text}, {shown_address(flaw.hint)}" if flaw.hint else text
