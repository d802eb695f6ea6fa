"""A hundred thousand messages, and a file of a hundred thousand wrong lines: answered, and never more kept than promised."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    GET,
    Device,
    asked,
    command_message,
    desired_state,
)
from tests.soak.meter import KEEP, SOAK, Meter, unrecorded
from tests.virtual import run

from evenkeel.controller.agents.precedence import FLOOD
from evenkeel.controller.journal.mailbox import MOST_WAITING, MOST_WAITING_BYTES
from evenkeel.controller.journal.outbox import MOST_UNSENT, MOST_UNSENT_BYTES
from evenkeel.controller.loop.defects import Defects
from evenkeel.controller.loop.telling import Telling
from evenkeel.specs.problem import MOST_PROBLEMS

MESSAGES = 100_000 if SOAK else 400
LINES = 100_000 if SOAK else 2_000
_MOST_OUTPUT = (MOST_PROBLEMS + 2) * 1000
"""Bytes: each problem has at most a thousand characters."""
_MIB = 1024**2


def message(number: int) -> tuple[str, bytes]:
    """One of a flood: most are desired states of other ids and contents, every fourth is something else."""
    match number % 16:
        case 3:
            return DESIRED, b"{" * (number % 1000)
        case 7:
            return COMMAND, command_message(f"a{number - 1}", "DOWNLOAD")
        case 11:
            return GET, json.dumps({"activityId": f"q{number}", "timestamp": 1}).encode()
        case 15:
            return COMMAND, b"\xff" * (number % 1000)
        case _:
            return DESIRED, desired_state(f"a{number}", asked("lamp", str(number % 7)), asked("horn"))


@pytest.mark.timeout(3600)
def test_a_hundred_thousand_messages_are_answered_within_bounds() -> None:
    async def story() -> None:
        device = Device()
        mail, database = device.journal.mailbox("containers"), device.journal._database
        meter = Meter("messages", MESSAGES, Path(device._folder.name))
        telling = Telling(device.journal, (), KEEP, Defects(device.journal, device._say))
        await device.bring("before", asked("lamp"), asked("horn"))
        answered = 0

        def look() -> None:
            rows, size = database.one("SELECT count(*), total(length(payload)) FROM inbox")
            assert rows <= MOST_WAITING
            assert size <= MOST_WAITING_BYTES + _MIB
            rows, size = database.one("SELECT count(*), total(length(payload)) FROM outbox")
            assert rows <= MOST_UNSENT + MOST_WAITING + 3 * FLOOD
            assert size <= MOST_UNSENT_BYTES + _MIB

        async def deal() -> int:
            look()
            await device.agent.work()
            await device.agent.reports.answer()
            look()
            said = device.said()
            await telling.tell_once()
            for read in (device.raw, device.states, device.pulses):
                read.clear()
            return sum(each.status == "SUPERSEDED" and each.activity.startswith("a") for each in said)

        for number in range(1, MESSAGES + 1):
            while mail.is_full():
                answered += await deal()
            device.agent.arrived(*message(number), packet=number % 65_535 + 1)
            if number in (MESSAGES // 10, MESSAGES // 2, MESSAGES):
                answered += await deal()
                said = await device.desired(f"good {number}", asked("good"))
                assert said[-1].status == "IDENTIFIED", said[-1]
                meter.look(number, device.journal)
        asked_for = sum(number % 16 not in (3, 7, 11, 15) for number in range(1, MESSAGES + 1))
        assert answered == asked_for - 3, "each once; the newest before a good one is SUPERSEDED by that"
        said = await device.commands(f"good {MESSAGES}", *COMMANDS)
        assert said[-1].status == "COMPLETED", said[-1]
        assert device.running() == {"good": "reg.example/good:1"}
        meter.show()
        meter.check()

    with unrecorded():
        run(story())


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_file_of_a_hundred_thousand_wrong_lines_is_refused_within_bounds(tmp_path: Path, form: str) -> None:
    """Measured on the command as a person runs it."""
    small, large = tmp_path / "small.yaml", tmp_path / "large.yaml"
    small.write_text("a0: x\n")
    large.write_text("".join(f"a{number}: x\n" for number in range(LINES)))
    begun = time.monotonic()
    output, memory = _validated(large, form)
    took_s = time.monotonic() - begun
    few, least = _validated(small, form)
    if form == "json":
        listed = json.loads(output)["problems"]
        assert sum(each["standsFor"] for each in listed) == LINES + 4
        count = len(listed)
    else:
        count = len(output.splitlines())
        assert f"{LINES + 4 - MOST_PROBLEMS:,} more problems" in output
    print(
        f"\n{LINES:,} wrong lines, {form}: {count} problems told, {len(output):,} bytes, {took_s:.1f} s,"
        f" at most {memory // _MIB} MiB; one wrong line: {len(few):,} bytes, {least // _MIB} MiB"
    )
    assert count <= MOST_PROBLEMS + 1
    assert len(output.encode()) <= _MOST_OUTPUT
    assert memory <= least + 16 * _MIB + 64 * large.stat().st_size, "memory for the file, not for its problems"


_RUN = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
sys.stdout.buffer.write(done.stdout)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def _validated(file: Path, form: str) -> tuple[str, int]:
    """What `validate` prints of a file that is wrong, and the most memory that it had, in bytes. A program between has this one
    child only, and none that is a copy of the process under test."""
    command = [sys.executable, "-m", "evenkeel.controller", "validate", "-o", form, str(file)]
    done = subprocess.run([sys.executable, "-c", _RUN, *command], capture_output=True, text=True, check=True)
    code, kib = done.stderr.split()
    assert code == "1"
    return done.stdout, int(kib) * 1024
