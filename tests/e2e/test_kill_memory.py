"""kill -9 between any two steps of `evenkeel run`, at moments of each part of the way, on the memory engine, whose world is a
file. `make thorough` leaves no moment out.

Whatever the moment: nothing is lost when it happens, and the next controller brings the world to where it was to be, leaves
nothing behind, and numbers what it says without a gap. The time of day is another one at each start: 1970, or years from now.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.controller.cli.command import Device, ended, spec
from tests.e2e.device import CLOCKS, SABOTEUR
from tests.sampling import sampled
from tests.until import until

from evenkeel.controller.cycle.stage import StageLimits
from evenkeel.controller.drivers.containers.memory import WorldContainer, foreign_id
from evenkeel.controller.journal.journal import read_journal
from evenkeel.specs.containers.container import Port
from evenkeel.specs.errors import JournalError
from evenkeel.specs.feedback import Feedback, Kind

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

WEB1, WEB2 = "docker.io/library/app35:1", "docker.io/library/app176:2"
DB, LOG = "docker.io/library/db116:1", "docker.io/library/web94:1"
STRANGER = "docker.io/library/stranger:1"
"""Somebody else's, on port 9090."""
PORT = 'ports: ["8080:80"]'

FIRST = (spec("db", DB), spec("web", WEB1, "dependsOn: [db]"))
BEFORE = (spec("db", DB, PORT), spec("log", LOG), spec("web", WEB1, "dependsOn: [db]"))
CHANGED = (spec("db", DB, f"{PORT}\nrestart: {{policy: always}}"), spec("web", WEB2, "dependsOn: [db]"))
FAILING = (spec("db", DB, PORT), spec("log", LOG, 'ports: ["9090:80"]'), spec("web", WEB1, "dependsOn: [db]"))

MANY = [f"c{number:02}" for number in range(18)]
"""With those of `BEFORE` and `CHANGED`, twenty are changed at once."""
MANY_BEFORE = (*BEFORE, *(spec(name, LOG) for name in MANY))
MANY_CHANGED = (*CHANGED, *(spec(name, WEB2) for name in MANY))

CONVERGED: tuple[Kind, ...] = ("revision-accepted", "revision-good", "settled")
GIVEN_UP: tuple[Kind, ...] = ("revision-accepted", "revision-failed", "rolling-back", "rolled-back")


class Sabotaged(Device):
    """A device whose command can be killed at a moment."""

    def begin(self, kill_at: int = 0, moments: Path | None = None, clock: str = "") -> subprocess.Popen[str]:
        more = {"EVENKEEL_KILL_AT": str(kill_at), "EVENKEEL_MOMENTS": str(moments or ""), "EVENKEEL_CLOCK": clock}
        paths = f"{SABOTEUR}:{self.environment()['PYTHONPATH']}"
        return self.start("run", PYTHONPATH=paths, **more)

    def instances(self) -> dict[str, list[WorldContainer]]:
        found: dict[str, list[WorldContainer]] = {}
        for kept in self.engine().world.containers.values():
            found.setdefault(kept.container.name if kept.container else "", []).append(kept)
        return found

    def is_over(self, settled: str) -> bool:
        """Something new is desired, and it is settled, or given up and all the way back."""
        with suppress(JournalError), closing(read_journal(self.state)) as journal:  # it may be about to be made
            desired = journal.digest("desired")
            reasons = [condition.reason for condition in journal.conditions() if condition.name == "Settled"]
            if desired in ("", settled) or not reasons:
                return False
            attempt = journal.attempts.of(desired)
            if attempt is not None and attempt.failed:
                return reasons == ["RolledBack"]
            return journal.digest("last-good") == desired and reasons == ["Converged"]
        return False

    def desired(self) -> str:
        with closing(read_journal(self.state)) as journal:
            return journal.digest("desired")

    def said(self) -> tuple[Feedback, ...]:
        if self.state.exists():
            with suppress(JournalError), closing(read_journal(self.state)) as journal:
                return journal.entries(0, 10_000)
        return ()

    def numbers(self) -> list[int]:
        return [entry.seq for entry in self.said()]


Make = Callable[[str], Sabotaged]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Devices that begin with the state of the one called `settled`, if there is one."""
    made: list[Sabotaged] = []

    def device(name: str) -> Sabotaged:
        folder = tmp_path / name
        folder.mkdir()
        it = Sabotaged(folder)
        it.settings(backoff={"first": "1ms", "longest": "1s"})
        if (tmp_path / "settled").exists() and name != "settled":
            shutil.copytree(tmp_path / "settled" / "state", it.state)
        made.append(it)
        return it

    yield device
    for it in made:
        it.close()


def _here(settled: tuple[str, ...], wanted: tuple[str, ...]) -> set[str]:
    """Names that are asked for before and after: at every moment there must be one of them."""

    def names(documents: tuple[str, ...]) -> set[str]:
        return {text.partition("name: ")[2].partition("}")[0] for text in documents}

    return names(settled) & names(wanted)


@pytest.mark.parametrize(
    ("settled", "wanted", "images", "story"),
    [
        ((), FIRST, {"db": DB, "web": WEB1}, CONVERGED),
        (BEFORE, CHANGED, {"db": DB, "web": WEB2, "stranger": STRANGER}, CONVERGED),
        (
            MANY_BEFORE,
            MANY_CHANGED,
            {"db": DB, "web": WEB2, "stranger": STRANGER, **dict.fromkeys(MANY, WEB2)},
            CONVERGED,
        ),
        (BEFORE, FAILING, {"db": DB, "log": LOG, "web": WEB1, "stranger": STRANGER}, GIVEN_UP),
    ],
    ids=["create", "recreate-update-remove", "twenty-at-once", "fail-and-roll-back"],
)
def test_power_loss_at_any_moment(
    make: Make,
    tmp_path: Path,
    settled: tuple[str, ...],
    wanted: tuple[str, ...],
    images: dict[str, str],
    story: tuple[Kind, ...],
) -> None:
    before = ""
    if settled:
        first = make("settled")
        first.write(*settled)
        first.put_foreign("web", WEB1)  # an adopted container has no word of its own about what it is
        first.run("adopt", "web")
        first.run("apply", "--yes")
        first.put_foreign("stranger", STRANGER, ports=(Port(9090, 80, host_port_end=9090),))
        assert [kept.id for kept in first.instances()["web"]] == [foreign_id("web")]
        before = first.desired()
    moments = tmp_path / "moments"
    whole = make("whole")
    whole.write(*wanted)
    process = whole.begin(moments=moments)
    until(lambda: whole.is_over(before), what="settled, or back")
    assert ended(process, signal.SIGTERM)[0] == 0
    _check(whole, images, story)
    count = len(moments.read_text().splitlines())
    assert count > 30

    def one(kill_at: int) -> None:
        device = make(f"killed-{kill_at}")
        device.write(*wanted)
        process = device.begin(kill_at=kill_at, clock=CLOCKS[kill_at % 3])
        code, _, errors = ended(process)
        assert code == -signal.SIGKILL, errors
        _check_present(device, _here(settled, wanted))
        numbers = device.numbers()
        clock = CLOCKS[kill_at // 3 % 3]
        process = device.begin(clock=clock)
        until(lambda: device.is_over(before), what=f"settled, or back; said was {device.said()[-5:]}")
        # where all was over before the kill it may be told to end before it listens
        assert ended(process, signal.SIGTERM)[0] in (0, -signal.SIGTERM)
        _check(device, images, story)
        assert device.numbers()[: len(numbers)] == numbers
        if device.numbers() != numbers:  # else all was over, and told, before the kill
            assert (device.said()[-1].at < 86_400) == (clock == "0")
        shutil.rmtree(device.state)

    # The last moments are those of the orderly end, which comes when it is asked for.
    with ThreadPoolExecutor(3) as pool:
        drawn = sampled(range(1, count - 2), 3, str(wanted))
        outcomes = {kill_at: pool.submit(one, kill_at) for kill_at in drawn}
    failed = {kill_at: outcome.exception() for kill_at, outcome in outcomes.items() if outcome.exception()}
    lines = moments.read_text().splitlines()
    assert not failed, "\n".join(f"{lines[kill_at - 1]}: {str(why)[:2000]}" for kill_at, why in failed.items())


def _check_present(device: Sabotaged, names: set[str]) -> None:
    """Right after the kill each of these runs, but for those in the middle of their own switch, where the old one and the new
    one are there; of these there are as many as there are places."""
    found = device.instances()
    assert names <= set(found), "lost"
    away = {name: [kept.state for kept in found[name]] for name in names}
    away = {name: states for name, states in away.items() if "running" not in states}
    assert all(len(states) == 2 for states in away.values()), away
    assert len(away) <= StageLimits().parallel, away


def _check(device: Sabotaged, images: dict[str, str], story: tuple[Kind, ...]) -> None:
    found = device.instances()
    assert {name: [kept.image for kept in instances] for name, instances in found.items()} == {
        name: [image] for name, image in images.items()
    }
    for name, (kept,) in found.items():
        assert (kept.engine_name, kept.state) == (name, "running")
    numbers = device.numbers()
    assert numbers == list(range(1, len(numbers) + 1))
    kinds = [entry.kind for entry in device.said()]
    last = kinds[len(kinds) - kinds[::-1].index("revision-accepted") - 1 :]
    assert [kind for kind in last if kind in story] == list(story), "told, and told once"
