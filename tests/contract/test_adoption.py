"""A container that evenkeel did not create, on its way through the switches of a controller, on every engine."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from tests.memories import adopt, memory
from tests.until import PATIENCE_S

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Ending, Progressed, Settled, Stalled
from evenkeel.controller.journal.journal import open_journal
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.container import Container, Restart
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersLook
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.feedback import Feedback

from .kits import Kit


class Controller:
    """Cycles over a journal of their own."""

    def __init__(self, kit: Kit, state: Path) -> None:
        self.kit, self.journal = kit, open_journal(state)
        self.said: list[Feedback] = []
        self._cycles = Cycles(Containers(), kit.driver, self.journal, self._say)

    def _say(self, entry: Feedback) -> None:
        self.said.append(self.journal.say(entry))

    async def converge(self, image: str, restart: str = "no") -> Ending:
        """Ask for `recorder` with this image, and go on until nothing is left to do."""
        stable_for = timedelta(seconds=60 if image == "crasher:1" else 0.2)  # no proof comes before it crashes
        wanted = normal(Container("recorder", image, restart=Restart(restart), stable_for=stable_for))  # type: ignore[arg-type]
        self.journal.put("desired", desired_state([Document("Container", "recorder", wanted)]), "test")
        async with asyncio.timeout(PATIENCE_S):
            while isinstance(ending := await self._cycles.run(asyncio.Event()), Progressed):
                pass
        return ending

    async def there(self) -> dict[str, tuple[str, str, str]]:
        """Engine names → subject, id and state."""
        found = await self.kit.driver.observe(ContainersLook(adopted=memory(self.journal).adopted))
        return {each.engine_name: (each.name, each.id, each.state) for each in found.containers}


async def test_the_original_is_gone_back_to_when_its_successor_fails(kit: Kit, tmp_path: Path) -> None:
    """It is stopped and has another name by then, which must not make another subject of it."""
    id_ = await kit.somebody_runs("recorder")
    device = Controller(kit, tmp_path)
    assert isinstance(await device.converge("sleeper:1"), Stalled)
    assert adopt(device.journal, id_, "recorder")
    assert await device.converge("sleeper:1") == Settled()
    assert await device.there() == {"recorder": ("recorder", id_, "running")}
    assert isinstance(await device.converge("crasher:1"), Stalled)
    assert [entry.kind for entry in device.said if "roll" in entry.kind] == ["rolling-back", "rolled-back"]
    assert await device.there() == {"recorder": ("recorder", id_, "running")}
    assert await device.converge("sleeper:1") == Settled()
    assert await device.there() == {"recorder": ("recorder", id_, "running")}
    device.journal.close()


async def test_a_successor_that_is_proven_takes_its_place(kit: Kit, tmp_path: Path) -> None:
    id_ = await kit.somebody_runs("recorder")
    device = Controller(kit, tmp_path)
    adopt(device.journal, id_, "recorder")
    assert await device.converge("sleeper:2") == Settled()
    ((name, (subject, new, state)),) = (await device.there()).items()
    assert (name, subject, state) == ("recorder", "recorder", "running")
    assert new != id_
    assert await device.converge("sleeper:2") == Settled()
    assert memory(device.journal).adopted == {}, "what is gone is forgotten"
    device.journal.close()


async def test_one_that_somebody_renames_is_the_same_subject_still(kit: Kit, tmp_path: Path) -> None:
    """As an own one is: it gets its name back, and is not taken for one that nobody asks for."""
    id_ = await kit.somebody_runs("recorder")
    device = Controller(kit, tmp_path)
    adopt(device.journal, id_, "recorder")
    assert await device.converge("sleeper:1") == Settled()
    await kit.somebody("rename", "recorder")
    assert await device.there() == {"recorder.renamed": ("recorder", id_, "running")}
    assert await device.converge("sleeper:1") == Settled()
    assert await device.there() == {"recorder": ("recorder", id_, "running")}
    device.journal.close()


async def test_what_is_made_of_an_image_of_an_own_one_is_somebodys_all_the_same(kit: Kit, tmp_path: Path) -> None:
    """Somebody commits a container to look into it; engines copy its labels into the image, and from there on."""
    device = Controller(kit, tmp_path)
    assert await device.converge("sleeper:1") == Settled()
    own = (await device.there())["recorder"]
    await kit.somebody_commits("recorder", "recorder-debug")
    id_ = await kit.somebody_runs("debug", "recorder-debug:1")
    assert await device.converge("sleeper:1") == Settled()
    assert await device.there() == {"recorder": own, "debug": ("debug", id_, "running")}
    (found,) = [each for each in (await kit.driver.observe()).containers if each.id == id_]
    assert (found.container, found.owner) == (None, "")

    assert await device.converge("recorder-debug:1") == Settled(), "it may be asked for, and is recognised"
    assert await device.converge("recorder-debug:1") == Settled()
    there = await device.there()
    assert there.pop("debug") == ("debug", id_, "running")
    assert [(subject, state) for subject, _, state in there.values()] == [("recorder", "running")]

    look = ContainersLook(adopted={id_: "other"})
    (adopted,) = [each for each in (await kit.driver.observe(look)).containers if each.id == id_]
    assert adopted.container is not None
    assert (adopted.name, adopted.container.image) == ("other", "docker.io/library/recorder-debug:1")
    assert adopted.container.stable_for == Container("", "").stable_for, "what another one was asked to be says nothing"
    device.journal.close()


async def test_one_that_is_created_from_an_image_of_its_predecessor_is_recognised(kit: Kit, tmp_path: Path) -> None:
    """Somebody mends what is in a container, commits it under the tag that is asked for, and lets it be created anew."""
    device = Controller(kit, tmp_path)
    assert await device.converge("sleeper:1") == Settled()
    await kit.somebody_commits("recorder", "mended")
    assert await device.converge("mended:1") == Settled()
    _, first, _ = (await device.there())["recorder"]
    await kit.somebody_commits("recorder", "mended")
    await kit.somebody("remove", "recorder")
    assert await device.converge("mended:1") == Settled()
    assert await device.converge("mended:1") == Settled()
    ((name, (subject, second, state)),) = (await device.there()).items()
    assert (name, subject, state) == ("recorder", "recorder", "running")
    assert second != first
    await kit.somebody("rename", "recorder")
    assert await device.converge("mended:1") == Settled()
    assert await device.there() == {"recorder": ("recorder", second, "running")}
    device.journal.close()
