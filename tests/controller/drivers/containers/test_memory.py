"""The memory engine refuses what an engine refuses, does as scripted, and outlives its controller."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.virtual import now, run

from evenkeel.controller.drivers.containers.memory import Image, MemoryEngine, Script, World
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import (
    Container,
    Device,
    Health,
    HttpProbe,
    Mount,
    Port,
    Resources,
    Restart,
    Stop,
)
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersLook
from evenkeel.specs.errors import DriverError, Unavailable
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry

WEB = normal(Container("web", "web:1", ports=(Port(8080, 80),)))


async def do(engine: MemoryEngine, *actions: Action) -> Outcome:
    """The outcome of the last action; the others must end well."""
    outcome: Outcome = Done()
    for number, action in enumerate(actions, 1):
        outcome = await engine.perform(action, lambda message, done, total: None)
        assert isinstance(outcome, Done) or number == len(actions), outcome
    return outcome


def pulled(container: Container = WEB, engine_name: str = "") -> tuple[Action, ...]:
    return Pull(container.image, container.pull_policy), Create(container, engine_name or container.name)


def started(container: Container = WEB, engine_name: str = "") -> tuple[Action, ...]:
    return *pulled(container, engine_name), Start(engine_name or container.name)


async def one(engine: MemoryEngine, name: str = "web") -> ContainerSeen:
    (found,) = [seen for seen in (await engine.observe()).containers if seen.engine_name == name]
    return found


def on(work: Callable[[MemoryEngine], Coroutine[Any, Any, None]], **catalogue: Image) -> None:
    async def scenario() -> None:
        images = {f"docker.io/library/{name}:1": image for name, image in catalogue.items()}
        await work(MemoryEngine(images, now=now))

    run(scenario())


REFUSALS: dict[str, tuple[tuple[Action, ...], str]] = {
    "an image that does not exist": ((Pull("docker.io/library/missing:1", "Always"),), "not found"),
}


HINDRANCES: dict[str, tuple[tuple[Action, ...], str]] = {
    "a host port that is in use": (
        (*started(), *started(changed(WEB, name="db"))),
        "port 8080 is already allocated, by web",
    ),
    "a host port that is in use on one address": (
        (*started(), *started(normal(changed(WEB, name="db", ports=(Port(8080, 80, "127.0.0.1"),))))),
        "port 8080 is already allocated, by web",
    ),
    "a mount whose source is not there": (
        pulled(normal(changed(WEB, mounts=(Mount("/conf", "/etc/absent"),)))),
        "bind source path does not exist: /etc/absent",
    ),
    "a device that is not there": (
        started(normal(changed(WEB, devices=(Device("/dev/gps", "/dev/ttyUSB0"),)))),
        'custom device "/dev/ttyUSB0"',
    ),
}


@pytest.mark.parametrize("case", HINDRANCES)
def test_what_lies_outside_of_a_container_may_pass(case: str) -> None:
    actions, why = HINDRANCES[case]

    async def work(engine: MemoryEngine) -> None:
        engine.script.absent = {"/etc/absent", "/dev/ttyUSB0"}
        outcome = await do(engine, *actions)
        assert isinstance(outcome, Retry)
        assert outcome.outside
        assert why in outcome.message
        await engine.perform(End("web", Stop()), lambda message, done, total: None)
        engine.script.absent.clear()
        assert isinstance(await do(engine, actions[-1]), Done)

    on(work)


CONTRADICTIONS: dict[str, tuple[tuple[Action, ...], str]] = {
    "create without the image": ((Create(WEB, "web"),), "no such image: docker.io/library/web:1"),
    "a name that is taken": ((*pulled(), Create(changed(WEB, terminal=True), "web")), "the name is in use"),
    "start what is not there": ((Start("web"),), "no such container"),
    "stop what is not there": ((End("web", Stop()),), "no such container"),
    "rename what is not there": ((Rename("web", "other"),), "no such container"),
    "update what is not there": ((Update("web", Restart(), Resources()),), "no such container"),
    "rename to a name that is taken": (
        (*pulled(), *pulled(changed(WEB, name="db")), Rename("db", "web")),
        "the name is in use",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_world_that_is_not_as_it_was_seen_is_looked_at_again(case: str) -> None:
    actions, why = CONTRADICTIONS[case]

    async def work(engine: MemoryEngine) -> None:
        outcome = await do(engine, *actions)
        assert isinstance(outcome, Retry)
        assert not outcome.outside
        assert why in outcome.message

    on(work)


@pytest.mark.parametrize("case", REFUSALS)
def test_it_refuses(case: str) -> None:
    actions, why = REFUSALS[case]

    async def work(engine: MemoryEngine) -> None:
        outcome = await do(engine, *actions)
        assert isinstance(outcome, Failed)
        assert why in outcome.message

    on(work, missing=Image(pull="missing"))


@pytest.mark.parametrize(
    "port",
    [Port(8080, 80, protocol="udp"), Port(8081, 80), Port(8080, 80, "127.0.0.1"), Port(8070, 80, host_port_end=8090)],
)
def test_ports_that_do_not_collide(port: Port) -> None:
    async def work(engine: MemoryEngine) -> None:
        on_one = normal(changed(WEB, ports=(Port(8080, 80, "127.0.0.2"),)))
        assert isinstance(await do(engine, *started(on_one)), Done)
        assert isinstance(await do(engine, *started(normal(changed(WEB, name="db", ports=(port,))))), Done)

    on(work)


def test_a_port_is_free_when_its_holder_has_ended() -> None:
    async def work(engine: MemoryEngine) -> None:
        assert isinstance(await do(engine, *started(), End("web", Stop()), *started(changed(WEB, name="db"))), Done)

    on(work)


def test_an_unreachable_registry_is_tried_again() -> None:
    async def work(engine: MemoryEngine) -> None:
        outcome = await do(engine, Pull("docker.io/library/far:1", "Always"))
        assert outcome == Retry("the registry cannot be reached")
        assert (await engine.observe(ContainersLook(images=("docker.io/library/far:1",)))).remote == {}

    on(work, far=Image(pull="unreachable"))


def test_pulling_takes_as_long_as_the_image_is_big() -> None:
    async def work(engine: MemoryEngine) -> None:
        engine.script.pull_rate = 1000
        told: list[tuple[int, int]] = []
        await engine.perform(Pull(WEB.image, "Always"), lambda message, done, total: told.append((done, total)))
        assert asyncio.get_running_loop().time() == pytest.approx(5)
        assert told[0] == (0, 5000)
        assert told[-1] == (5000, 5000)
        assert told == sorted(told)

    on(work, web=Image(size=5000))


def test_a_pull_that_is_cancelled_leaves_no_image() -> None:
    async def work(engine: MemoryEngine) -> None:
        engine.script.pull_rate = 1
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(do(engine, Pull(WEB.image, "Always")), 3)
        assert (await engine.observe()).images == {}

    on(work)


@pytest.mark.parametrize(
    ("policy", "exit_code", "state", "restarts"),
    [
        ("no", 0, "exited", 0),
        ("no", 1, "exited", 0),
        ("on-failure", 0, "exited", 0),
        ("on-failure", 1, "restarting", 1),
        ("always", 0, "restarting", 1),
        ("always", 1, "restarting", 1),
        ("unless-stopped", 1, "restarting", 1),
    ],
)
def test_what_the_restart_policy_makes_of_an_end(policy: Any, exit_code: int, state: str, restarts: int) -> None:
    async def work(engine: MemoryEngine) -> None:
        await do(engine, *started(changed(WEB, restart=Restart(policy))))
        assert (await one(engine)).state == "running"
        await asyncio.sleep(2)
        seen = await one(engine)
        assert (seen.state, seen.exit_code, seen.restart_count) == (state, exit_code, restarts)

    on(work, web=Image(exits_with=exit_code, exits_after_s=1))


def test_what_was_stopped_is_not_restarted() -> None:
    async def work(engine: MemoryEngine) -> None:
        await do(engine, *started(changed(WEB, restart=Restart("always"))), End("web", Stop()))
        await asyncio.sleep(10)
        assert (await one(engine)).state == "exited"

    on(work)


def test_health_is_probed_while_it_runs() -> None:
    async def work(engine: MemoryEngine) -> None:
        ill = changed(WEB, health=Health(HttpProbe(80), interval=timedelta(seconds=1)))
        await do(engine, *started(ill))
        assert (await one(engine)).health == "unhealthy"
        assert await do(engine, Verify("web", ill)) == Failed("it failed its health check 3 times in a row")
        await do(engine, End("web", Stop()))
        assert (await one(engine)).health == "none"

    on(work, web=Image(healthy=False))


def test_a_tag_that_is_pushed_again_leads_elsewhere() -> None:
    async def work(engine: MemoryEngine) -> None:
        await do(engine, *started())
        before = await one(engine)
        seen = await engine.observe(ContainersLook(images=(WEB.image,)))
        assert seen.digests[f"docker.io/library/web@{seen.remote[WEB.image].digest}"] == before.image_id
        engine.catalogue[WEB.image] = Image(version=2, exits_with=1)
        seen = await engine.observe(ContainersLook(images=(WEB.image,)))
        assert f"docker.io/library/web@{seen.remote[WEB.image].digest}" not in seen.digests
        await do(engine, Pull(WEB.image, "Always"), Create(WEB, "new"))
        await asyncio.sleep(5)
        assert (await one(engine)).state == "running", "what runs is what was pulled then"
        assert (await one(engine, "new")).image_id != before.image_id

    on(work)


def test_scripted_failures_come_instead_of_the_action() -> None:
    async def work(engine: MemoryEngine) -> None:
        engine.script.failures.append(lambda action: Retry("busy") if isinstance(action, Create) else None)
        assert await do(engine, *pulled()) == Retry("busy")
        assert (await engine.observe()).containers == ()

    on(work)


def test_latency_and_unreachability() -> None:
    async def work() -> None:
        engine = MemoryEngine(script=Script(observe_s=1, perform_s=2), now=now)
        await engine.observe()
        await do(engine, Remove("nothing"))
        assert asyncio.get_running_loop().time() == 3
        engine.script.unreachable = True
        with pytest.raises(Unavailable):
            await engine.observe()
        assert isinstance(await do(engine, Remove("nothing")), Retry)

    run(work())


def test_with_a_store_the_world_outlives_the_process(tmp_path: Path) -> None:
    async def work() -> None:
        engine = MemoryEngine(store=tmp_path / "world.json", now=now)
        await do(engine, *started())
        before = await engine.observe()
        again = MemoryEngine(store=tmp_path / "world.json", now=now)
        assert await again.observe() == before
        assert isinstance(await do(again, *pulled(changed(WEB, name="db"))), Done)
        assert len({seen.id for seen in (await again.observe()).containers}) == 2
        await again.close()

    run(work())


def test_a_shut_registry_has_only_its_catalogue() -> None:
    async def work(engine: MemoryEngine) -> None:
        engine.script.shut_registry = True
        assert isinstance(await do(engine, Pull("docker.io/library/web:1", "Always")), Done)
        assert isinstance(await do(engine, Pull("docker.io/library/other:1", "Always")), Failed)

    on(work, web=Image())


def test_other_hands() -> None:
    async def work(engine: MemoryEngine) -> None:
        await do(engine, *started(), *started(normal(Container("a", "web:1")), "ek-a"))
        engine.kill("a")
        assert (await one(engine, "ek-a")).exit_code == 137
        engine.pause("web")
        assert (await one(engine)).state == "paused"
        engine.change("web", resources=Resources(64 << 20))
        changed_one = await one(engine)
        assert changed_one.container is not None
        assert changed_one.container.resources == Resources(64 << 20)
        engine.remove("a")
        assert engine.running() == {}
        assert [seen.engine_name for seen in (await engine.observe()).containers] == ["web"]

    on(work)


def test_a_store_that_is_damaged_is_named_with_the_way_out(tmp_path: Path) -> None:
    store = tmp_path / "a world.json"
    store.write_text('{"images": {')
    with pytest.raises(DriverError, match="is damaged and holds no simulated world") as raised:
        MemoryEngine(store=store)
    assert raised.value.element == f"file:{store}"
    subprocess.run(["sh", "-c", raised.value.message.split("`")[1]], check=True)
    assert MemoryEngine(store=store).world == World()


def test_a_program_that_ignores_the_signal_is_killed_after_the_grace_period() -> None:
    async def scenario(engine: MemoryEngine) -> None:
        await do(engine, *started())
        begun = now()
        await do(engine, End("web", Stop(timeout=timedelta(seconds=7))))
        assert now() - begun == 7
        assert ((await one(engine)).state, (await one(engine)).exit_code) == ("exited", 137)

    on(scenario, web=Image(stops_with=None))


def test_a_program_that_obeys_the_signal_ends_with_its_own_exit_code() -> None:
    async def scenario(engine: MemoryEngine) -> None:
        await do(engine, *started(), End("web", Stop()))
        assert ((await one(engine)).state, (await one(engine)).exit_code) == ("exited", 3)

    on(scenario, web=Image(stops_with=3))


def test_what_cannot_be_started_says_why_and_stays_created() -> None:
    async def scenario(engine: MemoryEngine) -> None:
        assert await do(engine, *started()) == Failed("no such program")
        assert ((await one(engine)).state, (await one(engine)).error) == ("created", "no such program")

    on(scenario, web=Image(start_error="no such program"))


def test_containers_of_others_have_ids_whose_beginnings_differ() -> None:
    """Plans name steps by them: of two adopted containers whose names begin alike one lost its stop and its removal."""

    async def work(engine: MemoryEngine) -> None:
        for name in ("recorder", "recorder-2", "recorder-3"):
            engine.put_foreign(changed(WEB, name=name, ports=()))
        ids = [seen.id for seen in (await engine.observe()).containers]
        assert len({id_[:12] for id_ in ids}) == 3

    on(work)
