"""evenkeel's own documents → Kanto's desired state, as far as Kanto has the words for it.

The keys of a component are those that inventories report. That they say everything is not assumed but tried: the result
is read again, and a container that would come back as another one is a flaw that names the loss.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from evenkeel.specs.codec import camel, changed, plain
from evenkeel.specs.containers.container import Container, Stop
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.containers.shorthand import mount_text
from evenkeel.specs.desired import DesiredState, SystemContainers
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.kanto.desired import desired_state_drafts
from evenkeel.specs.kanto.entry import KEYS
from evenkeel.specs.kanto.inventory import image_version, inventory
from evenkeel.specs.problem import Flaw

_NO_WORDS = "Kanto's desired state has no words for it"
_WORDS = {"values_from": "env"}
"""Fields whose setting has another name."""
_ELSEWHERE = "leave it out, or ask for it in spec files"


def kanto_payload(state: DesiredState, flaws: list[Flaw], domain: str = "containers") -> dict[str, Any]:
    """A payload that asks for the same. Flaws have the path `(name, setting that cannot be said)`."""
    components: list[dict[str, Any]] = []
    config: list[dict[str, str]] = []
    baselines: list[dict[str, Any]] = []
    for document in state.documents:
        match document.wanted:
            case Container() as wanted:
                components.append(_component(wanted, domain))
            case SystemContainers(names=names):
                config.append({"key": "systemContainers", "value": ",".join(names)})
            case Baseline(all_or_nothing=True) as group:
                members = [f"{domain}:{name}" for name, each in state.containers().items() if group.has(name, each)]
                baselines += [_baseline(document.name, members, group)] if members else []
                if group.has_limit:
                    flaws.append(Flaw((document.name, "maxUnavailable"), _NO_WORDS, _ELSEWHERE))
            case Baseline() as group:  # a component in no baseline has one of its own
                members = [f"{domain}:{name}" for name, each in state.containers().items() if group.has(name, each)]
                baselines += [_baseline(name, [name], group) for name in members if group.conditions]
                if group.has_limit:
                    flaws.append(Flaw((document.name, "maxUnavailable"), _NO_WORDS, _ELSEWHERE))
            case _:
                why = "Kanto's desired state has no words for this kind"
                flaws.append(Flaw((document.name, document.kind), why, "ask for it in spec files"))
    payload: dict[str, Any] = {"domains": [{"id": domain, "config": config, "components": components}]}
    payload |= {"baselines": baselines} if baselines else {}
    found: list[Flaw] = []
    drafts = desired_state_drafts(payload, found, domain)
    flaws.extend(found)
    again = {draft.name: draft.wanted for draft in drafts if draft.kind == "Container"}
    for document in state.documents:
        if isinstance(document.wanted, Container):
            flaws.extend(_lost(document.name, document.wanted, again.get(document.name)))
    return payload


def _baseline(title: str, members: list[str], group: Baseline) -> dict[str, Any]:
    conditions = {"preconditions": group.conditions} if group.conditions else {}
    return {"title": title, **conditions, "components": members}


def _component(container: Container, domain: str) -> dict[str, Any]:
    name, container = container.name, changed(container, values_from=UNSET)
    seen = ContainerSeen(id="", name=name, engine_name=name, image_id="", state="created", container=container)
    node = inventory(domain, ContainersSeen("", containers=(seen,)), verbose=False, values="all").software_nodes[1]
    config = [{"key": item.key, "value": item.value} for item in node.parameters if item.key in KEYS]
    config = [each for each in config if each["key"] != "mount"]
    config += [{"key": "mount", "value": mount_text(mount)} for mount in container.mounts]
    config += [{"key": "capability", "value": name} for name in container.capabilities]
    version = image_version(container.image)
    return {"id": name, "version": "" if version == "n/a" else version, "config": config}


def _lost(name: str, asked: Container, again: object) -> list[Flaw]:
    """A desired state cannot give a stop timeout. A container with evenkeel's default gets Kanto's, which is longer."""
    if isinstance(again, Container) and asked.stop == Stop():
        again = changed(again, stop=asked.stop)
    if isinstance(again, Container):
        again = changed(again, secrets=asked.secrets)  # a message cannot say it, and an agent shows no values anyway
    before, after = plain(asked), plain(again) if again is not None else {}
    return [
        Flaw((name, _WORDS.get(key, camel(key))), _NO_WORDS, _ELSEWHERE)
        for key in before
        if again is not None and before[key] != after.get(key) and key != "conditions"  # told with `dependsOn`
    ]
