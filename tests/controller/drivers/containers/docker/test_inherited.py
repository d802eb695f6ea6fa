"""Whose a container is that has evenkeel's labels from its image, on a real engine (the contract has the rest)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.kits import commit
from tests.controller.drivers.containers.docker.rig import Rig, container
from tests.engines.dockerd import Dockerd
from tests.engines.scripted import Peer, Server, answer

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.drivers.containers.docker.answers import ContainerEntry
from evenkeel.controller.drivers.containers.docker.inherited import Inheritance
from evenkeel.specs.containers.actions import Create, Remove
from evenkeel.specs.containers.observed import ContainersLook
from evenkeel.specs.plan import Done


@pytest.fixture
def engine(clean_dockerd: Dockerd) -> Iterator[Dockerd]:
    """One that forgets what is committed to `debug`."""
    yield clean_dockerd
    clean_dockerd.clear()
    clean_dockerd.api("DELETE", "/images/debug:1")


def remove_image(engine: Dockerd, name: str) -> None:
    id_ = engine.api("GET", f"/images/{name}/json")[1]["Id"]
    engine.api("DELETE", f"/images/{name}", force=True)
    assert engine.api("GET", f"/images/{id_}/json")[0] == 404


async def owned(rig: Rig) -> dict[str, bool]:
    """Engine names → whether it is evenkeel's."""
    return {each.engine_name: each.container is not None for each in (await rig.engine.observe()).containers}


async def test_who_has_the_labels_of_his_image_is_nobodys_however_the_image_was_made(engine: Dockerd, rig: Rig) -> None:
    """Committed twice under one tag, the first image is the nameless parent of the second; then it is gone."""
    assert isinstance(await rig.perform(Create(container("navi"), "navi")), Done)
    commit(engine, "navi", "debug")
    engine.run("first", "debug:1")
    commit(engine, "first", "debug")
    engine.run("second", "debug:1")
    assert await owned(rig) == {"navi": True, "first": False, "second": False}
    engine.api("POST", "/containers/second/stop", t=0)
    remove_image(engine, "debug:1")
    assert await owned(rig) == {"navi": True, "first": False, "second": False}, "of a removed image it is known"


async def test_the_volumes_of_one_that_was_adopted_stay_whatever_labels_it_has(engine: Dockerd, rig: Rig) -> None:
    await rig.perform(Create(container("navi"), "navi"))
    commit(engine, "navi", "debug")
    id_ = engine.run("debug", "debug:1", Volumes={"/kept": {}})
    (volume,) = [each["Name"] for each in engine.inspect(id_)["Mounts"]]
    assert len((await rig.engine.observe(ContainersLook(adopted={id_: "debug"}))).containers) == 2
    assert isinstance(await rig.perform(Remove(id_)), Done)
    assert engine.api("GET", f"/volumes/{volume}")[0] == 200


async def test_who_is_created_by_an_evenkeel_remains_its_own_without_his_image(
    engine: Dockerd, rig: Rig, tmp_path: Path
) -> None:
    await rig.perform(Create(container("navi"), "navi"))
    commit(engine, "navi", "debug")
    await rig.perform(Create(container("other", "debug:1"), "other"))
    remove_image(engine, "debug:1")
    later = DockerEngine(engine.address)
    assert all(each.container is not None for each in (await later.observe()).containers)
    await later.close()


async def test_an_image_that_was_made_since_the_images_were_listed_is_looked_up(server: Server) -> None:
    """Both lists of a look are asked for at the same time."""
    lists = iter([[], [{"Id": "i", "RepoTags": ["debug:1"], "Labels": NEW}]])

    async def reply(peer: Peer) -> None:
        asked = server.first_lines[-1]
        if "/images/json" in asked:
            await peer.say(answer(next(lists)))
        elif "/version" in asked:
            await peer.say(answer({"Version": "20.10"}))
        elif "/info" in asked:  # where the listener is not root
            await peer.say(answer({}))
        else:
            await peer.say(answer([{"Id": "1", "Names": ["/debug"], "ImageID": "i", "Labels": NEW}]))

    server.reply = reply
    driver = DockerEngine(server.address, owner="/var/lib/evenkeel")
    try:
        found = await driver.observe()
    finally:
        await driver.close()
    assert [(each.engine_name, each.container, each.owner) for each in found.containers] == [("debug", None, "")]
    assert list(found.images) == ["docker.io/library/debug:1"]


# ── decided by labels and names ────────────────────────────────────────────────────────────────────────────────────────

OLD = {"dev.evenkeel.name": "navi", "dev.evenkeel.spec": "{}", "dev.evenkeel.owner": "/var/lib/evenkeel"}
"""What an evenkeel wrote that knew no label of the instance."""
NEW = OLD | {"dev.evenkeel.instance": "0a1b2c3d"}


def shown(name: str, labels: dict[str, str], image: dict[str, str] | None) -> object:
    """The labels that are shown of a container."""
    entry: ContainerEntry = {"Id": "1", "Names": [f"/{name}"], "ImageID": "i", "Labels": labels}
    inheritance = Inheritance()
    inheritance.learn([entry], [{"Id": "i", "Labels": image}])
    return inheritance.entry(entry).get("Labels")


@pytest.mark.parametrize(
    ("name", "is_own"),
    [
        ("navi", True),
        ("navi.next-0a1b2c3d", True),
        ("navi.old-0a1b2c3d", True),
        ("navi-debug", False),
        ("navi2", False),
        ("gifted_euler", False),
    ],
)
def test_an_older_one_is_recognised_by_the_name_that_evenkeel_gives(name: str, is_own: bool) -> None:
    """Also one of an image that somebody made of its predecessor."""
    assert shown(name, OLD | {"theirs": "x"}, OLD | {"theirs": "x"}) == ({"theirs": "x"} | (OLD if is_own else {}))


def test_who_has_the_instance_of_his_image_is_nobodys_under_any_name() -> None:
    assert shown("navi", NEW, NEW) == {}
    assert shown("navi", NEW | {"theirs": "x"}, NEW) == {"theirs": "x"}


@pytest.mark.parametrize("image", [None, {}, OLD, NEW | {"dev.evenkeel.instance": "1"}])
def test_labels_that_differ_from_those_of_the_image_were_given_at_creation(image: dict[str, str] | None) -> None:
    assert shown("x", NEW, image) == NEW
