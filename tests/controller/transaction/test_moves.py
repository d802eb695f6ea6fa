"""A file that moves to another path, with the containers that mount it there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.controller.stage import Reading

from evenkeel.specs.containers.actions import Create
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.files.file import File
from evenkeel.specs.plan import Action, Outcome, Retry

from .mixed import PATH, Mixed, OnMixed

NEW = "/etc/new/app.conf"


def at(path: str, content: str, *images: str) -> Reading:
    containers = [normal(Container(image.partition(":")[0], image)) for image in images]
    documents = [Document("Container", each.name, each) for each in containers]
    return Reading(desired_state([*documents, Document("File", "conf", File("conf", path, content))]))


@pytest.mark.parametrize("perform_s", [0.0, 0.1, 1.0, 2.5])
@pytest.mark.parametrize("observe_s", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("count", [1, 12])
def test_a_file_that_moves_is_there_before_what_mounts_it(
    on_mixed: OnMixed, perform_s: float, observe_s: float, count: int
) -> None:
    """While the containers waited for it, it was taken for a former file, and removed again."""

    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(at(PATH, "one", *(f"web{number}:1" for number in range(count))))
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")
        mixed.start()
        mixed.power.done.clear()
        script = mixed.engine.script
        script.perform_s, script.observe_s = perform_s, observe_s

        def no_source(action: Action) -> Outcome | None:
            is_there = not isinstance(action, Create) or NEW in mixed.disk.world.entries
            return None if is_there else Retry("bind source path does not exist", outside=True)

        script.failures.append(no_source)
        mixed.source.readings.put_nowait(at(NEW, "two", *(f"web{number}:2" for number in range(count))))
        await mixed.play(600)
        assert mixed.settled() == (True, "Converged")
        assert [action for domain, action in mixed.power.done if domain == "files"] == [
            "write", "switch", "verify", "remove",
        ]  # fmt: skip
        assert not mixed.said("drift")
        assert not mixed.said("step-failed")
        assert not mixed.said("revision-failed")

    on_mixed(work)


@pytest.mark.parametrize("name", ["conf", "other"])
def test_no_folder_takes_the_place_of_a_file_that_a_way_back_needs(on_mixed: OnMixed, name: str) -> None:
    """Found by a check: the file went, a folder came in its place, and the way back had no place for the file."""
    containers = {version: normal(Container("web", f"web:{version}")) for version in "12"}

    def asked(version: str, *files: File) -> Reading:
        web = Document("Container", "web", containers[version])
        return Reading(desired_state([web, *(Document("File", each.name, each) for each in files)]))

    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(asked("1", File("conf", PATH, "one")))
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")
        mixed.start()
        mixed.engine.ill.add("web:2")
        mixed.source.readings.put_nowait(asked("2", File(name, f"{PATH}/below", "two")))
        await mixed.play(400)
        assert mixed.running() == ["web:1"]
        assert (mixed.content(), f"{PATH}/below" in mixed.disk.world.entries) == ("one", False)

    on_mixed(work)


def test_no_folder_takes_the_place_of_a_file_that_moves_away(on_mixed: OnMixed) -> None:
    """Found by a check: the file was at its new path when a folder came at the former one, and the way back was blocked."""

    def asked(version: str, path: str, other: str) -> Reading:
        web = Document("Container", "web", normal(Container("web", f"web:{version}")))
        files = File("conf", path, version), File("other", other, version)
        return Reading(desired_state([web, *(Document("File", each.name, each) for each in files)]))

    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(asked("1", PATH, "/etc/q"))
        await mixed.play(200)
        mixed.start()
        mixed.engine.ill.add("web:2")
        mixed.source.readings.put_nowait(asked("2", NEW, f"{PATH}/below"))
        await mixed.play(400)
        assert mixed.running() == ["web:1"]
        assert (mixed.content(), NEW in mixed.disk.world.entries) == ("1", False)
        assert mixed.settled() == (False, "RolledBack")

    on_mixed(work)


@pytest.mark.parametrize("moves", [True, False])
def test_no_folder_takes_the_place_that_a_file_has_in_last_good(on_mixed: OnMixed, *, moves: bool) -> None:
    """Found by a check: the file had left by a revision that was not good yet, and the next one made a folder there."""

    def asked(image: str, *files: File) -> Reading:
        web = Document("Container", "web", normal(Container("web", image, stable_for=timedelta(seconds=30))))
        return Reading(desired_state([web, *(Document("File", each.name, each) for each in files)]))

    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(asked("web:1", File("conf", PATH, "1")))
        await mixed.play(200)
        mixed.start()
        left = [File("conf", NEW, "2")] if moves else []
        mixed.source.readings.put_nowait(asked("web:2", *left))
        mixed.at(
            10, lambda: mixed.source.readings.put_nowait(asked("web:3", *left, File("other", f"{PATH}/below", "3")))
        )
        mixed.engine.ill.add("web:3")
        await mixed.play(600)
        assert mixed.running() == ["web:1"]
        assert (mixed.content(), NEW in mixed.disk.world.entries) == ("1", False)
        assert mixed.settled() == (False, "RolledBack")

    on_mixed(work)


def test_no_file_takes_the_place_that_a_folder_has_in_last_good(on_mixed: OnMixed) -> None:
    """Found by a check: the folder had vanished, as with a reboot below /run, and the way back could not make it again."""
    below = f"{PATH}/below"

    def asked(image: str, file: File) -> Reading:
        return Reading(
            desired_state(
                [Document("Container", "web", normal(Container("web", image))), Document("File", file.name, file)]
            )
        )

    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(asked("web:1", File("conf", below, "1")))
        await mixed.play(200)
        for path in (below, PATH):
            del mixed.disk.world.entries[path]
        mixed.start()
        mixed.engine.ill.add("web:2")
        mixed.source.readings.put_nowait(asked("web:2", File("other", PATH, "2")))
        await mixed.play(600)
        assert mixed.running() == ["web:1"]
        assert below in mixed.disk.world.entries

    on_mixed(work)


def test_a_file_that_is_held_keeps_its_place(on_mixed: OnMixed) -> None:
    """Found by a check: another file took it."""

    def asked(image: str, **paths: str) -> Reading:
        web = Document("Container", "web", normal(Container("web", image, stable_for=timedelta(seconds=30))))
        return Reading(
            desired_state([web, *(Document("File", name, File(name, path, name)) for name, path in paths.items())])
        )

    async def work(mixed: Mixed) -> None:
        mixed.source.readings.put_nowait(asked("web:1", conf=PATH, other="/etc/q"))
        await mixed.play(200)
        mixed.start()
        mixed.source.readings.put_nowait(asked("web:2", conf=NEW, other="/etc/q"))
        later = asked("web:3", conf=NEW, other=f"{PATH}/below", third="/etc/q")
        mixed.at(10, lambda: mixed.source.readings.put_nowait(later))
        await mixed.play(600)
        content = mixed.disk.world.entries["/etc/q"]
        assert content.content == b"other"
        assert mixed.settled() == (False, "Blocked")

    on_mixed(work)
