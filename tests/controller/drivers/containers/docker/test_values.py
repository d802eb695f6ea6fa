"""An engine that quotes a value that was handed out is not repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.controller.drivers.containers.docker.recorded_engine import body, recorded_engine
from tests.engines.scripted import answer

from evenkeel.controller.drivers.containers.docker import DockerEngine
from evenkeel.controller.settings.provided import Handed, Provided
from evenkeel.specs.containers.actions import Create
from evenkeel.specs.containers.container import Container, ValueFrom
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersLook
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.plan import Failed, Outcome

KEY = "bm90aGluZyB0byBzZWU="
CS = f"HostName=h;SharedAccessKey={KEY}"
NEW = normal(Container("new", "web:1", values_from=(ValueFrom("CS", "azure", "connectionString"),)))


@pytest.mark.parametrize("network", ["bridge", "host"])
async def test_a_refusal_that_quotes_a_value_has_its_place(tmp_path: Path, network: str) -> None:
    provided = Provided(tmp_path / "values.json")
    provided.put("azure", Handed("p", {"connectionString": CS}, {"connectionString": "p1"}))
    wanted = normal(
        Container("new", "web:1", network="host" if network == "host" else "bridge", values_from=NEW.values_from)
    )
    async with recorded_engine() as it:
        engine = DockerEngine(it.server.address, owner="", provided=provided)
        asked = "POST /containers/create"
        it.strange[asked] = answer({"message": f"invalid environment variable: CS={CS} ({KEY})"}, "400 Bad Request")
        outcome = await _create(engine, wanted)
        assert outcome == Failed("invalid environment variable: CS=(env.CS) ((env.CS))")
        it.strange[asked] = body(asked, {"Id": "nosuch", "Warnings": [f"what is {KEY}?"]})
        assert KEY not in repr(await _create(engine, wanted))
        await engine.close()


async def _create(engine: DockerEngine, wanted: Container) -> Outcome:
    return await engine.perform(Create(wanted, "new"), lambda message, done, total: None)


async def test_values_that_cannot_be_read_are_told_and_looked_for_only_where_somebody_asks(tmp_path: Path) -> None:
    (tmp_path / "values.json").mkdir()
    async with recorded_engine() as it:
        engine = DockerEngine(it.server.address, owner="", provided=Provided(tmp_path / "values.json"))
        assert (await engine.observe()).prints == {}
        with pytest.raises(Unavailable, match="Is a directory"):
            await engine.observe(ContainersLook(provisionings=("azure",)))
        outcome = await _create(engine, NEW)
        assert "cannot be read: Is a directory" in getattr(outcome, "message", "")
        await engine.close()
