"""Values that are handed out: a container is created anew for another value, and for nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from evenkeel.reconcilers.containers import Containers
from evenkeel.reconcilers.containers.reveal import revealed_difference
from evenkeel.reconcilers.containers.settings import asked_texts
from evenkeel.reconcilers.wanted import differing
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.container import Container, ValueFrom
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersSeen
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.provisioning.provisioning import Azure, Output, Provisioning

CS = ValueFrom("CS", "azure", "connectionString")
WEB = normal(Container("web", "web:1", values_from=(CS,)))
TEXT = "from provisioning azure: connectionString"
CONTAINERS = Containers()
PROVEN = ContainersMemory(proven={"1": "", "2": ""})


def state(container: Container, provisioning: Provisioning | None = None) -> Any:
    documents = [Document("Container", "web", container)]
    documents += [Document("Provisioning", "azure", provisioning)] if provisioning is not None else []
    return CONTAINERS.select(desired_state(documents))


def instance(id_: str, text: str, container: Container = WEB, **fields: Any) -> ContainerSeen:
    prints = (("CS", text),) if text else ()
    fields = {"engine_name": "web", "state": "running"} | fields
    return ContainerSeen(id_, "web", image_id="sha256:1", container=container, prints=prints, **fields)


def seen(*instances: ContainerSeen, **prints: str) -> ContainersSeen:
    now = {"azure": prints} if prints else {}
    return ContainersSeen("e", images={"docker.io/library/web:1": "sha256:1"}, containers=instances, prints=now)


@pytest.mark.parametrize(
    ("at_work", "why"),
    [
        (seen(instance("1", "p1"), connectionString="p1"), []),
        (seen(instance("1", "p1")), []),
        (seen(instance("1", "p1"), deviceId="p9"), []),
        (seen(instance("1", "p1"), connectionString="p2"), ["the value of CS differs"]),
        (seen(instance("1", ""), connectionString="p2"), ["the value of CS differs"]),
    ],
    ids=["the same value", "nothing is handed out", "it is not handed out any more", "another value", "no print"],
)
def test_another_value_needs_a_new_container_and_a_missing_one_waits(at_work: ContainersSeen, why: list[str]) -> None:
    found = CONTAINERS.diff(state(WEB), at_work, PROVEN)
    assert [change.why for each in found for change in each.changes] == why
    assert [each.verb for each in found] == ["recreate"] * len(why)
    assert all((change.old, change.new) == (TEXT, "another value") for each in found for change in each.changes)


def test_the_instance_with_the_value_that_is_handed_out_is_the_one() -> None:
    """On a way back that is the former one again, once the former value is."""
    old, new = instance("1", "p1", engine_name="web.old-1", state="exited"), instance("2", "p2")
    for now, candidate in (("p1", "1"), ("p2", "2")):
        (difference,) = CONTAINERS.diff(state(WEB), seen(old, new, connectionString=now), PROVEN)
        assert difference.candidate == candidate


def test_a_reference_is_shown_and_its_value_is_not() -> None:
    plain = normal(Container("web", "web:1", env=(("CS", "hunter2"),)))
    other = changed(WEB, values_from=(changed(CS, value="hub"),))
    assert dict(asked_texts(WEB))["env.CS"] == TEXT
    for before, old in ((plain, "(hidden)"), (other, "from provisioning azure: hub")):
        at_work = seen(instance("1", "p0", before), connectionString="p1")
        (difference,) = CONTAINERS.diff(state(WEB), at_work, PROVEN)
        assert [(each.path, each.old, each.new) for each in difference.changes] == [("env.CS", old, TEXT)]
    (shown,) = revealed_difference(difference, at_work).changes
    assert (shown.old, shown.new) == ("from provisioning azure: hub", TEXT)


def test_a_revision_that_changes_what_values_are_made_of_changes_those_who_get_them() -> None:
    """So that it fails, and goes back, by a container that does not come up with its new value."""
    one = Provisioning("azure", "/data/id", azure=Azure(id_scope="0ne1"))
    two = changed(one, azure=Azure(id_scope="0ne2"))
    aside = changed(one, outputs=(Output("/etc/x", "{{ hub }}"),), notify=("web",))
    plain = normal(Container("web", "web:1"))
    assert differing(state(WEB, one), state(WEB, two)) == ("web",)
    assert differing(state(WEB, one), state(WEB, aside)) == ()
    assert differing(state(plain, one), state(plain, two)) == ()
    assert differing(state(WEB, one), state(WEB)) == ("web",)
