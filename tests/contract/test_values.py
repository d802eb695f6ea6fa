"""Values that identities hand out: every engine gives them to the containers that ask for them, and tells them to nobody."""

from __future__ import annotations

from evenkeel.controller.settings.provided import Handed
from evenkeel.specs.containers.actions import Create
from evenkeel.specs.containers.container import Container, ValueFrom
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainersLook
from evenkeel.specs.plan import Done, Outcome, Retry

from .kits import Kit

SECRET = "HostName=one.azure-devices.net;DeviceId=lamp;SharedAccessKey=bm90aGluZyB0byBzZWU="
WEB = normal(
    Container(
        "web",
        "sleeper:1",
        env=(("PLAIN", "1"),),
        values_from=(ValueFrom("CS", "azure", "connectionString"), ValueFrom("ID", "azure", "deviceId")),
    )
)
HANDED = Handed("all", {"connectionString": SECRET, "deviceId": "lamp"}, {"connectionString": "p1", "deviceId": "p2"})
LOOK = ContainersLook(provisionings=("azure", "other"))


async def create(kit: Kit, engine_name: str = "web") -> Outcome:
    return await kit.driver.perform(Create(WEB, engine_name), lambda message, done, total: None)


async def test_a_container_gets_what_is_handed_out_and_only_prints_are_observed(kit: Kit) -> None:
    waiting = await create(kit)
    assert waiting == Retry("CS has no value yet: provisioning azure hands out no values", outside=True)
    kit.provided.put("azure", HANDED._replace(values={"deviceId": "lamp"}, prints={"deviceId": "p2"}))
    waiting = await create(kit)
    assert waiting == Retry("CS has no value yet: provisioning azure hands out no connectionString", outside=True)
    kit.provided.put("azure", HANDED)
    assert isinstance(await create(kit), Done)
    found = kit.variables("web")
    assert (found["CS"], found["ID"], found["PLAIN"]) == (SECRET, "lamp", "1")

    seen = await kit.driver.observe(LOOK)
    (web,) = (each for each in seen.containers if each.name == "web")
    assert (web.container, web.prints) == (WEB, (("CS", "p1"), ("ID", "p2")))
    assert seen.prints == {"azure": HANDED.prints}
    assert "bm90aGlu" not in repr(seen)

    assert isinstance(again := await create(kit), Done)
    assert again.message == "was there"
    kit.provided.put("azure", HANDED._replace(prints={**HANDED.prints, "connectionString": "p3"}))
    assert isinstance(await create(kit), Retry), "what is there has the former value"
    assert isinstance(await create(kit, "web.1"), Done)
    kit.provided.forget("azure")
    assert (await kit.driver.observe(LOOK)).prints == {}
