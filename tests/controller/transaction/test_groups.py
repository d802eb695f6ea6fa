"""Groups of subjects succeed, fail and go back by themselves, over domains."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.controller.stage import Reading
from tests.sampling import sampled

from evenkeel.controller.cycle.preview import preview
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.drivers.files.memory import Entry
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.files.file import File
from evenkeel.specs.groups.baseline import Baseline

from .mixed import PATH, Mixed, OnMixed, asking


def grouped(content: str | None, *images: str, **members: tuple[str, ...]) -> Reading:
    """What files ask for, in groups of these members."""
    reading = asking(content, *images)
    rules = [Document("Baseline", name, Baseline(names)) for name, names in members.items()]
    return Reading(desired_state([*reading.desired.documents, *rules]))


GROUPS = {"drive": ("conf", "web"), "comfort": ("lamp",)}


async def settle(mixed: Mixed, reading: Reading) -> None:
    mixed.source.readings.put_nowait(reading)
    await mixed.play(200)
    assert mixed.settled() == (True, "Converged")
    mixed.start()


def broken(mixed: Mixed, image: str, *, pull: bool = False) -> None:
    mixed.engine.catalogue[f"docker.io/library/{image}"] = Image(pull="unreachable") if pull else Image(exits_with=1)
    mixed.engine.ill.add(image)


def test_a_group_that_fails_goes_back_alone(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", "rest:1", **GROUPS))
        broken(mixed, "lamp:2")
        mixed.source.readings.put_nowait(grouped("two", "web:2", "lamp:2", "rest:2", **GROUPS))
        await mixed.play(400)
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:1", "rest:2", "web:2"])
        assert mixed.settled() == (False, "RolledBack")
        assert [each.message.partition(":")[0] for each in mixed.said("revision-failed")] == ["group comfort"]
        assert [len(mixed.said(kind)) for kind in ("rolling-back", "rolled-back")] == [1, 1]
        good = mixed.journal.revision("last-good")
        assert good is not None
        assert {each.image for each in good.containers().values()} == {
            f"docker.io/library/{image}" for image in ("lamp:1", "rest:2", "web:2")
        }

    on_mixed(work)


def test_a_group_goes_back_in_all_its_domains(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        broken(mixed, "web:2")
        mixed.source.readings.put_nowait(grouped("two", "web:2", "lamp:2", **GROUPS))
        await mixed.play(400)
        assert (mixed.content(), mixed.running()) == ("one", ["lamp:2", "web:1"])
        assert mixed.engine.read["web"] == "one"
        assert mixed.settled() == (False, "RolledBack")

    on_mixed(work)


def test_what_is_in_no_group_is_one_group(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped(None, "web:1", "lamp:1", "rest:1", **GROUPS))
        broken(mixed, "rest:2")
        mixed.source.readings.put_nowait(grouped(None, "web:2", "lamp:2", "rest:2", **GROUPS))
        await mixed.play(400)
        assert mixed.running() == ["lamp:2", "rest:1", "web:2"]
        assert [each.message.partition(":")[0] for each in mixed.said("revision-failed")] == ["what is in no group"]

    on_mixed(work)


def test_all_groups_that_fail_leave_what_was_good(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        good = mixed.journal.digest("last-good")
        broken(mixed, "web:2")
        broken(mixed, "lamp:2")
        mixed.source.readings.put_nowait(grouped("two", "web:2", "lamp:2", **GROUPS))
        await mixed.play(600)
        assert (mixed.content(), mixed.running()) == ("one", ["lamp:1", "web:1"])
        assert mixed.settled() == (False, "RolledBack")
        assert {each.image for each in _good(mixed).containers().values()} == {
            "docker.io/library/lamp:1",
            "docker.io/library/web:1",
        }
        assert good

    on_mixed(work)


def _good(mixed: Mixed):  # type: ignore[no-untyped-def]
    good = mixed.journal.revision("last-good")
    assert good is not None
    return good


def test_a_group_that_failed_is_not_tried_again_while_another_one_changes(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        broken(mixed, "lamp:2")
        mixed.source.readings.put_nowait(grouped("one", "web:1", "lamp:2", **GROUPS))
        mixed.at(200, mixed.source.readings.put_nowait, grouped("one", "web:2", "lamp:2", **GROUPS))
        await mixed.play(400)
        assert mixed.running() == ["lamp:1", "web:2"]
        assert len(mixed.said("revision-failed")) == 1
        mixed.engine.catalogue.clear()
        mixed.engine.ill.clear()
        mixed.start()
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:3", **GROUPS))
        await mixed.play(200)
        assert mixed.running() == ["lamp:3", "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_retry_tries_a_failed_group_again(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        broken(mixed, "lamp:2")
        mixed.source.readings.put_nowait(grouped("one", "web:2", "lamp:2", **GROUPS))
        await mixed.play(200)
        mixed.engine.catalogue.clear()
        mixed.engine.ill.clear()
        mixed.journal.attempts.forgive_all(mixed.journal.digest("desired"))
        mixed.start()
        await mixed.play(200)
        assert mixed.running() == ["lamp:2", "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_group_that_cannot_be_fetched_holds_up_no_other(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        broken(mixed, "lamp:2", pull=True)
        mixed.source.readings.put_nowait(grouped("two", "web:2", "lamp:2", **GROUPS))
        await mixed.play(400)
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:1", "web:2"])
        assert mixed.settled() == (False, "Retrying")
        assert not mixed.said("revision-failed")
        mixed.engine.catalogue.clear()
        mixed.engine.ill.clear()
        mixed.start()
        await mixed.play(400)
        assert mixed.running() == ["lamp:2", "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def needing(version: str, *others: Container) -> Reading:
    """`web` and `lamp`, in two groups; with a third container, `web` depends on that, which is in lamp's group."""
    rest = grouped("one", f"lamp:{version}", drive=("web",), comfort=("lamp", "base"))
    web = Container("web", f"web:{version}", depends_on=tuple(each.name for each in others))
    more = [Document("Container", each.name, normal(each)) for each in (web, *others)]
    return Reading(desired_state([*rest.desired.documents, *more]))


@pytest.mark.parametrize("pull", [False, True])
def test_what_depends_on_a_group_that_fails_or_waits_stays_as_it_was_with_it(on_mixed: OnMixed, *, pull: bool) -> None:
    """Found by a check: web:2 ran, proven and good, without the container that it depends on."""
    base = Container("base", "base:1", stable_for=timedelta(seconds=3))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, needing("1"))
        broken(mixed, "base:1", pull=pull)
        mixed.source.readings.put_nowait(needing("2", base))
        await mixed.play(400)
        assert mixed.running() == ["lamp:1", "web:1"]
        assert mixed.settled() == (False, "Retrying" if pull else "RolledBack")
        mixed.engine.catalogue.clear()
        mixed.engine.ill.clear()
        mixed.journal.attempts.forgive_all(mixed.journal.digest("desired"))
        mixed.start()
        await mixed.play(800)
        assert mixed.running() == ["base:1", "lamp:2", "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_group_that_waits_along_with_another_one_is_told_also_where_no_group_goes_on(on_mixed: OnMixed) -> None:
    base = Container("base", "base:1", stable_for=timedelta(seconds=3))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, needing("1"))
        broken(mixed, "base:1", pull=True)
        mixed.source.readings.put_nowait(needing("2", base))
        await mixed.play(400)
        settled = mixed.journal.condition("Settled")
        assert settled is not None
        assert dict(settled.waiting).keys() == {"comfort", "drive"}
        assert settled.waiting["drive"].startswith("web depends on base, which group comfort does not have")

    on_mixed(work)


def test_a_group_that_changes_an_engine_that_is_away_holds_up_no_other(on_mixed: OnMixed) -> None:
    """Found by a check: a file of another group was not written, for ever."""
    groups, told = {"drive": ("conf",), "comfort": ("lamp",)}, list[object]()

    async def work(mixed: Mixed) -> None:
        def back() -> None:
            known = mixed.journal.condition("Settled")
            told.append((mixed.content(), mixed.running(), known and (known.holds, list(known.waiting))))
            mixed.engine.script.unreachable = False

        await settle(mixed, grouped("one", "lamp:1", **groups))
        mixed.engine.script.unreachable = True
        mixed.source.readings.put_nowait(grouped("two", "lamp:2", **groups))
        mixed.at(100, back)
        await mixed.play(400)
        assert told == [("two", ["lamp:1"], (False, ["comfort"]))]
        assert mixed.running() == ["lamp:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_members_that_are_not_all_or_nothing_are_groups_of_their_own(on_mixed: OnMixed) -> None:
    def loose(*images: str) -> Reading:
        rule = Document("Baseline", "apps", Baseline(("web", "lamp"), all_or_nothing=False))
        return Reading(desired_state([*asking(None, *images).desired.documents, rule]))

    async def work(mixed: Mixed) -> None:
        await settle(mixed, loose("web:1", "lamp:1"))
        broken(mixed, "lamp:2")
        mixed.source.readings.put_nowait(loose("web:2", "lamp:2"))
        await mixed.play(400)
        assert mixed.running() == ["lamp:1", "web:2"]

    on_mixed(work)


def test_a_first_revision_keeps_the_groups_that_came_up(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        broken(mixed, "lamp:1")
        mixed.source.readings.put_nowait(grouped("one", "web:1", "lamp:1", **GROUPS))
        await mixed.play(400)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert mixed.settled() == (False, "RolledBack")

    on_mixed(work)


@pytest.mark.parametrize("actions", sampled(range(1, 24), 12, "groups"))
def test_a_process_that_dies_anywhere_leaves_each_group_where_it_belongs(on_mixed: OnMixed, actions: int) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        broken(mixed, "lamp:2")
        asked = grouped("two", "web:2", "lamp:2", **GROUPS)
        mixed.power.done.clear()
        mixed.source.readings.put_nowait(asked)
        await mixed.die(actions)
        mixed.start()
        mixed.source.readings.put_nowait(asked)
        await mixed.play(900)
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:1", "web:2"])
        assert mixed.settled() == (False, "RolledBack")
        assert len(mixed.said("revision-failed")) == 1

    on_mixed(work)


def test_a_group_that_goes_back_waits_for_phases_as_all_do(on_mixed: OnMixed) -> None:
    """Also where another domain has nothing but this group to take back."""

    async def work(mixed: Mixed) -> None:
        groups = {"g": ("conf", "web")}
        await settle(mixed, grouped("one", "web:1", "other:1", **groups))
        broken(mixed, "web:2")
        mixed.source.readings.put_nowait(grouped("two", "web:2", "other:2", **groups))
        await mixed.play(300)
        assert (mixed.content(), mixed.running()) == ("one", ["other:2", "web:1"])
        failed = mixed.said("revision-failed")[0].seq
        back = [each for each in mixed.said("step-started") if each.seq > failed and each.phase != "CLEANUP"]
        domains = [each.domain for each in back]
        assert domains == sorted(domains, reverse=True), "files come first, then containers"
        assert not [each for each in mixed.said("drift") if each.seq > failed]

    on_mixed(work)


def unplaceable(*images: str) -> Reading:
    """As `GROUPS`, but the file of `drive` cannot be had: nobody has the name of its owner."""
    reading = asking("two", *images, owner="nosuchuser")
    rules = [Document("Baseline", name, Baseline(names)) for name, names in GROUPS.items()]
    return Reading(desired_state([*reading.desired.documents, *rules]))


def switches(mixed: Mixed) -> list[str]:
    return [each.subject for each in mixed.said("step-done") if each.step.startswith("start:")]


def test_a_member_that_cannot_be_had_keeps_its_whole_group_as_it_was(on_mixed: OnMixed) -> None:
    """The others of its group were updated, and taken back and updated again with each change of another group."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        for lamp in ("lamp:2", "lamp:3"):
            before = len(switches(mixed))
            mixed.source.readings.put_nowait(unplaceable("web:2", lamp))
            await mixed.play(600)
            assert (mixed.content(), mixed.running()) == ("one", [lamp, "web:1"])
            assert switches(mixed)[before:] == ["lamp"]
            assert mixed.settled() == (False, "Blocked")
            assert "nosuchuser" in mixed.journal.condition("Settled").message  # type: ignore[union-attr]
            mixed.start()
        mixed.source.readings.put_nowait(grouped("two", "web:2", "lamp:3", **GROUPS))
        await mixed.play(600)
        assert (mixed.content(), mixed.running()) == ("two", ["lamp:3", "web:2"])
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_group_goes_on_by_itself_once_all_of_it_can_be_had(on_mixed: OnMixed) -> None:
    """Somebody else's container has the name of one, until it is removed."""

    async def work(mixed: Mixed) -> None:
        groups = {"g": ("web", "lamp"), "h": ("rest",)}
        await settle(mixed, grouped(None, "web:1", "rest:1", **groups))
        mixed.engine.put_foreign(normal(Container("lamp", "other:1")))
        mixed.source.readings.put_nowait(grouped(None, "web:2", "lamp:1", "rest:2", **groups))
        await mixed.play(600)
        assert mixed.running() == ["other:1", "rest:2", "web:1"]
        assert mixed.settled() == (False, "Blocked")
        mixed.start()
        mixed.engine.remove("lamp")
        await mixed.play(600)
        assert mixed.running() == ["lamp:1", "rest:2", "web:2"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_group_of_which_one_was_never_to_be_had_is_not_begun(on_mixed: OnMixed) -> None:
    """Also where nothing else is left to do, and in a first revision."""

    async def work(mixed: Mixed) -> None:
        for images in (("web:1", "lamp:1"), ("web:1", "lamp:2")):
            mixed.source.readings.put_nowait(unplaceable(*images))
            await mixed.play(600)
            assert (mixed.content(), mixed.running()) == ("", [images[1]])
            assert mixed.settled() == (False, "Blocked")
            mixed.start()

    on_mixed(work)


def test_a_group_that_cannot_be_had_holds_up_no_other(on_mixed: OnMixed) -> None:
    """What the others have proven is what there is to go back to."""

    async def work(mixed: Mixed) -> None:
        groups = {"g": ("web",), "foreign": ("conf",)}
        mixed.write("theirs")
        await_blocked = grouped("one", "web:1", "other:1", **groups)
        mixed.source.readings.put_nowait(await_blocked)
        await mixed.play(200)
        assert mixed.settled() == (False, "Blocked")
        good = mixed.journal.revision("last-good")
        assert good is not None
        assert sorted(good.containers()) == ["other", "web"]
        broken(mixed, "web:2")
        mixed.start()
        mixed.source.readings.put_nowait(grouped("one", "web:2", "other:1", **groups))
        before = mixed.journal.last_seq()
        await mixed.play(600)
        assert (mixed.content(), mixed.running()) == ("theirs", ["other:1", "web:1"])
        assert mixed.settled() == (False, "Blocked")
        assert len([each for each in mixed.said("stalled") if each.seq > before]) <= 3, "it is not said again and again"

    on_mixed(work)


def test_nothing_is_fetched_for_a_group_that_cannot_be_had(on_mixed: OnMixed) -> None:
    """The engine fetched its image before the disk was looked at."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        before = mixed.journal.last_seq()
        mixed.source.readings.put_nowait(unplaceable("web:2", "lamp:2"))
        await mixed.play(600)
        steps = {each.step for each in mixed.said("step-done") if each.seq > before}
        assert {each for each in steps if each.startswith("pull:")} == {"pull:docker.io/library/lamp:2"}
        assert len([each for each in mixed.said("stalled") if each.seq > before]) == 1, "both domains say it"

    on_mixed(work)


def test_a_group_that_cannot_be_had_is_told_while_another_one_waits(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **GROUPS))
        broken(mixed, "lamp:2", pull=True)
        mixed.source.readings.put_nowait(unplaceable("web:2", "lamp:2"))
        await mixed.play(400)
        told = mixed.journal.condition("Settled")
        assert told is not None
        assert (told.reason, list(told.groups), list(told.waiting)) == ("Retrying", ["drive"], ["comfort"])
        assert "nosuchuser" in told.groups["drive"]

    on_mixed(work)


@pytest.mark.parametrize("groups", [{}, GROUPS, {"drive": ("conf",)}])
def test_what_cannot_be_had_and_is_not_changed_keeps_nothing_else_from_being_good(
    on_mixed: OnMixed, groups: dict[str, tuple[str, ...]]
) -> None:
    """A later failure would take back what was proven."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", **groups))
        mixed.disk.world.entries[PATH] = Entry("folder", mode=0o755)
        mixed.source.readings.put_nowait(grouped("one", "web:1", "lamp:2", **groups))
        await mixed.play(400)
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")
        assert mixed.settled() == (False, "Blocked"), "of conf"
        assert len(mixed.engine.world.containers) == 2, "what was replaced is gone"
        broken(mixed, "lamp:3")
        mixed.start()
        mixed.source.readings.put_nowait(grouped("one", "web:1", "lamp:3", **groups))
        await mixed.play(600)
        assert mixed.running() == ["lamp:2", "web:1"]

    on_mixed(work)


def handed_over(first: str, second: str, *images: str) -> Reading:
    """Two files, each with a container in its group."""
    reading = grouped(None, *images, ga=("fa", "web"), gb=("fb", "lamp"))
    files = [Document("File", name, File(name, path, name)) for name, path in (("fa", first), ("fb", second))]
    return Reading(desired_state([*reading.desired.documents, *files]))


@pytest.mark.parametrize("failing", ["web:2", "lamp:2"])
def test_a_path_that_goes_from_one_group_to_another_goes_back_with_it(on_mixed: OnMixed, failing: str) -> None:
    """Both files were written over each other for ever, and the group that failed never got back."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, handed_over("/etc/x", "/etc/y", "web:1", "lamp:1"))
        broken(mixed, failing)
        mixed.source.readings.put_nowait(handed_over("/etc/z", "/etc/x", "web:2", "lamp:2"))
        await mixed.play(600)
        content = {path: entry.content for path, entry in mixed.disk.world.entries.items() if entry.kind == "file"}
        assert mixed.settled() == (False, "RolledBack")
        if failing == "web:2":
            assert mixed.running() == ["lamp:1", "web:1"]
            assert content == {"/etc/x": b"fa", "/etc/y": b"fb"}
        else:
            assert mixed.running() == ["lamp:1", "web:2"], "what fb has before is in nobody's way"
            assert content == {"/etc/z": b"fa", "/etc/y": b"fb"}
        assert len(mixed.said("rolled-back")) == 1
        mixed.engine.catalogue.clear()
        mixed.engine.ill.clear()
        mixed.start()
        mixed.source.readings.put_nowait(handed_over("/etc/z", "/etc/x", "web:3", "lamp:3"))
        await mixed.play(600)
        assert mixed.settled() == (True, "Converged")
        assert mixed.running() == ["lamp:3", "web:3"]

    on_mixed(work)


def test_nothing_that_a_revision_prepares_is_taken_for_what_somebody_left(on_mixed: OnMixed) -> None:
    """The new file of a container, at another path, was called drift, removed and written again."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, handed_over("/etc/x", "/etc/y", "web:1", "lamp:1"))
        before = mixed.journal.last_seq()
        mixed.source.readings.put_nowait(handed_over("/etc/z", "/etc/x", "web:2", "lamp:2"))
        await mixed.play(600)
        assert mixed.settled() == (True, "Converged")
        assert [each.message for each in mixed.said("drift") if each.seq > before] == []
        steps = [each.step for each in mixed.said("step-done") if each.seq > before]
        assert len(steps) == len(set(steps)), "nothing is done twice"

    on_mixed(work)


def test_what_a_revision_has_stopped_for_good_does_not_run_while_another_group_goes_back(on_mixed: OnMixed) -> None:
    """The old container came up for some seconds, with its ports and devices."""

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "web:1", "lamp:1", drive=("conf", "web"), comfort=("lamp",)))
        broken(mixed, "web:2")
        before = mixed.journal.last_seq()
        mixed.source.readings.put_nowait(grouped("two", "web:2", drive=("conf", "web"), comfort=("lamp",)))
        await mixed.play(600)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert mixed.settled() == (False, "RolledBack")
        steps = [each.step for each in mixed.said("step-done") if each.seq > before and each.subject == "lamp"]
        assert [each.partition(":")[0] for each in steps] == ["stop", "remove"]

    on_mixed(work)


def test_a_plan_is_made_of_what_can_be_looked_at_where_nothing_else_is_asked_of_the_rest(on_mixed: OnMixed) -> None:
    """Found by a check: `plan` and `apply` refused a change of files alone, which the controller made."""
    groups = {"drive": ("conf",), "comfort": ("lamp",)}

    async def work(mixed: Mixed) -> None:
        await settle(mixed, grouped("one", "lamp:1", **groups))
        mixed.engine.script.unreachable = True

        async def planned(reading: Reading) -> tuple[list[str], str]:
            found = await preview(mixed.domains, mixed.journal, reading.desired)
            steps = [step.subject for each in found.plans for stage in each.plan.stages for step in stage.steps]
            return sorted(set(steps)), "; ".join(found.notes)

        for reading in (grouped("two", "lamp:1", **groups), asking("two", "lamp:1")):
            subjects, notes = await planned(reading)
            assert subjects == ["conf"]
            assert "containers: nothing else is asked for than was good, and nobody could look" in notes
        subjects, notes = await planned(grouped("two", "lamp:2", **groups))
        assert subjects == ["conf"]
        assert "group comfort waits: containers cannot be looked at" in notes
        for reading in (
            grouped("one", "lamp:1", **groups),
            grouped("one", "lamp:2", **groups),
            asking("two", "lamp:2"),
        ):
            with pytest.raises(Unavailable):
                await planned(reading)

    on_mixed(work)
