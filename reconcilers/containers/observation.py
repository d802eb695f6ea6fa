"""The meaning of an observation beyond differences: states worth going back to, and containers that are not well."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from evenkeel.reconcilers.containers.causes import exit_text
from evenkeel.reconcilers.containers.compare import collide, same_identity
from evenkeel.reconcilers.containers.health import is_put_up_again
from evenkeel.reconcilers.containers.instances import age, matches
from evenkeel.reconcilers.containers.naming import engine_name, succession
from evenkeel.reconcilers.containers.select import ContainersWanted
from evenkeel.reconcilers.containers.tags import moved_digest
from evenkeel.reconcilers.ports import Ailment
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.image import parse_image
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import AWAKE, ContainerSeen, ContainersSeen, end_of
from evenkeel.specs.desired import DesiredState, Document, desired_state
from evenkeel.specs.plan import NOTHING_DONE

_NEVER_WORKED = ("created", "dead")


def as_found(seen: ContainersSeen, but: Collection[str], *, well: bool = False) -> DesiredState | None:
    """The containers of evenkeel that work or should, as if somebody had asked for them; `None` when there are none.

    A failed revision goes back to this where the journal knows no last-good state, because it is new or was lost. Of
    several instances of one name the one that was replaced counts. Nothing is removed before its successor is proven,
    so it was good until its replacement began, and it may be stopped for just that. Names tell it: it steps aside under
    a name of its own, and a successor that waits for the switch has one, too.

    An instance that has ended, may end and is alone does not count, nor do those whose ids are in `but`. With `well` at
    least one of the containers has to be well, because a state in which everything crashes is not worth going back to;
    beside a container that is well the others stay in, or going back would remove them. A container that has a host
    port of another that was replaced is left out: it came with the replacement.
    """
    by_name: dict[str, list[ContainerSeen]] = {}
    for instance in seen.containers:
        if instance.container is not None and not instance.holds:
            by_name.setdefault(instance.name, []).append(instance)
    found: dict[str, tuple[ContainerSeen, Container]] = {}
    for name, instances in by_name.items():
        worked = [each for each in instances if each.state not in _NEVER_WORKED and each.id not in but]
        first = min(worked, key=_succession, default=None)
        if first is None or first.container is None:
            continue
        if first.state in AWAKE or len(instances) > 1 or _lasts(first.container):
            found[name] = first, first.container
    stopped = [own for name, (each, own) in found.items() if len(by_name[name]) > 1 and each.state not in AWAKE]
    documents, are_well = [], []
    for name, (each, own) in found.items():
        if len(by_name[name]) > 1 or not any(collide(own, other) for other in stopped):
            documents.append(Document("Container", name, own))
            are_well.append(each.state not in AWAKE or each.cut_off or not _not_well(each))
    return desired_state(documents) if documents and (not well or any(are_well)) else None


def _succession(instance: ContainerSeen) -> tuple[int, str]:
    return succession(engine_name(instance.name), instance.engine_name), instance.id


def _lasts(container: Container) -> bool:
    return container.restart.policy in ("always", "unless-stopped")


def at_work(seen: ContainersSeen, memory: ContainersMemory) -> dict[str, ContainerSeen]:
    """By name of evenkeel's: the instance that a rollback has to restore. In the middle of a switch that is the old
    one: it was proven, and may be stopped for just that switch. It is the old one, too, when a switch failed and was
    left like that: the new one was proven, but is not well any more."""
    found: dict[str, ContainerSeen] = {}
    for each in seen.containers:
        if each.container is None or each.holds:
            continue
        other = found.get(each.name)
        if other is None or _standing(each, memory) > _standing(other, memory):
            found[each.name] = each
    return found


def _standing(each: ContainerSeen, memory: ContainersMemory) -> tuple[bool, bool, bool, bool, bool, float, int, str]:
    up = each.state in ("running", "restarting")
    sick = bool(_not_well(each)) if up else each.id not in memory.stopped and bool(_not_up(each))
    worked = each.state not in ("created", "dead")
    awake = each.state in AWAKE
    named = each.engine_name == engine_name(each.name)
    return worked, not sick, each.id in memory.proven, awake, named, *age(each, memory), each.id


def superseded(
    differences: Sequence[ContainerDifference], seen: ContainersSeen, memory: ContainersMemory
) -> tuple[Document, ...]:
    """The adopted instances at work that are replaced or removed, as if somebody had asked for them."""
    instances = at_work(seen, memory)
    found = ((each, instances.get(each.subject)) for each in differences)
    return tuple(
        Document("Container", old.name, old.container)
        for each, old in found
        if old is not None
        and old.container is not None
        and old.id in memory.adopted
        and old.id in each.others
        and old.state not in _NEVER_WORKED
    )


def restoring(instances: Mapping[str, ContainerSeen]) -> DesiredState:
    """These instances as if somebody had asked for them, with exactly their content, whatever a tag names by now."""
    return desired_state(
        [
            Document("Container", name, changed(each.container, pull_policy="IfNotPresent"))
            for name, each in instances.items()
            if each.container is not None
        ]
    )


def digest_of(instance: ContainerSeen, seen: ContainersSeen) -> str:
    """The digest under which the engine knows the content of an instance; "" when it knows none."""
    if instance.container is None:
        return ""
    ref = parse_image(instance.container.image)
    start = f"{ref.registry}/{ref.repository}@"
    known = sorted(name for name, id_ in seen.digests.items() if id_ == instance.image_id and name.startswith(start))
    return known[0].removeprefix(start) if known else ""


def youngest(
    subject: str, want: ContainersWanted, seen: ContainersSeen, memory: ContainersMemory
) -> ContainerSeen | None:
    """The instance of a subject that was created last, among those that are as they are asked for, or among all if none
    is."""
    own = [each for each in seen.containers if each.name == subject and each.container is not None]
    asked = next((container for container, _ in want.documents if container.name == subject), None)
    alike = [each for each in own if asked and each.container and same_identity(asked, each.container)]
    return max(alike or own, key=lambda each: (*age(each, memory), each.id), default=None)


def content_of(images: Collection[str], seen: ContainersSeen) -> set[str]:
    """The ids of the content of these references, here and at their registries, as far as the engine knows it."""
    ids = {seen.images[image] for image in images if image in seen.images}
    for image in images:
        ref = parse_image(image)
        digest = seen.remote[image].digest if image in seen.remote else ref.digest
        ids.add(seen.digests.get(f"{ref.registry}/{ref.repository}@{digest}", ""))
    return ids - {""}


def unanswered(images: Sequence[str], seen: ContainersSeen) -> Iterator[str]:
    """A sentence for each image that is taken as it is here, because its registry was asked and did not answer."""
    for image in images:
        if image in seen.images and image not in seen.remote:
            why = seen.unasked.get(image, "it has not answered")
            yield f"{image} is taken as it is here, for its registry could not be asked: {why}"


def renewed(
    differences: Sequence[ContainerDifference], seen: ContainersSeen, memory: ContainersMemory
) -> dict[str, tuple[str, ...]]:
    """Subjects of which one instance replaces another that differs only in the content of its image, because its tag
    was pushed again; with the names of the new content: the image id, and `registry/repository@digest` where that is
    known. An instance that is replaced because its own content has failed does not count, because there is no way back
    to it."""
    by_id = {instance.id: instance for instance in seen.containers}
    found: dict[str, tuple[str, ...]] = {}
    for each in differences:
        if each.container is None or each.verb in NOTHING_DONE:
            continue
        candidate = by_id.get(each.candidate)
        content = candidate.image_id if candidate is not None else seen.images.get(each.container.image, "")
        before = (by_id[id_] for id_ in each.others)
        alike = {old.image_id for old in before if matches(each.container, old, seen)} - memory.rejected.keys()
        if content and content not in memory.rejected and alike - {content}:
            moved = moved_digest(each.container, seen, memory)
            found[each.subject] = (content, moved) if moved and seen.digests.get(moved) == content else (content,)
    return found


def is_restless(instance: ContainerSeen) -> bool:
    """Whether it was started again and again and has not stayed up for a minute since. Why it ended does not show while
    it is up."""
    up = instance.state == "running" and not instance.lately_started
    return instance.restart_count >= 3 and instance.state in ("running", "restarting") and not up


def ailing(seen: ContainersSeen, memory: ContainersMemory) -> dict[str, Ailment]:
    """Containers of evenkeel that are unhealthy, do not stay up, or are not up although their restart policy wants
    that.

    It is about containers that are there; `diff` tells those that are missing. An instance that evenkeel itself stopped
    or has yet to start, in the middle of a switch, is not ailing, nor is one beside which another of its name is up, or the
    one that has got the name has ended well.
    """
    found: dict[str, Ailment] = {}
    own = [instance for instance in seen.containers if instance.container is not None]
    up = {instance.name for instance in own if instance.state in ("running", "restarting")}
    up |= {each.name for each in own if _is_over(each) and each.engine_name == engine_name(each.name)}
    for instance in own:
        if instance.name not in up and instance.id not in memory.stopped:
            why = _not_up(instance)
        elif instance.state in ("running", "restarting"):
            why = _not_well(instance, _exit_code(instance, memory))
        else:
            why = ""
        passing = "" if why else _just_ended(instance, memory)
        if passing:
            by_itself = instance.id if _exit_code(instance, memory) else ""
            found.setdefault(
                instance.name,
                Ailment(passing, refutes=False, instance=by_itself, end=end_of(instance), is_passing=True),
            )
        if why:
            # A container that ends well and is started again each time was proven so; while it is up that does not show.
            ends_well = is_restless(instance) and instance.state == "restarting" and not instance.exit_code
            by_itself = instance.id if _ails_by_itself(instance, memory) else ""
            found.setdefault(instance.name, Ailment(why, not ends_well, by_itself, end_of(instance)))
    return found


def ended(seen: ContainersSeen) -> tuple[str, ...]:
    """Containers of evenkeel that have ended with exit code 0, where their restart policy lets them. A server that was
    stopped by hand looks like that, too."""
    own = [each for each in seen.containers if each.container is not None]
    up = {each.name for each in own if each.state in AWAKE}
    over = {each.name for each in own if _is_over(each)}
    return tuple(sorted(over - up))


def down(seen: ContainersSeen, memory: ContainersMemory, expected: Collection[str] = ()) -> dict[str, Ailment]:
    """Containers of evenkeel of which no instance is up, and those of `expected` that are not there. A container that
    has ended by itself, as it may, is not down unless a new instance is to follow."""
    by_name: dict[str, list[ContainerSeen]] = {}
    for instance in seen.containers:
        if instance.container is not None and not instance.holds:
            by_name.setdefault(instance.name, []).append(instance)
    found: dict[str, Ailment] = {}
    for name, own in by_name.items():
        is_new = any(each.state == "created" for each in own)
        is_over = any(each.id not in memory.stopped and not _not_up(each) for each in own)
        if any(each.state in ("running", "restarting") for each in own) or (is_over and not is_new):
            continue
        stopped = any(each.id in memory.stopped for each in own)
        why = "was stopped to be changed, and is not started again" if stopped else "was not started yet"
        found[name] = Ailment(why, refutes=False, is_new=not stopped)
    gone = set() if seen.only else set(expected) - by_name.keys()
    return found | {name: Ailment("is not there", refutes=False, is_new=True) for name in sorted(gone)}


def last_checks(seen: ContainersSeen) -> dict[str, str]:
    """By subject: a name of the newest result of the check, for each container that runs and has one."""
    return {each.name: f"{each.id} {each.check.last}" for each in seen.containers if each.check is not None}


def unchecked(seen: ContainersSeen, since: Mapping[str, str]) -> dict[str, Ailment]:
    """Containers that have a check and have not passed it since `last_checks` returned `since`. It refutes only when
    they have failed it, though not often enough to be unhealthy; they may not have been checked."""
    found = {}
    newest = last_checks(seen)
    for each in seen.containers:
        if each.check is None:
            continue
        if not each.check.last or newest[each.name] == since.get(each.name):
            found[each.name] = Ailment("was not checked since", refutes=False)
        elif not each.check.passed:
            cause = f": {each.check.cause}" if each.check.cause else ""
            found[each.name] = Ailment(f"has failed its newest check{cause}")
    return found


def undecided(seen: ContainersSeen, memory: ContainersMemory) -> dict[str, str]:
    """Proven containers that run and whose check has no result yet, since their start or since evenkeel's own: with the
    reason why their health is not known. Containers that are being proven are left out, because the proof tells of
    them."""
    return {
        each.name: "has a check that has told nothing yet"
        for each in seen.containers
        if each.check is not None and not each.check.last and each.id in memory.proven
    }


def _not_well(instance: ContainerSeen, exit_code: int | None = None) -> str:
    """Why a container that is up is not well; "" when it is. Between two restarts it looks well for a moment, hence
    `is_restless`. `exit_code`: that of its newest end, which the engine does not tell once it is up again; `None` when
    it is not known."""
    if instance.cut_off:
        return f"is cut off from its network: {instance.cut_off}"
    if instance.state == "running" and instance.health == "unhealthy":
        cause = instance.check.cause if instance.check is not None else ""
        return f"fails its health check: {cause}" if cause else "fails its health check"
    if instance.exit_code and instance.state == "restarting":
        ends = "keeps ending" if instance.restart_count > 1 else "ended"
        return f"{ends} with {exit_text(instance.exit_code)}"
    if not is_restless(instance):
        return ""
    cause = f", the last time after {exit_text(exit_code)}" if exit_code and instance.state == "running" else ""
    return f"was restarted {instance.restart_count} times{cause}"


def _exit_code(instance: ContainerSeen, memory: ContainersMemory) -> int | None:
    """The exit code of its newest end, `None` when it was not observed."""
    if instance.ended_with is not None:
        return instance.ended_with
    known = memory.ends.get(instance.id)
    return known[1] if known is not None and known[0] == end_of(instance) else None


def _just_ended(instance: ContainerSeen, memory: ContainersMemory) -> str:
    """Why a container is told of that its engine has started again less than a minute ago; "" when it is known to have
    ended well."""
    if instance.state != "running" or not instance.lately_started or not instance.restart_count:
        return ""
    code = _exit_code(instance, memory)
    if code is None:
        times = "once" if instance.restart_count == 1 else f"{instance.restart_count} times"
        return f"was started again {times}"
    return f"was started again after it ended with {exit_text(code)}" if code else ""


def _is_over(instance: ContainerSeen) -> bool:
    """Whether it has ended well, as it may."""
    return instance.state == "exited" and not instance.exit_code and not _not_up(instance)


def _not_up(instance: ContainerSeen) -> str:
    """Why a container that is not up should be; "" when it need not. One that was created and has no error was never
    started."""
    if instance.state == "created":
        return f"does not start: {instance.error}" if instance.error else ""
    if instance.state == "dead":
        return f"is dead: {instance.error}" if instance.error else "is dead"
    if instance.state == "paused":
        return "is paused"
    if instance.container is not None and is_put_up_again(instance.container.restart, instance):
        return f"is not running ({exit_text(instance.exit_code)})"
    return f"ended with {exit_text(instance.exit_code)}" if instance.exit_code else ""


def _ails_by_itself(instance: ContainerSeen, memory: ContainersMemory) -> bool:
    """Whether its output may tell why it is not well: it has run, nobody has cut it off or paused it, and it has not
    ended with exit code 0, as a server does that is stopped by hand."""
    if instance.state not in ("running", "restarting", "exited") or instance.cut_off:
        return False
    is_up = instance.state == "running"
    return (is_up and instance.health == "unhealthy") or (
        _exit_code(instance, memory) if is_up else instance.exit_code
    ) != 0
