"""The contract of the files domain, on the real file system and on the one in memory: real cycles, and the state of the world
after them."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from tests.virtual import run

from evenkeel.controller.cycle.endings import Settled, Stalled
from evenkeel.specs.codec import changed
from evenkeel.specs.feedback import Feedback
from evenkeel.specs.files.actions import Adjust, Discard, Drop, Fetch, Keep, Remove, Switch, Verify, Write
from evenkeel.specs.files.file import File, Form, digest_of, temporary_name
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry
from evenkeel.specs.unit import Unit
from evenkeel.templates.plan_text import plan_lines
from evenkeel.templates.planned import planned

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


def test_a_path_directly_below_the_root_is_seen(on: On) -> None:
    """On the real disk nothing is placed there: it is that of this machine."""

    async def work(it: Bench) -> None:
        system, path = it.driver.engine.system, "/evenkeel-places-no-such-file"
        assert system.entries("/")
        (difference,) = (await it.plan(asking(File("cfg", path, "one")))).differences
        assert (difference.verb, difference.why) == ("create", "it is asked for and not there")
        if it.kind == "memory":
            assert isinstance(await it.converge(asking(File("cfg", path, "one"))), Settled)
            assert system.read(path, 3) == b"one"
            assert isinstance(await it.converge(asking()), Settled)
            assert path.removeprefix("/") not in system.entries("/")

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


@pytest.mark.parametrize("name", ["specs", "specs/app.yaml", "one.yaml"])
def test_nothing_is_placed_where_specs_are(on: On, name: str) -> None:
    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(file(it, at=name, overwrite=True))), Stalled)
        assert "holds specs, where no file is placed" in why(it)
        assert it.tree() == {}
        assert isinstance(await it.converge(asking(file(it, at="specs.conf"))), Settled)

    on(work)


def test_a_folder_with_the_state_directory_or_specs_is_not_replaced(on: On) -> None:
    async def work(it: Bench) -> None:
        for path in (it.place, str(Path(it.state).parent)):
            assert isinstance(await it.converge(asking(File("cfg", path, "one", overwrite=True))), Stalled)
            assert f"{path} is a folder, which evenkeel never replaces" in why(it)

    on(work)


@pytest.mark.parametrize("key", ["owner", "group"])
def test_an_unknown_owner_is_told(on: On, key: str) -> None:
    async def work(it: Bench) -> None:
        unknown = file(it, **{key: "nobody-of-this-name"})
        assert isinstance(await it.converge(asking(unknown)), Stalled)
        assert f"there is no {'user' if key == 'owner' else 'group'} `nobody-of-this-name`" in why(it)
        assert it.tree() == {}
        mine = file(it, owner=str(os.getuid()), group=str(os.getgid()))
        assert isinstance(await it.converge(asking(mine)), Settled)

    on(work)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_without_root_no_file_is_given_away(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user is another one for the driver alone: what it refuses, it refuses before it does anything."""
    monkeypatch.setattr(os, "geteuid", lambda: 65534)

    async def work(it: Bench) -> None:
        assert isinstance(await it.converge(asking(file(it, owner="root"))), Stalled)
        assert "only root can give a file another owner, and evenkeel is the user 65534" in why(it)
        assert it.tree() == {}

    on(work)


def test_a_failed_first_revision_puts_the_original_back(on: On) -> None:
    """INV-08: it was kept before it was overwritten."""

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
            file(it, None, "copy", at="copy", source=it.at("source"), notify=("reader",)),
            file(it, "ours", "over", at="theirs", overwrite=True, mode=0o600, notify=("other",)),
        )
        assert isinstance(await it.converge(new, [Cut(action, after)]), Settled)
        there = {"app.conf": "0644 new", "copy": "0644 source", "source": "0644 source", "theirs": "0600 ours"}
        assert it.tree() == there
        assert set(it.driver.notified) == {"web", "reader", "other"}
        assert set(it.memory().placed) == {it.at("app.conf"), it.at("copy"), it.at("theirs")}
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


def test_a_change_that_was_interrupted_and_taken_back_is_told(on: On) -> None:
    async def work(it: Bench) -> None:
        old, new = asking(file(it, notify=("web",))), asking(file(it, "two", notify=("web",)))
        await it.converge(old)
        it.driver.notified.clear()
        await it.lose_power_at(new, 2)  # in place, and not remembered
        assert it.tree() == {"app.conf": "0644 two"}
        await it.lose_power_at(old, 2)
        assert it.tree() == {"app.conf": "0644 one"}
        assert it.driver.notified == []
        assert isinstance(await it.converge(old), Settled)
        assert it.driver.notified == ["web"], "it may have read what was in place meanwhile"

    on(work)


def test_the_original_that_comes_back_is_told(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"theirs")
        await it.converge(asking(file(it, "fine", "other", at="other")))
        over = file(it, "ours", overwrite=True, notify=("web",))
        failing_file = file(it, "bad", "last", at="last")
        it.driver.refuses = failing
        assert isinstance(await it.converge(asking(over, failing_file)), Stalled)
        assert it.tree() == {"app.conf": "0644 theirs", "other": "0644 fine"}
        assert it.driver.notified[-1] == "web"

    on(work)


def test_the_original_that_a_first_revision_replaced_is_told(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("app.conf", b"theirs")
        over = file(it, "ours", overwrite=True, notify=("web",))
        it.driver.refuses = failing
        assert isinstance(await it.converge(asking(over, file(it, "bad", "last", at="last"))), Stalled)
        assert it.tree() == {"app.conf": "0644 theirs"}
        assert it.driver.notified == ["web", "web"]

    on(work)


async def did(it: Bench, action: Action) -> Outcome:
    return await it.driver.engine.perform(action, lambda *given: None)


def test_each_action_may_be_done_again_and_loses_nothing_that_came_meanwhile(on: On) -> None:
    async def work(it: Bench) -> None:
        path, (uid, gid) = it.at("app.conf"), (it.driver.engine.system.uid, it.driver.engine.system.groups[0])
        form = Form(digest_of(b"one"), uid, gid, 0o644)
        temporary = temporary_name("app.conf", form)
        write, switch = Write(path, temporary, form, "one"), Switch(path, temporary, form)
        it.put("app.conf", b"theirs")
        for _ in range(2):
            assert isinstance(await did(it, write), Done)
        assert isinstance(await did(it, switch), Retry)
        assert isinstance(await did(it, changed(switch, replaces=form)), Retry), "it is another one by now"
        assert isinstance(await did(it, Keep(path, form)), Retry)
        assert isinstance(await did(it, Verify(path, form)), Retry)
        assert it.tree()["app.conf"] == "0644 theirs"
        it.take("app.conf")
        assert isinstance(await did(it, Verify(path, form)), Retry)
        for action in (switch, Verify(path, form), Adjust(path, changed(form, mode=0o600)), Remove(path)):
            for _ in range(2 if not isinstance(action, Adjust) else 1):
                assert isinstance(await did(it, action), Done)
        assert isinstance(await did(it, switch), Retry)
        assert it.tree() == {}
        for action in (Discard(path, (temporary,)), Drop(("0" * 64,))):
            assert isinstance(await did(it, action), Done)
        it.put("source", b"one")
        assert isinstance(await did(it, Fetch(it.at("source"), digest_of(b"two"))), Retry)
        for _ in range(2):
            assert isinstance(await did(it, Fetch(it.at("source"), digest_of(b"one"))), Done)
        assert it.stored() == {"one"}

    on(work)


def test_what_is_written_beside_and_spoilt_is_not_placed(on: On) -> None:
    async def work(it: Bench) -> None:
        form = Form(digest_of(b"one"), it.driver.engine.system.uid, it.driver.engine.system.groups[0], 0o644)
        it.put(".app.conf.evenkeel-00000000", b"spoilt")
        assert isinstance(await did(it, Switch(it.at("app.conf"), ".app.conf.evenkeel-00000000", form)), Retry)
        assert "app.conf" not in it.tree()

    on(work)


def test_what_a_way_back_needs_stays_in_the_store(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("source", b"one")
        pinned = file(it, None, source=it.at("source"), sha256=digest_of(b"one"))
        await it.converge(asking(pinned))
        it.put("source", b"two")
        it.put("theirs", b"theirs")
        new = changed(pinned, sha256=digest_of(b"two"))
        assert isinstance(await it.converge(asking(new, file(it, "x", "stuck", at="theirs"))), Stalled)
        assert "one" in it.stored()
        assert isinstance(await it.converge(asking(pinned)), Settled)
        assert it.tree()["app.conf"] == "0644 one"

    on(work)


@pytest.mark.parametrize("spoil", ["edit", "take", "mode"])
def test_a_file_that_changes_before_it_is_read_again_is_no_proof(on: On, spoil: str) -> None:
    async def work(it: Bench) -> None:
        def before(action: Action) -> Outcome | None:
            if isinstance(action, Verify) and spoil == "edit":
                it.put("app.conf", b"edited")
            elif isinstance(action, Verify) and spoil == "take" and "app.conf" in it.tree():
                it.take("app.conf")
            elif isinstance(action, Verify):
                it.put("app.conf", b"one", mode=0o666)
            return None

        it.driver.refuses = before
        assert not isinstance(await it.converge(asking(file(it))), Settled)
        assert not it.memory().placed or not any(each.proven for each in it.memory().placed.values())

    on(work)


def texts(it: Bench) -> str:
    """Everything that was said, stated or would be shown."""
    said: list[Feedback] = it.said
    steps = [(each.traits.text, each.traits.facts) for each in it.driver.done]
    return f"{said} {it.journal.conditions()} {steps}"


@pytest.mark.parametrize("origin", ["placed", "there already", "secret later", "edited"])
def test_what_was_secret_is_not_told_when_it_is_no_secret_any_more(on: On, origin: str) -> None:
    async def work(it: Bench) -> None:
        old = digest_of(b"hunter1")[:8]
        if origin == "there already":
            it.put("app.conf", b"hunter1")
        if origin == "secret later":
            await it.converge(asking(file(it, "hunter1")))
            it.said.clear()
        secret = asking(file(it, "hunter1", secret=True))
        assert isinstance(await it.converge(secret), Settled)
        if origin == "edited":
            it.put("app.conf", b"hunter2")
            old = digest_of(b"hunter2")[:8]
        asked = asking(file(it, "open", overwrite=True))
        shown = [(each.why, each.changes) for each in (await it.plan(asked)).differences]
        assert "(hidden)" in str(shown)
        assert digest_of(b"open")[:8] in str(shown), "the new content is no secret"
        assert isinstance(await it.converge(asked), Settled)
        assert it.tree()["app.conf"] == "0644 open"
        assert old not in f"{shown} {texts(it)}"
        again = (await it.plan(asking(file(it, "next")))).differences
        assert digest_of(b"open")[:8] in str([each.changes for each in again]), "from then on it may be told"

    on(work)


def test_a_source_that_still_holds_a_secret_is_not_told(on: On) -> None:
    async def work(it: Bench) -> None:
        it.put("source", b"hunter1")
        pinned = file(it, None, source=it.at("source"), sha256=digest_of(b"hunter1"), secret=True)
        assert isinstance(await it.converge(asking(pinned)), Settled)
        open_ = changed(pinned, sha256=digest_of(b"open"), secret=False)
        assert isinstance(await it.converge(asking(open_)), Stalled)
        assert f"has another content than {digest_of(b'open')[:12]}…, which is asked for" in why(it)
        assert digest_of(b"hunter1")[:8] not in texts(it)

    on(work)


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


# ── units of systemd that hear of a change ──────────────────────────────────────────────────────────────────────────────

TIME = Unit("chronyd.service")


def test_a_unit_hears_of_each_change_once(on: On) -> None:
    async def work(it: Bench) -> None:
        await it.converge(asking(file(it, units=(TIME,)), file(it, name="more", at="more.conf", units=(TIME,))))
        assert it.units.heard == {TIME.name: ["restart"]}, "once for two files"
        await it.converge(asking(file(it, "two", units=(TIME,)), file(it, name="more", at="more.conf", units=(TIME,))))
        assert it.units.heard == {TIME.name: ["restart", "restart"]}
        await it.converge(asking(file(it, "two", units=(Unit(TIME.name, reload=True),))))
        assert it.units.heard == {TIME.name: ["restart"] * 3}, "a file that it read is gone"
        assert it.memory().renewals == {}

    on(work)


def test_a_unit_that_is_reloaded_and_restarted_is_restarted(on: On) -> None:
    async def work(it: Bench) -> None:
        reloaded = file(it, name="more", at="more.conf", units=(Unit(TIME.name, reload=True),))
        await it.converge(asking(file(it, units=(TIME,)), reloaded))
        assert it.units.heard == {TIME.name: ["restart"]}
        await it.converge(asking(file(it, units=(TIME,)), changed(reloaded, content="two")))
        assert it.units.heard == {TIME.name: ["restart", "reload"]}

    on(work)


def test_a_unit_that_does_not_start_with_the_change_takes_it_back(on: On) -> None:
    async def work(it: Bench) -> None:
        await it.converge(asking(file(it, units=(TIME,))))
        it.units.refuses[TIME.name] = "it does not like two"

        def heals(action: Action) -> Outcome | None:
            if isinstance(action, Switch) and action.form.digest == digest_of(b"one"):
                it.units.refuses.clear()
            return None

        it.driver.refuses = heals
        assert isinstance(await it.converge(asking(file(it, "two", units=(TIME,)))), Stalled)
        assert "chronyd.service cannot be restarted: it does not like two" in why(it)
        assert it.tree() == {"app.conf": "0644 one"}
        assert it.units.heard == {TIME.name: ["restart", "restart"]}, "it has what was good again"

    on(work)


def test_a_unit_that_is_not_there_does_not_hold_up_the_way_back(on: On) -> None:
    async def work(it: Bench) -> None:
        await it.converge(asking(file(it)))
        it.units.refuses["none.service"] = "no such unit"
        assert isinstance(await it.converge(asking(file(it, "two", units=(Unit("none.service"),)))), Stalled)
        assert it.tree() == {"app.conf": "0644 one"}
        assert it.memory().renewals == {}

    on(work)


def test_a_revision_that_failed_at_a_unit_fails_at_it_again(on: On) -> None:
    """Also where there is nothing to go back to."""

    async def work(it: Bench) -> None:
        it.units.refuses[TIME.name] = "no"
        wish = asking(file(it, units=(TIME,)))
        await it.converge(wish)
        it.journal.attempts.forgive_all(wish.digest)
        assert not isinstance(await it.converge(wish), Settled)
        it.units.refuses.clear()
        it.journal.attempts.forgive_all(wish.digest)
        assert isinstance(await it.converge(wish), Settled)
        assert it.units.heard == {TIME.name: ["restart"]}

    on(work)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("action", range(1, 7))
def test_a_unit_hears_of_a_change_whenever_the_power_goes(on: On, action: int, after: bool) -> None:
    async def work(it: Bench) -> None:
        await it.converge(asking(file(it, units=(TIME,))))
        assert isinstance(await it.converge(asking(file(it, "two", units=(TIME,))), [Cut(action, after)]), Settled)
        assert len(it.units.heard[TIME.name]) >= 2
        assert it.memory().renewals == {}
        assert not (await it.plan(asking(file(it, "two", units=(TIME,))))).differences

    on(work)


def test_the_plan_names_the_units(on: On) -> None:
    async def work(it: Bench) -> None:
        found = await it.plan(asking(file(it, units=(TIME, Unit("web.service", reload=True)))))
        text = "\n".join(plan_lines([planned(found, await it.driver.observe())], 100))
        assert "then chronyd.service is restarted; then web.service is reloaded" in text

    on(work)
