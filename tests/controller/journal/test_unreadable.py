"""A stored condition or activity that cannot be read stops neither repair nor messages, and is told once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PurePath

import pytest
from tests.controller.agents.harness import COMMANDS, asked
from tests.controller.agents.harness import Device as Agent
from tests.controller.stage import OnStage, Reading, Stage, asking
from tests.virtual import now, run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import keep_journal
from evenkeel.controller.journal.unreadable import set_aside_unreadable
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.problem import Place

Damage = Callable[[bytes], bytes]


def flipped(body: bytes) -> bytes:
    """One byte behind id and topic."""
    return body.replace(b'"domain":', b'"domain"\x00', 1)


def cut_short(body: bytes) -> bytes:
    return body[: len(body) // 2]


def another_version(body: bytes) -> bytes:
    """A field that this version needs is not there."""
    return body.replace(b'"begun_at":', b'"started_at":', 1)


def still_readable(body: bytes) -> bytes:
    """Another image than was asked for."""
    return body.replace(b"lamp:2", b"lamp:7")


def beginning_lost(body: bytes) -> bytes:
    return b"\x00" * 8 + body[8:]


def nothing(body: bytes) -> bytes:
    return b""


def harm(state: Path, table: str, damage: Damage) -> None:
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        for name in (table, f"{table}_part") if table == "activity" else (table,):
            for rowid, body in connection.execute(f"SELECT rowid, body FROM {name}").fetchall():
                connection.execute(f"UPDATE {name} SET body = ? WHERE rowid = ?", (damage(body), rowid))


def harm_revisions(state: Path, *roles: str) -> None:
    with closing(sqlite3.connect(state / FILE)) as connection, connection:
        for role in roles:
            what = "UPDATE revision SET content = x'00' WHERE digest = (SELECT digest FROM role WHERE name = ?)"
            connection.execute(what, (role,))


@pytest.mark.parametrize("damage", [flipped, cut_short, another_version, still_readable])
def test_an_activity_that_cannot_be_read_ends_and_what_is_in_force_is_kept_up(damage: Damage) -> None:
    async def work() -> None:
        device = Agent()
        await device.bring("a", asked("lamp", "1"), asked("horn", "1"))
        await device.desired("b", asked("lamp", "2"), asked("horn", "1"))
        await device.commands("b", "DOWNLOAD", "UPDATE")
        device.die()
        harm(Path(device._folder.name), "activity", damage)
        device.boot()
        device.engine.kill("lamp")
        await device.settle()
        assert [(each.activity, each.status) for each in device.said()] == [("b", "INCOMPLETE")]
        assert device.running() == {"lamp": "reg.example/lamp:1", "horn": "reg.example/horn:1"}
        told = next(each for each in device.journal.conditions() if each.name == "ActivityCompleted")
        assert (told.holds, told.message[:23]) == (False, "activity b: INCOMPLETE,")
        assert [row[0] for row in device.journal._database.all("SELECT topic FROM set_aside")] == ["journal: activity"]
        said = await device.desired("c", asked("lamp", "3"), asked("horn", "1"))
        said += await device.commands("c", *COMMANDS)
        assert said[-1].status == "COMPLETED", "the next one is served"

    run(work())


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM activity_part WHERE field = 'actions' AND place = 1",
        "DELETE FROM activity_part WHERE field = 'target'",
        "DELETE FROM activity_part",
        "INSERT INTO activity_part SELECT domain, field, 9, body FROM activity_part WHERE field = 'actions' AND place = 1",
        "UPDATE activity_part SET body = CAST(replace(body, 'UPDATE_SUCCESS', 'IDENTIFIED') AS BLOB) WHERE place = 1",
    ],
)
def test_a_part_that_is_lost_or_of_another_moment_is_noticed(damage: str) -> None:
    async def work() -> None:
        device = Agent()
        await device.desired("b", asked("lamp", "2"), asked("horn", "1"), asked("door", "1"))
        await device.commands("b", "DOWNLOAD", "UPDATE")
        assert device.journal.mailbox("containers").unreadable_activity() is None
        assert device.journal.mailbox("containers").activity() is not None
        device.die()
        with closing(sqlite3.connect(Path(device._folder.name) / FILE)) as connection, connection:
            assert connection.execute(damage).rowcount > 0
        device.boot()
        assert device.journal.mailbox("containers").activity() is None
        assert device.journal.mailbox("containers").unreadable_activity() is not None
        await device.settle()
        assert [(each.activity, each.status) for each in device.said()] == [("b", "INCOMPLETE")]

    run(work())


@pytest.mark.parametrize("damage", [beginning_lost, nothing])
def test_nobody_hears_an_end_under_an_id_that_cannot_be_read(damage: Damage) -> None:
    async def work() -> None:
        device = Agent()
        await device.bring("a", asked("lamp", "1"))
        await device.desired("b", asked("lamp", "2"))
        device.said()
        device.die()
        harm(Path(device._folder.name), "activity", damage)
        device.boot()
        device.engine.kill("lamp")
        await device.settle()
        assert device.said() == []
        assert device.running() == {"lamp": "reg.example/lamp:1"}
        told = next(each for each in device.journal.conditions() if each.name == "ActivityCompleted")
        assert not told.holds
        assert "cannot be read" in told.message

    run(work())


@pytest.mark.parametrize(
    ("topic", "published"),
    [("containersupdate/desiredstate", ["containersupdate/desiredstatefeedback"]), ("containersupdate/d\ufffd", [])],
)
def test_without_an_agent_the_end_is_published_where_the_activity_came_in(topic: str, published: list[str]) -> None:
    async def work() -> None:
        device = Agent()
        body = json.dumps({"id": "b", "topic": topic}).encode()
        device.journal._database.connection.execute("INSERT INTO activity VALUES ('containers', ?, x'')", (body,))
        set_aside_unreadable(device.journal, "containers", device.journal.say, 1.0)
        found = device.journal._database.all("SELECT topic FROM outbox")
        assert [row[0] for row in found] == published

    run(work())


@pytest.mark.parametrize("table", ["activity", "condition"])
def test_a_controller_goes_on_and_tells_it_once(on_stage: OnStage, table: str) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        await stage.play(30)
        connection = stage.journal._database.connection
        connection.execute("INSERT OR REPLACE INTO activity VALUES ('containers', x'00', x'')")
        if table == "condition":
            connection.execute("DELETE FROM activity")
            connection.execute("UPDATE condition SET body = x'00' WHERE name = 'Settled'")
        stage.controller = stage.make()
        stage.at(20, stage.engine.kill, "db")
        await stage.play(200)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        told = [each for each in stage.sink.taken if each.kind == "state-lost"]
        assert len(told) == 1
        assert table in told[0].message
        assert stage.conditions()["Settled"]
        assert "Defect" not in stage.conditions()

    on_stage(work)


def restarted_with(stage: Stage, *roles: str) -> None:
    """The controller is started again, and the revisions in these roles are damaged."""
    stage.journal.close()
    harm_revisions(stage.state, *roles)
    stage.journal = keep_journal(stage.state, now)
    stage.controller = stage.make()


def test_who_asks_what_is_there_is_answered_while_what_is_desired_cannot_be_read() -> None:
    async def work() -> None:
        device = Agent()
        await device.bring("a", asked("lamp", "1"))
        device.die()
        harm_revisions(Path(device._folder.name), "desired")
        device.boot()
        assert (await device.inventory("q"))["activityId"] == "q"
        await device.agent.reports.introduce()
        device.said()
        for state in device.states[-2:]:
            assert [node["id"] for node in state["payload"]["softwareNodes"][1:]] == ["containers:lamp"]
        assert device.states[-1]["activityId"].startswith("initial-current-state-")

    run(work())


def test_files_replace_a_revision_that_cannot_be_read(on_stage: OnStage) -> None:
    """The same files as before: desired, last-good and files are one revision."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        await stage.play(30)
        restarted_with(stage, "files")
        stage.say(asking("web:1", "db:1"))
        stage.at(20, stage.engine.kill, "db")
        await stage.play(200)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert stage.conditions()["Settled"]
        assert "Defect" not in stage.conditions()

    on_stage(work)


def test_a_last_good_that_cannot_be_read_does_not_hold_up_what_is_desired(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        await stage.play(30)
        stage.journal.put("desired", asking("web:1").desired, "files")
        restarted_with(stage, "last-good")
        stage.engine.kill("web")
        await stage.play(100)
        assert stage.running() == {"web": "web:1"}
        assert stage.conditions()["Settled"]
        assert stage.journal.digest("last-good") == asking("web:1").desired.digest

    on_stage(work)


def test_what_can_run_runs_when_desired_fails_and_last_good_cannot_be_read(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        await stage.play(30)
        stage.engine.catalogue["docker.io/library/gone:1"] = Image(pull="unreachable")
        stage.journal.put("desired", asking("web:1", "db:1", "gone:1").desired, "files")
        restarted_with(stage, "last-good")
        stage.engine.kill("web")
        await stage.play(100)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert "Defect" not in stage.conditions()
        (told,) = (each.message for each in stage.sink.taken if each.kind == "state-lost")
        assert "(table revision), which is last-good, is not what was stored" in told

    on_stage(work)


@pytest.mark.parametrize("role", ["desired", "last-good"])
@pytest.mark.parametrize("is_known", [True, False], ids=["checksum", "none of an earlier version"])
def test_damage_of_a_revision_is_told_once_and_is_no_defect(
    on_stage: OnStage, caplog: pytest.LogCaptureFixture, role: str, is_known: bool
) -> None:
    """N4: it was an error in the log, as if evenkeel had broken, with a traceback for each process and part."""

    async def work(stage: Stage) -> None:
        stage.say(asking("web:1", "db:1"))
        await stage.play(30)
        stage.journal.put("desired", asking("web:1", "db:1", "more:1").desired, "files")
        digest = stage.journal.digest(role)  # type: ignore[arg-type]
        if not is_known:
            stage.journal._database.connection.execute("UPDATE revision SET checksum = x''")
        stage.engine.catalogue["docker.io/library/more:1"] = Image(pull="unreachable")
        caplog.clear()
        restarted_with(stage, role)
        stage.at(100, stage.engine.kill, "db")
        stage.at(400, stage.engine.kill, "web")
        await stage.play(600)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert "Defect" not in stage.conditions()
        assert not stage.conditions()["Settled"]
        (told,) = (each for each in stage.sink.taken if each.kind == "state-lost")
        assert f"revision {digest} (table revision), which is {role}," in told.message
        logged = [each for each in caplog.records if "cannot be read" in str(each.__dict__.get("fields"))]
        assert [(each.levelname, each.exc_info) for each in logged if "state-lost" in each.getMessage()] == [
            ("WARNING", None)
        ]
        assert not [each for each in caplog.records if each.exc_info or each.levelname == "ERROR"]

    on_stage(work)


def test_what_is_found_is_kept_up_when_desired_has_failed_and_last_good_cannot_be_read(on_stage: OnStage) -> None:
    async def work(stage: Stage) -> None:
        stage.engine.catalogue["docker.io/library/web:2"] = Image(exits_with=1)
        stage.say(asking("web:1", "db:1"))
        stage.at(30, stage.say, asking("web:2", "db:1"))
        await stage.play(100)
        assert stage.condition("Settled").reason == "RolledBack"
        restarted_with(stage, "last-good")
        stage.at(50, stage.engine.kill, "web")
        stage.at(100, stage.engine.kill, "db")
        await stage.play(200)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert stage.condition("Settled").reason == "RolledBack"
        assert "Defect" not in stage.conditions()
        damage, instead = (each.message for each in stage.sink.taken if each.kind == "state-lost")
        assert "which is last-good, is not what was stored" in damage
        assert instead == "last-good could not be read; what was found takes its place and is kept up"

    on_stage(work)


def test_an_empty_folder_is_an_accident_when_what_the_files_asked_for_cannot_be_read(on_stage: OnStage) -> None:
    def read(*files: str) -> Reading:
        containers = [normal(Container(PurePath(file).stem, f"{PurePath(file).stem}:1")) for file in files]
        documents = [
            Document("Container", each.name, each, Place(file)) for each, file in zip(containers, files, strict=True)
        ]
        return Reading(desired_state(documents), paths=("/usb", "/etc/ek"))

    async def work(stage: Stage) -> None:
        stage.say(read("/usb/web.yaml", "/etc/ek/db.yaml"))
        await stage.play(30)
        stage.journal.put("files", read("/usb/web.yaml", "/etc/ek/db.yaml", "/etc/ek/x.yaml").desired, "files")
        restarted_with(stage, "files")
        stage.say(read("/etc/ek/db.yaml"))
        await stage.play(200)
        assert stage.running() == {"web": "web:1", "db": "db:1"}
        assert stage.condition("SourceValid").reason == "Empty"
        assert "/usb" in stage.condition("SourceValid").message

    on_stage(work)
