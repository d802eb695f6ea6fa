"""Updates on a real engine whose clock was set back: by the dates, the old instances are younger than the new ones.

The engine keeps the date of each container in a file of its own and reads it at its start. There the old instances get the
date that they would have had if the clock had been years ahead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.agents.harness import COMMANDS, DEVICES, Device, Hasty, asked
from tests.controller.drivers.containers.docker.rig import Rig, container
from tests.engines.dockerd import Dockerd
from tests.engines.registry import Registry

from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine

AHEAD = "2036-06-01T00:00:00.000000001Z"


@pytest.fixture
def device(clean_dockerd: Dockerd, registry: Registry) -> Iterator[Device]:
    for tag in ("1", "2"):
        registry.push("sleeper", tag)
    driver = DockerEngine(clean_dockerd.address, access=PullAccess(str(registry.docker_config)), owner="messages")
    yield Device(driver=Hasty(driver), clock=time.time)
    while DEVICES:
        DEVICES.pop().scrap()


async def test_an_update_succeeds_after_the_clock_of_the_engine_was_set_back(
    device: Device, clean_dockerd: Dockerd, registry: Registry, tmp_path: Path
) -> None:
    """By messages (`nav`) and by files (`web`)."""
    rig = Rig(clean_dockerd.address, tmp_path, owner="files")
    await device.bring("a", asked("nav", "1", image=registry.reference("sleeper", "1")))
    await rig.settle(container("web", "sleeper:1"))
    _made_ahead(clean_dockerd, "nav", "web")
    await rig.settle(container("web", "sleeper:2"))
    await device.settle()
    said = await device.desired("b", asked("nav", "2", image=registry.reference("sleeper", "2")))
    said += await device.commands("b", *COMMANDS)
    assert said[-1].status == "COMPLETED", [each.line for each in said]
    assert clean_dockerd.containers() == {"nav": "running", "web": "running"}
    assert clean_dockerd.inspect("nav")["Config"]["Image"] == registry.reference("sleeper", "2")
    assert clean_dockerd.inspect("web")["Config"]["Image"].endswith("sleeper:2")
    await device._driver.close()
    await rig.close()


def _made_ahead(dockerd: Dockerd, *names: str) -> None:
    """The engine was restarted, and made these before its clock was set back."""
    ids = [dockerd.inspect(name)["Id"] for name in names]
    dockerd.stop()
    for id_ in ids:
        kept = dockerd.folder / "data" / "containers" / id_ / "config.v2.json"
        kept.write_text(json.dumps({**json.loads(kept.read_text()), "Created": AHEAD}))
    dockerd.start()
    assert [dockerd.inspect(name)["Created"] for name in names] == [AHEAD] * len(names)
