"""Plans as plain values, for programs: the stable form behind `evenkeel plan -o json`.

Documented in docs/reference/plan.md; keys are only ever added. Steps are described, not serialised: the containers in them
carry variables, and variables carry secrets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from evenkeel.specs.plan import BARRIERS, Difference, Plan, Stage, Step
from evenkeel.specs.problem import Place
from evenkeel.templates.planned import NO_GROUPS, GroupsOf, Planned
from evenkeel.templates.preconditions_text import PlannedPrecondition, precondition_value


def plan_value(
    plans: Sequence[Planned],
    revision: str = "",
    notes: Sequence[str] = (),
    groups: GroupsOf = NO_GROUPS,
    preconditions: Sequence[PlannedPrecondition] = (),
) -> dict[str, Any]:
    """Mappings, lists, texts and numbers only. Sizes are bytes, `null` when unknown. `groups`: the group of each subject by its
    domain and name."""
    verbs = Counter(difference.verb for each in plans for difference in each.plan.differences)
    totals = {name: number for each in plans for name, number in each.totals().items()}
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Plan",
        "domains": [{"name": each.plan.domain, "engine": each.engine} for each in plans],
        "revision": revision,
        "changes": any(each.plan.stages for each in plans),
        "notes": list(notes),
        "preconditions": [precondition_value(each) for each in preconditions],
        "summary": {"verbs": dict(sorted(verbs.items())), **totals},
        "subjects": [_subject(difference, each, groups) for each in plans for difference in each.plan.differences],
        "stages": [
            {"domain": domain, "phase": str(stage.phase), "steps": [_step(step) for step in stage.steps]}
            for domain, stage in _in_order([each.plan for each in plans])
        ],
    }


def _in_order(plans: Sequence[Plan]) -> Iterator[tuple[str, Stage]]:
    """The stages in the order in which they are performed: all domains reach a barrier before one of them passes it."""
    for phases in BARRIERS:
        for plan in plans:
            yield from ((plan.domain, stage) for stage in plan.stages if stage.phase in phases)


def _subject(difference: Difference, planned: Planned, groups: GroupsOf) -> dict[str, Any]:
    return {
        "domain": planned.plan.domain,
        "name": difference.subject,
        "group": groups.get((planned.plan.domain, difference.subject)) or None,
        "verb": difference.verb,
        "why": difference.why,
        "asked": _asked(difference.asked),
        "changes": [
            {
                "path": change.path,
                "old": change.old,
                "new": change.new,
                "why": change.why,
                "asked": _asked(change.asked),
            }
            for change in difference.changes
        ],
        "lost": list(difference.lost),
        "secondsAway": difference.away_s,
        "secondsAwayAtMost": difference.away_most_s,
        **planned.facts(difference),
    }


def _asked(place: Place) -> dict[str, Any] | None:
    if place.topic:
        return {"topic": place.topic, "activityId": place.activity_id}
    return {"file": place.file, "line": place.line, "column": place.column} if place.file else None


def _step(step: Step) -> dict[str, Any]:
    return {"id": step.id, "subject": step.subject, "needs": list(step.needs), **step.action.traits.facts}
