"""Ten thousand revisions by files, one controller: most are good, some fail and are taken back, some were there before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.controller.stage import Stage, time
from tests.soak.meter import KEEP, SOAK, Meter, unrecorded
from tests.virtual import run

from evenkeel.controller.drivers.containers.memory import Image
from evenkeel.controller.sources.files.cache import MOST_ENTRIES
from evenkeel.controller.sources.files.read import read_specs
from evenkeel.specs.feedback import Feedback

COUNT = 10_000 if SOAK else 40
_LONGEST_S = 3600.0
"""Virtual; a revision that takes longer hangs."""
_SPEC = """\
apiVersion: evenkeel/v1
kind: Container
metadata: {{name: {name}}}
spec:
  image: {image}
  env: {{NUMBER: "{number}"}}
"""


class Ears:
    """A sink that keeps nothing. A file would need a thread, for which virtual time does not wait."""

    name = "ears"

    def __init__(self) -> None:
        self.last = 0

    async def take(self, entries: Sequence[Feedback]) -> None:
        for entry in entries:
            assert entry.seq == self.last + 1, "each entry once, in order"
            self.last = entry.seq


class Files:
    """The files of a device, of which one is written anew for each revision."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage, self.specs, self.cache = stage, folder / "specs", folder / "parsed"
        self.specs.mkdir()
        (self.specs / "db.yaml").write_text(_SPEC.format(name="db", image="db:1", number=0))
        self.good = ""
        """The number that runs."""

    def ask(self, number: int, image: str) -> str:
        (self.specs / "web.yaml").write_text(_SPEC.format(name="web", image=image, number=number))
        reading = read_specs([self.specs], self.cache)
        assert not reading.problems
        self.stage.say(reading)  # type: ignore[arg-type]
        return reading.desired.digest

    async def bring(self, number: int) -> None:
        """A revision, until it is good, or has failed and the one before is back."""
        kind = number % 10
        fails = kind in (3, 6, 8)
        digest = self.ask(number - 1 if kind == 9 else number, "bad:1" if fails else "web:1" if kind < 5 else "web:2")
        journal = self.stage.journal
        if fails:
            await self._until(lambda: self._has_failed(digest) and self._number() == self.good and self._is_well())
            assert journal.digest("last-good") != digest
        else:
            await self._until(lambda: journal.digest("last-good") == digest and self.stage.conditions()["Settled"])
            self.good = self._number()

    def _has_failed(self, digest: str) -> bool:
        return self.stage.journal._database.one("SELECT 1 FROM attempt WHERE digest = ? AND failed", digest) is not None

    def _number(self) -> str:
        kept = [each.container for each in self.stage.engine.world.containers.values() if each.state == "running"]
        return next((str(dict(each.env)["NUMBER"]) for each in kept if each and each.name == "web"), "")

    def _is_well(self) -> bool:
        return self.stage.conditions()["Healthy"]

    async def _until(self, look: Callable[[], bool]) -> None:
        begun = time()
        while not look():
            assert time() < begun + _LONGEST_S, (self.stage.journal.conditions(), self.stage.journal.entries()[-20:])
            await asyncio.sleep(5)


@pytest.mark.timeout(3600)
def test_ten_thousand_revisions_leave_nothing_behind(state: Path) -> None:
    meter = Meter("revisions", COUNT, state)

    async def story() -> None:
        stage = Stage(state, keep=KEEP)
        stage.engine.catalogue["docker.io/library/bad:1"] = Image(start_error="no such program")
        stage.sinks[:] = [Ears()]  # type: ignore[list-item]
        stage.controller = stage.make()
        files = Files(stage, state)

        async def bring_all() -> None:
            try:
                for number in range(1, COUNT + 1):
                    await files.bring(number)
                    stage.heart.heard.clear()
                    meter.look(number, stage.journal)
            finally:
                stage.controller.stop()

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(stage.controller.run())
                group.create_task(bring_all())
            assert len(list(files.cache.iterdir())) <= MOST_ENTRIES + 2
            assert len(stage.engine.world.containers) == 2
        finally:
            stage.journal.close()
            stage.lock.release()

    with unrecorded():
        run(story())
    meter.show()
    meter.check()
