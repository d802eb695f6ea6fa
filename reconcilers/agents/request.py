"""The content of a desired-state message, or every reason why the message cannot be read.

Decides nothing about containers. A message in Kanto's words (container-management.md §1) becomes the desired state of
an activity, and sentences for the sender.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evenkeel.reconcilers.agents.in_force import with_present_tags
from evenkeel.reconcilers.counted import joined
from evenkeel.specs.codec import changed, encode
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.kanto.inventory import image_version
from evenkeel.specs.kanto.manner import Manner
from evenkeel.specs.problem import Flaw, Place, path_text, problem_text
from evenkeel.specs.reading.secrecy import shown_address, shown_path


class Request(NamedTuple):
    """The content of one message. `reasons`: why the message cannot be followed; with reasons, only `activity_id`
    counts beside them.

    `content` names the content ("" when it cannot be followed). `components`: id and version, in order. `baselines`:
    titles with the names of their own components. `notes`: remarks for the sender of a good message.
    """

    activity_id: str
    reasons: tuple[str, ...] = ()
    content: str = ""
    target: DesiredState = DesiredState()
    components: Sequence[tuple[str, str]] = ()
    baselines: Sequence[tuple[str, Sequence[str]]] = ()
    notes: str = ""


def read_request(payload: bytes, topic: str, domain: str, manner: Manner) -> Request:
    """The content of a message on `topic` for `domain`. Never raises, whatever the message holds."""
    from evenkeel.specs.kanto import desired as kanto  # an agent that rests does not need it

    received = updateagent.read_envelope(payload, topic)
    id_ = received.activity_id
    if received.problems:
        return Request(id_, tuple(problem_text(changed(problem, place=Place())) for problem in received.problems))
    value = {"payload": received.payload or {}}
    flaws: list[Flaw] = []
    drafts = kanto.desired_state_drafts(value, flaws, domain, manner)
    reasons = tuple(_reason(value, flaw) for flaw in flaws if not flaw.warning)
    if reasons:
        return Request(id_, reasons)
    place = Place(topic=topic, activity_id=id_)
    state = desired_state([Document(draft.kind, draft.name, draft.wanted, place) for draft in drafts])
    return Request(
        id_,
        content=hashlib.sha256(encode(received.payload)).hexdigest()[:16],
        target=with_present_tags(state),
        components=_components(value),
        baselines=kanto.baselines(value, domain),
        notes=joined([*(_reason(value, flaw) for flaw in flaws), *_other_versions(value, state)]),
    )


def _reason(value: Mapping[str, Any], flaw: Flaw) -> str:
    """Kanto's text for a flaw, its place, and the remedy. A warning is no reason for a refusal."""
    from evenkeel.specs.kanto import desired as kanto

    message = shown_address(flaw.message if flaw.warning else kanto.rejection(value, flaw))
    text = f"{message} [{path_text(shown_path(flaw.path))}]"
    return f"{text}, {shown_address(flaw.hint)}" if flaw.hint else text


def _other_versions(value: Mapping[str, Any], state: DesiredState) -> Iterator[str]:
    """Notes about versions that differ from the tag of the image. Such a version is a label only; the image runs
    (defect B25)."""
    images = {name: each.image for name, each in state.containers().items()}
    for name, version in _components(value):
        tag = image_version(images.get(name, ""))
        if version and tag not in (version, "n/a") and not tag.startswith("sha256:"):
            yield f"the version {version} of {name} is only shown; what runs is {images[name]}"


def _components(value: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """Id and version of every component of a valid desired state, in order."""
    domains = value["payload"].get("domains") or [{}]
    return [(item["id"], item.get("version") or "") for item in domains[0].get("components") or ()]
