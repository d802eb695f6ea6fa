"""Identification of a desired state, as the actions and baselines of an activity. Pure.

Texts are those of Kanto's agent (container-management.md §2.1 to §2.3).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from evenkeel.reconcilers.agents.activity import is_activated, is_begun
from evenkeel.reconcilers.agents.commands import IDENTIFIED_TEXT
from evenkeel.specs.codec import changed
from evenkeel.specs.kanto.activity import ActionKind, Activity, ActivityAction, Baseline, Status
from evenkeel.specs.plan import Difference

_KINDS: Mapping[str, ActionKind] = {
    "create": "create",
    "recreate": "recreate",
    "update": "update",
    "connect": "check",
    "start": "check",
    "finish": "check",
    "remove": "destroy",
}
_CREATED = ("create", "recreate")
"""Kinds of actions that make a container, and thereby settle the content of its image."""
_ROLLED_BACK: Sequence[Status] = ("ROLLBACK", "ROLLBACK_SUCCESS", "ROLLBACK_FAILURE")


class RunningInstance(NamedTuple):
    """The running instance of a name: the version of its image, the image's id, and the digest of its content (""
    unknown)."""

    version: str
    image_id: str = ""
    digest: str = ""


def identify(
    ordered: Sequence[tuple[str, str]],
    differences: Sequence[Difference],
    running: Mapping[str, RunningInstance],
    system: Sequence[str],
    promised: Mapping[str, str],
) -> tuple[ActivityAction, ...]:
    """The actions of a desired state: its components in their order, then removals. System containers have no action.
    `ordered`: name and version of each component. `running`: the running instances, by name. `promised`: the digests
    that registries have under the desired tags, by name."""
    by_subject = {difference.subject: difference for difference in differences}
    actions = []
    for name, version in ordered:
        if name in system:
            continue
        difference = by_subject.get(name)
        kind: ActionKind = _KINDS.get(difference.verb, "check") if difference is not None else "check"
        old = running.get(name, RunningInstance("n/a"))
        digest = old.digest if kind in ("check", "update") else None
        text = IDENTIFIED_TEXT[kind]
        actions.append(
            ActivityAction(
                name,
                version,
                kind,
                "IDENTIFIED",
                text,
                digest=digest,
                promised=promised.get(name, ""),
                image_before=old.image_id,
            )
        )
    for difference in differences:
        if difference.verb == "remove":
            old = running.get(difference.subject, RunningInstance("n/a"))
            text = IDENTIFIED_TEXT["destroy"]
            actions.append(
                ActivityAction(
                    difference.subject, old.version, "destroy", "IDENTIFIED", text, image_before=old.image_id
                )
            )
    return tuple(actions)


def baselines(
    domain: str,
    requested: Sequence[tuple[str, Sequence[str]]],
    components: Sequence[str],
    actions: Sequence[ActivityAction],
) -> tuple[Baseline, ...]:
    """The baselines of the message, a baseline for each component that is in none of them, and
    `<domain>:remove-components` (§2.3).

    `requested`: titles of the message's baselines with the names of their own components.
    """
    named = [Baseline(title, tuple(names)) for title, names in requested]
    covered = {subject for baseline in named for subject in baseline.subjects}
    single = [Baseline(f"{domain}:{name}", (name,)) for name in dict.fromkeys(components) if name not in covered]
    destroyed = tuple(action.subject for action in actions if action.kind == "destroy")
    return (*named, *single, Baseline(f"{domain}:remove-components", destroyed))


def begin_again(activity: Activity) -> Activity:
    """The activity after its desired state was sent again: identified, and waiting for DOWNLOAD. `before` and the kinds
    of its actions stay, so that a rollback leads to the state before its first begin. Each phase then performs the work
    that is left.

    The content of an image stays settled, unless the action was taken back: then the tag is looked up again.
    """
    taken_back = {s for b in activity.baselines if _is_taken_back(b) for s in b.subjects}
    back = {s for b in activity.baselines if b.closed or b.status == "ROLLBACK_SUCCESS" for s in b.subjects}
    return changed(
        activity,
        actions=tuple(
            changed(
                action,
                status="IDENTIFIED",
                message=IDENTIFIED_TEXT[action.kind],
                progress=0,
                digest=None if action.subject in taken_back and action.kind in _CREATED else action.digest,
                begun=is_begun(action) and (action.subject not in back or action.status == "REMOVAL_FAILURE"),
                failure="",
                failed_at="",
                waits_for="",
            )
            for action in activity.actions
        ),
        baselines=tuple(Baseline(b.title, b.subjects, proven=is_activated(b)) for b in activity.baselines),
        command="",
        addressed="",
        alone=False,
        because="",
    )


def _is_taken_back(baseline: Baseline) -> bool:
    """Whether the baseline was taken back, or is being taken back: by ROLLBACK, or by the clean-up of a component that
    was not activated."""
    return baseline.status in _ROLLED_BACK or (baseline.closed and not is_activated(baseline))
