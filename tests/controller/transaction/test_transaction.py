"""One revision over two domains: barriers, order, failure, ways back, and a domain that cannot be looked at."""

from __future__ import annotations

import pytest
from tests.controller.device import container
from tests.sampling import sampled

from evenkeel.controller.drivers.containers.memory import foreign_id
from evenkeel.reconcilers.containers.remembering import taken_over

from .two import FirstMemory, OnTwo, SecondMemory, Two

MOST_ACTIONS = 16
"""More than any of the stories below has."""


def test_two_domains_reach_one_revision(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        two.ask("a:1", "b:1")
        await two.play(100)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (True, "Converged")
        assert two.journal.digest("last-good") == two.journal.digest("desired") != ""
        assert len(two.said("revision-good")) == 1
        assert len(two.said("settled")) == 1

    on_two(work)


def test_phases_are_barriers_and_switches_have_an_order(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.second.script.pull_rate = 1_000_000  # its pull takes longer by far
        two.ask("a:2", "b:2")
        await two.play(400)
        assert two.running() == ["a:2", "b:2"]
        first = {what: two.done.index(("first", what)) for what in ("pull", "create", "stop", "verify", "remove")}
        second = {what: two.done.index(("second", what)) for what in ("pull", "create", "stop", "verify", "remove")}
        assert max(first["pull"], second["pull"]) < min(first["create"], second["create"]), (
            "all is fetched before any is made"
        )
        assert max(first["create"], second["create"]) < min(first["stop"], second["stop"])
        assert first["verify"] < second["stop"], "the first domain has switched and proven itself"
        assert second["verify"] < min(first["remove"], second["remove"]), "nothing is removed before all is proven"

    on_two(work)


def test_what_one_domain_cannot_fetch_holds_up_both_and_neither_is_disturbed(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.refuse(two.second, "b:2", how="pull")
        two.ask("a:2", "b:2")
        two.at(300, two.first.kill, "a")
        await two.play(600)
        assert two.running() == ["a:1", "b:1"], "what is in force is kept up meanwhile"
        assert {what for _, what in two.done} == {"pull", "start", "verify"}
        assert not two.settled()[0]
        two.start()
        two.second.catalogue.clear()
        two.ask("a:2", "b:2")
        await two.play(600)
        assert two.running() == ["a:2", "b:2"]

    on_two(work)


def test_a_failure_in_the_second_takes_back_the_first_in_reverse_order(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.refuse(two.second, "b:2")
        two.ask("a:2", "b:2")
        await two.play(600)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (False, "RolledBack")
        assert [len(two.said(kind)) for kind in ("revision-failed", "rolling-back", "rolled-back")] == [1, 1, 1]
        switches = [domain for domain, what in two.done if what == "stop"]
        assert switches == ["first", "second", "second", "first"] or switches == ["first", "second", "first"], switches
        back = [each for each in two.done if each[1] == "start"][-2:]
        assert [domain for domain, _ in back] == ["second", "first"], "the second goes back before the first"

    on_two(work)


def test_a_repair_while_a_domain_waits_on_the_way_back_takes_nothing_back_before_its_turn(on_two: OnTwo) -> None:
    """The repair takes long, so a look beside it finds also what the way back will change."""

    async def work(two: Two) -> None:
        await two.settle("a:1", "aid:1", "b:1")
        two.refuse(two.second, "b:2")
        two.ask("a:2", "aid:1", "b:2")
        ran: list[tuple[str, ...]] = []

        def repair() -> None:
            if two.said("rolling-back") and not ran:
                two.second.script.perform_s = 40.0
                two.first.script.perform_s = 8.0
                two.first.kill("aid")
                for second in range(1, 40):
                    two.at(second, lambda: ran.append(tuple(sorted(two.first.running().values()))))

        two.second.script.perform_s = 2.0
        for second in range(60):
            two.at(second, repair)
        await two.play(600)
        assert [each.subject for each in two.said("drift")] == ["aid"], "nobody has changed anything else"
        assert {each.rpartition("/")[2] for now in ran for each in now} == {"a:2", "aid:1"}, "b is not back yet"
        assert two.running() == ["a:1", "aid:1", "b:1"]
        assert two.settled() == (False, "RolledBack")

    on_two(work)


def test_a_failure_in_the_first_never_touches_the_second(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.refuse(two.first, "a:2")
        two.ask("a:2", "b:2")
        await two.play(600)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (False, "RolledBack")
        assert ("second", "stop") not in two.done

    on_two(work)


def test_a_domain_that_cannot_be_looked_at_holds_up_what_changes_it(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.second.script.unreachable = True
        two.ask("a:2", "b:2")
        two.at(200, two.first.kill, "a")
        await two.play(500)
        assert two.running()[0] == "a:1", "nothing is disturbed, and what is in force is kept up"
        assert ("first", "create") not in two.done
        two.start()
        two.second.script.unreachable = False
        two.ask("a:2", "b:2")
        await two.play(500)
        assert two.running() == ["a:2", "b:2"]

    on_two(work)


def test_a_domain_that_cannot_be_looked_at_holds_up_nothing_else(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.second.script.unreachable = True
        two.ask("a:2", "b:1")
        await two.play(500)
        assert two.running()[0] == "a:2"
        assert two.journal.digest("last-good") == two.journal.digest("desired")
        assert not two.settled()[0], "of the second nobody knows how it is"

    on_two(work)


def test_a_slow_download_in_one_stops_no_repair_in_the_other(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.second.script.pull_rate = 1_000.0  # an hour and more
        two.ask("a:1", "b:2")
        two.at(100, two.first.kill, "a")
        await two.play(200)
        assert two.running() == ["a:1", "b:1"]
        assert ("first", "start") in two.done

    on_two(work)


@pytest.mark.parametrize("bad", ["", "a:2", "b:2"])
@pytest.mark.parametrize("actions", sampled(range(1, MOST_ACTIONS), 8, "two domains"))
def test_a_process_that_dies_anywhere_leaves_a_state_from_which_the_next_converges(
    on_two: OnTwo, actions: int, bad: str
) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        if bad:
            two.refuse(two.first if bad.startswith("a") else two.second, bad)
        two.ask("a:2", "b:2")
        await two.die(actions)
        two.start()
        two.ask("a:2", "b:2")
        await two.play(900)
        assert two.running() == (["a:1", "b:1"] if bad else ["a:2", "b:2"])
        assert two.settled() == ((False, "RolledBack") if bad else (True, "Converged"))
        assert len(two.said("revision-good")) == (1 if bad else 2)
        assert len(two.said("rolled-back")) == (1 if bad else 0)

    on_two(work)


def test_the_stories_have_fewer_actions_than_are_tried(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.refuse(two.second, "b:2")
        two.ask("a:2", "b:2")
        assert not await two.die(MOST_ACTIONS * 2)

    on_two(work)


def test_a_first_revision_that_fails_goes_back_to_what_both_domains_ran_before(on_two: OnTwo) -> None:
    """Somebody ran both before evenkeel came, and both were adopted."""

    async def work(two: Two) -> None:
        for engine, memory, name in ((two.first, FirstMemory(), "a"), (two.second, SecondMemory(), "b")):
            engine.put_foreign(container(name))
            two.journal.memories.keep(memory, taken_over(memory, foreign_id(name), name))
        two.refuse(two.second, "b:2")
        two.ask("a:2", "b:2")
        await two.play(300)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (False, "RolledBack")

    on_two(work)


def test_repairs_of_two_domains_need_no_transaction(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.ask("a:1", "b:1")
        two.at(50, two.first.kill, "a")
        two.at(50, two.second.kill, "b")
        await two.play(200)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (True, "Converged")
        assert {(each.domain, each.subject) for each in two.said("drift")} == {("first", "a"), ("second", "b")}

    on_two(work)


def test_a_journal_that_was_lost_leaves_both_domains_something_to_go_back_to(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.lose_journal()
        two.refuse(two.second, "b:2")
        two.ask("a:2", "b:2")
        await two.play(600)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (False, "RolledBack")

    on_two(work)


def test_a_domain_that_cannot_go_back_keeps_no_other_from_it(on_two: OnTwo) -> None:
    """It may need what the other one brings back."""

    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.refuse(two.second, "b:1", "b:2")
        two.ask("a:2", "b:2")
        await two.play(300)
        assert "a:1" in two.running()
        assert two.settled() == (False, "Retrying")
        two.second.catalogue.clear()
        two.second.world.pulled.clear()
        two.second.world.containers.clear()
        two.start()
        two.ask("a:2", "b:2")
        await two.play(300)
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (False, "RolledBack")

    on_two(work)


def test_what_is_found_in_both_domains_takes_the_place_of_a_last_good_that_cannot_be_read(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.refuse(two.second, "b:2")
        two.ask("a:2", "b:2")
        await two.play(300)
        assert two.settled() == (False, "RolledBack")
        what = "UPDATE revision SET content = x'00' WHERE digest = (SELECT digest FROM role WHERE name = 'last-good')"
        two.journal._database.connection.execute(what)
        two.restart()
        two.ask("a:2", "b:2")
        two.at(100, two.first.kill, "a")
        two.at(100, two.second.kill, "b")
        await two.play(300)
        assert two.running() == ["a:1", "b:1"]
        good = two.journal.revision("last-good")
        assert good is not None
        assert sorted(good.containers()) == ["a", "b"]
        assert [each.message for each in two.said("state-lost")][-1].endswith("takes its place and is kept up")

    on_two(work)


def test_what_another_domain_has_changed_begins_anew_once(on_two: OnTwo) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        two.ask("a:1", "b:1")
        two.at(50, two.controller.transaction.notify, [("second", "b"), ("second", "nobody"), ("third", "b")])
        await two.play(200)
        assert two.done == [("second", "stop"), ("second", "start"), ("second", "verify")]
        assert two.settled() == (True, "Converged")
        assert two.journal.memories.of(SecondMemory).notified == ("nobody",)

    on_two(work)


@pytest.mark.parametrize("actions", range(1, 4))
def test_a_process_that_dies_while_a_subject_begins_anew_does_not_forget_it(on_two: OnTwo, actions: int) -> None:
    async def work(two: Two) -> None:
        await two.settle("a:1", "b:1")
        begun = next(iter(two.second.world.containers.values())).started_at
        two.journal.memories.notify("second", ["b"])
        two.ask("a:1", "b:1")
        assert await two.die(actions)
        two.start()
        two.ask("a:1", "b:1")
        await two.play(200)
        assert next(iter(two.second.world.containers.values())).started_at > begun
        assert two.running() == ["a:1", "b:1"]
        assert two.settled() == (True, "Converged")

    on_two(work)
