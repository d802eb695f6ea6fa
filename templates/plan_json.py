"""A plan as plain values, for programs: the stable form behind `evenkeel plan -o json`.

Documented in docs/reference/plan.md; keys are only ever added. Steps are described, not serialised: the containers in them
carry variables, and variables carry secrets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from evenkeel.specs.containers.difference import ContainerDifference, of_containers, pull_sizes, pulled_for
from evenkeel.specs.containers.observed import ContainersSeen, image_size
from evenkeel.specs.plan import Plan, Step
from evenkeel.specs.problem import Place


def plan_value(plan: Plan, seen: ContainersSeen, revision: str = "", notes: Sequence[str] = ()) -> dict[str, Any]:
    """Mappings, lists, texts and numbers only. Sizes are bytes, `null` when unknown."""
    known, unknown = pull_sizes(plan, seen)
    return {
        "apiVersion": "evenkeel/v1",
        "kind": "Plan",
        "domain": plan.domain,
        "engine": seen.engine,
        "revision": revision,
        "changes": bool(plan.stages),
        "notes": list(notes),
        "summary": {
            "verbs": dict(sorted(Counter(difference.verb for difference in plan.differences).items())),
            "pullBytes": known,
            "pullsOfUnknownSize": unknown,
        },
        "subjects": [_subject(difference, plan, seen) for difference in of_containers(plan.differences)],
        "stages": [
            {"phase": str(stage.phase), "steps": [_step(step) for step in stage.steps]} for stage in plan.stages
        ],
    }


def _subject(difference: ContainerDifference, plan: Plan, seen: ContainersSeen) -> dict[str, Any]:
    image = pulled_for(difference, plan)
    return {
        "name": difference.subject,
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
        "volumes": [{"place": each.place, "volume": each.volume, "fate": each.fate} for each in difference.volumes],
        "secondsAway": difference.away_s,
        "secondsAwayAtMost": difference.away_most_s,
        "pull": {"image": image, "bytes": image_size(image, seen) or None} if image else None,
    }


def _asked(place: Place) -> dict[str, Any] | None:
    if place.topic:
        return {"topic": place.topic, "activityId": place.activity_id}
    return {"file": place.file, "line": place.line, "column": place.column} if place.file else None


def _step(step: Step) -> dict[str, Any]:
    return {"id": step.id, "subject": step.subject, "needs": list(step.needs), **step.action.traits.facts}
