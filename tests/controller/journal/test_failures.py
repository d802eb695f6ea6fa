"""What a container said that failed is kept, before it is removed, and is told nowhere by itself."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from tests.controller.device import Device, OnDevice, container

from evenkeel.controller.cycle.endings import Stalled
from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.journal.failures import MOST
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.journal import open_journal
from evenkeel.specs.codec import changed, encode, plain
from evenkeel.specs.containers.container import ExecProbe, Health, Restart
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.output import LastFailure, Output

SECRET = "hunter2"
CRASHER = Image(exits_with=1, exits_after_s=0.5, output=f"starting\nno database: {SECRET}\n")
CHECKED = Health(ExecProbe(("curl", "-H", SECRET)), timedelta(seconds=1), timedelta(seconds=1), 2, timedelta(0))
NO_CURL = f'OCI runtime exec failed: unable to start container process: exec: "curl": not found {SECRET}'


def last(device: Device, name: str) -> LastFailure:
    found = device.journal.failures.last(name)
    assert found is not None
    return found


def told(device: Device) -> str:
    """Everything that is shown or sent without being asked for output."""
    attempts = [device.journal.attempts.of(device.journal.digest("desired"))]
    return json.dumps(plain([*device.journal.entries(), *device.journal.conditions(), *attempts]))


def test_the_last_lines_of_who_failed_its_proof_outlive_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        bad = device.ask(container("web", "bad:1", restart=Restart("no")))
        assert isinstance(await device.follow(), Stalled)
        assert device.running() == {"web": "web:1"}
        device.journal.close()
        device.journal = open_journal(device.state)
        found = last(device, "web")
        assert found.output == Output(("starting", f"no database: {SECRET}"), exit_code=1)
        assert (found.revision, found.why) == (bad.digest, "it ended with exit code 1")
        assert found.instance not in device.engine.world.containers
        assert ("step-failed", "it ended with exit code 1; `evenkeel logs web` shows its last lines") in device.said()
        assert SECRET not in told(device)

    on_device(work, bad=CRASHER)


def test_why_a_check_fails_is_told_and_what_it_said_is_kept(on_device: OnDevice) -> None:
    """A18: nobody was told that the program of the check is not there."""

    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1", health=CHECKED))
        ending = await device.follow()
        assert ending == Stalled(
            "web: it failed its health check 2 times in a row: its program curl is not in the container"
        )
        assert last(device, "web").output.check == (NO_CURL,)
        assert SECRET not in told(device)

    on_device(work, bad=Image(healthy=False, check_output=NO_CURL, check_exit=-1))


def test_who_falls_ill_by_himself_is_listened_to_once_in_a_while(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", "late:1", restart=Restart("always")))
        await asyncio.sleep(20)
        await device.follow()
        assert device.conditions()["Healthy"].message == "web ended with exit code 3"
        assert last(device, "web").output == Output((SECRET,), exit_code=3)
        assert last(device, "web").why == "it ended with exit code 3"
        heard = count_outputs(device)
        restarts = [each.restart_count for each in device.engine.world.containers.values()]
        for _ in range(5):
            await asyncio.sleep(1)
            await device.follow()
        assert restarts == [each.restart_count for each in device.engine.world.containers.values()]
        assert heard() == 0, "it has not ended since"
        await asyncio.sleep(600)
        await device.follow()
        before = device.written()
        assert heard() == 1
        await device.follow()
        assert device.written() == before
        assert SECRET not in told(device)

    on_device(work, late=Image(exits_with=3, exits_after_s=10, output=SECRET))


def test_who_is_about_to_be_removed_failed_in_no_revision_that_does_not_ask_for_it(on_device: OnDevice) -> None:
    """R12: `apply` of the next revision, which fails, named the logs of a container that it had just removed, too."""

    async def work(device: Device) -> None:
        await device.reach(container("web"), container("old", "late:1", restart=Restart("always")))
        await asyncio.sleep(35)
        failing = device.ask(container("web", "bad:1", restart=Restart("no")))
        assert isinstance(await device.follow(), Stalled)
        assert last(device, "old").output.lines == (SECRET,)
        assert device.journal.failures.with_output(failing.digest, ["web: it ended"]) == ("web",)

    on_device(work, bad=CRASHER, late=Image(exits_with=3, exits_after_s=10, output=SECRET))


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_what_a_spec_marks_as_secret_is_not_kept(on_device: OnDevice, later: bool) -> None:
    """Of one that fails its proof, and of one that falls ill by itself."""
    env = (("MARKED", SECRET), ("LANG", "C"))

    async def work(device: Device) -> None:
        marked = container("web", "bad:1", env=env, secrets=("MARKED",), restart=Restart("always"))
        if later:
            await device.reach(changed(marked, secrets=()))
            device.ask(marked)
            await asyncio.sleep(20)
        else:
            await device.reach(container("web"))
            device.ask(marked)
        await device.follow()
        assert last(device, "web").output == Output(("no database: (env.MARKED)",), exit_code=3)
        device.journal.close()
        assert SECRET not in kept_bodies(device)

    output = f"no database: {SECRET}"
    on_device(work, bad=Image(exits_with=3, exits_after_s=10 if later else 0.5, output=output))


def kept_bodies(device: Device) -> str:
    with closing(sqlite3.connect(device.state / FILE)) as connection:
        return "".join(str(body) for (body,) in connection.execute("SELECT body FROM last_failure"))


def count_outputs(device: Device) -> Callable[[], int]:
    """How often output is read from now on."""
    asked: list[str] = []
    read = device.engine.output

    async def counted(instance: str) -> Output:
        asked.append(instance)
        return await read(instance)

    device.engine.output = counted  # type: ignore[method-assign]
    return lambda: len(asked)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Unavailable("engine:memory", "it is away"), "it is away"),
        (None, "the engine did not give it within 5 s"),
        (ValueError("odd"), "internal error: "),
    ],
    ids=["away", "silent", "defect"],
)
def test_output_that_cannot_be_read_changes_no_verdict(
    on_device: OnDevice, failure: Exception | None, reason: str
) -> None:
    async def work(device: Device) -> None:
        async def output(instance: str) -> Output:
            if failure is None:
                await asyncio.Event().wait()
            assert failure is not None
            raise failure

        await device.reach(container("web"))
        device.engine.output = output  # type: ignore[method-assign]
        device.ask(container("web", "bad:1", restart=Restart("no")))
        assert await device.follow() == Stalled("web: it ended with exit code 1")
        assert last(device, "web").output.unread.startswith(reason)
        assert device.running() == {"web": "web:1"}

    on_device(work, bad=CRASHER)


def test_a_stop_with_exit_code_0_is_no_failure(on_device: OnDevice) -> None:
    """T4: a stop by other hands took the place of the output of the revision that had failed."""

    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1"))
        await device.follow()
        failed = last(device, "web")
        assert failed.output.lines
        for restart_in_order in (False, True):
            if restart_in_order:
                device.engine.restart(in_order=True)
            else:
                device.engine.kill("web", 0)
            await device.follow()
            assert device.running() == {"web": "web:1"}
        assert ("health", "web is not running (exit code 0)") in device.said("health")
        assert last(device, "web") == failed

    on_device(work, web=Image(stops_with=0, output="about to end"), bad=CRASHER)


def test_what_was_said_is_not_replaced_by_silence(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1"))
        await device.follow()
        failed = last(device, "web")
        device.engine.kill("web", 137)
        await device.follow()
        assert ("health", "web is not running (exit code 137)") in device.said("health")
        assert last(device, "web") == failed, "this one had written nothing"
        device.engine.catalogue["docker.io/library/web:1"] = Image(output="out of memory")
        device.engine.kill("web", 137)
        await device.follow()
        assert last(device, "web").output.lines == ("out of memory",)

    on_device(work, bad=CRASHER)


def test_the_exit_code_of_one_that_says_nothing_is_known_all_the_same(tmp_path: Path) -> None:
    """It is told of when the container is up again."""
    with closing(open_journal(tmp_path)) as journal:
        assert journal.failures.keep("web", "1", "r", "it ended", Output(("a",), exit_code=1), "1 7.0")
        assert not journal.failures.keep("web", "1", "r", "it ended", Output(exit_code=2), "2 8.0")
        assert not journal.failures.keep("web", "2", "r", "it ended", Output(unread="no log", exit_code=3), "1 9.0")
        assert journal.failures.ends() == {"2": ("1 9.0", 3)}
        assert journal.failures.last("web") == journal.failures.all()[0]
        assert journal.failures.all()[0].output.lines == ("a",)


def test_a_bounded_number_of_failures_is_kept(tmp_path: Path) -> None:
    output = Output(tuple("x" * 500 for _ in range(40)), tuple("y" * 500 for _ in range(40)))
    with closing(open_journal(tmp_path)) as journal:
        for number in range(MOST + 5):
            assert journal.failures.keep(f"app{number}", "1" * 64, "0" * 16, "it ended with exit code 1", output)
        assert journal.failures.keep("app5", "2" * 64, "0" * 16, "it ended with exit code 2", output)
        assert not journal.failures.keep("app5", "2" * 64, "0" * 16, "it fails its check", output)
        kept = journal.failures.all()
        assert [each.subject for each in kept] == ["app5", *(f"app{n}" for n in range(MOST + 4, 5, -1))]
        assert kept[0].why == "it ended with exit code 2"
        assert len(encode(kept)) < 1 << 20
