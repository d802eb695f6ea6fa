"""What every driver of the containers domain has to do, whatever engine it speaks to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import pytest
from tests.until import PATIENCE_S

from evenkeel.reconcilers.containers import compare, lacks
from evenkeel.reconcilers.containers.naming import engine_name
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Create, End, Pull, Remove, Rename, Start, Update, Verify
from evenkeel.specs.containers.container import (
    Container,
    Device,
    ExecProbe,
    Health,
    HttpProbe,
    Log,
    Mount,
    Port,
    Resources,
    Restart,
    Stop,
    TcpProbe,
)
from evenkeel.specs.containers.image import parse_image
from evenkeel.specs.containers.normalise import normal
from evenkeel.specs.containers.observed import ContainerSeen, ContainersLook
from evenkeel.specs.output import Output
from evenkeel.specs.plan import Action, Done, Failed, Outcome, Retry

from .kits import MISSING, UNREACHABLE, Kit

SECOND = timedelta(seconds=1)
MB = 1 << 20


def container(name: str = "web", image: str = "sleeper:1", **fields: Any) -> Container:
    """Normal, quick to prove and quick to stop."""
    return normal(Container(name, image, **{"stable_for": SECOND / 5, "stop": Stop(timeout=SECOND)} | fields))


def ending(image: str, restart: Restart) -> Container:
    """One that ends by itself, as soon as the machine lets it: no proof comes before that."""
    return container(image=image, restart=restart, stable_for=60 * SECOND)


def job(image: str, name: str = "web", **fields: Any) -> Container:
    """One that runs to its end."""
    return container(name, image, **{"restart": Restart("no"), "run_once": 60 * SECOND} | fields)


async def reachable(kit: Kit, wanted: Container) -> Container:
    """The container with a port of the host that leads to the port of its check, where the engine needs that."""
    if wanted.health is None or "addresses" not in (await kit.driver.observe()).lacks:
        return wanted
    return changed(wanted, ports=(Port(kit.port(), 80),))


async def perform(kit: Kit, action: Action) -> Outcome:
    return await kit.driver.perform(action, lambda message, done, total: None)


async def done(kit: Kit, *actions: Action) -> str:
    """Perform what must end well; the instance of the last."""
    instance = ""
    for action in actions:
        outcome = await perform(kit, action)
        assert isinstance(outcome, Done), (action, outcome)
        instance = outcome.instance
    return instance


async def seen(kit: Kit, name: str = "web", adopted: Mapping[str, str] = {}) -> ContainerSeen | None:
    """The container with this name in the engine."""
    found = [
        each
        for each in (await kit.driver.observe(ContainersLook(adopted=dict(adopted)))).containers
        if each.engine_name == name
    ]
    assert len(found) <= 1
    return found[0] if found else None


async def state(kit: Kit, name: str = "web") -> str:
    found = await seen(kit, name)
    return found.state if found is not None else "gone"


async def becomes(kit: Kit, wanted: str, name: str = "web") -> None:
    """It is in this state soon. Docker may tell a container that was paused and resumed at once as paused for some more
    milliseconds: its own message about the pause arrives late (measured, 20.10: 4 of 1,500)."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while (found := await state(kit, name)) != wanted:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.02)


# ── looking ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_engine_with_nothing_on_it(kit: Kit) -> None:
    found = await kit.driver.observe()
    assert found.containers == ()
    assert found.engine
    assert found.images["docker.io/library/sleeper:1"]
    assert found.images["docker.io/library/sleeper:1"] != found.images["docker.io/library/sleeper:2"]
    assert found.remote == {}


async def test_looking_changes_nothing(kit: Kit) -> None:
    await done(kit, Create(container(), "web"), Start("web"))
    assert await kit.driver.observe() == await kit.driver.observe()


async def test_an_end_that_was_its_own_is_told_where_that_is_asked(kit: Kit) -> None:
    await done(kit, Create(job("hello-world:latest"), "web"), Start("web"))
    await done(kit, Create(job("sleeper:1", name="db"), "db"), Start("db"))
    await becomes(kit, "exited")
    await kit.somebody("kill", "db")
    await becomes(kit, "exited", "db")
    ids = {each.engine_name: each.id for each in (await kit.driver.observe()).containers}
    for asked in ([], ["web"], ["db"], ["web", "db"]):
        found = (await kit.driver.observe(ContainersLook(ends=tuple(ids[name] for name in asked)))).containers
        alone = [each.engine_name for each in found if each.ended_alone]
        assert alone == (["web"] if "web" in asked and kit.remembers else [])


# ── images ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_pulling_tells_its_progress_and_leaves_the_image(kit: Kit) -> None:
    reference = kit.far("sleeper:1")
    assert reference not in (await kit.driver.observe()).images
    told: list[tuple[int, int]] = []
    outcome = await kit.driver.perform(
        Pull(reference, "IfNotPresent"), lambda message, so_far, total: told.append((so_far, total))
    )
    assert isinstance(outcome, Done)
    assert told
    assert [so_far for so_far, _ in told] == sorted(so_far for so_far, _ in told)
    assert all(0 <= so_far <= total or total == 0 for so_far, total in told)
    found = await kit.driver.observe()
    ref = parse_image(reference)
    assert found.images[reference] in [
        id_ for digest, id_ in found.digests.items() if digest.startswith(f"{ref.registry}/{ref.repository}@sha256:")
    ]
    await done(kit, Pull(reference, "Always"))
    assert (await kit.driver.observe()).images == found.images


async def test_an_image_that_does_not_exist_is_a_final_no(kit: Kit) -> None:
    before = (await kit.driver.observe()).images
    assert isinstance(await perform(kit, Pull(kit.far(MISSING), "IfNotPresent")), Failed)
    assert (await kit.driver.observe()).images == before


async def test_a_registry_that_cannot_be_reached_is_tried_again(kit: Kit) -> None:
    reference = kit.far(UNREACHABLE)
    assert isinstance(await perform(kit, Pull(reference, "IfNotPresent")), Retry)
    assert (await kit.driver.observe(ContainersLook(images=(reference,)))).remote == {}, "not known is not said"


async def test_the_registry_is_asked_where_a_tag_leads_now(kit: Kit) -> None:
    reference = kit.far("sleeper:1")
    await done(kit, Pull(reference, "Always"))
    found = await kit.driver.observe(ContainersLook(images=(reference,)))
    ref = parse_image(reference)
    assert found.digests[f"{ref.registry}/{ref.repository}@{found.remote[reference].digest}"] == found.images[reference]


async def test_a_tag_that_is_pushed_again_is_pulled_again(kit: Kit) -> None:
    reference = kit.far("sleeper:1")
    await done(kit, Pull(reference, "Always"), Create(container(image=reference), "web"))
    before = await seen(kit)
    kit.push_again(reference)
    await done(kit, Pull(reference, "Always"), Create(container(image=reference), "new"))
    old, new = await seen(kit), await seen(kit, "new")
    assert before is not None
    assert old is not None
    assert new is not None
    assert old.image_id == before.image_id, "a container keeps the content it was created from"
    assert new.image_id == (await kit.driver.observe()).images[reference] != old.image_id


# ── the life of a container ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.rights
async def test_a_life(kit: Kit) -> None:
    """Every action has the effect it names, and performing it again is done, too."""
    wanted = container(env=(("A", "1"),))
    instance = await done(kit, Create(wanted, "web"))
    created = await seen(kit)
    assert created is not None
    assert (created.id, created.name, created.state) == (instance, "web", "created")
    assert created.container == wanted
    assert created.image == wanted.image
    assert created.image_id == (await kit.driver.observe()).images[wanted.image]
    assert created.created_at > 0
    assert await done(kit, Create(wanted, "web")) == instance

    for _ in range(2):
        await done(kit, Start(instance))
        started = await seen(kit)
        assert started is not None
        assert (started.id, started.state, started.restart_count) == (instance, "running", 0)
        assert started.started_at > 0

    for _ in range(2):
        await done(kit, Rename(instance, "other"))
        assert (await state(kit), await state(kit, "other")) == ("gone", "running")
    renamed = await seen(kit, "other")
    assert renamed is not None
    assert (renamed.id, renamed.name) == (instance, "web"), "evenkeel's own name stays"

    for _ in range(2):
        await done(kit, End(instance, wanted.stop))
        assert await state(kit, "other") == "exited"
    await done(kit, Start("other"))
    assert await state(kit, "other") == "running", "a name of the engine is as good as an id"

    for _ in range(2):
        await done(kit, Remove(instance))
        assert (await kit.driver.observe()).containers == (), "by force if it runs"


@pytest.mark.parametrize("action", [Start("gone"), Rename("gone", "other"), Update("gone", Restart(), Resources())])
async def test_what_is_not_there_cannot_be_worked_on(kit: Kit, action: Action) -> None:
    assert not isinstance(await perform(kit, action), Done)
    assert (await kit.driver.observe()).containers == ()


async def test_a_container_needs_its_image(kit: Kit) -> None:
    outcome = await perform(kit, Create(container(image="never-pulled:1"), "web"))
    assert not isinstance(outcome, Done)
    assert "never-pulled" in outcome.message
    assert await state(kit) == "gone"


async def test_a_name_belongs_to_one(kit: Kit) -> None:
    first = await done(kit, Create(container(), "web"))
    assert not isinstance(await perform(kit, Create(container(image="sleeper:2"), "web")), Done)
    await done(kit, Create(container(image="sleeper:2"), "new"))
    assert not isinstance(await perform(kit, Rename("new", "web")), Done)
    found = await seen(kit)
    assert found is not None
    assert found.id == first


@pytest.mark.rights
async def test_a_host_port_belongs_to_one(kit: Kit) -> None:
    port = kit.port()
    await done(kit, Create(container(ports=(Port(port, 80),)), "web"), Start("web"))
    await done(kit, Create(container("db", ports=(Port(port, 80),)), "db"))
    assert not isinstance(await perform(kit, Start("db")), Done)
    await done(kit, End("web", Stop(timeout=SECOND)), Start("db"))
    assert (await state(kit), await state(kit, "db")) == ("exited", "running")


async def test_old_and_new_side_by_side(kit: Kit) -> None:
    old = await done(kit, Create(container(), "web"))
    new = await done(kit, Create(container(image="sleeper:2"), "web.next-0"))
    await done(kit, Rename(old, "web.old-0"), Rename(new, "web"))
    found = (await kit.driver.observe()).containers
    assert {(each.id, each.name, each.engine_name) for each in found} == {
        (old, "web", "web.old-0"),
        (new, "web", "web"),
    }


@pytest.mark.rights
async def test_limits_and_restart_policy_change_in_place(kit: Kit) -> None:
    wanted = container(resources=Resources(64 * MB))
    instance = await done(kit, Create(wanted, "web"))
    await done(kit, Start(instance))
    if (await kit.driver.observe()).in_place == "none":
        pytest.skip("it says that it cannot")
    new = normal(changed(wanted, resources=Resources(96 * MB, 32 * MB), restart=Restart("on-failure", 3)))
    for _ in range(2):
        await done(kit, Update(instance, new.restart, new.resources))
        found = await seen(kit)
        assert found is not None
        assert (found.id, found.state, found.container) == (instance, "running", new)


@pytest.mark.rights
async def test_a_limit_is_not_lifted_in_place(kit: Kit) -> None:
    """The engine says so beforehand, and does not pretend to have done it."""
    limited = container(resources=Resources(64 * MB))
    instance = await done(kit, Create(limited, "web"))
    await done(kit, Start(instance))
    found = await kit.driver.observe()
    assert not compare.can_update(container().resources, limited.resources, found.in_place)
    assert not isinstance(await perform(kit, Update(instance, limited.restart, container().resources)), Done)
    seen_again = await seen(kit)
    assert seen_again is not None
    assert (seen_again.id, seen_again.state, seen_again.container) == (instance, "running", limited)


@pytest.mark.rights
async def test_paused_is_seen_resumed_and_stopped(kit: Kit) -> None:
    await done(kit, Create(container(), "web"), Start("web"))
    await kit.somebody("pause", "web")
    assert await state(kit) == "paused"
    await done(kit, Start("web"))
    await becomes(kit, "running")
    await kit.somebody("pause", "web")
    await done(kit, End("web", Stop(timeout=SECOND)))
    assert await state(kit) == "exited"


# ── proofs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ONCE = Health(HttpProbe(80, "/health"), SECOND / 10, SECOND, 2, timedelta(0))
LATE = changed(ONCE, start_period=timedelta(minutes=1))  # on a loaded machine it takes a while until it listens


@pytest.mark.parametrize(
    ("wanted", "proven", "why"),
    [
        (container(), True, "up for 0.2 s"),
        (ending("hello-world:latest", Restart("no")), True, "ended with exit code 0"),
        (ending("crasher:1", Restart("no")), False, "exit code 1"),
        (ending("crasher:1", Restart("always")), False, "exit code 1"),
        (ending("crasher:1", Restart("on-failure", 1)), False, "exit code 1"),
        (job("hello-world:latest"), True, "it ended with exit code 0"),
        (job("crasher:1"), False, "it ended with exit code 1"),
        (
            job("crasher:1", restart=Restart("on-failure", 1)),
            False,
            "it ended with exit code 1, also after it was started again once",
        ),
        (job("sleeper:1", run_once=SECOND), False, "it did not end within 1 s"),
        pytest.param(container(image="web:1", health=LATE), True, "healthy for 0.2 s", marks=pytest.mark.rights),
        pytest.param(
            container(image="sick:1", health=ONCE), False, "failed its health check 2 times", marks=pytest.mark.rights
        ),
    ],
    ids=[
        "up",
        "ended well",
        "crashed",
        "crashing",
        "crashed twice",
        "job",
        "job that fails",
        "job that fails twice",
        "job without end",
        "healthy",
        "sick",
    ],
)
async def test_a_start_is_proven_or_disproven(kit: Kit, wanted: Container, proven: bool, why: str) -> None:
    wanted = await reachable(kit, wanted)
    instance = await done(kit, Create(wanted, "web"))
    await done(kit, Start(instance))
    told: list[tuple[int, int]] = []
    outcome = await kit.driver.perform(
        Verify(instance, wanted), lambda message, so_far, total: told.append((so_far, total))
    )
    assert isinstance(outcome, Done) is proven, outcome
    assert why in outcome.message
    assert not isinstance(outcome, Done) or outcome.instance == instance
    assert all(0 <= so_far <= total for so_far, total in told)


async def test_what_a_container_said_can_be_read_until_it_is_removed(kit: Kit) -> None:
    wanted = ending("crasher:1", Restart("no"))
    instance = await done(kit, Create(wanted, "web"))
    assert await kit.driver.output(instance) == Output(), "it has not run"
    await done(kit, Start(instance))
    assert isinstance(await perform(kit, Verify(instance, wanted)), Failed)
    assert await kit.driver.output(instance) == Output(("crashed",), exit_code=1)
    assert await kit.driver.output("web") == await kit.driver.output(instance)
    await done(kit, Remove(instance))
    assert (await kit.driver.output(instance)).unread


async def test_a_log_that_cannot_be_read_gives_a_reason(kit: Kit) -> None:
    wanted = ending("crasher:1", Restart("no"))
    instance = await done(kit, Create(changed(wanted, log=Log(driver="none")), "web"))
    await done(kit, Start(instance))
    assert isinstance(await perform(kit, Verify(instance, wanted)), Failed)
    told = await kit.driver.output(instance)
    assert (told.lines, told.exit_code) == ((), 1)
    assert "driver" in told.unread


async def test_why_the_command_of_a_check_cannot_run_is_told_without_its_arguments(kit: Kit) -> None:
    health = Health(ExecProbe(("curl", "-H", "Token: abc")), SECOND / 2, SECOND, 2, timedelta(0))
    wanted = container(image="sleeper:2", health=health, stable_for=60 * SECOND)
    instance = await done(kit, Create(wanted, "web"))
    await done(kit, Start(instance))
    outcome = await perform(kit, Verify(instance, wanted))
    said = (await kit.driver.output(instance)).check[0]
    if "exec-words" in (await kit.driver.observe()).lacks:  # a shell runs it, and the engine tells 1 for each exit code
        assert outcome == Failed("it failed its health check 2 times in a row: its command ended with exit code 1")
        assert "not found" in said
        assert "Token" not in said
        return
    assert outcome == Failed("it failed its health check 2 times in a row: its program curl is not in the container")
    assert "executable file not found" in said


async def test_what_never_started_is_disproven(kit: Kit) -> None:
    await done(kit, Create(container(), "web"))
    assert isinstance(await perform(kit, Verify("web", container())), Failed)


async def test_what_is_gone_is_neither_proven_nor_disproven(kit: Kit) -> None:
    """Somebody removed it, which says nothing about it."""
    assert isinstance(await perform(kit, Verify("gone", container())), Retry)


async def test_an_end_is_seen_with_its_code(kit: Kit) -> None:
    wanted = ending("crasher:1", Restart("no"))
    await done(kit, Create(wanted, "web"), Start("web"))
    assert isinstance(await perform(kit, Verify("web", wanted)), Failed)
    found = await seen(kit)
    assert found is not None
    assert (found.state, found.exit_code, found.restart_count) == ("exited", 1, 0)
    assert min(found.started_at, found.finished_at) > 0


# ── what was created is what is observed ───────────────────────────────────────────────────────────────────────────

SPECS: dict[str, dict[str, Any]] = {
    "nothing asked": {},
    "command": {"command": ("/bin/sleeper", "two words", "quo'te", "")},
    "env": {"env": (("A", "1"), ("EMPTY", ""), ("EQUALS", "a=b=c"), ("LINES", "a\nb"), ("UMLAUT", "ä"))},
    "env of the image": {"env": (("VERSION", "other"),)},
    "env removed": {"env": (("VERSION", None), ("NEVER_THERE", None))},
    "ports": {"ports": (Port(20080, 80), Port(20081, 81, "127.0.0.1"), Port(20080, 80, protocol="udp"))},
    "port range": {"ports": (Port(20090, 80, host_port_end=20099),)},
    "ipv6 port": {"ports": (Port(20080, 80, "::1"),)},
    "mounts": {"mounts": (Mount("/a", "/usr"), Mount("/b", "/etc", read_only=True), Mount("/c", "/run", "rslave"))},
    "devices": {"devices": (Device("/dev/null2", "/dev/null", "rw"), Device("/dev/zero", "/dev/zero"))},
    "host network": {"network": "host"},
    "extra hosts": {"extra_hosts": (("ecu", "10.0.0.1"), ("ecu6", "fd00::1"), ("gateway", "host_ip"))},
    "names": {"host_name": "cluster", "domain_name": "car.example"},
    "privileged": {"privileged": True},
    "capabilities": {"capabilities": ("NET_ADMIN", "CAP_SYS_TIME")},
    "restart no": {"restart": Restart("no")},
    "restart always": {"restart": Restart("always")},
    "restart on failure": {"restart": Restart("on-failure", 3)},
    "restart on failure for ever": {"restart": Restart("on-failure", 0, timedelta(seconds=30))},
    "memory": {"resources": Resources(64 * MB)},
    "memory without swap": {"resources": Resources(64 * MB, None, 64 * MB)},
    "memory with any swap": {"resources": Resources(64 * MB, 32 * MB, -1)},
    "reservation": {"resources": Resources(None, 32 * MB)},
    "no log": {"log": Log("none")},
    "small log": {"log": Log("json-file", 5, 10 * MB)},
    "log that drops": {"log": Log("json-file", 2, 100 * MB, "", "non-blocking", 4 * MB)},
    "terminal": {"terminal": True, "interactive": True},
    "labels": {"labels": (("a", "1"), ("com.example/b", ""), ("umlaut", "ä"))},
    "engine's health check": {
        "health": Health(ExecProbe(("/bin/true", "two words")), SECOND * 7, SECOND * 2, 4, SECOND * 3)
    },
    "http check": {"health": Health(HttpProbe(80, "/health"))},
    "tcp check": {"health": Health(TcpProbe(80))},
    "stop": {"stop": Stop("SIGINT", timedelta(seconds=90))},
    "runs once": {"run_once": timedelta(minutes=10), "restart": Restart("on-failure", 3)},
    "conduct": {
        "stable_for": timedelta(minutes=1),
        "depends_on": ("db",),
        "conditions": (("db", "started"),),
        "pull_policy": "Always",
    },
}


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.rights
async def test_what_was_created_is_observed(kit: Kit, spec: str) -> None:
    """In normal form, so that a second plan is empty."""
    wanted = container(**SPECS[spec])
    if lacks.refused(wanted, (await kit.driver.observe()).lacks):
        assert isinstance(await perform(kit, Create(wanted, "web")), Failed)
        assert await state(kit) == "gone", "nothing is made of what the engine cannot do"
        return
    await done(kit, Create(wanted, "web"))
    found = await seen(kit)
    assert found is not None
    assert found.container is not None
    timeout = changed(found.container.restart, timeout=wanted.restart.timeout)
    assert changed(compare.with_conduct_of(found.container, wanted), restart=timeout) == wanted
    assert compare.same_identity(wanted, found.container)
    assert not compare.in_place_differs(wanted, found.container)


@pytest.mark.parametrize("name", ["a", "_", "_web", "ek-a", "web.1_2-3", "W" * 60, "0"])
async def test_names_that_engines_dislike(kit: Kit, name: str) -> None:
    await done(kit, Create(container(name), engine_name(name)))
    found = await seen(kit, engine_name(name))
    assert found is not None
    assert found.name == name
    assert found.container == container(name)


# ── containers of others ───────────────────────────────────────────────────────────────────────────────────────────


async def test_containers_of_others_are_known_by_name_only(kit: Kit) -> None:
    id_ = await kit.somebody_runs("stranger")
    found = await seen(kit, "stranger")
    assert found is not None
    assert (found.id, found.name, found.state, found.container) == (id_, "stranger", "running", None)


@pytest.mark.rights
async def test_one_that_was_adopted_is_known_like_our_own(kit: Kit) -> None:
    id_ = await kit.somebody_runs("stranger")
    await kit.somebody_runs("other")
    found = await seen(kit, "stranger", {id_: "stranger"})
    assert found is not None
    assert found.container is not None
    assert (found.name, found.container.name) == ("stranger", "stranger")
    assert found.container.image == "docker.io/library/sleeper:1"
    other = await seen(kit, "other", {id_: "stranger"})
    assert other is not None
    assert other.container is None
    await done(kit, Rename(id_, "stranger.old-0"))
    aside = await seen(kit, "stranger.old-0", {id_: "stranger"})
    assert aside is not None
    assert aside.container is not None
    assert (aside.name, aside.container.name) == ("stranger", "stranger"), "whatever the engine calls it"
    looks = [ContainersLook(adopted={id_: "stranger"}, subject=subject) for subject in ("nobody", "stranger.old-0")]
    nobody, by_engine_name = [(await kit.driver.observe(look)).containers for look in looks]
    assert nobody == by_engine_name
    await done(kit, End(id_, Stop(timeout=SECOND)), Remove(id_))
    assert [each.engine_name for each in (await kit.driver.observe()).containers] == ["other"]


async def test_ours_are_ours_by_what_they_carry_not_by_their_name(kit: Kit) -> None:
    await done(kit, Create(container(), "web"))
    await kit.somebody("remove", "web")
    await kit.somebody_runs("web")
    found = await seen(kit)
    assert found is not None
    assert found.container is None


async def test_what_was_pulled_is_what_the_registry_names(kit: Kit) -> None:
    """Else a mirror that lags behind is asked again without a pause, and for ever."""
    reference = kit.far("sleeper:1")
    named = (await kit.driver.observe(ContainersLook(images=(reference,)))).remote[reference].digest
    assert isinstance(await perform(kit, Pull(reference, "Always", f"sha256:{'0' * 64}")), Retry)
    assert isinstance(await perform(kit, Pull(reference, "Always", named)), Done)


@pytest.mark.parametrize("name", ["web", "web2", "other", "nobody"])
async def test_one_subject_alone_is_seen_as_among_all(kit: Kit, name: str) -> None:
    await done(kit, Create(container("web"), "web"))
    await done(kit, Create(container("web"), "web.new"))
    await done(kit, Create(container("web2"), "web2"))
    await kit.somebody_runs("other")
    every = await kit.driver.observe()
    alone = await kit.driver.observe(ContainersLook(subject=name))
    assert alone == changed(
        every,
        only=name,
        containers=tuple(each for each in every.containers if each.container is None or each.name == name),
    )


# ── nudges ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "does", ["kill", "remove", "pause", "disconnect", "remove its network", "remove a left network"]
)
async def test_other_hands_nudge(kit: Kit, does: str) -> None:
    async with aclosing(kit.driver.nudges()) as nudges:  # type: ignore[type-var]
        heard = asyncio.Event()

        async def listen() -> None:
            async for _ in nudges:
                heard.set()

        listening = asyncio.ensure_future(listen())
        try:
            await done(kit, Create(container(), "web"))
            await within(0.5, heard)  # whether it listens already cannot be seen otherwise
            await done(kit, Start("web"))
            if does == "remove a left network":
                await done(kit, End("web", Stop(timeout=SECOND)))
            await kit.driver.observe()
            while await within(0.2, heard):  # our own doing
                heard.clear()
            if does.startswith("remove "):
                await kit.remove_network()
            else:
                await kit.somebody(does, "web")
            assert await within(60, heard)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def within(seconds: float, heard: asyncio.Event) -> bool:
    try:
        await asyncio.wait_for(heard.wait(), seconds)
    except TimeoutError:
        return False
    return True
