"""What an activity means for what is desired: while it is open, and when it is over.

A desired state that is asked for by a message and one that is kept are not the same: the first means its tags as they are now,
the second is kept as it was reached.
"""

from __future__ import annotations

from collections.abc import Sequence

from evenkeel.reconcilers.agents.activity import is_activated
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, PullPolicy
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state
from evenkeel.specs.kanto.activity import Activity
from evenkeel.specs.problem import Place


def in_force(activity: Activity, system: Sequence[str]) -> DesiredState:
    """What has to be kept once the activity is over: the target where it was activated, what was there before elsewhere.
    A tag that is pushed again later is not followed by itself: nobody has commanded that. Nor is anything asked of `system`
    containers, which it left alone; they are named, so that they are left alone as long as it is in force."""
    good = {subject for baseline in activity.baselines if is_activated(baseline) for subject in baseline.subjects}
    acting = {action.subject for action in activity.actions}
    documents = [
        d for d in activity.target.documents if d.kind != "Container" or d.name in good or d.name not in acting
    ]
    documents += [d for d in activity.before.documents if d.name in acting and d.name not in good]
    documents = [d for d in documents if d.kind != "Container" or d.name not in system]
    if system and not any(document.kind == "SystemContainers" for document in documents):
        place = Place(topic=activity.topic, activity_id=activity.id)
        names = SystemContainers(tuple(sorted(system)))
        documents.append(Document("SystemContainers", activity.domain, names, place))
    return _with_policy(desired_state(documents), "Always", "IfNotPresent")


def reached(activity: Activity) -> bool:
    """Whether any of its target is in force, or all of it because there was nothing to do."""
    return not activity.actions or any(baseline.subjects and is_activated(baseline) for baseline in activity.baselines)


def reserved_subjects(activity: Activity, other: DesiredState) -> frozenset[str]:
    """The subjects that are left to an open activity by whoever wants `other`: all that it changes, and of those that it
    only checks the ones that are wanted otherwise. What both want alike is kept so by both."""
    theirs = _with_policy(other, "Always", "IfNotPresent").containers()
    ours = _with_policy(activity.target, "Always", "IfNotPresent").containers()
    return frozenset(
        action.subject
        for action in activity.actions
        if action.kind != "check" or theirs.get(action.subject) != ours.get(action.subject)
    )


def asked_now(state: DesiredState) -> DesiredState:
    """What is asked for now is meant as it is now: for the time of the activity a tag is looked up again (defect A10)."""
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
