"""What Kanto's formats cannot say, or say by default: how long a container is given to end, names on the network of the device,
keys that nobody knows, and content that failed before.

The recordings that showed it are named (`tests/replay`).
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.controller.agents.harness import COMMANDS, DESIRED, Device, asked, desired_state, statuses
from tests.memories import memory
from tests.virtual import run

from evenkeel.controller.agents.conduct import AgentSettings
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.participants.containers.conduct import ContainersConduct
from evenkeel.reconcilers.agents.wires import kanto
from evenkeel.specs.containers.container import Restart, Stop
from evenkeel.specs.kanto.manner import Manner

STUBBORN = Image(stops_with=None)


def parameters(state: dict[str, Any], name: str) -> dict[str, str]:
    """Of one container in a report."""
    (node,) = [each for each in state["payload"]["softwareNodes"] if each["id"] == f"containers:{name}"]
    return {each["key"]: each.get("value", "") for each in node["parameters"]}


# ── how long a container is given to end ───────────────────────────────────────────────────────────────────────────────


async def _stubborn(manner: Manner = Manner()) -> Device:  # noqa: B008 - a value
    device = Device(catalogue={"reg.example/lamp:1": STUBBORN}, settings=AgentSettings(language=kanto(manner)))
    await device.bring("before", asked("lamp"))
    return device


async def _seconds(work: Any) -> float:
    begun = asyncio.get_running_loop().time()
    await work
    return asyncio.get_running_loop().time() - begun


@pytest.mark.parametrize("given_s", [30, 5])
@pytest.mark.parametrize("version", ["2", ""])
def test_what_a_desired_state_asks_for_is_given_as_long_to_end_as_kanto_gives(given_s: int, version: str) -> None:
    """Replaced or removed: 30 s, or what `manager.default_ctrs_stop_timeout` was (recording `broker-restart-in-phase`)."""

    async def story() -> None:
        device = await _stubborn(Manner(timedelta(seconds=given_s)))
        await device.desired("a", *([asked("lamp", version)] if version else []))
        await device.command("a", "DOWNLOAD")
        assert given_s <= await _seconds(device.command("a", "UPDATE")) < given_s + 1

    run(story())


@pytest.mark.parametrize("version", ["2", ""])
def test_a_container_that_was_created_for_another_time_stays_and_is_given_what_is_wanted_now(version: str) -> None:
    """evenkeel gave 10 s before."""

    async def story() -> None:
        device = await _stubborn()
        device.engine.change("lamp", stop=Stop())
        (action,) = (await device.desired("a", asked("lamp")))[-1].actions
        assert action[2].startswith("No changes detected"), "nothing is created anew for it"
        await device.commands("a", *COMMANDS)
        await device.desired("b", *([asked("lamp", version)] if version else []))
        await device.command("b", "DOWNLOAD")
        assert 30 <= await _seconds(device.command("b", "UPDATE")) < 31

    run(story())


def test_a_container_that_was_asked_to_be_given_longer_is_given_longer() -> None:
    """By an own document, and then replaced over MQTT."""

    async def story() -> None:
        device = await _stubborn()
        device.engine.change("lamp", stop=Stop(timeout=timedelta(minutes=1)))
        await device.desired("a", asked("lamp", "2"))
        await device.command("a", "DOWNLOAD")
        assert 60 <= await _seconds(device.command("a", "UPDATE")) < 61

    run(story())


# ── reports ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("verbose", [False, True])
def test_a_container_on_the_network_of_the_device_has_the_names_of_the_device(verbose: bool) -> None:
    """Recordings `currentstate-get` and `currentstate-get-verbose`; such a node asks for the same container."""

    async def story() -> None:
        device = Device(conduct=ContainersConduct(verbose=verbose))
        await device.bring("before", asked("net", "1", ("network", "host")))
        shown = parameters(await device.inventory(), "net")
        assert shown["hostName"] == "device"
        assert shown.get("domainName") == ("net-domain" if verbose else None)
        pasted = [(key, value) for key, value in shown.items() if key not in ("image", "created", "status")]
        said = await device.desired("a", asked("net", "1", *pasted))
        assert said[-1].of("net")[1].startswith("No changes detected")

    run(story())


def test_an_image_without_a_tag_is_reported_with_the_one_that_everybody_means() -> None:
    """The original says `n/a`. What is reported asks for the same container, so that nothing is done for it."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp", "n/a", image="reg.example/lamp"))
        state = await device.inventory()
        (node,) = [each for each in state["payload"]["softwareNodes"] if each["id"] == "containers:lamp"]
        assert node["version"] == "latest"
        assert parameters(state, "lamp")["image"] == "reg.example/lamp:latest"
        for version, image in (("latest", "reg.example/lamp:latest"), ("n/a", "reg.example/lamp")):
            said = await device.desired(f"as {version}", asked("lamp", version, image=image))
            assert said[-1].of("lamp")[1].startswith("No changes detected")

    run(story())


def test_the_retry_timeout_is_reported_after_a_change_in_place() -> None:
    """No engine keeps it, and what was written down when the container was created says what was asked for then (recording
    `update-in-place`)."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        retries = (("restartPolicy", "on-failure"), ("restartMaxRetries", "3"), ("restartTimeout", "20"))
        await device.bring("a", asked("lamp", "1", *retries))
        device.engine.change("lamp", restart=Restart("on-failure", 3))
        shown = parameters(await device.inventory(), "lamp")
        assert (shown["restartPolicy"], shown["restartTimeout"]) == ("on-failure", "20s")
        device.engine.change("lamp", restart=Restart("always"))
        assert "restartTimeout" not in parameters(await device.inventory(), "lamp"), "somebody else's policy has none"

    run(story())


# ── input ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("strict", [False, True])
def test_an_unknown_key_is_a_doubt_unless_it_is_to_be_refused(strict: bool) -> None:
    """Recording `system-containers-emptied`."""

    async def story() -> None:
        device = Device(settings=AgentSettings(language=kanto(Manner(takes_unknown_keys=not strict))))
        said = await device.desired("a", asked("lamp", "1", ("color", "red")), config=[("weight", "1")])
        doubts = [
            "unknown key `weight`, which is passed over [payload.domains[0].config[0].key]",
            "unknown key `color`, which is passed over [payload.domains[0].components[0].config[1].key]",
        ]
        if strict:
            assert statuses(said) == ["IDENTIFICATION_FAILED"]
            return
        assert statuses(said) == ["IDENTIFYING", "IDENTIFIED"]
        assert all(doubt in said[-1].message for doubt in doubts)
        assert all(doubt in device.entries("activity")[-1] for doubt in doubts)
        assert (await device.commands("a", *COMMANDS))[-1].status == "COMPLETED"

    run(story())


def test_empty_values_are_doubts() -> None:
    """Recordings `invalid-network` and `invalid-log`."""

    async def story() -> None:
        device = Device()
        said = await device.desired("a", asked("lamp", "1", ("network", ""), ("logMaxSize", "")))
        assert said[-1].status == "IDENTIFIED"
        assert "`network` is empty, which means the default" in said[-1].message
        assert "`logMaxSize` is empty, which means the default" in said[-1].message

    run(story())


# ── content that failed ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("component", "forgiven"), [(asked("lamp"), True), (asked("horn"), False)])
def test_a_desired_state_forgives_the_content_that_it_asks_for_and_no_other(component: Any, forgiven: bool) -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        (lamp,) = device.kept().values()
        device.journal.attempts.count(lamp.image_id, "it had failed", failed=True, domain="containers")
        await device.desired("a", component)
        assert (lamp.image_id not in memory(device.journal).rejected) == forgiven

    run(story())


def test_content_that_failed_and_is_gone_may_come_again() -> None:
    """What the tag names now was fetched, failed and was removed by hand: nobody can say whether it is asked for, and it
    must not be passed over in silence."""

    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        device.journal.attempts.count("sha256:" + "0" * 64, "it had failed", failed=True, domain="containers")
        await device.desired("a", asked("lamp"))
        assert not memory(device.journal).rejected

    run(story())


def test_a_refused_desired_state_forgives_nothing() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"))
        (lamp,) = device.kept().values()
        device.journal.attempts.count(lamp.image_id, "it had failed", failed=True, domain="containers")
        await device.send(DESIRED, desired_state("a", asked("lamp")._replace(id="not a name")))
        assert memory(device.journal).rejected

    run(story())
