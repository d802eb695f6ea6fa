"""Documents about groups: what people write, and how it becomes a group in normal form."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from evenkeel.specs.documents.written import MetadataSpec, Name
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.problem import Flaw
from evenkeel.specs.reading.quantity import PERCENT_PATTERN

_Number = Annotated[int, Meta(ge=1, le=1_000_000)]
_Share = Annotated[str, Meta(pattern=PERCENT_PATTERN)]


class BaselineSpec(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Containers and files that succeed, fail and go back together. All that is in no group is one group."""

    members: Annotated[
        tuple[Name, ...],
        Meta(description="Names of subjects, of any kind. A name stands in one group at most."),
    ] = ()
    member_labels: Annotated[
        dict[str, str],
        Meta(description="Containers that have all of these labels are members, too."),
    ] = {}
    all_or_nothing: Annotated[
        bool,
        Meta(description="All members go back when one fails. `false`: each member is a group of its own."),
    ] = True
    max_unavailable: Annotated[
        _Number | _Share | UnsetType,
        Meta(
            description="How many of its containers may be away at the same time while they are switched: a number, or a "
            "share as `25%`, rounded down, at least one. Default: as many as dependencies allow."
        ),
    ] = UNSET
    preconditions: Annotated[
        str,
        Meta(
            description="Conditions of the vehicle, in CEL or in Kanto's form, which have to hold before anything of it is "
            "changed. It waits until they do. They name the values of `updateManager.values` of the settings."
        ),
    ] = ""


def baseline(metadata: MetadataSpec, spec: BaselineSpec, flaws: list[Flaw]) -> Baseline:
    """The normal form of a written group."""
    if not spec.members and not spec.member_labels:
        hint = "write `members:` or `memberLabels:`"
        flaws.append(Flaw((), "a group without members", hint, lacks=("members", "memberLabels")))
    labels = tuple(sorted(spec.member_labels.items()))
    most = spec.max_unavailable
    return Baseline(
        tuple(sorted(set(spec.members))),
        labels,
        spec.all_or_nothing,
        most if isinstance(most, int) else UNSET,
        int(most.removesuffix("%")) if isinstance(most, str) else UNSET,
        spec.preconditions if spec.preconditions.strip() else UNSET,
    )
