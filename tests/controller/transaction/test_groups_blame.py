"""A group fails, waits and goes back by what it changes: not by a member that was down before and that is as it was. What was
begun of a group and goes back is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.controller.stage import Reading

from evenkeel.controller.cycle.preview import preview
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.files.memory import Entry
from evenkeel.specs.containers.container import Container, Device
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.files.file import File
from evenkeel.specs.groups.baseline import Baseline

from .mixed import PATH, Mixed, OnMixed
from .test_groups import broken, grouped, settle, switches

REGISTRY, STICK = "docker.io/library/", "/dev/ttyUSB0"
BACK = ("revision-failed", "rolling-back", "rolled-back")
G = {"g": ("gps", "web", "map")}


def apps(*images: str, needs_gps: bool = False, stable_s: int = 5, groups: dict[str, tuple[str, ...]] = G) -> Reading:
    """Containers in groups: `gps` has a device, and `map` may depend on it."""
    found = [Container("gps", "gps:1", devices=(Device(STICK, STICK),))]
    for image in images:
        name = image.partition(":")[0]
        depends_on = ("gps",) if needs_gps and name == "map" else ()
        found.append(Container(name, image, depends_on=depends_on, stable_for=timedelta(seconds=stable_s)))
    documents = [Document("Container", each.name, normal(each)) for each in found]
    rules = [Document("Baseline", name, Baseline(members)) for name, members in groups.items()]
    return Reading(desired_state([*documents, *rules]))


def with_file(content: str, *images: str, **groups: tuple[str, ...]) -> Reading:
    """The same with a file, and without what depends on it."""
    file = Document("File", "conf", File("conf", PATH, content))
    return Reading(desired_state([*apps(*images, stable_s=100, groups=groups).desired.documents, file]))


def unplugged(mixed: Mixed) -> None:
    """It ends, and cannot be started."""
    mixed.engine.script.absent.add(STICK)
    mixed.engine.kill("gps")


def looping(mixed: Mixed) -> None:
    """It ends again and again."""
    broken(mixed, "gps:1")
    mixed.engine.kill("gps")


def gone(mixed: Mixed) -> None:
    """Somebody has removed it, with its image, and its registry has it no more."""
    mixed.engine.remove("gps")
    del mixed.engine.world.images[f"{REGISTRY}gps:1"]
    mixed.engine.catalogue[f"{REGISTRY}gps:1"] = Image(pull="missing")


def told(mixed: Mixed) -> list[str]:
    return [each.message for kind in BACK for each in mixed.said(kind)]


@pytest.mark.parametrize("fall", [unplugged, looping, gone])
@pytest.mark.parametrize("before", [("web:1",), ()], ids=["changed", "new"])
def test_a_member_that_was_down_before_undoes_no_update_of_another(
    on_mixed: OnMixed, fall: Callable[[Mixed], None], before: tuple[str, ...]
) -> None:
    """Found by a check: web:2 was started, proven, and removed again without a word, and so in each new process."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps(*before))
        mixed.at(20, fall, mixed)
        mixed.at(60, mixed.source.readings.put_nowait, apps("web:2"))
        await mixed.play(400)
        assert "web:2" in mixed.running()
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired"), "it is good without gps"
        assert told(mixed) == []
        assert not mixed.settled()[0]
        assert "gps" in mixed.journal.condition("Settled").message  # type: ignore[union-attr]
        begun = switches(mixed).count("web")
        for _ in range(2):
            mixed.start()
            await mixed.play(200)
            assert "web:2" in mixed.running()
        assert switches(mixed).count("web") == begun, "web is left alone"
        assert told(mixed) == []

    on_mixed(work)


def test_a_bad_update_of_another_member_fails_by_itself(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps("web:1", "map:1"))
        broken(mixed, "web:2")
        mixed.at(20, unplugged, mixed)
        mixed.at(60, mixed.source.readings.put_nowait, apps("web:2", "map:2"))
        await mixed.play(400)
        assert mixed.running() == ["map:1", "web:1"]
        assert [each.message for each in mixed.said("revision-failed")] == ["group g: web: it ended with exit code 1"]
        assert len(mixed.said("rolling-back")) == 1

    on_mixed(work)


def test_a_member_that_the_update_takes_down_fails_it(on_mixed: OnMixed) -> None:
    """It was well before: what is new may be the cause."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps("web:1"))
        mixed.source.readings.put_nowait(apps("web:2"))
        mixed.at(3, unplugged, mixed)
        await mixed.play(400)
        assert mixed.running() == ["web:1"]
        assert len(mixed.said("revision-failed")) == len(mixed.said("rolling-back")) == 1

    on_mixed(work)


@pytest.mark.parametrize("version", ["map:1", "map:2"])
def test_what_was_begun_waits_for_a_member_that_depends_on_one_that_is_down(on_mixed: OnMixed, version: str) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps("web:1"))
        mixed.at(20, unplugged, mixed)
        mixed.at(60, mixed.source.readings.put_nowait, apps("web:2", version, needs_gps=True))
        await mixed.play(400)
        for _ in range(2):
            mixed.start()
            await mixed.play(200)
        assert mixed.running() == ["web:2"]
        assert switches(mixed).count("web") == 2, "each version once"
        assert mixed.journal.digest("last-good") != mixed.journal.digest("desired"), "it is not good without map"
        assert told(mixed) == []
        mixed.engine.script.absent.clear()
        mixed.start()
        await mixed.play(200)
        assert mixed.running() == ["gps:1", version, "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_nothing_is_begun_while_what_a_member_depends_on_cannot_be_fetched(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps("web:1"))
        mixed.at(20, gone, mixed)
        mixed.at(60, mixed.source.readings.put_nowait, apps("web:2", "map:2", needs_gps=True))
        await mixed.play(400)
        assert mixed.running() == ["web:1"]
        assert switches(mixed).count("web") == 1
        assert told(mixed) == []
        mixed.engine.catalogue.clear()
        mixed.start()
        await mixed.play(400)
        assert mixed.running() == ["gps:1", "map:2", "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_one_that_is_not_changed_and_cannot_be_fetched_keeps_no_group_waiting(on_mixed: OnMixed) -> None:
    """Beside a group that does wait, for an image of its own."""
    groups = {"g": ("gps", "web"), "h": ("lamp",)}

    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps("web:1", "lamp:1", groups=groups))
        broken(mixed, "lamp:2", pull=True)
        mixed.at(20, gone, mixed)
        mixed.at(60, mixed.source.readings.put_nowait, apps("web:2", "lamp:2", groups=groups))
        await mixed.play(600)
        assert mixed.running() == ["lamp:1", "web:2"]
        settled = mixed.journal.condition("Settled")
        assert settled is not None
        assert list(settled.waiting) == ["h"]
        assert told(mixed) == []
        mixed.start()
        mixed.at(300, mixed.engine.catalogue.pop, f"{REGISTRY}lamp:2")
        mixed.engine.ill.clear()
        await mixed.play(900)
        assert mixed.running() == ["lamp:2", "web:2"], "it is tried again, also while gps is down"

    on_mixed(work)


def test_a_file_that_is_not_changed_and_cannot_be_had_keeps_no_other_member_as_it_was(on_mixed: OnMixed) -> None:
    groups = {"drive": ("conf", "web")}

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", **groups))
        mixed.disk.world.entries[PATH] = Entry("folder", mode=0o755)
        reading = grouped("one", "web:2", **groups)
        found = await preview(mixed.domains, mixed.journal, reading.desired)
        verbs = {each.subject: each.verb for plan in found.plans for each in plan.plan.differences}
        assert verbs == {"conf": "blocked", "web": "recreate"}
        mixed.source.readings.put_nowait(reading)
        await mixed.play(400)
        assert mixed.running() == ["web:2"]
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")
        assert mixed.settled() == (False, "Blocked"), "of conf"

    on_mixed(work)


def test_a_fetch_that_takes_long_undoes_nothing_that_was_begun(on_mixed: OnMixed) -> None:
    """Somebody removes a member with its image while others are being proven, and its image takes a minute."""
    groups = {"g": ("gps", "web"), "h": ("lamp",)}

    def removed(mixed: Mixed) -> None:
        mixed.engine.remove("gps")
        del mixed.engine.world.images[f"{REGISTRY}gps:1"]
        mixed.engine.catalogue[f"{REGISTRY}gps:1"] = Image(size=int(60 * mixed.engine.script.pull_rate))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, apps("web:1", "lamp:1", groups=groups))
        mixed.source.readings.put_nowait(apps("web:2", "lamp:2", groups=groups))
        mixed.at(3, removed, mixed)
        await mixed.play(600)
        assert mixed.running() == ["gps:1", "lamp:2", "web:2"]
        assert switches(mixed).count("web") == 2, "each version once"
        assert told(mixed) == []
        plans = [each.message for each in mixed.said("plan") if each.subject == "web"]
        assert [each for each in plans if "is not finished" in each] == [], "nobody meant to take it back"
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_what_was_begun_of_a_group_that_is_held_is_told_when_it_goes_back(on_mixed: OnMixed) -> None:
    """The path of its file is a folder all at once."""
    groups = {"drive": ("conf", "web"), "comfort": ("lamp",)}

    async def work(mixed: Mixed) -> None:
        await settle(mixed, with_file("one", "web:1", "lamp:1", **groups))
        mixed.source.readings.put_nowait(with_file("two", "web:2", "lamp:2", **groups))
        mixed.at(3, mixed.disk.world.entries.__setitem__, PATH, Entry("folder", mode=0o755))
        await mixed.play(400)
        assert mixed.running() == ["gps:1", "lamp:2", "web:1"]
        assert mixed.settled() == (False, "Blocked")
        back = [each.message for each in mixed.said("rolling-back")]
        assert len(back) == 1
        assert back[0].startswith("group drive is held, and what was begun of it goes back: conf, web; conf: ")

    on_mixed(work)


def test_what_was_begun_of_a_group_whose_engine_is_away_is_told_when_it_goes_back(on_mixed: OnMixed) -> None:
    groups = {"ga": ("fa", "web"), "gb": ("fb",)}

    def reading(version: str) -> Reading:
        files = [Document("File", name, File(name, f"/etc/{name}", version)) for name in ("fa", "fb")]
        return Reading(desired_state([*grouped(None, f"web:{version}", **groups).desired.documents, *files]))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, reading("1"))
        mixed.source.readings.put_nowait(reading("2"))
        mixed.at(2, setattr, mixed.engine.script, "unreachable", True)
        mixed.at(100, setattr, mixed.engine.script, "unreachable", False)
        await mixed.play(400)
        text = "group ga is held, and what was begun of it goes back: fa, web; web: is scripted to be unreachable"
        assert [each.message for each in mixed.said("rolling-back")] == [text]
        assert mixed.running() == ["web:2"]
        assert {mixed.disk.world.entries[f"/etc/{name}"].content for name in ("fa", "fb")} == {b"2"}
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)
