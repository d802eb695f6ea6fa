"""The contract of the files domain, on the real file system and on the one in memory: real cycles, and the state of the world
after them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.specs.codec import changed
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.files.actions import Switch, Verify
from evenkeel.specs.files.file import File, digest_of
from evenkeel.specs.plan import Action, Failed, Outcome

from .bench import Bench, Cut, asking, bench

Work = Callable[[Bench], Coroutine[Any, Any, None]]


@pytest.fixture(params=["disk", "memory"])
def on(request: pytest.FixtureRequest) -> Callable[[Work], None]:
    def play(work: Work) -> None:
        with bench(request.param) as it:

            async def scenario() -> None:
                try:
                    await work(it)
                finally:
                    await it.driver.close()

            run(scenario())

    return play


On = Callable[[Work], None]


def file(it: Bench, content: str | None = "one", name: str = "cfg", **given: Any) -> File:
    return File(name, it.at(given.pop("at", "app.conf")), content, **given)


def failing(action: Action) -> Outcome | None:
    return Failed("scripted") if isinstance(action, Verify) and action.form.digest == digest_of(b"bad") else None


def why(it: Bench) -> str:
    """Why it is not settled."""
    condition = it.journal.condition("Settled")
    assert condition is not None
    return condition.message


def test_a_file_comes_is_changed_and_goes(on: On) -> None:
    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(file(it, at="deep/er/app.conf"))), Settled)
        assert it.tree() == {"deep/er/app.conf": "0644 one"}
        assert not (await it.plan(asking(file(it, at="deep/er/app.conf")))).differences
        assert isinstance(await it.converge(asking(file(it, "two", at="deep/er/app.conf", mode=0o600))), Settled)
        assert it.tree() == {"deep/er/app.conf": "0600 two"}
        assert isinstance(await it.converge(asking()), Settled)
        assert it.tree() == {}
        assert it.memory().placed == {}

    on(work)


def test_what_drifts_is_repaired_and_told(on: On) -> None:
    async def work(it: Bench) -> None:
        asked = asking(file(it, notify=("web",)))
        await it.converge(asked)
        assert it.driver.notified == ["web"]
        it.put("app.conf", b"edited")
        await it.converge(asked)
        assert it.tree() == {"app.conf": "0644 one"}
        it.put("app.conf", b"one", mode=0o666)
        await it.converge(asked)
        assert it.tree() == {"app.conf": "0644 one"}
        it.take("app.conf")
        await it.converge(asked)
        assert it.tree() == {"app.conf": "0644 one"}
        assert it.driver.notified == ["web"] * 4

    on(work)


def test_nothing_that_others_made_is_touched(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"theirs")
        assert isinstance(await it.converge(asking(file(it))), Stalled)
        assert "has another content, and evenkeel did not make it; `overwrite: true` replaces it" in why(it)
        await it.converge(asking())
        assert it.tree() == {"app.conf": "0644 theirs"}

    on(work)


def test_what_is_right_already_is_not_ours(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"one")
        assert isinstance(await it.converge(asking(file(it, notify=("web",)))), Settled)
        assert it.driver.done == []
        await it.converge(asking())
        assert it.tree() == {"app.conf": "0644 one"}

    on(work)


def test_the_right_content_with_another_mode_is_foreign_too(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"one", mode=0o600)
        assert isinstance(await it.converge(asking(file(it))), Stalled)
        assert "has the content, but is" in why(it)
        assert it.tree() == {"app.conf": "0600 one"}

    on(work)


def test_a_link_is_neither_followed_nor_replaced(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("theirs", b"theirs")
        it.put_link("app.conf", it.at("theirs"))
        assert isinstance(await it.converge(asking(file(it))), Stalled)
        assert "is a symbolic link to" in why(it)
        assert isinstance(await it.converge(asking(file(it, overwrite=True))), Settled)
        assert it.tree() == {"app.conf": "0644 one", "theirs": "0644 theirs"}

    on(work)


def test_a_link_on_the_way_is_refused(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put_folder("real")
        it.put_link("way", it.at("real"))
        assert isinstance(await it.converge(asking(file(it, at="way/app.conf", overwrite=True))), Stalled)
        assert f"{it.at('way')} is a symbolic link to {it.at('real')}; write the path without it" in why(it)
        assert it.tree() == {"way": f"→ {it.at('real')}"}

    on(work)


def test_a_folder_is_never_replaced(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put_folder("app.conf")
        assert isinstance(await it.converge(asking(file(it, overwrite=True))), Stalled)
        assert "is a folder, which evenkeel never replaces" in why(it)

    on(work)


def test_nothing_is_placed_in_the_state_directory(on: On) -> None:
    async def work(it: Bench) -> None:
        asked = asking(File("cfg", f"{it.state}/files/app.conf", "one"))
        assert isinstance(await it.converge(asked), Stalled)
        assert "is the state directory of evenkeel, where no file is placed" in why(it)
        assert it.tree(it.state) == {}

    on(work)


def test_an_unknown_owner_is_told(on: On) -> None:
    async def work(it: Bench) -> None:
        if it.kind == "disk":
            assert isinstance(await it.converge(asking(file(it, owner="nobody-of-this-name"))), Stalled)
            assert "there is no user `nobody-of-this-name`" in why(it)
        assert isinstance(await it.converge(asking(file(it, owner=str(os.getuid()), group="0"))), Settled)

    on(work)


def test_a_failed_first_revision_puts_the_original_back(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"theirs", mode=0o640)
        it.driver.refuses = failing
        bad = asking(file(it, "bad", overwrite=True, notify=("web",)), file(it, "more", "other", at="more"))
        assert isinstance(await it.converge(bad), Stalled)
        assert it.tree() == {"app.conf": "0640 theirs"}
        assert it.memory().placed == {}, "it is theirs again"
        await it.converge(asking())
        assert it.tree() == {"app.conf": "0640 theirs"}

    on(work)


def test_a_failed_later_revision_puts_what_it_overwrote_back(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"theirs", mode=0o640)
        it.put_link("link", "somewhere")
        await it.converge(asking(file(it, "good", "other", at="other")))
        it.driver.refuses = failing
        files = file(it, "bad", overwrite=True), file(it, "x", "ln", at="link", overwrite=True)
        assert isinstance(await it.converge(asking(*files)), Stalled)
        assert it.tree() == {"app.conf": "0640 theirs", "link": "→ somewhere", "other": "0644 good"}
        assert set(it.memory().placed) == {it.at("other")}

    on(work)


def test_who_overwrote_and_goes_restores_nothing(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"theirs")
        await it.converge(asking(file(it, overwrite=True)))
        assert it.stored() == {"theirs"}
        await it.converge(asking())
        assert it.tree() == {}
        assert it.stored() == set()

    on(work)


def test_a_failed_revision_goes_back(on: On) -> None:
    async def work(it: Bench) -> None:
        good = asking(file(it, "good", notify=("web",)), file(it, "gone", "other", at="other"))
        await it.converge(good)
        it.driver.refuses = failing
        bad = asking(file(it, "bad", notify=("web",)), file(it, "new", "third", at="third"))
        assert isinstance(await it.converge(bad), Stalled)
        assert it.tree() == {"app.conf": "0644 good", "other": "0644 gone"}
        assert it.driver.notified[-1] == "web"
        assert not (await it.plan(good)).stages

    on(work)


def test_a_source_is_followed(on: On) -> None:
    async def work(it: Bench) -> None:
        asked = asking(file(it, None, source=it.at("source")))
        assert isinstance(await it.converge(asked), Stalled)
        assert f"{it.at('source')} is not there" in why(it)
        it.put("source", b"one")
        assert isinstance(await it.converge(asked), Settled)
        it.put("source", b"two!")
        assert isinstance(await it.converge(asked), Settled)
        assert it.tree() == {"app.conf": "0644 two!", "source": "0644 two!"}
        assert it.stored() == {"two!"}

    on(work)


def test_a_pinned_content_is_found_again(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("source", b"one")
        first = file(it, None, source=it.at("source"), sha256=digest_of(b"one"))
        await it.converge(asking(first))
        it.put("source", b"bad")
        it.driver.refuses = failing
        assert isinstance(await it.converge(asking(changed(first, sha256=digest_of(b"bad")))), Stalled)
        assert it.tree()["app.conf"] == "0644 one"
        it.driver.refuses = lambda action: None
        it.put("source", b"two")
        assert isinstance(await it.converge(asking(changed(first, sha256=digest_of(b"two")))), Settled)
        assert it.tree()["app.conf"] == "0644 two"
        assert it.stored() == {"two"}, "what nobody needs any more is gone"
        assert isinstance(await it.converge(asking(changed(first, sha256=digest_of(b"three")))), Stalled)
        assert "is asked for" in why(it)

    on(work)


def test_a_file_moves(on: On) -> None:
    async def work(it: Bench) -> None:
        await it.converge(asking(file(it)))
        assert isinstance(await it.converge(asking(file(it, at="new.conf"))), Settled)
        assert it.tree() == {"new.conf": "0644 one"}
        it.put("taken", b"theirs")
        assert isinstance(await it.converge(asking(file(it, at="taken", overwrite=True))), Stalled)
        assert it.tree() == {"new.conf": "0644 one", "taken": "0644 theirs"}

    on(work)


def test_two_files_change_places(on: On) -> None:
    async def work(it: Bench) -> None:
        one, two = file(it, "one", "a", at="x"), file(it, "two", "b", at="y")
        await it.converge(asking(one, two))
        assert isinstance(await it.converge(asking(changed(one, path=two.path), changed(two, path=one.path))), Settled)
        assert it.tree() == {"y": "0644 one", "x": "0644 two"}

    on(work)


def test_without_the_journal_what_is_right_stays_and_what_differs_is_told(on: On) -> None:
    async def work(it: Bench) -> None:
        both = file(it, "one", "a", at="x"), file(it, "two", "b", at="y")
        await it.converge(asking(*both))
        it.lose_journal()
        assert isinstance(await it.converge(asking(*both)), Settled)
        it.lose_journal()
        assert isinstance(await it.converge(asking(both[0], changed(both[1], content="new"))), Stalled)
        assert "evenkeel did not make it; `overwrite: true` replaces it" in why(it)
        assert it.tree() == {"x": "0644 one", "y": "0644 two"}

    on(work)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("action", range(1, 15))
def test_power_loss_at_any_action_converges(on: On, action: int, after: bool) -> None:
    async def work(it: Bench) -> None:
        it.put("source", b"source")
        it.put("theirs", b"theirs")
        await it.converge(asking(file(it, "old", notify=("web",)), file(it, "gone", "other", at="gone")))
        it.driver.notified.clear()
        new = asking(
            file(it, "new", notify=("web",)),
            file(it, None, "copy", at="copy", source=it.at("source")),
            file(it, "ours", "over", at="theirs", overwrite=True, mode=0o600),
        )
        assert isinstance(await it.converge(new, [Cut(action, after)]), Settled)
        there = {"app.conf": "0644 new", "copy": "0644 source", "source": "0644 source", "theirs": "0600 ours"}
        assert it.tree() == there
        assert "web" in it.driver.notified
        assert not (await it.plan(new)).differences

    on(work)


def test_what_was_prepared_and_is_not_asked_for_any_more_is_cleaned_up(on: On) -> None:
    async def work(it: Bench) -> None:
        it.driver.refuses = lambda action: Failed("scripted") if isinstance(action, Switch) else None
        await it.converge(asking(file(it)))
        assert [name for name in it.tree() if name.startswith(".app.conf.evenkeel-")]
        it.driver.refuses = lambda action: None
        assert isinstance(await it.converge(asking()), Settled)
        assert it.tree() == {}
        assert it.memory() == type(it.memory())()

    on(work)


def texts(it: Bench) -> str:
    """Everything that was said, stated or would be shown."""
    said: list[Feedback] = it.said
    steps = [(each.traits.text, each.traits.facts) for each in it.driver.done]
    return f"{said} {it.journal.conditions()} {steps}"


def test_no_content_is_told(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"hunter1")
        for content in ("hunter2", "hunter3"):
            asked = asking(file(it, content, overwrite=True, secret=True, mode=0o600))
            plan = await it.plan(asked)
            shown = [(each.why, each.changes) for each in plan.differences]
            assert "hunter" not in str(shown)
            assert digest_of(content.encode())[:8] not in str(shown)
            await it.converge(asked)
        assert "hunter" not in texts(it)
        assert digest_of(b"hunter2")[:8] not in texts(it)

    on(work)
