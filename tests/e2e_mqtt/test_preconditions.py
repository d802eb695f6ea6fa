"""Preconditions of baselines in files, with values from a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable

from paho.mqtt import publish
from tests.engines.broker import Broker
from tests.until import until

from .rig import Device

WEB = "docker.io/library/web:"


def test_a_device_without_agents_follows_the_values_of_topics(
    mosquitto: Callable[..., Broker], device: Callable[..., Device]
) -> None:
    broker = mosquitto()
    it = device(broker.port)
    values = {"vehicle.speed": {"topic": "vehicle/state", "path": "$.speed", "maxAge": "1h"}}
    it.settings(updateAgent={"enable": False}, updateManager={"values": values})
    rule = {"apiVersion": "evenkeel/v1", "kind": "Baseline", "metadata": {"name": "drive"}}
    spec = {"members": ["web"], "preconditions": "vehicle.speed < 5"}
    (it.specs / "drive.json").write_text(json.dumps({**rule, "spec": spec}))
    it.write("web", f"{WEB}1")
    it.start()

    def waits() -> str:
        groups = json.loads(it.run("status", "-o", "json").stdout)["groups"]
        return next((each["waits"] for each in groups if each["waits"]), "")

    until(lambda: "nothing was received on vehicle/state" in waits())
    assert it.running() == {}
    publish.single("vehicle/state", b'{"speed": 50}', qos=1, hostname="127.0.0.1", port=broker.port)
    until(lambda: values_of(it)["value"] == 50)
    assert it.running() == {}
    publish.single("vehicle/state", b'{"speed": 0}', qos=1, hostname="127.0.0.1", port=broker.port)
    until(lambda: it.running() == {"web": f"{WEB}1"})
    found = values_of(it)
    assert (found["value"], found["doesNotCount"]) == (0, None)


def values_of(it: Device) -> dict[str, object]:
    """The value of the speed in a plan, asked of the controller at work."""
    (shown,) = json.loads(it.run("plan", "-o", "json", ok=None).stdout)["preconditions"]
    return dict(shown["values"]["vehicle.speed"])
