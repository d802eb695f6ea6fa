"""Questions that a desired state answers about itself."""

from __future__ import annotations

import pytest

from evenkeel.specs.containers.container import Container
from evenkeel.specs.desired import Document, SystemContainers, Wanted, desired_state
from evenkeel.specs.groups.baseline import Baseline
from evenkeel.specs.slots.system import OperatingSystem

WEB = Container("web", "web:1")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([], True),
        ([WEB], True),
        ([WEB, SystemContainers(("databroker",))], True),
        ([OperatingSystem("os", "2", "https://updates.example/2.raucb")], False),
        ([WEB, Baseline(("web",))], False),
    ],
)
def test_only_a_state_of_containers_can_list_system_containers(wanted: list[Wanted], expected: bool) -> None:
    state = desired_state([Document(type(each).__name__, "web", each) for each in wanted])
    assert state.can_list_system_containers is expected
