"""Desired states over a real broker on a real Docker engine: the samples of Leda's pages, failures, and an engine that dies."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.engines.broker import Broker
from tests.engines.dockerd import Dockerd
from tests.engines.images import hello, sleeper, standard
from tests.engines.registry import Registry
from tests.places import DATA
from tests.until import until

from .commanding import Manager, Said, asking, component, told
from .rig import Device

Mosquitto = Callable[..., Broker]
Devices = Callable[..., Device]
Managers = Callable[..., Manager]


def _payload(name: str) -> Any:
    return json.loads((DATA / name).read_text())["payload"]


def _on_docker(device: Device, dockerd: Dockerd) -> Device:
    device.settings(engine={"kind": "docker", "address": dockerd.address})
    return device


def _running(dockerd: Dockerd) -> dict[str, str]:
    """Images of what runs, by name; of Docker's library the short ones."""
    images = {
        name: dockerd.inspect(name)["Config"]["Image"]
        for name, state in dockerd.containers().items()
        if state == "running"
    }
    return {name: image.removeprefix("docker.io/library/") for name, image in images.items()}


def test_the_samples_of_hello_world(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd
) -> None:
    """Leda §5.2: an image that prints a line and ends, and is then asked for with a variable."""
    clean_dockerd.load(hello(), "docker.io/library/hello-world:latest")
    broker = mosquitto()
    it, boss = _on_docker(device(broker.port), clean_dockerd), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    boss.drive("hello", _payload("leda-hello-world.json"))
    first = clean_dockerd.inspect("hello-world")
    said = boss.drive("hello-foo", _payload("leda-hello-world-foo.json"))
    second = clean_dockerd.inspect("hello-world")
    assert first["Id"] != second["Id"]
    assert "FOO=BAR" in second["Config"]["Env"]
    assert list(clean_dockerd.containers()) == ["hello-world"]
    assert said[-1].status == "COMPLETED", said
    boss.ask_state("get")
    found = boss.until(lambda: [state for state in boss.states() if state["activityId"] == "get"], "the answer")
    assert {"key": "env", "value": "FOO=(hidden)"} in found[0]["payload"]["softwareNodes"][1]["parameters"]


@pytest.mark.usefixtures("leda_machine")
def test_the_sample_of_a_typical_device(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd, tmp_path: Path
) -> None:
    """Leda §5.2's leda-desired-state.json, by `evenkeel publish --drive`; `evenkeel watch` looks on."""
    sample = json.loads((DATA / "leda-desired-state.json").read_text())
    components = sample["payload"]["domains"][0]["components"]
    images = {each["id"]: _value(each, "image") for each in components}
    for image in images.values():
        clean_dockerd.load(sleeper("1"), image)
    for entry in components[-1]["config"]:
        if entry["key"] == "mount":  # the device's certificates, which this machine does not have
            source, inside, mode = entry["value"].split(":")
            (tmp_path / Path(source).name).write_text("a secret")
            entry["value"] = f"{tmp_path / Path(source).name}:{inside}:{mode}"
    file = tmp_path / "leda-desired-state.json"
    file.write_text(json.dumps(sample))
    broker = mosquitto()
    it, boss = _on_docker(device(broker.port), clean_dockerd), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    done = it.run("publish", str(file), "--drive", "--timeout", "90")
    assert done.stdout.splitlines()[0] == f"activity {sample['activityId']}"
    assert done.stdout.splitlines()[-1].startswith("COMPLETED")
    assert _running(clean_dockerd) == images
    ports = clean_dockerd.inspect("databroker")["HostConfig"]["PortBindings"]
    assert ports == {"55555/tcp": [{"HostIp": "127.0.0.1", "HostPort": "30555"}]}
    assert boss.hear(sample["activityId"], "COMPLETED")


def test_what_does_not_work_is_rolled_back(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd, tmp_path: Path
) -> None:
    broker = mosquitto()
    it, boss = _on_docker(device(broker.port), clean_dockerd), manager(broker.port)
    it.start(prompt=False)  # else what ends at once may be late for it
    boss.wait_for_agent()
    good = asking(component("app", "sleeper:1"), component("web", "web:1"))
    assert boss.drive("good", good)[-1].status == "COMPLETED"
    before = _running(clean_dockerd)
    bad = asking(component("app", "sleeper:2"), component("web", "crasher:1"))
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    done = it.run("publish", str(tmp_path / "bad.json"), "--activity", "bad", "--drive", "--timeout", "90", ok=1)
    assert "Not done: INCOMPLETE" in done.stderr
    assert boss.hear("bad", "INCOMPLETE")  # which the other client may have heard before this one
    statuses = [said.status for said in boss.said("bad")]
    assert statuses[-4:] == ["ROLLBACK", "ROLLBACK_SUCCESS", "CLEANUP_SUCCESS", "INCOMPLETE"]
    assert "ACTIVATION_FAILURE" in statuses
    assert _running(clean_dockerd) == before == {"app": "sleeper:1", "web": "web:1"}
    assert set(clean_dockerd.containers()) == {"app", "web"}


def test_an_engine_that_is_away_wipes_no_report(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd
) -> None:
    """The broker keeps the last report: one without containers would say that they are gone."""
    broker = mosquitto(persistent=True)
    it, boss = _on_docker(device(broker.port), clean_dockerd), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    boss.drive("good", asking(component("app", "sleeper:1")))
    boss.until(lambda: boss.states()[-1]["activityId"] == "good", "the report after the activity")
    before = len(boss.states())
    clean_dockerd.kill()
    until(lambda: _condition(it, "EngineReachable") is False, what="the loss is noticed")
    broker.restart()
    until(lambda: _condition(it, "BrokerReachable") is True, what="it is connected again")
    clean_dockerd.start()
    boss.until(
        lambda: [each for each in boss.states()[before:] if each["activityId"].startswith("initial-")],
        "the report of the new connection",
    )
    assert all(_nodes(each) == ["app"] for each in boss.states()[before:])


def test_an_engine_that_hangs_holds_up_no_message(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd
) -> None:
    broker = mosquitto()
    it, boss = _on_docker(device(broker.port), clean_dockerd), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    boss.drive("good", asking(component("app", "sleeper:1")))
    until(it.is_settled)
    clean_dockerd.freeze()
    try:
        boss.ask_state("get")
        boss.ask("bad", {"domains": []})
        boss.hear("bad", "IDENTIFICATION_FAILED")
        assert "get" not in [each["activityId"] for each in boss.states()], "it was heard before the look ended"
        answer = boss.until(lambda: [each for each in boss.states() if each["activityId"] == "get"], "the answer")[0]
        assert _nodes(answer) == []
    finally:
        clean_dockerd.thaw()
    boss.until(lambda: _nodes(boss.states()[-1]) == ["app"], "the report of an engine that is back")


def test_a_tag_that_was_pushed_again_a_moment_ago(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd, registry: Registry
) -> None:
    """A desired state has the registry asked, whatever it said a moment before; when it is away, that is told."""
    ref = registry.reference("repushed", "latest")
    asked = asking(component("app", ref))
    broker = mosquitto()
    it, boss = device(broker.port), manager(broker.port)
    docker = {"kind": "docker", "address": clean_dockerd.address, "dockerConfig": str(registry.docker_config)}
    it.settings(engine=docker)
    registry.push("repushed", "latest", standard()["sleeper:1"])
    it.start()
    boss.wait_for_agent()
    for activity, pushed in (("first", "sleeper:1"), ("again", "sleeper:1"), ("newer", "sleeper:2")):
        registry.push("repushed", "latest", standard()[pushed])
        said = boss.drive(activity, asked)
        assert [said[1].message, said[-1].status] == ["", "COMPLETED"]
        assert clean_dockerd.inspect("app")["Image"] == standard()[pushed].id
    registry.stop()
    try:
        said = boss.drive("away", asked)
    finally:
        registry.start()
    told = f"{ref} is taken as it is here, for its registry could not be asked: connection refused"
    assert said[1].message == told
    assert said[-1].status == "COMPLETED"
    clean_dockerd.clear()
    clean_dockerd.api("DELETE", f"/images/{ref}?force=1")


@pytest.mark.parametrize(
    "when",
    [
        {"DOWNLOADING": "stop", "UPDATING": "kill", "ACTIVATING": "kill"},
        {"DOWNLOAD_SUCCESS": "stop", "UPDATE_SUCCESS": "stop", "ACTIVATION_SUCCESS": "kill"},
    ],
    ids=["at work", "between"],
)
def test_the_engine_is_restarted_in_every_phase(
    mosquitto: Mosquitto, device: Devices, manager: Managers, clean_dockerd: Dockerd, when: dict[str, str]
) -> None:
    """A create, a recreate and a removal, while the engine goes away and comes back, with its containers or without."""
    broker = mosquitto()
    it, boss = _on_docker(device(broker.port), clean_dockerd), manager(broker.port)
    it.start()
    boss.wait_for_agent()
    assert (
        boss.drive("before", asking(component("app", "sleeper:1"), component("old", "web:1")))[-1].status == "COMPLETED"
    )
    left = dict(when)

    def disturb(said: Said) -> None:
        how = left.pop(said.status, "")
        if how:
            (clean_dockerd.stop if how == "stop" else clean_dockerd.kill)()
            clean_dockerd.start()

    said = boss.drive("all", asking(component("app", "sleeper:2"), component("new", "web:2")), disturb)
    assert not left
    statuses = [line.partition(" ")[0] for line in told(said)]
    assert [one for one, before in zip(statuses, ["", *statuses], strict=False) if one != before] == _IN_ORDER, said
    until(lambda: _running(clean_dockerd) == {"app": "sleeper:2", "new": "web:2"}, what="the world")
    # One that an engine which was killed has left without its network is repaired, also after the activity.
    until(lambda: set(clean_dockerd.containers()) == {"app", "new"}, what="no other container")


_IN_ORDER = [
    "IDENTIFYING", "IDENTIFIED", "DOWNLOADING", "DOWNLOAD_SUCCESS", "UPDATING", "UPDATE_SUCCESS", "ACTIVATING",
    "ACTIVATION_SUCCESS", "CLEANUP_SUCCESS", "COMPLETED",
]  # fmt: skip


def _condition(it: Device, name: str) -> bool:
    return next(each["holds"] for each in it.status()["conditions"] if each["name"] == name)


def _nodes(state: dict[str, Any]) -> list[str]:
    """The containers of a report."""
    return [node["id"].removeprefix("containers:") for node in state["payload"]["softwareNodes"][1:]]


def _value(part: dict[str, Any], key: str) -> str:
    return next(entry["value"] for entry in part["config"] if entry["key"] == key)
