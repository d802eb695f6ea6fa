"""The self update agent on a real broker, beside the agent for containers: one process, one connection, two update managers."""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.broker import Broker

from .commanding import NEXT, Manager, asking, component, told
from .rig import Device

Mosquitto = Callable[..., Broker]
Devices = Callable[..., Device]
Managers = Callable[..., Manager]
HVAC, BUNDLE = "docker.io/library/hvac:1", "https://updates.example/os:2"


def test_both_agents_work_at_once_and_the_new_system_is_activated(
    mosquitto: Mosquitto, device: Devices, manager: Managers
) -> None:
    broker = mosquitto()
    it, boss, system = device(broker.port), manager(broker.port), manager(broker.port, domain="self")
    it.settings(selfUpdateAgent={"enable": True, "reportDebounce": "100ms"})
    it.start()
    (first, *_) = system.until(system.states, "the report of a new connection")
    agent, image = first["payload"]["softwareNodes"]
    assert (agent["id"], image["id"], image["version"]) == ("self-update-agent", "self-update:os-image", "1.0.0")
    system.ask("s1", asking(component("os-image", BUNDLE), domain="self-update"))
    for status, command in NEXT.items():
        system.hear("s1", status)
        system.command("s1", command)
        if command == "DOWNLOAD":
            assert told(boss.drive("a1", asking(component("hvac", HVAC))))[-1] == "COMPLETED hvac=ACTIVATION_SUCCESS"
    system.hear("s1", "CLEANUP_SUCCESS")
    waits = system.hear("s1", "CLEANUP")
    assert waits.actions == (("os-image", "UPDATE_SUCCESS"),)
    it.kill()
    it.start()
    system.ask_state("q1")
    answers = system.until(lambda: [s for s in system.states() if s["activityId"] == "q1"], "the answer")
    assert answers[0]["payload"]["softwareNodes"][1]["version"] == "1.0.0", "nobody has rebooted"
    (activity,) = it.status()["activities"]
    assert (activity["id"], activity["actions"][0]["message"]) == (
        "s1",
        "the device has to be rebooted into slot B (2)",
    )
    assert "all commands are done" in it.run("status").stdout
    assert not [said for said in system.said("s1") if said.status in ("COMPLETED", "INCOMPLETE")]
