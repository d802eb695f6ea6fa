"""A registry that is slow holds up its own group alone: `run` and `apply` against a real engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.controller.cli.command import ended, spec
from tests.engines.dockerd import Dockerd
from tests.engines.gate import Gate
from tests.engines.images import build
from tests.engines.registry import Registry
from tests.sampling import sampled
from tests.until import until

from .device import DockerDevice, instances

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

QUICK = "stop: {timeout: 1s}"
GROUPS = tuple(
    f"apiVersion: evenkeel/v1\nkind: Baseline\nmetadata: {{name: g-{name}}}\nspec: {{members: [{name}]}}\n"
    for name in ("quick", "slow")
)


@pytest.fixture
def gate(registry: Registry) -> Iterator[Gate]:
    """What its manifest needs passes, the layers do not."""
    with Gate(registry.port, 40_000) as it:
        yield it


@pytest.fixture
def device(clean_dockerd: Dockerd, registry: Registry, gate: Gate, tmp_path: Path) -> Iterator[DockerDevice]:
    it = DockerDevice(tmp_path, clean_dockerd)
    known = json.loads(registry.docker_config.read_text())["auths"][registry.host]
    config = tmp_path / "docker.json"
    config.write_text(json.dumps({"auths": {f"localhost:{gate.port}": known}}))
    it.settings(engine={"kind": "docker", "address": it.address, "dockerConfig": str(config)})
    yield it
    it.close()


def ids(dockerd: Dockerd) -> dict[str, str]:
    return {name: found[0]["Id"] for name, found in instances(dockerd).items()}


@pytest.mark.parametrize("command", sampled(["run", "apply"], 1, "a slow registry"))
def test_a_slow_registry_holds_up_its_own_group_alone(
    device: DockerDevice, dockerd: Dockerd, registry: Registry, gate: Gate, command: str
) -> None:
    layers = build(f"slow-{command}", ["/bin/sleep", "3600"], size=1_000_000)  # of which the engine has none
    registry.push("slow", command, layers)
    image = f"localhost:{gate.port}/slow:{command}"
    device.write(spec("quick", "sleeper:1", QUICK), spec("slow", "sleeper:1", QUICK), *GROUPS)
    device.run("apply", "--yes")
    before = ids(dockerd)
    device.write(spec("quick", "sleeper:1", f"{QUICK}\nenv: {{V: '2'}}"), spec("slow", image, QUICK), *GROUPS)
    process = device.start(*(["run"] if command == "run" else ["apply", "--yes"]))
    until(lambda: ids(dockerd).get("quick", before["quick"]) != before["quick"], 25, "quick is replaced")
    assert ids(dockerd)["slow"] == before["slow"]
    dockerd.api("POST", f"/containers/{ids(dockerd)['slow']}/kill")
    until(lambda: dockerd.containers().get("slow") == "running", 20, "what is down is repaired")
    work = json.loads(device.run("status", "-o", "json", ok=None).stdout)["work"]
    assert ("slow", "DOWNLOAD") in [(each["subject"], each["phase"]) for each in work["steps"]]
    gate.open()
    device.until_settled({"quick": "running", "slow": "running"})
    assert ids(dockerd)["slow"] != before["slow"]
    begun = [each for each in device.said() if each.kind == "step-started" and each.step.startswith("pull:localhost")]
    assert len(begun) == 1
    done = next(each for each in device.said() if each.kind == "step-done" and each.step == begun[0].step)
    assert done.message.startswith(f"pulled {image}, ")
    assert done.message.endswith(" MB")
    if command == "run":
        process.terminate()
    ended(process)
