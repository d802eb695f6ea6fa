"""The effect of an activity on the desired state, while the activity is open and after its end.

A tag in the desired state of a message means the present content of the tag. A tag in the state that is kept means the
content that the activity reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evenkeel.reconcilers.agents.activity import is_activated
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, PullPolicy
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, Unique, Wanted, desired_state
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.problem import Place


def in_force(activity: Activity, system: Sequence[str]) -> DesiredState:
    """The state in force after the end of the activity: the target where it was activated, the state before elsewhere.
    A tag that is pushed again later is not followed, because no command asked for that. `system`: containers that the
    activity did not touch. The state names them, so that cycles do not touch them either."""
    good = {subject for baseline in activity.baselines if is_activated(baseline) for subject in baseline.subjects}
    acting = {action.subject for action in activity.actions}
    documents = [d for d in activity.target.documents if d.is_rule or d.name in good or d.name not in acting]
    documents += [d for d in activity.before.documents if d.name in acting and d.name not in good]
    documents = [d for d in documents if d.kind != "Container" or d.name not in system]
    if (
        system
        and activity.target.can_list_system_containers
        and not any(each.kind == "SystemContainers" for each in documents)
    ):
        place = Place(topic=activity.topic, activity_id=activity.id)
        names = SystemContainers(tuple(sorted(system)))
        documents.append(Document("SystemContainers", activity.domain, names, place))
    return _with_policy(desired_state(documents), "Always", "IfNotPresent")


def is_target_in_force(activity: Activity) -> bool:
    """Whether any part of the target is in force, or there was nothing to do."""
    return not activity.actions or any(baseline.subjects and is_activated(baseline) for baseline in activity.baselines)


def reserved_subjects(activity: Activity, other: DesiredState) -> frozenset[str]:
    """Subjects that cycles must not touch while the activity is open: the subjects that the activity changes, and those
    that it only checks if `other` wants them differently. A subject that a device has one of, such as its operating
    system, belongs to the activity alone, under any name and with its belongings."""
    theirs = _with_policy(other, "Always", "IfNotPresent").subjects()
    ours = _with_policy(activity.target, "Always", "IfNotPresent").subjects()
    differs = {name for (domain, name), each in ours.items() if _wanted(theirs, domain, name) != each.wanted}
    own = frozenset(a.subject for a in activity.actions if a.kind != "check" or a.subject in differs)
    acting = {action.subject for action in activity.actions}
    documents = (each for each in activity.target.documents if each.name in acting)
    unique = {each.kind: each.wanted for each in documents if isinstance(each.wanted, Unique)}
    names = (each.name for each in other.documents if each.kind in unique)
    return own.union(names, *(each.belongings for each in unique.values()))


def _wanted(subjects: Mapping[tuple[str, str], Document], domain: str, name: str) -> Wanted | None:
    document = subjects.get((domain, name))
    return document.wanted if document is not None else None


def with_present_tags(state: DesiredState) -> DesiredState:
    """The state in which a tag means its present content: tags are looked up again for the time of the activity (defect
    A10)."""
    return _with_policy(state, "IfNotPresent", "Always")


def _with_policy(state: DesiredState, old: PullPolicy, new: PullPolicy) -> DesiredState:
    return desired_state(
        [
            changed(document, wanted=changed(document.wanted, pull_policy=new))
            if isinstance(document.wanted, Container) and document.wanted.pull_policy == old
            else document
            for document in state.documents
        ]
    )
