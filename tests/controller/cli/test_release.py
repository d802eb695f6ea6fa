"""Giving up what came over MQTT, when nobody is there any more who would command it."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import closing
from datetime import timedelta

import pytest
from tests.until import until

from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.containers.actions import Create, End, Pull, Start
from evenkeel.specs.containers.container import Container, Stop
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.kanto.activity import Activity, ActivityAction, Baseline

from .command import Device, ended, spec

pytestmark = pytest.mark.e2e


def open_activity(device: Device, before: Container, *activated: str) -> None:
    """One that changes `web` and stopped what it replaces, as MQTT was switched off."""
    action = ActivityAction("web", "2", "recreate", "UPDATE_SUCCESS", "")
    there = desired_state([Document("Container", "web", before)])
    target = desired_state([Document("Container", "web", normal(Container("web", "docker.io/library/nginx:2")))])
    baseline = Baseline("containers:web", ("web",), "UPDATE_SUCCESS")
    topic = "containersupdate/desiredstate"
    with closing(open_journal(device.state)) as journal:
        journal.mailbox("containers").record(
            Activity("a1", topic, "containers", target, there, (action,), (baseline,), 0.0, 0.0)
        )


def test_an_activity_that_nobody_will_command_any_more_can_be_abandoned(device: Device) -> None:
    """MQTT was disabled while it was open; until it is abandoned, what it is about is left alone by all others."""
    device.write(spec("web"))
    device.run("apply", "--yes")
    open_activity(device, normal(Container("web", "docker.io/library/nginx:1")))
    device.engine().remove("web")
    hint = "nobody serves it, because its agent is off; `evenkeel release --abandon` ends it"
    assert hint in device.run("apply", "--yes", ok=1).stderr
    assert hint in device.run("status").stdout
    assert "nobody serves it: its agent is off. `evenkeel release --abandon` ends it" in device.run("release").stdout
    assert device.engine().running() == {}
    assert "Abandoned: activity a1." in device.run("release", "--abandon").stdout
    assert device.run("release", "--abandon").stdout == "No activity is open: there is nothing to abandon.\n"
    device.run("apply", "--yes")
    assert list(device.engine().running()) == ["web"]


def test_what_an_abandoned_activity_began_is_taken_back_where_nothing_else_is_asked_for(device: Device) -> None:
    """A device without files that never completed an activity: what was there when it began is what there is to go back
    to. And who commanded it hears of the end, once MQTT is there again."""
    web = normal(Container("web", "docker.io/library/nginx:1", stable_for=timedelta(milliseconds=100)))
    engine = device.engine()
    for action in (Pull(web.image, "IfNotPresent"), Create(web, "web"), Start("web"), End("web", Stop())):
        asyncio.run(engine.perform(action, lambda message, done, total: None))
    assert device.engine().running() == {}
    open_activity(device, web)
    assert "`evenkeel release` gives the files their say" in device.run("release", "--abandon").stdout
    with closing(open_journal(device.state)) as journal:
        found = journal.outbox.oldest()
        assert found is not None
        assert found[1].topic == "containersupdate/desiredstatefeedback"
        said = json.loads(found[1].payload)
        assert (said["activityId"], said["payload"]["status"]) == ("a1", "INCOMPLETE")
        assert said["payload"]["message"] == "abandoned by an operator"
    process = device.start("run")
    until(device.is_settled)
    assert ended(process, signal.SIGTERM)[0] == 0
    assert device.engine().running() == {"web": "docker.io/library/nginx:1"}
