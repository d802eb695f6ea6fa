"""What systemd hears, and that the watchdog starves when the worker hangs; and the log lines beside it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import socket
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from tests.virtual import now, run

from evenkeel.controller.drivers.containers.memory import MemoryEngine, Script
from evenkeel.controller.journal.journal import open_journal
from evenkeel.controller.process import logs
from evenkeel.controller.process.notify import Systemd, systemd_of
from evenkeel.controller.wiring import build_controller, open_domains
from evenkeel.reconcilers.ports import Progress
from evenkeel.specs.containers.actions import Verify
from evenkeel.specs.containers.container import Container
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import Document, desired_state
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Action, Done, Outcome
from evenkeel.specs.settings.settings import Settings


def test_the_environment_says_whom_to_tell_and_how_often() -> None:
    assert systemd_of({}).every_s == 0
    assert systemd_of({"WATCHDOG_USEC": "30000000"}).every_s == 10
    assert systemd_of({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, pid=7).every_s == 10
    assert systemd_of({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, pid=7).every_s == 0
    assert systemd_of({"WATCHDOG_USEC": "often"}).every_s == 0


def test_nobody_listening_is_no_trouble(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "gone"), "@nobody-is-here", "x" * 300):
        Systemd(address).started()


def test_a_state_is_one_line_and_told_once(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "s"))
        channel.setblocking(False)
        life = Systemd(str(tmp_path / "s"))
        for text in ("a\nREADY=0", "a\nREADY=0", "b"):
            life.state(text)
        assert [channel.recv(999) for _ in range(2)] == [b"STATUS=a READY=0", b"STATUS=b"]
        with pytest.raises(BlockingIOError):
            channel.recv(999)


class Heard:
    """A `Life` that remembers when it was fed."""

    every_s = 10.0

    def __init__(self) -> None:
        self.at: list[float] = []

    def started(self) -> None: ...
    def state(self, text: str) -> None: ...
    def stopping(self) -> None: ...

    def alive(self) -> None:
        self.at.append(asyncio.get_running_loop().time())


class Hanging(MemoryEngine):
    """An engine that never answers, past the promise that every driver gives."""

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        await asyncio.Event().wait()
        raise AssertionError


class Silent(MemoryEngine):
    """An engine whose watching of `slow` says nothing until its end, and which looks once more while it waits."""

    async def perform(self, action: Action, progress: Progress) -> Outcome:
        if isinstance(action, Verify) and action.container.name == "slow":
            await asyncio.sleep(action.container.stable_for.total_seconds())
            return Done("up for long", action.instance)
        return await super().perform(action, progress)


def fed(engine: MemoryEngine, state: Path, seconds: float, *more: Container) -> list[float]:
    """When the watchdog was fed in so many seconds of a controller's life."""
    life = Heard()

    async def main() -> None:
        journal = open_journal(state, now)
        asked = [normal(each) for each in (Container("web", "docker.io/library/nginx:1"), *more)]
        journal.put("desired", desired_state([Document("Container", each.name, each) for each in asked]), "test")
        settings = Settings(state=str(state))
        controller = build_controller(settings, journal, open_domains(settings, engine), life=life, now=now)
        working = asyncio.ensure_future(controller.run())
        await asyncio.sleep(seconds)
        controller.stop()
        _, hanging = await asyncio.wait((working,), timeout=5)
        for each in hanging:
            each.cancel()
        await asyncio.gather(working, return_exceptions=True)
        journal.close()

    logging.getLogger("evenkeel").addHandler(logging.NullHandler())
    run(main())
    return life.at


def test_the_watchdog_is_fed_while_idle(tmp_path: Path) -> None:
    assert len(fed(MemoryEngine(now=now), tmp_path, 4000)) >= 400


def test_the_watchdog_is_fed_through_a_long_pull(tmp_path: Path) -> None:
    slow = MemoryEngine(now=now, script=Script(pull_rate=10_000))  # half an hour at least, with signs of life
    assert len(fed(slow, tmp_path, 1500)) >= 150


def test_the_watchdog_is_fed_through_a_step_as_long_as_a_spec_has_made_it(tmp_path: Path) -> None:
    """Another step ends beside it, early."""
    hours = Container("slow", "docker.io/library/nginx:1", stable_for=timedelta(hours=6))
    at = fed(Silent(now=now), tmp_path, 6 * 3600 + 100, hours)
    assert max(after - before for before, after in pairwise(at)) <= 60
    assert max(at) > 6 * 3600


def test_the_watchdog_starves_when_the_worker_hangs(tmp_path: Path) -> None:
    """The loop turns, the feeder is called: only the worker gives no sign of life."""
    at = fed(Hanging(now=now), tmp_path, 3600)
    assert at
    assert max(at) <= 310


# --- logs ------------------------------------------------------------------------------------------------------------


def logged(form: logs.Form, **fields: object) -> str:
    record = logging.LogRecord("evenkeel.x", logging.WARNING, __file__, 1, "step failed", None, None)
    record.created = 1_800_000_000.25
    record.fields = fields
    return logs.Lines(form).format(record)


def test_a_line_for_people() -> None:
    text = logged("text", why="it ended\nbadly", subject="web", empty="")
    assert text == '2027-01-15T08:00:00.250Z warning step failed why="it ended badly" subject=web'


def test_a_line_for_journald_has_its_priority_and_no_date() -> None:
    assert logged("journal", subject="web") == "<4>step failed subject=web"


def test_a_line_for_programs_is_one_object() -> None:
    found = json.loads(logged("json", why="it ended\nbadly", seq=3, level="fake"))
    assert found == {
        "why": "it ended\nbadly",
        "seq": 3,
        "at": "2027-01-15T08:00:00.250Z",
        "level": "warning",
        "event": "step failed",
        "logger": "evenkeel.x",
    }


def test_text_becomes_journal_where_the_stream_is_the_journals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    root, level = logging.getLogger(), logging.getLogger("evenkeel").level
    before, root_level = list(root.handlers), root.level
    try:
        with (tmp_path / "stream").open("w+") as stream:
            found = os.fstat(stream.fileno())
            monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
            logs.install("info", "text", stream)
            logging.getLogger("evenkeel.x").info("hello")
            logging.getLogger("evenkeel.x").debug("not this")
            logging.getLogger("other").info("nor this")
            logs.install("info", "text", io.StringIO())
            stream.seek(0)
            assert stream.read() == "<6>hello\n"
    finally:
        for each in list(root.handlers):
            root.removeHandler(each)
        for each in before:
            root.addHandler(each)
        root.setLevel(root_level)
        logging.getLogger("evenkeel").setLevel(level)
