"""An update manager whose backend uses Things: the real program, a real mosquitto, and a scripted edge connector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.engines.broker import Broker

from .commanding import asking, component
from .connector import Connector
from .rig import Device

pytestmark = pytest.mark.e2e

HVAC, SEAT = "docker.io/library/hvac:1", "docker.io/library/seat:1"


def test_a_desired_state_over_things_and_another_after_a_restart_of_the_broker(
    mosquitto: Callable[..., Broker], device: Callable[..., Device]
) -> None:
    """B-12: the original is deaf after it."""
    broker = mosquitto()
    it = device(broker.port)
    it.settings(updateManager={"enable": True, "backend": "things", "ownerConsent": {"commands": ["UPDATE"]}})
    it.start()
    connector = Connector(broker.port)
    try:
        connector.until(lambda: connector.events("/properties"), "the first state")
        _updates(connector, "a1", HVAC)
        assert it.running() == {"seat": HVAC}
        known = len(connector.events("/UpdateManager"))
        broker.restart()
        connector.until(lambda: len(connector.events("/UpdateManager")) > known, "another registration")
        _updates(connector, "a2", SEAT)
        assert it.running() == {"seat": SEAT}
        assert connector.events("")[0]["path"] == "/features/UpdateManager", "nothing is told before it"
        assert {each["name"]: each["holds"] for each in it.status()["conditions"]}["ConnectorReachable"]
    finally:
        connector.close()


def _updates(connector: Connector, activity: str, image: str) -> None:
    def questions() -> list[Any]:
        return [each for each in connector.events("/consent") if each["value"]["activityId"] == activity]

    assert connector.send("apply", {"activityId": activity}) == 400
    assert connector.send("apply", {"activityId": activity, "desiredState": asking(component("seat", image))}) == 204
    question = connector.until(questions, "the question")[0]
    answer = {"activityId": activity, "ownerConsentFeedback": {"status": "APPROVED"}}
    assert connector.send("consent", answer, "another") == 400
    assert connector.send("consent", answer, question["headers"]["correlation-id"]) == 204
    connector.until(lambda: connector.statuses(activity)[-1:] == ["COMPLETED"], f"the end of {activity}")
    assert connector.statuses(activity) == ["IDENTIFYING", "IDENTIFIED", "RUNNING", "COMPLETED"]
