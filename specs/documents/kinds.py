"""The kinds of documents.

A kind is a written type, a function to its normal form, and what else its documents have to do with others, all in the room of
its domain; and one entry in `KINDS`. Everything else (reading, errors with places, JSON Schema, the reference page) follows
from these. The normal form is a member of `specs.desired.Wanted`: the type checker finds one that is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from evenkeel.specs.containers import documents as containers
from evenkeel.specs.containers import written as of_containers
from evenkeel.specs.containers.container import OWN_LABELS
from evenkeel.specs.desired import Wanted
from evenkeel.specs.documents.reference import Claim, Reference
from evenkeel.specs.documents.written import MetadataSpec
from evenkeel.specs.files import documents as files
from evenkeel.specs.files.written import FileSpec
from evenkeel.specs.groups.documents import BaselineSpec, baseline
from evenkeel.specs.problem import Flaw, nearest
from evenkeel.specs.provisioning import documents as provisioning
from evenkeel.specs.provisioning.written import ProvisioningSpec
from evenkeel.specs.registries import documents as registries
from evenkeel.specs.registries.written import RegistrySpec
from evenkeel.specs.slots import documents as slots
from evenkeel.specs.slots.written import OperatingSystemSpec

Flaws = list[Flaw]


def _none(wanted: Wanted) -> tuple[()]:
    return ()


class Kind(Struct, frozen=True):
    """A kind: the type that people write, and the function to its normal form. The function appends flaws to the list
    that it is given. With an error among them, the normal form has only the sound parts and may be used for comparisons
    only. `refers`: the references of a document in normal form to others. `claims`: values that no two documents of the
    kind may have."""

    name: str
    spec: type
    finish: Callable[[MetadataSpec, Any, Flaws], Wanted]
    refers: Callable[[Any], tuple[Reference, ...]] = _none
    claims: Callable[[Any], tuple[Claim, ...]] = _none


KINDS = {
    kind.name: kind
    for kind in (
        Kind("Container", of_containers.ContainerSpec, containers.container, refers=containers.needed),
        Kind("SystemContainers", of_containers.SystemContainersSpec, containers.system_containers),
        Kind("Baseline", BaselineSpec, baseline),
        Kind("File", FileSpec, files.file, files.notified, files.claimed),
        Kind("Provisioning", ProvisioningSpec, provisioning.provisioning, provisioning.notified, provisioning.claimed),
        Kind("Registry", RegistrySpec, registries.registry, claims=registries.claimed),
        Kind("OperatingSystem", OperatingSystemSpec, slots.operating_system, slots.watched, slots.claimed),
    )
}


def reserved_labels(metadata: MetadataSpec) -> Flaws:
    """Labels that evenkeel gives itself, with their paths below `metadata`."""
    why = f"labels that begin with `{OWN_LABELS}` are evenkeel's own"
    return [
        Flaw(("labels", name), why, "give it another name") for name in metadata.labels if name.startswith(OWN_LABELS)
    ]


def kind_of(name: str) -> Kind:
    """The kind called `name`; ValueError with the nearest one."""
    if name not in KINDS:
        raise ValueError(f"unknown kind `{name}`; {nearest(name, KINDS)}")
    return KINDS[name]
