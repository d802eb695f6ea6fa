"""Groups 48, 50, 63, 65 and 66 of Kanto's checklist (container-management.md §7.1, §7.2, §7.4), seen from the wire: texts that
come back, and the states of a container from its creation to its end. Manifests are in
tests/controller/sources/test_checklist_manifests.py.
"""

from __future__ import annotations

from typing import Any

from tests.controller.agents.harness import DESIRED, Asked, Device, asked, desired_state, statuses
from tests.virtual import run

CHECK = "No changes detected, existing container will be check only if it is running."
UPDATED = "Existing container will be updated with new configuration."


async def parameters(device: Device, name: str) -> list[tuple[str, str]]:
    """What the current state says of a container; it must be there once."""
    nodes = (await device.inventory())["payload"]["softwareNodes"]
    (found,) = [node for node in nodes if node["id"] == f"containers:{name}"]
    return [(each["key"], each.get("value", "")) for each in found["parameters"]]


async def state(device: Device, name: str) -> dict[str, str]:
    """What became of it, without times."""
    keys = ("status", "exitCode", "restartCount", "manuallyStopped", "startedSuccessfullyBefore", "finishedAt")
    return {
        key: "set" if key == "finishedAt" else value
        for key, value in await parameters(device, name)
        if key in keys and (value or key != "finishedAt")
    }


def test_group_48_texts_survive_a_report_and_a_desired_state() -> None:
    """What is reported asks for the same container when it is sent back, as it stands."""
    config = (
        ("image", "lamp:1"),
        *(("device", text) for text in ("/dev/a:/dev/a:rwm", "/dev/b:/dev/c:r", "/dev/d:/dev/d:mw")),
        *(
            ("port", text)
            for text in ("80:80/tcp", "88:8888/udp", "5000-6000:8080/udp", "192.168.0.1:7000-8000:81/tcp")
        ),
        *(
            ("mount", f"/{mode}:/{mode}:{mode}")
            for mode in ("private", "rprivate", "rshared", "rslave", "shared", "slave")
        ),
        *(("host", text) for text in ("a:1.1.1.1", "b:host_ip", "c:host_ip_eth0", "d:container_lamp-host")),
        ("restartPolicy", "on-failure"),
        ("restartMaxRetries", "3"),
        ("restartTimeout", "90"),
        ("memory", "64M"),
    )

    async def story() -> None:
        device = Device()
        await device.bring("a", Asked("lamp", "1", config))
        reported = await parameters(device, "lamp")
        for key in ("device", "port", "mount", "host"):
            assert sorted(each for each in reported if each[0] == key) == sorted(
                each for each in config if each[0] == key
            )
        said = await device.desired("b", Asked("lamp", "1", tuple(reported)))
        assert said[-1].of("lamp") == ("IDENTIFIED", CHECK)
        assert said[-1].message == ""

    run(story())


def test_group_48_one_text_that_is_wrong_takes_none_of_the_others() -> None:
    """Differs: every error is told, not only the first."""

    async def story() -> None:
        device = Device()
        ports = (("port", "80:80"), ("port", "x:1"), ("port", "81:81"), ("port", "y:1"))
        said = await device.send(DESIRED, desired_state("a", asked("lamp", "1", *ports)))
        assert statuses(said) == ["IDENTIFICATION_FAILED"]
        assert all(f"Incorrect port mapping configuration {text}" in said[0].message for text in ("x:1", "y:1"))
        assert device.instances() == []

    run(story())


def test_group_50_each_state_has_exactly_its_marks() -> None:
    """Kanto's agent reports neither process ids nor kills for lack of memory, so that nobody has to here."""

    async def story() -> None:
        device = Device()
        await device.desired("a", asked("lamp"), asked("job", "1", ("restartPolicy", "no")))
        await device.command("a", "DOWNLOAD")
        assert await state(device, "lamp") == {"status": "Created"}
        await device.commands("a", "UPDATE", "ACTIVATE", "CLEANUP")
        assert await state(device, "lamp") == {"status": "Running"}
        device.engine.kill("job", exit_code=3)
        ended = {"status": "Exited", "exitCode": "3", "finishedAt": "set", "startedSuccessfullyBefore": "true"}
        assert await state(device, "job") == ended
        device.engine.pause("lamp")
        assert await state(device, "lamp") == {"status": "Paused", "startedSuccessfullyBefore": "true"}
        device.engine.kill("lamp", exit_code=143)
        stopped = {"status": "Stopped", "exitCode": "143", "finishedAt": "set", "manuallyStopped": "true"}
        assert await state(device, "lamp") == {**stopped, "startedSuccessfullyBefore": "true"}
        device.engine.kill("lamp", exit_code=0)
        del stopped["exitCode"]
        assert await state(device, "lamp") == {**stopped, "startedSuccessfullyBefore": "true"}
        await device.settle()
        assert await state(device, "lamp") == {"status": "Running"}

    run(story())


def test_group_63_a_running_container_is_updated_in_place() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("a", asked("lamp", "1", ("memory", "32M")))
        id_ = next(iter(device.kept()))
        bad: Any
        for bad in (("restartPolicy", "unsupported"), ("memory", "2M"), ("memorySwap", "64M")):
            assert statuses(await device.desired("bad", asked("lamp", "1", bad))) == ["IDENTIFICATION_FAILED"]
        changes = (("restartPolicy", "always"), ("memory", "64M"))
        said = await device.bring("b", asked("lamp", "1", *changes))
        assert said[1].of("lamp")[1] == UPDATED
        assert list(device.kept()) == [id_]
        container = device.container("lamp")
        assert (container.restart.policy, container.resources.memory) == ("always", 64 << 20)
        assert device.states[-1]["activityId"] == "b"
        assert {("restartPolicy", "always"), ("memory", "64M")} <= set(await parameters(device, "lamp"))
        before = dict(device.kept())
        assert (await device.desired("c", asked("lamp", "1", *changes)))[-1].of("lamp")[1] == CHECK
        await device.commands("c", "DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP")
        assert device.kept() == before

    run(story())


def test_group_65_creation() -> None:
    async def story() -> None:
        device = Device()
        for wrong in (asked(".invalid_name"), asked("a b")):
            said = await device.desired("bad", wrong)
            assert statuses(said) == ["IDENTIFICATION_FAILED"]
            assert f"invalid container name format : {wrong.id}" in said[0].message
        said = await device.desired("twice", asked("lamp"), asked("lamp"))
        assert "the component `lamp` stands here again" in said[0].message
        assert device.instances() == []
        await device.desired("a", asked("lamp"))
        said = await device.command("a", "DOWNLOAD")
        assert said[-1].of("lamp") == ("DOWNLOAD_SUCCESS", "New container created.")
        assert [(name, state) for name, state, _, _ in device.instances()] == [("lamp", "created")]
        created = dict(device.kept())
        assert "created" in dict(await parameters(device, "lamp"))
        assert statuses(await device.command("a", "DOWNLOAD")) == ["DOWNLOAD_FAILURE"]
        device.reboot()
        assert device.kept() == created

    run(story())


def test_group_66_from_creation_to_removal() -> None:
    async def story() -> None:
        device = Device()
        seen: list[list[str]] = []

        async def look() -> None:
            nodes = (await device.inventory())["payload"]["softwareNodes"][1:]
            items = [each for node in nodes for each in node["parameters"]]
            seen.append([each["value"] for each in items if each["key"] == "status"])

        await device.desired("a", asked("lamp"))
        for command in ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP"):
            await device.command("a", command)
            await look()
        assert seen == [["Created"], ["Created"], ["Running"], ["Running"]]
        seen.clear()
        device.engine.pause("lamp")
        await look()
        await device.desired("b", asked("lamp"))
        await device.commands("b", "DOWNLOAD", "UPDATE")
        await look()
        for command in ("ACTIVATE", "CLEANUP"):
            await device.command("b", command)
            await look()
        assert seen == [["Paused"], ["Paused"], ["Running"], ["Running"]]
        seen.clear()
        await device.desired("c")
        for command in ("DOWNLOAD", "UPDATE", "ACTIVATE", "CLEANUP"):
            await device.command("c", command)
            await look()
        assert seen == [["Running"], ["Stopped"], ["Stopped"], []]
        assert device.instances() == []

    run(story())
