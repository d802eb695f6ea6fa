"""What differs between the containers that are wanted and those that are there.

Several instances may carry one name while one replaces another. Among those that match what is wanted one is the
candidate: it is to become, or already is, the one. All others are kept until the candidate is proven. Nothing here depends
on how far an earlier cycle came: an interrupted switch is seen again and goes on, or goes back when last-good is wanted.

INV-01  containers that evenkeel did not create and was not told to adopt are never touched
INV-02  system containers are never touched
INV-03  a difference never asks for the removal of the candidate
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

from evenkeel.reconcilers.containers import compare
from evenkeel.reconcilers.containers.health import is_put_up_again
from evenkeel.reconcilers.containers.naming import engine_name, succession
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, Restart, check_digest, keeps_volumes, proven_check
from evenkeel.specs.containers.difference import IN_PLACE, ContainerDifference, Verb
from evenkeel.specs.containers.image import parse_image
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import AWAKE, ContainerSeen, ContainersSeen
from evenkeel.specs.desired import Document, asked_at
from evenkeel.specs.feedback import SetAside
from evenkeel.specs.plan import Change

_USUAL_SWITCH_S = 1.0
"""Assumed time without a container that was never switched before."""


def diff(want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory) -> tuple[ContainerDifference, ...]:
    """In order of name; a name without difference is absent."""
    instances: dict[str, list[ContainerSeen]] = defaultdict(list)
    foreign: dict[str, ContainerSeen] = {}
    for instance in seen.containers:
        if instance.container is None:
            foreign[instance.engine_name] = instance
        else:
            instances[instance.name].append(instance)
    found: list[ContainerDifference] = []
    wanted_names = set()
    for container, document in want.documents:
        wanted_names.add(container.name)
        if container.name in want.system:
            if container.name not in instances and engine_name(container.name) not in foreign:
                why = "it is asked for, and declared a system container, which evenkeel never creates"
                found.append(
                    ContainerDifference(container.name, "blocked", why, container=container, asked=document.place)
                )
            continue
        its = instances.get(container.name, [])
        if not _is_settled(container, its, memory):
            found.extend(_wanted(container, document, its, foreign, seen, memory))
    found = [_waiting(difference, want.system, seen) for difference in found]
    for name in instances:
        if name not in wanted_names and name not in want.system:
            others = tuple(sorted(instance.id for instance in instances[name]))
            found.append(ContainerDifference(name, "remove", "nobody asks for it any more", others=others))
    found.extend(
        ContainerDifference(name, "keep", "system container, never touched")
        for name in want.system
        if name in instances or engine_name(name) in foreign
    )
    return tuple(sorted(found, key=lambda difference: difference.subject))


def _waiting(difference: ContainerDifference, system: Collection[str], seen: ContainersSeen) -> ContainerDifference:
    """Blocked, if it would be started while a system container that it depends on does not run. Whether that one is well
    is for whoever provides it to know: it counts as there while it runs. A look at one subject cannot tell."""
    container = difference.container
    starts = difference.start or not difference.candidate
    if container is None or difference.verb == "blocked" or not starts or not container.depends_on or seen.only:
        return difference
    running = {instance.name for instance in seen.containers if instance.state == "running"}
    missing = [
        name for name in container.depends_on if name in system and running.isdisjoint((name, engine_name(name)))
    ]
    if not missing:
        return difference
    why = f"it depends on what does not run: {', '.join(missing)} (system)"
    return changed(difference, verb="blocked", why=why)


def is_proven(instance: ContainerSeen, container: Container, memory: ContainersMemory) -> bool:
    """Whether an instance was proven with the network check that is wanted now."""
    proof = memory.proven.get(instance.id)
    return proof is not None and proven_check(proof) == check_digest(container)


def _is_kept(instance: ContainerSeen, container: Container, memory: ContainersMemory) -> bool:
    """Whether what is in the volumes of an instance is found again, if that is wanted now. When the wish changes while the
    instance stays, it is proven once more, and remembered with that: somebody may remove it before it is replaced."""
    if container.image_volumes == "discard" or not instance.volumes:
        return True
    return keeps_volumes(memory.proven.get(instance.id, ""))


def _is_settled(container: Container, instances: list[ContainerSeen], memory: ContainersMemory) -> bool:
    """The ordinary case, told at a glance: one instance, as it is wanted, at work under its name, and proven."""
    if len(instances) != 1 or container.pull_policy == "Always":
        return False
    (only,) = instances
    return (
        only.state == "running"
        and only.container == container
        and not only.cut_off
        and container.name not in memory.notified
        and is_proven(only, container, memory)
        and _is_kept(only, container, memory)
        and only.engine_name == engine_name(container.name)
    )


def _wanted(
    container: Container,
    document: Document,
    instances: list[ContainerSeen],
    foreign: dict[str, ContainerSeen],
    seen: ContainersSeen,
    memory: ContainersMemory,
) -> Iterator[ContainerDifference]:
    place = document.place
    name = container.name
    if engine_name(name) in foreign:
        yield ContainerDifference(
            name, "blocked", _taken(name, foreign[engine_name(name)]), container=container, asked=place
        )
        return
    moved = moved_digest(container, seen, memory)
    matching = [each for each in instances if matches(container, each, seen) and _is_of(moved, each, seen)]
    if container.image_volumes != "discard":
        matching = [each for each in matching if not _is_without(each, instances, memory)]
    if not matching and _absent_for_ever(container, seen, memory):
        why = f"the image {container.image} is not there and pullPolicy is Never"
        yield ContainerDifference(name, "blocked", why, container=container, asked=asked_at(document, "image"))
        return
    if not instances:
        change = Change(name, "", "", container.image, "it is asked for and not there", place)
        yield ContainerDifference(name, "create", change.why, container=container, changes=(change,), asked=place)
        return
    if not matching:
        current = max(instances, key=lambda instance: rank(instance, memory))
        changes = tuple(_changes(container, document, current, moved, seen))
        asked = changes[0].asked if changes else place
        others = tuple(sorted(instance.id for instance in instances))
        why = "it differs in what only a new container can change"
        yield ContainerDifference(
            name, "recreate", why, container=container, others=others, changes=changes, asked=asked,
            lost=_lost(instances, others), away_s=_away_s(name, instances, others, memory),
            away_most_s=_away_most_s(container, instances, others), compared=current.id,
        )  # fmt: skip
        return
    yield from _settling(container, document, matching, instances, memory, seen.in_place)


def _taken(name: str, holder: ContainerSeen) -> str:
    if holder.owner:
        which = f"whose state is in {holder.owner}" if holder.owner.startswith("/") else f"named {holder.owner}"
        whose = f"belongs to the evenkeel {which}; stop that one, then"
    else:
        whose = "exists that evenkeel did not create;"
    return f"a container of this name {whose} `evenkeel adopt {name}`"


def _settling(
    container: Container,
    document: Document,
    matching: list[ContainerSeen],
    instances: list[ContainerSeen],
    memory: ContainersMemory,
    in_place: compare.InPlace,
) -> Iterator[ContainerDifference]:
    """A candidate is there: what it still needs to be the one, running, up to date and alone."""
    candidate = max(matching, key=lambda instance: rank(instance, memory))
    assert candidate.container is not None
    others = tuple(sorted(instance.id for instance in instances if instance.id != candidate.id))
    update = compare.in_place_differs(container, candidate.container)
    restart = container.name in memory.notified and candidate.state in AWAKE
    start, why_start = _needs_start(candidate, container.restart, memory)
    start = start or restart
    renamed = candidate.engine_name != engine_name(container.name)
    connect = bool(candidate.cut_off)
    limited = update and candidate.state in AWAKE and container.resources != candidate.container.resources
    proven, kept = is_proven(candidate, container, memory), _is_kept(candidate, container, memory)
    verify = start or connect or limited or not proven or not kept
    if not (others or update or renamed or verify):
        return
    changes = tuple(_field_changes(container, document, candidate, in_place)) if update else ()
    compared = candidate.id
    verb: Verb
    switching = bool(others) and (
        (start and not restart) or any(i.id in others and i.state in AWAKE for i in instances)
    )
    if switching:
        old = max((i for i in instances if i.id in others), key=lambda instance: rank(instance, memory))
        if since := tuple(_field_changes(container, document, old, in_place)):
            changes, compared = since, old.id
        failed = old.image_id in memory.rejected and candidate.image_id not in memory.rejected
        why = "the image that was pushed again failed" if failed else "the switch to the new container is not finished"
        verb = "recreate"
    elif update:
        verb, why = "update", "limits and restart policy change in place"
    elif connect:
        verb, why = "connect", f"it is cut off from its network: {candidate.cut_off}"
    elif restart:
        verb, why = "restart", "it runs with what was changed since it was started"
    elif start:
        verb, why = "start", why_start
    elif verify:
        verb, why = "finish", "its health is not proven yet"
        if proven:
            why = "what is in its volumes is to be kept from now on"
        elif candidate.id in memory.proven:
            why = "its health check has changed"
    else:
        verb, why = "finish", "an old instance or name is left over"
    away = (others if switching else ()) + ((candidate.id,) if restart else ())
    yield ContainerDifference(
        container.name, verb, why, changes, changes[0].asked if changes else document.place, verb == "update",
        _lost(instances, others) if switching else (),
        _away_s(container.name, instances, away, memory) if away else None,
        _away_most_s(container, instances, away) if away else None,
        container, candidate.id, others, update, connect, start, verify, compared=compared, stop=restart,
    )  # fmt: skip


def _lost(instances: list[ContainerSeen], others: tuple[str, ...]) -> tuple[str, ...]:
    """What nobody can ask for goes with those that had it without being asked."""
    return tuple(dict.fromkeys(text for each in instances if each.id in others for text in each.unspoken))


def _away_s(
    name: str, instances: list[ContainerSeen], others: tuple[str, ...], memory: ContainersMemory
) -> float | None:
    """As long as last time; `None` when none of the others is at work."""
    replaced = any(each.id in others and each.state in AWAKE for each in instances)
    return memory.switch_s.get(name, _USUAL_SWITCH_S) if replaced else None


def _away_most_s(wanted: Container, instances: list[ContainerSeen], others: tuple[str, ...]) -> float | None:
    """As long as those at work are given to end, and the start takes; `None` when none of the others is at work."""
    at_work = [each for each in instances if each.id in others and each.state in AWAKE]
    times = [max(each.container.stop.timeout, wanted.stop.timeout) for each in at_work if each.container is not None]
    return max(times).total_seconds() + _USUAL_SWITCH_S if times else None


def matches(wanted: Container, instance: ContainerSeen, seen: ContainersSeen) -> bool:
    """Whether an instance is what is wanted, or can become it in place; whatever content its tag names by now."""
    if instance.container is None or instance.state == "dead" or instance.holds:
        return False
    if instance.vanishes and wanted.restart.policy != instance.container.restart.policy:
        return False  # an engine changes no restart policy of one that it removes at its end (measured, 20.10)
    if wanted != instance.container and not compare.same_identity(wanted, instance.container):
        return False
    if not compare.can_update(wanted.resources, instance.container.resources, seen.in_place):
        return False
    if instance.cut_off and not seen.reconnects:
        return False
    return seen.in_place != "none" or not compare.in_place_differs(wanted, instance.container)


def began_empty(instance: ContainerSeen, memory: ContainersMemory) -> bool:
    """Whether what an instance has began empty with it, and nobody has needed it: who keeps data has them elsewhere."""
    discards = instance.container is not None and instance.container.image_volumes == "discard"
    id_ = instance.holds or instance.id
    return discards and id_ not in memory.proven and id_ not in memory.kept


def _is_without(instance: ContainerSeen, instances: list[ContainerSeen], memory: ContainersMemory) -> bool:
    """Whether an instance that was never good is without the data that are to be kept: another one has them, or one had them
    that it stepped aside for, and that somebody may have removed since."""
    if not began_empty(instance, memory):
        return False
    stepped_aside = succession(engine_name(instance.name), instance.engine_name) == 0 and instance.state not in AWAKE
    return stepped_aside or any(each.volumes and not began_empty(each, memory) for each in instances)


def _is_of(moved: str, instance: ContainerSeen, seen: ContainersSeen) -> bool:
    return not moved or seen.digests.get(moved) == instance.image_id


def follows_tag(container: Container) -> bool:
    """Whether what its tag names now counts; a digest names one thing for ever."""
    return container.pull_policy == "Always" and "@" not in container.image


def moved_digest(container: Container, seen: ContainersSeen, memory: ContainersMemory) -> str:
    """`registry/repository@digest` that the registry has under the wanted tag, when it was asked and answered; "" also
    when that was tried and failed, for then the tag counts as not pushed again."""
    if not follows_tag(container) or container.image not in seen.remote:
        return ""
    ref = parse_image(container.image)
    moved = f"{ref.registry}/{ref.repository}@{seen.remote[container.image].digest}"
    return "" if _rejection(moved, seen, memory) is not None else moved


def _rejection(moved: str, seen: ContainersSeen, memory: ContainersMemory) -> str | None:
    """Why content was set aside. It is known by its digest at the registry, too, once its image is gone from the engine."""
    return memory.rejected.get(moved, memory.rejected.get(seen.digests.get(moved, "")))


def set_aside(
    want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory, before: Mapping[str, SetAside]
) -> dict[str, SetAside]:
    """Subjects whose tag names content that was tried and failed. `before`: what was known before; it stays true of a
    subject that asks for the same tag while the registry of that tag does not answer."""
    aside: dict[str, SetAside] = {}
    accepted = vindicated(want, seen, memory)
    for container, _ in want.documents:
        if not follows_tag(container) or container.name in accepted:
            continue
        image, old = container.image, before.get(container.name)
        if image in seen.remote:
            ref, digest = parse_image(image), seen.remote[image].digest
            why = _rejection(f"{ref.registry}/{ref.repository}@{digest}", seen, memory)
            if why is not None:
                text = f"{image} was pushed again, and the new content ({digest[:19]}…) failed: {why}"
                aside[container.name] = SetAside(image, text)
        elif old is not None and old.image == image:
            aside[container.name] = old
    return aside


def vindicated(want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory) -> dict[str, tuple[str, ...]]:
    """Subjects whose one instance is proven and runs content that was set aside before, and all names of that content. It was
    made from the tag in the engine, when nothing of the content before was left: there is nothing to keep instead."""
    found: dict[str, tuple[str, ...]] = {}
    for container, _ in want.documents if memory.rejected else ():
        matching = [each for each in seen.containers if each.name == container.name and matches(container, each, seen)]
        contents = {each.image_id for each in matching}
        if len(contents) != 1 or not any(is_proven(each, container, memory) for each in matching):
            continue
        names = tuple(name for name in memory.rejected if {name, seen.digests.get(name)} & contents)
        if names:
            found[container.name] = names
    return found


def image_is_there(container: Container, seen: ContainersSeen, memory: ContainersMemory) -> bool:
    """Whether creating it needs no pull."""
    moved = moved_digest(container, seen, memory)
    if moved:
        return moved in seen.digests and seen.images.get(container.image) == seen.digests[moved]
    ref = parse_image(container.image)
    if ref.digest:
        return f"{ref.registry}/{ref.repository}@{ref.digest}" in seen.digests
    return container.image in seen.images


def _absent_for_ever(container: Container, seen: ContainersSeen, memory: ContainersMemory) -> bool:
    return container.pull_policy == "Never" and not image_is_there(container, seen, memory)


def rank(instance: ContainerSeen, memory: ContainersMemory) -> tuple[bool, bool, bool, bool, float, int, str]:
    """Of several alike: one whose image did not fail, the one at work, the proven one, the one with the name, the newest."""
    sound = instance.image_id not in memory.rejected
    named = instance.engine_name == engine_name(instance.name)
    return sound, instance.state in AWAKE, instance.id in memory.proven, named, *age(instance, memory), instance.id


def age(instance: ContainerSeen, memory: ContainersMemory) -> tuple[float, int]:
    """Orders instances of one name, the youngest last: by the journal, or else by their names in the engine."""
    made = memory.made.get(instance.id, math.inf)
    return made, succession(engine_name(instance.name), instance.engine_name)


def _needs_start(instance: ContainerSeen, restart: Restart, memory: ContainersMemory) -> tuple[bool, str]:
    """Whether a wanted instance has to be started; an ended process may be what the wanted restart policy allows.

    `always` and `unless-stopped` want it running; `on-failure` wants it until it ends well or has no tries left; `no` lets
    it end. What evenkeel stopped itself, in a switch that did not come to its end, is started again in any case. So is what
    ended after its watch was cut short: it may have been ended with its engine, which nothing of it tells, for a server that is
    told to stop ends with exit code 0.
    """
    match instance.state:
        case "created":
            return True, "it was created and never started"
        case "paused":
            return True, "it is paused"
        case "exited":
            if instance.id in memory.stopped:
                return True, "it was stopped for a switch"
            if is_put_up_again(restart, instance):
                return True, f"it is not running (exit code {instance.exit_code})"
            if instance.id in memory.watched:
                return True, f"it ended while its watch was cut short (exit code {instance.exit_code})"
            return False, ""
        case _:
            return False, ""


def _changes(
    container: Container, document: Document, current: ContainerSeen, moved: str, seen: ContainersSeen
) -> Iterator[Change]:
    assert current.container is not None
    yield from _field_changes(container, document, current, seen.in_place)
    if moved and seen.digests.get(moved) != current.image_id and container.image == current.container.image:
        digest = moved.partition("@")[2]
        asked = asked_at(document, "image")
        yield Change(container.name, "image", container.image, f"{container.image} ({digest[:19]}…)",
                     "the tag was pushed again", asked)  # fmt: skip
    if current.state == "dead":
        yield Change(container.name, "", "dead", "running", "the engine cannot revive it", document.place)
    if current.cut_off and not seen.reconnects:
        why = "the engine cannot put it back on its network"
        yield Change(container.name, "network", current.cut_off, container.network, why, asked_at(document, "network"))


def _field_changes(
    container: Container, document: Document, current: ContainerSeen, in_place: compare.InPlace
) -> Iterator[Change]:
    old = current.container
    assert old is not None
    if compare.identity(container) == compare.identity(old) and not compare.in_place_differs(container, old):
        return
    for field in compare.fields(old, compare.with_conduct_of(container, old)):
        changes = compare.changes_in_place(field.path, container, old, in_place)
        changes = changes and not (current.vanishes and field.path.startswith("restart."))  # as in `matches`
        why = IN_PLACE if changes else "needs a new container"
        yield Change(
            container.name, field.path, field.old, field.new, why, asked_at(document, field.path.partition("[")[0])
        )
