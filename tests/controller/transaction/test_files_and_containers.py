"""One revision over files and the containers that mount them: order, failure, ways back, a loss of power after any action."""

from __future__ import annotations

import asyncio
import errno

import pytest
from tests.sampling import sampled

from evenkeel.controller.cycle.endings import Settled
from evenkeel.controller.journal.intent import message_in_force
from evenkeel.specs.containers.actions import Start
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.plan import Action, Failed, Outcome

from .mixed import PATH, Mixed, OnMixed, asking

MOST_ACTIONS = 24
"""More than any of the stories below has."""


def test_a_container_starts_with_the_file_that_its_revision_asks_for(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        assert mixed.engine.read == {"web": "one"}
        mixed.ask("two", "web:2")
        await mixed.play(200)
        assert mixed.engine.read == {"web": "two"}
        assert mixed.settled() == (True, "Converged")
        starts = [each for each in mixed.power.done if each == ("containers", "start")]
        assert len(starts) == 1, "it is replaced anyway, and needs no second start"
        assert mixed.power.done.index(("containers", "pull")) < mixed.power.done.index(("files", "write"))
        assert mixed.power.done.index(("containers", "create")) < mixed.power.done.index(("files", "switch"))
        assert mixed.power.done.index(("files", "verify")) < mixed.power.done.index(("containers", "stop"))

    on_mixed(work)


def test_a_new_file_is_in_place_before_a_container_that_mounts_it_is_created(on_mixed: OnMixed) -> None:
    """An engine creates none whose mount has no source."""

    async def work(mixed: Mixed) -> None:
        mixed.ask("one", "web:1")
        await mixed.play(200)
        assert mixed.power.done.index(("files", "switch")) < mixed.power.done.index(("containers", "create"))
        assert mixed.power.done.count(("containers", "start")) == 1
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def cannot_do_without_the_file(mixed: Mixed, *, is_refused: bool) -> None:
    """Without the file the engine refuses to start a container, or that ends with an error."""

    def no_source(action: Action) -> Outcome | None:
        is_there = not isinstance(action, Start) or bool(mixed.content())
        return None if is_there else Failed("bind source path does not exist")

    if is_refused:
        mixed.engine.script.failures.append(no_source)
    else:
        mixed.engine.bad.add("")


@pytest.mark.parametrize("observe_s", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("perform_s", [0.0, 0.4, 2.5])
@pytest.mark.parametrize("is_refused", [False, True])
def test_a_container_begins_anew_without_a_file_that_is_removed(
    on_mixed: OnMixed, observe_s: float, perform_s: float, *, is_refused: bool
) -> None:
    """It would else fail at its next start, long after the revision was called good. However quick the engine is: a container
    that the revision has taken down was not down before."""

    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.engine.script.observe_s, mixed.engine.script.perform_s = observe_s, perform_s
        cannot_do_without_the_file(mixed, is_refused=is_refused)
        mixed.ask(None, "web:1")
        await mixed.play(600)
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert mixed.settled() == (False, "RolledBack")
        assert len(mixed.said("revision-failed")) == 1
        assert mixed.engine.read == {"web": "one"}

    on_mixed(work)


@pytest.mark.parametrize("observe_s", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("perform_s", [0.0, 0.4, 2.5])
@pytest.mark.parametrize("is_refused", [False, True])
def test_a_command_takes_back_the_removal_of_a_file_that_a_container_needs(
    on_mixed: OnMixed, observe_s: float, perform_s: float, *, is_refused: bool
) -> None:
    """As above, in the one cycle after the other of a command."""

    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.engine.script.observe_s, mixed.engine.script.perform_s = observe_s, perform_s
        cannot_do_without_the_file(mixed, is_refused=is_refused)
        mixed.controller.accept(asking(None, "web:1"))
        await mixed.controller.converge()
        assert (mixed.content(), mixed.running()) == ("one", ["web:1"])
        assert mixed.settled() == (False, "RolledBack")
        assert len(mixed.said("revision-failed")) == 1
        assert mixed.engine.read == {"web": "one"}

    on_mixed(work)


def test_a_container_begins_anew_with_the_file_that_it_mounts(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1", "other:1")
        mixed.ask("two", "web:1", "other:1")
        await mixed.play(200)
        assert mixed.engine.read == {"web": "two", "other": "one"}
        assert [what for domain, what in mixed.power.done if domain == "containers"] == ["stop", "start", "verify"]
        good = mixed.said("revision-good")
        assert len(good) == 2
        assert good[-1].seq > mixed.said("step-done")[-1].seq, "it is not good before the container is proven with it"

    on_mixed(work)


def test_a_file_with_which_a_container_does_not_come_up_is_taken_back(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1", "other:1")
        mixed.engine.bad.add("two")
        mixed.ask("two", "web:1", "other:1")
        await mixed.play(600)
        assert mixed.content() == "one"
        assert mixed.engine.read == {"web": "one", "other": "one"}
        assert mixed.running() == ["other:1", "web:1"]
        assert mixed.settled() == (False, "RolledBack")
        assert [len(mixed.said(kind)) for kind in ("revision-failed", "rolling-back", "rolled-back")] == [1, 1, 1]
        assert mixed.said("rolled-back")[0].seq > mixed.said("step-done")[-1].seq, (
            "not before the container is proven again"
        )
        assert not mixed.said("drift"), "nobody else has changed anything"
        assert ("rolled-back", "RolledBack") in mixed.heard, "the condition says so, too, at that moment"

    on_mixed(work)


def test_both_go_back_when_the_new_container_fails_with_the_new_file(on_mixed: OnMixed) -> None:
    """The old container does not come up with the new file, either."""

    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.engine.bad.add("two")
        mixed.ask("two", "web:2")
        await mixed.play(900)
        assert mixed.content() == "one"
        assert mixed.running() == ["web:1"]
        assert mixed.engine.read == {"web": "one"}
        assert mixed.settled() == (False, "RolledBack")

    on_mixed(work)


def test_a_file_that_cannot_be_written_disturbs_no_container(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.disk.fails = errno.EROFS
        mixed.ask("two", "web:2")
        await mixed.play(300)
        assert mixed.running() == ["web:1"]
        assert ("containers", "stop") not in mixed.power.done
        mixed.disk.fails = None
        mixed.start()
        mixed.ask("three", "web:2")
        await mixed.play(300)
        assert (mixed.content(), mixed.running()) == ("three", ["web:2"])

    on_mixed(work)


def test_a_foreign_file_is_blocked_and_stays(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        mixed.write("theirs")
        mixed.ask("one", "web:1")
        await mixed.play(100)
        assert mixed.content() == "theirs"
        assert mixed.settled() == (False, "Blocked")

    on_mixed(work)


def test_what_is_blocked_is_told_and_not_that_another_domain_waits_for_it(on_mixed: OnMixed) -> None:
    """Also when something else blocks it later, of which the other domain hears by no look of its own."""
    told: list[str] = []

    async def work(mixed: Mixed) -> None:
        def hear() -> None:
            known = mixed.journal.condition("Settled")
            told.append(known.message if known is not None else "")

        mixed.write("theirs")
        mixed.ask("one", "web:1", "other:1")
        mixed.at(45, mixed.engine.kill, "other")  # from then on the domains look at different times
        mixed.at(100, mixed.disk.put_link, PATH, "/elsewhere")
        for second in range(80, 200):
            mixed.at(second, hear)
        await mixed.play(200)
        assert mixed.running() == ["other:1", "web:1"]
        assert mixed.settled() == (False, "Blocked")

    on_mixed(work)
    remedy = "which evenkeel did not make; `overwrite: true` replaces it"
    assert list(dict.fromkeys(told)) == [
        f"conf: {PATH} has another content, and evenkeel did not make it; `overwrite: true` replaces it",
        f"conf: {PATH} is a symbolic link to /elsewhere, {remedy}",
    ]


def test_a_foreign_file_that_is_overwritten_comes_back_when_the_first_revision_fails(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        mixed.write("theirs")
        mixed.engine.bad.add("one")
        mixed.ask("one", "web:1", overwrite=True)
        await mixed.play(600)
        assert mixed.content() == "theirs"
        assert mixed.settled()[0] is False
        assert len(mixed.said("revision-failed")) == 1

    on_mixed(work)


def test_a_file_that_somebody_edits_is_repaired_and_its_container_reads_it_again(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.ask("one", "web:1")
        mixed.at(100, mixed.write, "edited")
        await mixed.play(300)
        assert mixed.content() == "one"
        assert [what for domain, what in mixed.power.done if domain == "containers"] == ["stop", "start", "verify"]
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_a_file_that_nobody_asks_for_any_more_goes_and_its_domain_is_idle_again(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.ask(None, "web:1")
        await mixed.play(300)
        assert (mixed.content(), mixed.running()) == ("", ["web:1"])
        assert mixed.settled() == (True, "Converged")
        mixed.start()
        mixed.ask(None, "web:1")
        await mixed.play(100)
        assert {each.domain for each in mixed.journal.conditions()} == {"", "containers"}

    on_mixed(work)


def test_a_domain_that_nobody_asks_anything_of_is_not_even_looked_at(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        mixed.disk.fails = errno.EIO
        await mixed.settle(None, "web:1")
        assert {each.domain for each in mixed.journal.conditions()} == {"", "containers"}
        assert {domain for domain, _ in mixed.power.done} <= {"containers"}

    on_mixed(work)


def test_a_message_overrules_its_own_domain_alone(on_mixed: OnMixed) -> None:
    """What the files ask of another domain stays, and changes, beside it."""

    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        commanded = normal(Container("web", "web:7"))
        part = desired_state([Document("Container", "web", commanded)])
        message_in_force(mixed.journal, "containers", part, "containersupdate/desiredstate", "act-1")
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("one", ["web:7"])
        mixed.start()
        mixed.ask("two", "web:1")
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("two", ["web:7"])
        assert mixed.engine.read == {"web": "two"}
        assert len(mixed.said("source-overruled")) == 0, "what the files ask of containers is as before"
        mixed.start()
        mixed.ask("two", "web:2")
        await mixed.play(200)
        assert (mixed.content(), mixed.running()) == ("two", ["web:7"])
        assert len(mixed.said("source-overruled")) == 1

    on_mixed(work)


def test_what_an_activity_reached_makes_nothing_good_of_another_domain(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        part = desired_state([Document("Container", "web", normal(Container("web", "web:7")))])
        mixed.journal.put("desired", asking("two", "web:1").desired, "files")
        mixed.journal.reach(part, "containersupdate/desiredstate", "act-1", "containers")
        desired, good = (mixed.journal.revision(role) for role in ("desired", "last-good"))
        assert desired is not None
        assert good is not None
        assert desired.part("containers").digest == good.part("containers").digest == part.digest
        assert desired.part("files").digest == asking("two").desired.part("files").digest
        assert good.part("files").digest == asking("one").desired.part("files").digest

    on_mixed(work)


@pytest.mark.parametrize("bad", [False, True])
@pytest.mark.parametrize("actions", sampled(range(1, MOST_ACTIONS), 10, "files and containers"))
@pytest.mark.parametrize("image", ["web:1", "web:2"])
def test_a_process_that_dies_anywhere_leaves_a_state_from_which_the_next_converges(
    on_mixed: OnMixed, actions: int, bad: bool, image: str
) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        if bad:
            mixed.engine.bad.add("two")
        mixed.ask("two", image)
        await mixed.die(actions)
        mixed.start()
        mixed.ask("two", image)
        await mixed.play(1200)
        expected = ("one", ["web:1"]) if bad else ("two", [image])
        assert (mixed.content(), mixed.running()) == expected
        assert mixed.engine.read == {"web": expected[0]}, "it works with what is in place"
        assert mixed.settled() == ((False, "RolledBack") if bad else (True, "Converged"))
        assert list(mixed.disk.world.entries) == ["/etc", "/etc/app", PATH] or not [
            each for each in mixed.disk.world.entries if ".evenkeel" in each
        ]

    on_mixed(work)


def test_the_stories_have_fewer_actions_than_are_tried(on_mixed: OnMixed) -> None:
    async def work(mixed: Mixed) -> None:
        await mixed.settle("one", "web:1")
        mixed.engine.bad.add("two")
        mixed.ask("two", "web:2")
        assert not await mixed.die(10**6)
        assert len(mixed.power.done) < MOST_ACTIONS * 2

    on_mixed(work)


def test_an_engine_of_which_nothing_is_asked_holds_up_nothing_while_it_is_away(on_mixed: OnMixed) -> None:
    """A first revision of files alone was never good, and `apply` never ended."""

    async def work(mixed: Mixed) -> None:
        mixed.engine.script.unreachable = True
        mixed.ask("one")
        await mixed.play(200)
        assert mixed.content() == "one"
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")
        assert mixed.settled() == (True, "Converged")
        known = mixed.journal.condition("EngineReachable", "containers")
        assert known is not None
        assert not known.holds
        mixed.start()
        mixed.ask("one", "web:1")
        mixed.at(100, setattr, mixed.engine.script, "unreachable", False)
        await mixed.play(50)
        assert not mixed.settled()[0], "now something is asked of it"
        mixed.start()
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")
        assert mixed.running() == ["web:1"]

    on_mixed(work)


def test_a_revision_that_asks_for_nothing_is_good_while_an_engine_is_away_that_was_never_asked(
    on_mixed: OnMixed,
) -> None:
    async def work(mixed: Mixed) -> None:
        mixed.engine.script.unreachable = True
        mixed.ask(None)
        await mixed.play(200)
        assert mixed.outcome() == ([], True, "Converged")
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")

    on_mixed(work)


@pytest.mark.parametrize("content", [None, "one"])
def test_what_a_revision_has_left_in_an_engine_that_is_away_is_not_settled(
    on_mixed: OnMixed, content: str | None
) -> None:
    """Neither the next revision nor last-good asks for it. "Converged" was said while it ran."""

    async def work(mixed: Mixed) -> None:
        if content is not None:
            await mixed.settle(content)
        mixed.ask(content, "web:1")
        mixed.at(3, setattr, mixed.engine.script, "unreachable", True)
        await mixed.play(6)
        assert mixed.running() == ["web:1"]
        assert mixed.reason() != "", "it was not proven yet"
        assert mixed.journal.digest("last-good") != mixed.journal.digest("desired")
        mixed.start()
        mixed.ask(content and "two")
        await mixed.play(200)
        assert (mixed.running(), mixed.settled()) == (["web:1"], (False, "Retrying"))
        mixed.engine.script.unreachable = False
        mixed.start()
        mixed.ask(content and "two")
        await mixed.play(200)
        assert mixed.outcome() == ([], True, "Converged")

    on_mixed(work)


def test_an_engine_that_is_away_from_the_beginning_is_why_nobody_knows_how_all_is(on_mixed: OnMixed) -> None:
    """Found by a check: the file was written, proven and good, and `Settled` said for ever that it differs."""

    async def work(mixed: Mixed) -> None:
        mixed.ask("one", "web:1")
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")
        mixed.start()
        mixed.engine.script.unreachable = True
        mixed.ask("two", "web:1")
        await mixed.play(100)
        assert mixed.content() == "two"
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")
        known = mixed.journal.condition("Settled")
        assert known is not None
        assert (known.holds, known.reason) == (False, "Retrying")
        assert "engine" in known.message
        assert "differs" not in known.message
        mixed.start()
        mixed.at(50, setattr, mixed.engine.script, "unreachable", False)
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")

    on_mixed(work)


def test_the_end_of_all_that_was_asked_is_reached_while_an_engine_of_which_nothing_was_asked_is_away(
    on_mixed: OnMixed,
) -> None:
    """`apply --allow-empty` took the file away, and then waited for the engine without an end."""

    async def work(mixed: Mixed) -> None:
        mixed.engine.script.unreachable = True
        mixed.ask("one")
        await mixed.play(200)
        assert mixed.settled() == (True, "Converged")
        mixed.start()
        for _ in range(2):
            mixed.controller.accept(asking(None))
            async with asyncio.timeout(200):
                assert isinstance(await mixed.controller.converge(), Settled)
            mixed.start()
        assert mixed.content() == ""
        assert mixed.journal.digest("last-good") == mixed.journal.digest("desired")
        assert mixed.settled() == (True, "Converged")
        known = mixed.journal.condition("EngineReachable", "containers")
        assert known is not None
        assert not known.holds
        mixed.engine.script.unreachable = False
        await mixed.settle("two", "web:1")

    on_mixed(work)
