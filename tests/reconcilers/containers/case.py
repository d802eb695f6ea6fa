"""Cases of the containers domain as people read them: desired documents as text, the world in a compact YAML form.

A case is one decision: what somebody asked for, what an engine shows, what the journal remembers. Unknown keys are refused, so
that a misspelt one is not a case of something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct
from ruamel.yaml import YAML

from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.actions import (
    Connect,
    ContainerAction,
    Create,
    End,
    Pull,
    Remove,
    Rename,
    Start,
    Update,
    Verify,
)
from evenkeel.specs.containers.container import Container, check_digest
from evenkeel.specs.containers.image import normal_image, parse_image
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen, HealthSeen, RemoteImage, State
from evenkeel.specs.desired import DesiredState
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from
from evenkeel.specs.plan import Action, Difference, Plan
from evenkeel.specs.problem import Place, errors, place_text, problem_text

FOLDER = Path(__file__).parent / "cases"


class Instance(Struct, frozen=True, forbid_unknown_fields=True):
    """One container of the engine. `spec` is what it was created from, in the words of a document; `as desired` is what
    the case asks for; without it the container is somebody else's. `id` is the engine's name with `#` in front."""

    spec: dict[str, Any] | Literal["as desired"] | None = None
    labels: dict[str, str] = {}
    name: str = ""
    state: State = "running"
    image_id: str = ""
    exit_code: int = 0
    restart_count: int = 0
    health: HealthSeen = "none"
    proven: bool | None = None
    stopped: bool = False
    made: int = 0
    cut_off: str = ""
    owner: str = ""
    unspoken: tuple[str, ...] = ()


class Observed(Struct, frozen=True, forbid_unknown_fields=True):
    """One look. Containers by engine name; `images` are local references (with an id where one matters); `digests` local
    repository digests; `remote` what registries answered."""

    in_place: Literal["all", "finite", "none"] = "all"
    reconnects: bool = True
    containers: dict[str, Instance] = {}
    images: list[str] | dict[str, str] = []
    digests: dict[str, str] = {}
    remote: dict[str, str] = {}
    rejected: list[str] = []
    only: str = ""


class Case(Struct, frozen=True, forbid_unknown_fields=True):
    """`hidden`: texts that must appear nowhere in what people are shown."""

    why: str
    desired: str = ""
    observed: Observed = Observed()
    nothing_because: str = ""
    protected: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


def all_cases() -> Iterator[tuple[str, Case]]:
    """Every case of every file, by `topic/name`."""
    for file in sorted(FOLDER.glob("*.yaml")):
        for name, value in YAML(typ="safe", pure=True).load(file).items():
            try:
                yield f"{file.stem}/{name}", msgspec.convert(value, Case)
            except msgspec.ValidationError as error:
                raise AssertionError(f"{file.name}: {name}: {error}") from None


def desired_of(case: Case) -> DesiredState:
    state, problems = desired_from([decode_file(case.desired.encode(), "desired.yaml")])
    assert not errors(problems), "\n".join(map(problem_text, problems))
    return state


def seen_of(case: Case, desired: DesiredState) -> tuple[ContainersSeen, ContainersMemory]:
    observed = case.observed
    images = observed.images if isinstance(observed.images, dict) else dict.fromkeys(observed.images, "")
    ids = {normal_image(image): id_ or f"sha256:{normal_image(image)}" for image, id_ in images.items()}
    containers, stopped = [], []
    proven: dict[str, str] = {}
    made: dict[str, int] = {}
    for engine_name, instance in observed.containers.items():
        container = _container(instance, instance.name or engine_name, desired)
        id_ = f"#{engine_name}"
        image = container.image if container else ""
        containers.append(
            ContainerSeen(
                id_,
                instance.name or engine_name,
                engine_name,
                instance.image_id or ids.get(image, f"sha256:{image}"),
                instance.state,
                container,
                image,
                instance.health,
                instance.exit_code,
                restart_count=instance.restart_count,
                owner=instance.owner,
                unspoken=instance.unspoken,
                cut_off=instance.cut_off,
            )
        )
        if instance.proven if instance.proven is not None else instance.state == "running":
            proven[id_] = check_digest(container) if container else ""
        if instance.made:
            made[id_] = instance.made
        if instance.stopped:
            stopped.append(id_)
    remote = {normal_image(image): RemoteImage(digest) for image, digest in observed.remote.items()}
    seen = ContainersSeen(
        "case",
        in_place=observed.in_place,
        reconnects=observed.reconnects,
        containers=tuple(containers),
        images=ids,
        digests=observed.digests,
        remote=remote,
        only=observed.only,
    )
    made = {each.id: made.get(each.id, 0) for each in containers} if made else {}
    rejected = dict.fromkeys(observed.rejected, "it failed")
    return seen, ContainersMemory(proven=proven, stopped=tuple(stopped), rejected=rejected, made=made)


def _container(instance: Instance, name: str, desired: DesiredState) -> Container | None:
    if instance.spec is None:
        return None
    if instance.spec == "as desired":
        (wanted,) = (d.wanted for d in desired.documents if d.name == name and isinstance(d.wanted, Container))
        return wanted
    document = {
        "apiVersion": "evenkeel/v1",
        "kind": "Container",
        "metadata": {"name": name, "labels": instance.labels},
        "spec": instance.spec,
    }
    decoded = decode_file(json.dumps(document).encode(), "observed")
    assert not errors(decoded.problems), "\n".join(map(problem_text, decoded.problems))
    container = decoded.documents[0].wanted
    assert isinstance(container, Container)
    return container


def decide(
    case: Case, desired: DesiredState, seen: ContainersSeen, memory: ContainersMemory
) -> tuple[tuple[Difference, ...], Plan]:
    reconciler = Containers(case.protected)
    differences = reconciler.diff(reconciler.select(desired), seen, memory)
    return differences, reconciler.plan(differences, seen, memory)


def plan_text(plan: Plan) -> str:
    """A plan as lines for people who review it: differences with their changes, then one line for each stage."""
    lines = [line for difference in plan.differences for line in _difference_lines(difference)]
    for number, stage in enumerate(plan.stages, 1):
        steps = [f"{step.subject}: {_action_text(step.action)}" for step in stage.steps]
        lines.append(f"{number} {stage.phase:8} {' | '.join(steps)}")
    return "\n".join(lines) or "nothing"


def _difference_lines(difference: Difference) -> Iterator[str]:
    asked = f" [{_place(difference.asked)}]" if difference.asked != Place() else ""
    yield f"{difference.subject} {difference.verb}: {difference.why}{asked}"
    for change in difference.changes:
        yield (
            f"  {change.path or '·'}: {change.old or '∅'} → {change.new or '∅'}  ({change.why}) [{_place(change.asked)}]"
        )
    if difference.lost:
        yield f"  lost: {', '.join(difference.lost)}"


def _place(place: Place) -> str:
    return place_text(place).removeprefix("desired.yaml:")


def _action_text(action: Action) -> str:
    assert isinstance(action, ContainerAction)
    match action:
        case Pull(image=image, policy=policy):
            return f"pull {image}" + (f" ({policy})" if policy != "IfNotPresent" else "")
        case Create(container=container, engine_name=name):
            return f"create {name} from {parse_image(container.image).repository}"
        case Connect(instance=instance):
            return f"connect {instance}"
        case Rename(instance=instance, engine_name=name):
            return f"rename {instance} to {name}"
        case Start(instance=instance):
            return f"start {instance}"
        case End(instance=instance, stop=stop):
            return f"stop {instance} with {stop.signal} within {stop.timeout.total_seconds():g} s"
        case Update(instance=instance, restart=restart, resources=resources):
            limits = f"{resources.memory}/{resources.memory_reservation}/{resources.memory_swap}"
            return f"update {instance} to {restart.policy} {restart.max_retries}, memory {limits}"
        case Verify(instance=instance):
            return f"verify {instance}"
        case Remove(instance=instance):
            return f"remove {instance}"
