"""The original's defects, one test each that it would fail: B1 to B25 of container-management.md §8.1 as far as they are the
agent's, and A2, A6, A7, A9, A10, A11 of defects.md. `NOT_HERE` says why the others are not in here.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Asked,
    Device,
    asked,
    command_message,
    desired_state,
    lines,
    statuses,
)
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.specs.containers.actions import Pull, Start
from evenkeel.specs.documents.decode import decode_file
from evenkeel.specs.documents.join import desired_from

NOT_HERE = {
    9: "manifests: specs/kanto/test_manifest.py has `retry_timeout` in seconds",
    11: "manifests: an id of their own is no part of what a container is here; specs/kanto/test_manifest.py",
    12: "manifests: one without a name is refused; specs/kanto/test_manifest.py",
    14: "things: another interface",
    15: "things: another interface",
    20: "things: another interface",
    21: "one worker deals with files and messages; controller/loop/controller.py",
    22: "controller/mqtt/test_link.py: TLS, and the first connection is retried like every other",
    23: "the engine's network is Docker's",
}
CHECK = "No changes detected, existing container will be check only if it is running."


def test_every_defect_is_somewhere() -> None:
    here = {int(number) for number in re.findall(r"^def test_b(\d\d)_", Path(__file__).read_text(), re.MULTILINE)}
    assert here | set(NOT_HERE) == set(range(1, 26))
    assert not here & set(NOT_HERE)


async def kinds(device: Device, activity: str, *components: Asked) -> list[str]:
    """The messages of IDENTIFIED."""
    return [message for _, _, message in (await device.desired(activity, *components))[-1].actions]


def test_b01_memory_alone_is_the_same_the_second_time() -> None:
    async def story() -> None:
        device = Device()
        lamp = asked("lamp", "1", ("memory", "64M"))
        await device.bring("a", lamp)
        first = device.id_of("lamp"), device.container("lamp").resources
        assert await kinds(device, "b", lamp) == [CHECK]
        assert (device.id_of("lamp"), device.container("lamp").resources) == first

    run(story())


def test_b02_limits_that_are_taken_away_are_taken_away() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp", "1", ("memory", "64M"), ("memorySwap", "128M")))
        await device.bring("b", asked("lamp"))
        assert device.container("lamp").resources.memory is None
        assert await kinds(device, "c", asked("lamp")) == [CHECK]

    run(story())


def test_b03_rollback_of_a_change_in_place_restores_the_old_values() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp", "1", ("memory", "64M"), ("restartPolicy", "always")))
        before = device.container("lamp")
        await device.desired("b", asked("lamp", "1", ("memory", "96M"), ("restartPolicy", "on-failure")))
        await device.commands("b", "DOWNLOAD", "UPDATE")
        assert device.container("lamp") != before
        said = await device.command("b", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert said[-1].of("lamp")[1].endswith("container configuration restored from older instance.")
        assert device.container("lamp") == before

    run(story())


def test_b04_a_failed_download_leaves_no_second_container_of_a_name() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/ghost:1": Image(pull="missing")})
        await device.bring("a", asked("lamp"))
        await device.desired("b", asked("lamp", "2"), asked("ghost"))
        await device.commands("b", "DOWNLOAD", "CLEANUP")
        assert [(name, image) for name, _, image, _ in device.instances()] == [("lamp", "reg.example/lamp:1")]
        await device.bring("c", asked("lamp", "2"))
        assert device.running() == {"lamp": "reg.example/lamp:2"}
        assert len(device.kept()) == 1

    run(story())


def test_b05_rollback_right_after_download() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp"))
        await device.desired("b", asked("lamp", "2"))
        said = await device.commands("b", "DOWNLOAD", "ROLLBACK")
        assert lines(said)[-1] == "ROLLBACK_SUCCESS lamp=UPDATE_FAILURE"
        assert device.running() == {"lamp": "reg.example/lamp:1"}
        assert len(device.kept()) == 1

    run(story())


@pytest.mark.parametrize("policy", ["always", "unless-stopped", "on-failure"])
def test_b06_what_was_stopped_for_an_update_stays_stopped(policy: str) -> None:
    """Also when the controller looks after everything else meanwhile."""

    async def story() -> None:
        device = Device()
        await device.bring(
            "a", asked("lamp", "1", ("restartPolicy", policy)), asked("horn", "1", ("restartPolicy", policy))
        )
        await device.desired("b", asked("lamp", "2", ("restartPolicy", policy)))
        await device.commands("b", "DOWNLOAD", "UPDATE")
        await device.settle()
        assert device.running() == {}
        await device.command("b", "ACTIVATE")
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:2"}

    run(story())


@pytest.mark.parametrize("failing", [Pull, Start])
def test_b07_rollback_after_any_failure_restores_also_what_was_to_be_destroyed(failing: type) -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp"), asked("horn"))
        world = device.instances()
        await device.desired("b", asked("lamp", "2"))
        heal = device.fail(failing, "reg.example/lamp:2" if failing is Pull else "lamp")
        await device.command("b", "DOWNLOAD")
        if failing is Start:
            await device.commands("b", "UPDATE", "ACTIVATE")
        heal()
        said = await device.command("b", "ROLLBACK")
        assert said[-1].status == "ROLLBACK_SUCCESS"
        assert device.instances() == world

    run(story())


@pytest.mark.parametrize(
    "content", [b'{"activityId":"a","payload":null}', b'{"activityId":"a","payload":7}', b"null", b"7"]
)
def test_b08_a_malformed_command_is_survived(content: bytes) -> None:
    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"))
        assert await device.send(COMMAND, content) == []
        assert statuses(await device.command("a", "DOWNLOAD")) == ["DOWNLOADING", "DOWNLOAD_SUCCESS"]

    run(story())


async def from_a_manifest(device: Device, manifest: dict[str, Any]) -> None:
    """A container that a manifest asked for runs."""
    state, problems = desired_from([decode_file(json.dumps(manifest).encode(), "lamp.json")])
    assert not [problem for problem in problems if problem.severity == "error"]
    device.journal.put("desired", state, "files")
    await device.settle()
    assert list(device.running()) == ["lamp"]


@pytest.mark.parametrize("config", [None, {}, {"env": [], "cmd": []}])
def test_b10_empty_and_absent_are_the_same(config: dict[str, Any] | None) -> None:
    async def story() -> None:
        device = Device()
        manifest: dict[str, Any] = {"container_name": "lamp", "image": {"name": "reg.example/lamp:1"}}
        await from_a_manifest(device, manifest | ({"config": config} if config is not None else {}))
        assert await kinds(device, "a", asked("lamp")) == [CHECK]

    run(story())


def test_b13_localhost_survives_a_report_and_a_desired_state() -> None:
    async def story() -> None:
        device = Device()
        ports = [{"host_ip": "localhost", "host_port": 8080, "container_port": 80}]
        await from_a_manifest(
            device,
            {
                "container_name": "lamp",
                "image": {"name": "reg.example/lamp:1"},
                "host_config": {"port_mappings": ports},
            },
        )
        node = (await device.inventory())["payload"]["softwareNodes"][1]
        config = tuple((each["key"], each.get("value", "")) for each in node["parameters"])
        assert ("port", "127.0.0.1:8080:80/tcp") in config
        assert await kinds(device, "a", Asked("lamp", "1", config)) == [CHECK]
        assert await kinds(device, "b", asked("lamp", "1", ("port", "localhost:8080:80"))) == [CHECK]

    run(story())


def test_b16_a10_a_tag_that_was_pushed_again_is_fetched_again() -> None:
    async def story() -> None:
        ref = "reg.example/lamp:1"
        device = Device(catalogue={ref: Image(version=1)})
        await device.bring("a", asked("lamp"))
        old = device.id_of("lamp")
        device.engine.catalogue[ref] = Image(version=2)
        await device.settle()
        assert device.id_of("lamp") == old  # nobody has commanded that
        said = await device.bring("b", asked("lamp"))
        assert said[1].of("lamp")[1] == "Existing container will be destroyed and replaced by a new one."
        assert device.id_of("lamp") != old
        assert await kinds(device, "c", asked("lamp")) == [CHECK]

    run(story())


@pytest.mark.parametrize("lost_after", ["DOWNLOAD", "UPDATE", "ACTIVATE"])
@pytest.mark.parametrize("pushed_again", [False, True])
def test_a10_what_was_fetched_is_what_is_activated(lost_after: str, pushed_again: bool) -> None:
    """Even when the registry cannot be reached any more, or the tag names something else by now: a vehicle drives on."""

    async def story() -> None:
        ref = "reg.example/lamp:1"
        device = Device(catalogue={ref: Image(version=1)})
        await device.bring("a", asked("lamp"))
        old = device.id_of("lamp")
        device.engine.catalogue[ref] = Image(version=2)
        await device.desired("b", asked("lamp"))
        said, kept = [], []
        for command in COMMANDS:
            said += await device.command("b", command)
            kept.append(set(device.kept()))
            if command == lost_after:
                device.engine.catalogue[ref] = Image(version=3, pull="ok" if pushed_again else "unreachable")
        assert said[-1].status == "COMPLETED"
        assert kept[-1] == kept[0] - {old}
        assert list(device.running()) == ["lamp"]

    run(story())


def test_a10_what_was_said_to_be_replaced_is_not_passed_over_when_the_registry_goes_away() -> None:
    async def story() -> None:
        ref = "reg.example/lamp:1"
        device = Device(catalogue={ref: Image(version=1)})
        await device.bring("a", asked("lamp"))
        old = device.id_of("lamp")
        device.engine.catalogue[ref] = Image(version=2)
        await device.desired("b", asked("lamp"))
        device.engine.catalogue[ref] = Image(version=2, pull="unreachable")
        said = await device.command("b", "DOWNLOAD")
        assert said[-1].status == "DOWNLOAD_FAILURE"
        assert said[-1].of("lamp") == ("DOWNLOAD_FAILURE", "the registry cannot be reached")
        device.engine.catalogue[ref] = Image(version=3)  # and is pushed again meanwhile
        assert (await device.bring("c", asked("lamp")))[-1].status == "COMPLETED"
        assert device.id_of("lamp") != old

    run(story())


def test_a10_a_registry_that_does_not_answer_is_told_of() -> None:
    """Not of an image that is not here: that has to be fetched, and fails aloud if it cannot be."""

    async def story() -> None:
        here, away = "reg.example/lamp:1", "reg.example/horn:1"
        device = Device(catalogue={here: Image(), away: Image(pull="unreachable")})
        assert (await device.bring("a", asked("lamp")))[1].message == ""
        device.engine.catalogue[here] = Image(version=2, pull="unreachable")
        told = f"{here} is taken as it is here, for its registry could not be asked: unreachable"
        assert (await device.desired("b", asked("lamp"), asked("horn")))[-1].message == told
        version = "the version 2 of lamp is only shown; what runs is reg.example/lamp:1"
        assert (await device.desired("c", asked("lamp", "2", image=here)))[-1].message == f"{version}; {told}"

    run(story())


def test_a10_a_check_stays_a_check_when_the_tag_is_pushed_again_meanwhile() -> None:
    async def story() -> None:
        ref = "reg.example/lamp:1"
        device = Device(catalogue={ref: Image(version=1)})
        await device.bring("a", asked("lamp"))
        world = device.instances()
        assert await kinds(device, "b", asked("lamp")) == [CHECK]
        device.engine.catalogue[ref] = Image(version=2)
        said = await device.commands("b", *COMMANDS)
        assert said[-1].status == "COMPLETED"
        assert device.instances() == world

    run(story())


@pytest.mark.parametrize("seed", range(10))
def test_b17_commands_are_carried_out_in_the_order_in_which_they_came(seed: int) -> None:
    """All at once, with the agent woken whenever it likes; Kanto had the order wrong in 59 of 60 trials."""

    async def story() -> None:
        dice = random.Random(seed)
        device = Device()
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp"), asked("horn")))
        for command in COMMANDS:
            if dice.random() < 0.3:
                await device.agent.work()
            device.agent.arrived(COMMAND, command_message("a", command))
        await device.agent.work()
        assert [each for each in statuses(device.said()) if not each.endswith("ING")] == [
            "IDENTIFIED", "DOWNLOAD_SUCCESS", "UPDATE_SUCCESS", "ACTIVATION_SUCCESS", "CLEANUP_SUCCESS", "COMPLETED",
        ]  # fmt: skip

    run(story())


@pytest.mark.parametrize("first", ["bad", "good"])
def test_b18_the_end_speaks_for_all_baselines(first: str) -> None:
    """Kanto says COMPLETED or INCOMPLETE after the baseline that is cleaned up last."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/ghost:1": Image(pull="missing")})
        await device.desired(
            "a", asked("lamp"), asked("ghost"), baselines={"good": ["containers:lamp"], "bad": ["containers:ghost"]}
        )
        await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE", baseline="good")
        await device.command("a", "DOWNLOAD", "bad")
        second = "good" if first == "bad" else "bad"
        said = [
            each
            for title in (first, "containers:remove-components", second)
            for each in await device.command("a", "CLEANUP", title)
        ]
        assert lines(said)[-1] == "INCOMPLETE lamp=ACTIVATION_SUCCESS ghost=DOWNLOAD_FAILURE"
        await device.settle()
        assert device.running() == {"lamp": "reg.example/lamp:1"}

    run(story())


@pytest.mark.parametrize("moment", [0, 1, 2])
@pytest.mark.parametrize("which", ["same", "limit", "swap"])
def test_b19_a_container_that_vanishes_meanwhile_is_put_up_again(which: str, moment: int) -> None:
    """Kanto's daemon crashes. What is reported as running does run."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("same"), asked("limit"), asked("swap"))
        await device.desired("a", asked("same"), asked("limit", "1", ("memory", "64M")), asked("swap", "2"))
        said = []
        for number, command in enumerate(("DOWNLOAD", "UPDATE", "ACTIVATE")):
            if number == moment:
                device.engine.remove(which)
            said += await device.command("a", command)
        assert said[-1].status == "ACTIVATION_SUCCESS"
        assert device.running() == {
            "same": "reg.example/same:1", "limit": "reg.example/limit:1", "swap": "reg.example/swap:2",
        }  # fmt: skip
        assert device.container("limit").resources.memory == 64 << 20
        assert (await device.command("a", "CLEANUP"))[-1].status == "COMPLETED"
        assert len(device.kept()) == 3

    run(story())


@pytest.mark.parametrize(
    ("key", "value"),
    [("port", "99999:80"), ("port", "8080"), ("device", "/dev/a:/dev/b:x"), ("mount", "/TMP"), ("terminal", "YES")],
)
def test_b24_a09_nothing_is_dropped_without_a_word(key: str, value: str) -> None:
    """Kanto starts the container without it and says COMPLETED."""

    async def story() -> None:
        device = Device()
        said = await device.desired("a", asked("lamp", "1", (key, value)))
        assert statuses(said) == ["IDENTIFICATION_FAILED"]
        assert value in said[0].message
        assert "[payload.domains[0].components[0].config[1].value]" in said[0].message
        assert device.instances() == []

    run(story())


def test_b25_a_version_that_is_not_what_runs_is_told() -> None:
    async def story() -> None:
        device = Device()
        said = await device.desired("a", asked("lamp", "9", image="reg.example/lamp:1"))
        assert said[-1].message == "the version 9 of lamp is only shown; what runs is reg.example/lamp:1"
        device = Device()
        assert (await device.desired("a", asked("lamp", "1")))[-1].message == ""

    run(story())


def test_a02_cleanup_after_a_failed_activation_brings_the_old_back() -> None:
    """Kanto leaves it stopped, flagged as stopped by hand, so that it does not even come back with the next boot."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/lamp:2": Image(exits_with=1)})
        await device.bring("a", asked("lamp"))
        world = device.instances()
        await device.desired("b", asked("lamp", "2"))
        said = await device.commands("b", *COMMANDS)
        assert statuses(said)[-3:] == ["ACTIVATION_FAILURE", "CLEANUP_SUCCESS", "INCOMPLETE"]
        assert device.instances() == world
        await device.settle()
        assert device.instances() == world

    run(story())


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a06_a_restart_between_commands_is_not_noticed(after: int) -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        said = await device.desired("a", asked("lamp", "2"))
        for number, command in enumerate(COMMANDS):
            if number == after:
                device.reboot()
            said += await device.command("a", command)
        assert said[-1].status == "COMPLETED"
        assert device.running() == {"lamp": "reg.example/lamp:2"}

    run(story())


def test_a07_neither_messages_nor_answers_are_lost() -> None:
    """What was taken in is dealt with by the next process, what was said is published by it, in order and once."""

    async def story() -> None:
        device = Device()
        device.agent.arrived(DESIRED, desired_state("a", asked("lamp")))
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        device.reboot()
        await device.agent.work()
        device.reboot()
        assert lines(device.said()) == [
            "IDENTIFYING",
            "IDENTIFIED lamp=IDENTIFIED",
            "DOWNLOADING lamp=DOWNLOADING",
            "DOWNLOAD_SUCCESS lamp=DOWNLOAD_SUCCESS",
        ]
        device.reboot()
        assert device.said() == []

    run(story())


@pytest.mark.parametrize("exits_with", [0, 1, 137])
def test_a11_activated_means_that_it_stays_up(exits_with: int) -> None:
    """A process that ends a second after its start is no success, nor is one that ends well and is to run always."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/lamp:1": Image(exits_with=exits_with, exits_after_s=1.0)})
        await device.desired("a", asked("lamp", "1", ("restartPolicy", "no" if exits_with == 0 else "always")))
        said = await device.commands("a", "DOWNLOAD", "UPDATE", "ACTIVATE")
        # a process that is allowed to end, and does so with 0, has done what was asked
        assert said[-1].status == ("ACTIVATION_SUCCESS" if exits_with == 0 else "ACTIVATION_FAILURE")

    run(story())


def test_a11_a_check_of_what_keeps_ending_is_no_success() -> None:
    async def story() -> None:
        device = Device(catalogue={"reg.example/lamp:1": Image()})
        await device.bring("a", asked("lamp", "1", ("restartPolicy", "always")))
        device.engine.catalogue["reg.example/lamp:1"] = Image(exits_with=1)
        said = await device.desired("b", asked("lamp", "1", ("restartPolicy", "always")))
        assert [message for _, _, message in said[-1].actions] == [CHECK]
        said = await device.commands("b", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert said[-1].status == "ACTIVATION_FAILURE"
        assert said[-1].of("lamp")[1] == "lamp keeps ending with exit code 1"

    run(story())


def test_a11_a_job_that_has_ended_is_said_to_have_ended() -> None:
    """Kanto would start it again; an ended job is what its restart policy asks for."""

    async def story() -> None:
        device = Device(catalogue={"reg.example/job:1": Image(exits_with=0)})
        await device.bring("a", asked("job", "1", ("restartPolicy", "no")))
        await device.desired("b", asked("job", "1", ("restartPolicy", "no")))
        said = await device.commands("b", "DOWNLOAD", "UPDATE", "ACTIVATE")
        assert said[-1].status == "ACTIVATION_SUCCESS"
        assert said[-1].of("job")[1] == "Existing container instance has ended, as its restart policy lets it."

    run(story())
