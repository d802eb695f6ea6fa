"""The driver over time: events, engines that end and come back, registries that change their mind."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.controller.drivers.containers.docker.rig import Rig, container, run_inside
from tests.engines.dockerd import Dockerd
from tests.engines.gate import Gate
from tests.engines.images import build, standard
from tests.engines.proxy import Proxy
from tests.engines.registry import Registry
from tests.engines.scripted import Server, mute
from tests.sampling import THOROUGH, sampled
from tests.until import soon

from evenkeel.controller.cycle.endings import Retrying, Settled, Stalled
from evenkeel.controller.distribution import visit
from evenkeel.controller.distribution.access import PullAccess
from evenkeel.controller.drivers.containers.docker import DockerEngine, fetch, registries
from evenkeel.controller.drivers.containers.docker.client import CALL_TIMEOUT_S
from evenkeel.controller.drivers.containers.docker.observer import LOOK_TIMEOUT_S
from evenkeel.controller.loop import liveness
from evenkeel.specs.codec import changed
from evenkeel.specs.containers.actions import Pull, Start
from evenkeel.specs.containers.container import Container, Health, HttpProbe, Restart
from evenkeel.specs.containers.observed import ContainersLook, RemoteImage
from evenkeel.specs.errors import TimedOut
from evenkeel.specs.plan import Done, Failed, Outcome, Retry


class Nudges:
    """Counts them as they come."""

    def __init__(self) -> None:
        self.count = 0

    async def listen(self, docker: DockerEngine) -> None:
        async with aclosing(docker.nudges()) as nudges:  # type: ignore[type-var]
            async for _ in nudges:
                self.count += 1

    async def after(self, before: int, timeout_s: float = 60) -> None:
        await soon(lambda: self.count > before, timeout_s, "a nudge")

    async def quiet(self) -> int:
        """How many there were when none came for a moment."""
        while True:
            before = self.count
            await asyncio.sleep(0.3)
            if self.count == before:
                return before


@asynccontextmanager
async def listening(docker: DockerEngine) -> AsyncIterator[Nudges]:
    nudges = Nudges()
    task = asyncio.create_task(nudges.listen(docker))
    try:
        await nudges.after(0)  # one when the stream begins
        yield nudges
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_whatever_happens_to_a_container_nudges(clean_dockerd: Dockerd, rig: Rig) -> None:
    checked = {"Test": ["CMD", "/bin/false"], "Interval": 200_000_000, "Retries": 1}
    async with listening(rig.engine) as nudges:

        async def nudged_by(method: str, path: str, body: object = None, **query: Any) -> None:
            before = await nudges.quiet()
            status, answer = await asyncio.to_thread(clean_dockerd.api, method, path, body, **query)
            assert status < 300, answer
            await nudges.after(before)

        await nudged_by("POST", "/containers/create", {"Image": "sleeper:1"}, name="it")
        await nudged_by("POST", "/containers/it/start")
        await nudged_by("POST", "/containers/it/pause")
        await nudged_by("POST", "/containers/it/unpause")
        await nudged_by("POST", "/containers/it/rename", name="that")
        await nudged_by("POST", "/containers/that/update", {"Memory": 64 << 20, "MemorySwap": 64 << 20})
        await nudged_by("POST", "/containers/that/kill", signal="KILL")
        await nudged_by("DELETE", "/containers/that", force=1)
        clean_dockerd.run("sick", "sleeper:1", Healthcheck=checked)
        before = await nudges.quiet()
        await soon(lambda: clean_dockerd.inspect("sick")["State"]["Health"]["Status"] == "unhealthy")
        assert nudges.count >= before


async def test_health_of_a_command_nudges(clean_dockerd: Dockerd, rig: Rig) -> None:
    checked = {"Test": ["CMD", "/bin/test", "!", "-e", "/tmp/sick"], "Interval": 200_000_000, "Retries": 1}
    clean_dockerd.run("it", "sleeper:1", Healthcheck=checked)
    await soon(lambda: clean_dockerd.inspect("it")["State"]["Health"]["Status"] == "healthy")
    async with listening(rig.engine) as nudges:
        before = await nudges.quiet()
        assert run_inside(clean_dockerd, "it", "touch", "/tmp/sick")[0] == 0
        await nudges.after(before)
        await soon(lambda: clean_dockerd.inspect("it")["State"]["Health"]["Status"] == "unhealthy")


async def test_probes_of_the_engine_itself_do_not_nudge(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Else every health check of every container would be a look at all of them."""
    checked = {"Test": ["CMD", "/bin/true"], "Interval": 200_000_000}
    clean_dockerd.run("well", "sleeper:1", Healthcheck=checked)
    await soon(lambda: clean_dockerd.inspect("well")["State"]["Health"]["Status"] == "healthy")
    async with listening(rig.engine) as nudges:
        assert await nudges.quiet() <= 1
        await soon(lambda: len(clean_dockerd.inspect("well")["State"]["Health"]["Log"]) >= 5)
        assert nudges.count == 1


async def test_networks_of_others_do_not_nudge(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Nor do their containers come and go on them: others may do that all day long, and each nudge is a look at everything."""

    def ask(path: str, body: object = None, method: str = "POST") -> None:
        status, answer = clean_dockerd.api(method, path, body)
        assert status < 300, answer

    await rig.settle(container("web"))
    id_ = clean_dockerd.run("it", "sleeper:1")
    async with listening(rig.engine) as nudges:
        before = await nudges.quiet()
        for _ in range(3):
            ask("/networks/create", {"Name": "theirs", "Driver": "bridge"})
            ask("/networks/theirs/connect", {"Container": id_})
            ask("/networks/theirs/disconnect", {"Container": id_, "Force": True})
            ask("/networks/theirs", method="DELETE")
        assert await nudges.quiet() == before
        ask("/networks/evenkeel/disconnect", {"Container": "web", "Force": True})
        await nudges.after(before)
        assert isinstance(await rig.follow(), Settled)
        before = await nudges.quiet()
        assert isinstance(await rig.follow(), Settled)
        assert await nudges.quiet() == before, "no look is a reason for another one"


async def test_a_check_that_fails_over_the_network_counts_like_one_of_the_engine(
    clean_dockerd: Dockerd, rig: Rig
) -> None:
    """Sick after its retries, and looked at as often as its interval says; well with the first good answer."""
    check = Health(
        HttpProbe(80, "/health"), interval=timedelta(milliseconds=300), retries=3, start_period=timedelta(minutes=1)
    )
    await rig.settle(container("web", "web:1", health=check))
    id_ = clean_dockerd.inspect("web")["Id"]
    assert (await rig.seen("web")).health == "healthy"
    async with listening(rig.engine) as nudges:
        await nudges.quiet()
        clean_dockerd.api("POST", "/networks/evenkeel/disconnect", {"Container": id_})
        await nudges.quiet()  # that event is a nudge of its own
        looks = 0
        while True:
            looks, before = looks + 1, nudges.count
            if (await rig.seen("web")).health == "unhealthy":
                break
            await nudges.after(before)
    assert looks == 3
    clean_dockerd.api("POST", "/networks/evenkeel/connect", {"Container": id_})
    assert (await rig.seen("web")).health == "healthy"


# ── an engine that ends ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_an_engine_that_ends_and_comes_back(clean_dockerd: Dockerd, rig: Rig, how: str) -> None:
    wanted = container("it", "web:1")
    await rig.settle(wanted)
    async with listening(rig.engine) as nudges:
        before = nudges.count
        await asyncio.to_thread(getattr(clean_dockerd, how))
        await nudges.after(before)
        ending = await rig.cycles.run(asyncio.Event())
        assert isinstance(ending, Retrying)
        conditions = {condition.name: condition.holds for condition in rig.journal.conditions()}
        assert conditions["EngineReachable"] is False
        before = await nudges.quiet()
        await asyncio.to_thread(clean_dockerd.start)
        await nudges.after(before)
    assert await rig.converge(wanted) == Settled()
    assert clean_dockerd.containers() == {"it": "running"}
    conditions = {condition.name: condition.holds for condition in rig.journal.conditions()}
    assert conditions["EngineReachable"] is True


async def test_a_look_has_a_limit_of_its_own(tmp_path: Path) -> None:
    """A watchdog waits for it, and no single answer has to be too late for all of them to be."""
    server = Server(tmp_path / "engine.sock")
    server.reply = mute
    await server.start()
    docker = DockerEngine(server.address, look_timeout_s=0.2)
    with pytest.raises(TimedOut, match=r"a look has no end after 0.2 s"):
        await docker.observe()
    assert "GET /v1.41/containers/json?all=1" in server.first_lines
    await docker.close()
    await server.stop()
    assert CALL_TIMEOUT_S < LOOK_TIMEOUT_S < liveness._LONGEST_LOOK_S


async def test_an_engine_that_ends_in_the_middle_of_the_work(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Every step is retried until the engine is there again; nothing is left over and nothing lost."""
    await rig.settle(*(container(f"c{number}") for number in range(4)))
    wanted = [container(f"c{number}", env=(("A", "2"),)) for number in range(4)]
    work = asyncio.create_task(rig.converge(*wanted))
    await soon(lambda: "rename" in rig.steps() or work.done())
    await asyncio.to_thread(clean_dockerd.kill)
    await asyncio.to_thread(clean_dockerd.start)
    assert await work == Settled(), [(entry.kind, entry.message) for entry in rig.said if "fail" in entry.kind]
    assert clean_dockerd.containers() == {f"c{number}": "running" for number in range(4)}
    for number in range(4):
        assert "A=2" in clean_dockerd.inspect(f"c{number}")["Config"]["Env"]


_OBEYS = ("sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait")
"""As most servers: told to stop, it ends with exit code 0."""


async def test_who_may_end_is_not_judged_by_the_end_of_his_engine(clean_dockerd: Dockerd, rig: Rig) -> None:
    """Its policy has nobody start it again, and it ends with exit code 0, which shows before the engine is away."""
    once = Restart("no")
    await rig.settle(container("it", command=_OBEYS, restart=once))
    rig.said.clear()
    wanted = container("it", command=_OBEYS, restart=once, env=(("A", "2"),), stable_for=timedelta(seconds=4))
    work = asyncio.create_task(rig.converge(wanted))
    await soon(lambda: any(entry.step.startswith("verify:") for entry in rig.said) or work.done())
    await asyncio.to_thread(clean_dockerd.restart)
    assert await work == Settled(), [(entry.kind, entry.message) for entry in rig.said if "fail" in entry.kind]
    assert clean_dockerd.containers() == {"it": "running"}
    assert "A=2" in clean_dockerd.inspect("it")["Config"]["Env"]


async def test_a_job_that_is_over_stays_over_and_one_that_its_engine_ended_runs_again(
    clean_dockerd: Dockerd, rig: Rig
) -> None:
    once: dict[str, Any] = {"restart": Restart("no"), "run_once": timedelta(minutes=1)}
    over = container("over", command=("true",), **once)
    waits = {"depends_on": ("over",), "conditions": (("over", "completed"),)}
    assert await rig.converge(over, container("it", **waits)) == Settled(ended=("over",))
    first = clean_dockerd.inspect("over")["State"]
    assert first["FinishedAt"] <= clean_dockerd.inspect("it")["State"]["StartedAt"]
    longer = container("long", command=("sh", "-c", "trap 'exit 0' TERM; sleep 8 & wait"), **once)
    rig.said.clear()
    work = asyncio.create_task(rig.converge(over, container("it", **waits), longer))
    await soon(lambda: any(entry.step == "verify:long" for entry in rig.said) or work.done())
    begun = clean_dockerd.inspect("long")["State"]["StartedAt"]
    await asyncio.to_thread(clean_dockerd.restart)
    assert await work == Settled(ended=("long", "over")), [(each.kind, each.message) for each in rig.said]
    assert clean_dockerd.inspect("over")["State"]["StartedAt"] == first["StartedAt"]
    assert clean_dockerd.inspect("long")["State"]["StartedAt"] > begun
    assert clean_dockerd.inspect("long")["State"]["ExitCode"] == 0


@pytest.mark.parametrize(
    "end",
    sampled(["its own", "stopped by hand", "before its engine ended", "before its engine was killed"], 3, "a job"),
)
async def test_a_job_whose_end_nobody_saw_is_over_only_when_its_engine_tells_that_it_was_its_own(
    clean_dockerd: Dockerd, rig: Rig, end: str
) -> None:
    """evenkeel is away meanwhile. All of them end with exit code 0; of those that its engine does not remember nobody knows
    whether the engine, or a loss of power, has ended them."""
    command = ("sh", "-c", "trap 'exit 0' TERM; sleep 2 & wait")
    job = container("job", command=command, restart=Restart("no"), run_once=timedelta(minutes=1))
    work = asyncio.create_task(rig.converge(job))
    await soon(lambda: any(entry.step == "verify:job" for entry in rig.said) or work.done())
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    begun = clean_dockerd.inspect("job")["State"]["StartedAt"]
    if end == "stopped by hand":
        clean_dockerd.api("POST", "/containers/job/stop")
    await soon(lambda: clean_dockerd.containers() == {"job": "exited"})
    assert clean_dockerd.inspect("job")["State"]["ExitCode"] == 0
    if end == "before its engine ended":
        await asyncio.to_thread(clean_dockerd.restart)
    if end == "before its engine was killed":
        await asyncio.to_thread(clean_dockerd.kill)
        await asyncio.to_thread(clean_dockerd.start)
    assert await rig.converge(job) == Settled(ended=("job",)), [(each.kind, each.message) for each in rig.said]
    assert (clean_dockerd.inspect("job")["State"]["StartedAt"] == begun) is (end == "its own")


@pytest.mark.parametrize(
    ("before_s", "after_s"), sampled([(3600.0, 0.0), (0.0, -3600.0), (0.0, 3600.0)], 1, "the clock is set")
)
async def test_who_was_killed_is_told_whatever_is_done_to_the_clock(
    clean_dockerd: Dockerd, rig: Rig, monkeypatch: pytest.MonkeyPatch, before_s: float, after_s: float
) -> None:
    """The clock of this process is set while a container is watched: who was killed or stopped by other hands is watched again,
    and who ends by himself fails."""
    right = time.time

    def ahead(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: right() + seconds)

    once, hand = Restart("no"), "kill" if before_s else "stop"
    await rig.settle(container("it", command=_OBEYS, restart=once))
    rig.said.clear()
    ahead(before_s)
    second = container("it", command=_OBEYS, restart=once, env=(("A", "2"),), stable_for=timedelta(seconds=4))
    work = asyncio.create_task(rig.converge(second))
    await soon(lambda: any(entry.step.startswith("verify:") for entry in rig.said) or work.done())
    ahead(after_s)
    clean_dockerd.api("POST", f"/containers/it/{hand}")
    assert await work == Settled(), [(entry.kind, entry.message) for entry in rig.said if "fail" in entry.kind]
    assert "A=2" in clean_dockerd.inspect("it")["Config"]["Env"]

    ahead(before_s)
    third = changed(second, command=("sh", "-c", "sleep 2; exit 3"), env=(("A", "3"),))
    work = asyncio.create_task(rig.converge(third))
    await soon(lambda: any(entry.step.startswith("verify:") for entry in rig.said) or work.done())
    ahead(after_s)
    assert isinstance(await work, Stalled)
    failed = [entry.message for entry in rig.said if entry.kind == "step-failed"]
    assert failed == ["it ended with exit code 3"], "at once, by its own doing"


async def test_an_engine_that_is_killed_while_it_starts_a_container(clean_dockerd: Dockerd, rig: Rig) -> None:
    """What it had begun is left over below it, and this container can never be started again: another takes its place."""
    wanted = container("it")
    await rig.settle(wanted)
    tasks = clean_dockerd.folder / "exec/containerd/daemon/io.containerd.runtime.v2.task/moby"
    for _ in range(10):
        old = clean_dockerd.inspect("it")["Id"]
        clean_dockerd.api("POST", "/containers/it/stop", t=1)
        await soon(lambda: not (tasks / old).exists())  # noqa: B023 - used up at once
        starting = asyncio.create_task(rig.perform(Start(old)))
        await soon(lambda: (tasks / old).exists() or starting.done())  # noqa: B023
        await asyncio.to_thread(clean_dockerd.kill)
        await asyncio.to_thread(clean_dockerd.start)
        await starting
        assert await rig.converge(wanted) == Settled()
        assert clean_dockerd.containers() == {"it": "running"}
        if clean_dockerd.inspect("it")["Id"] != old:
            break
    else:
        pytest.fail("the engine was never killed in the middle of a start")
    why = [entry.message for entry in rig.said if entry.kind == "step-retrying"]
    assert len(why) == 1
    assert why[0].endswith(": already exists")


async def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    docker = DockerEngine(f"unix://{tmp_path}/nosuch.sock")
    outcome = await docker.perform(Pull("web:1", "Always"), lambda *_: None)
    assert isinstance(outcome, Retry)
    await docker.close()


# ── pulls ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def pulled(docker: DockerEngine, image: str) -> tuple[Outcome, list[tuple[int, int]]]:
    progress: list[tuple[int, int]] = []
    outcome = await docker.perform(Pull(image, "Always"), lambda _, done, total: progress.append((done, total)))
    return outcome, progress


def forget(dockerd: Dockerd, *names: str) -> None:
    for name in names:
        dockerd.api("DELETE", f"/images/{name}", force=1)


async def test_a_pull_with_a_password_counts_bytes(clean_dockerd: Dockerd, registry: Registry) -> None:
    image = build("heavy:1", ["/bin/sleep", "1"], size=9_000_000)
    registry.push("heavy", "1", image)
    size = json.loads(image.manifest())["layers"][-1]["size"]
    docker = DockerEngine(clean_dockerd.address, access=PullAccess(str(registry.docker_config)))
    try:
        outcome, progress = await pulled(docker, registry.reference("heavy", "1"))
        assert isinstance(outcome, Done)
        assert progress == sorted(progress)
        assert progress[-1][0] == progress[-1][1] >= size
        again, progress = await pulled(docker, registry.reference("heavy", "1"))
        assert isinstance(again, Done)
        assert progress[-1] == (0, 0)
    finally:
        await docker.close()
        forget(clean_dockerd, registry.reference("heavy", "1"))


async def test_pulls_that_fail(clean_dockerd: Dockerd, registry: Registry, tmp_path: Path) -> None:
    registry.push("web", "1")
    config = tmp_path / "config.json"
    basic = base64.b64encode(b"driver:wrong").decode()
    config.write_text(json.dumps({"auths": {registry.host: {"auth": basic}}}))
    wrong = DockerEngine(clean_dockerd.address, access=PullAccess(str(config)))
    outcome, _ = await pulled(wrong, registry.reference("web", "1"))
    assert isinstance(outcome, Failed)
    assert "unauthorized" in outcome.message
    assert "wrong" not in outcome.message
    config.write_text("{")
    outcome, _ = await pulled(wrong, registry.reference("web", "1"))
    assert isinstance(outcome, Retry)
    assert "config.json cannot be read: it is no JSON" in outcome.message
    await wrong.close()
    right = DockerEngine(clean_dockerd.address, access=PullAccess(str(registry.docker_config)))
    outcome, _ = await pulled(right, registry.reference("nosuch", "1"))
    assert isinstance(outcome, Failed)
    outcome, _ = await pulled(right, "localhost:1/web:1")
    assert isinstance(outcome, Retry)
    assert "refused" in outcome.message
    await right.close()


async def test_a_registry_that_hangs_is_tried_again_later(
    clean_dockerd: Dockerd, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.push("slow", "1", build("slow:1", ["/bin/sleep", "1"], size=12_000_000))
    monkeypatch.setattr(fetch, "_PULL_SILENCE_S", 1.0)
    with Gate(registry.port, 6_000_000) as gate:
        reference = f"localhost:{gate.port}/slow:1"
        docker = DockerEngine(clean_dockerd.address, access=PullAccess(gated(clean_dockerd, registry, gate)))
        try:
            outcome, progress = await pulled(docker, reference)
            assert isinstance(outcome, Retry)
            assert 0 < progress[-1][0] < progress[-1][1]
            monkeypatch.undo()  # how quick the engine is decides nothing
            gate.open()
            outcome, _ = await pulled(docker, reference)
            assert isinstance(outcome, Done)
        finally:
            await docker.close()
            forget(clean_dockerd, reference)


@pytest.mark.skipif(not THOROUGH, reason="the engine waits for 5 s; make thorough runs it")
async def test_a_connection_that_is_cut_costs_no_layer_that_has_come(
    clean_dockerd: Dockerd, registry: Registry
) -> None:
    """The engine goes on with the layer that was cut, in the same pull."""
    image = build("resumed:1", ["/bin/sleep", "1"], files={"/first": os.urandom(500_000)}, size=12_000_000)
    registry.push("resumed", "1", image)
    _, first, second = (each["digest"] for each in json.loads(image.manifest())["layers"])
    with Gate(registry.port, 6_000_000) as gate:
        reference = f"localhost:{gate.port}/resumed:1"
        docker = DockerEngine(clean_dockerd.address, access=PullAccess(gated(clean_dockerd, registry, gate)))
        try:
            pulling = asyncio.ensure_future(pulled(docker, reference))
            await asyncio.to_thread(gate.until_full)
            gate.cut()
            outcome, _ = await pulling
            assert isinstance(outcome, Done)
            assert [registry.sent("resumed", each) for each in (first, second)] == [["200"], ["200", "206"]]
        finally:
            await docker.close()
            forget(clean_dockerd, reference)


def gated(dockerd: Dockerd, registry: Registry, gate: Gate) -> str:
    """A config.json for a registry behind a gate."""
    auths = json.loads(registry.docker_config.read_text())["auths"]
    path = dockerd.folder / "gated.json"
    path.write_text(json.dumps({"auths": {f"localhost:{gate.port}": auths[registry.host]}}))
    return str(path)


# ── tags that move, digests that do not ───────────────────────────────────────────────────────────────────────────


async def test_a_tag_that_moved(clean_dockerd: Dockerd, registry: Registry, tmp_path: Path) -> None:
    reference = registry.reference("moving", "1")
    wanted = container("it", reference, pull_policy="Always")
    registry.push("moving", "1", standard()["sleeper:1"])
    first = Rig(clean_dockerd.address, tmp_path, str(registry.docker_config))
    await first.settle(wanted)
    before = clean_dockerd.inspect("it")["Image"]
    registry.push("moving", "1", standard()["sleeper:2"])
    await first.settle(wanted)  # what was asked a moment ago is not asked again
    assert clean_dockerd.inspect("it")["Image"] == before
    await first.close()
    second = Rig(clean_dockerd.address, tmp_path, str(registry.docker_config))
    await second.settle(wanted)
    assert clean_dockerd.inspect("it")["Image"] == standard()["sleeper:2"].id
    assert [entry.message for entry in second.said if entry.kind == "drift"]
    await second.close()
    forget(clean_dockerd, reference)


async def test_a_tag_that_moved_means_nothing_where_it_is_not_asked_for(
    clean_dockerd: Dockerd, registry: Registry, tmp_path: Path
) -> None:
    reference = registry.reference("staying", "1")
    registry.push("staying", "1", standard()["sleeper:1"])
    rig = Rig(clean_dockerd.address, tmp_path, str(registry.docker_config))
    await rig.settle(container("it", reference))
    registry.push("staying", "1", standard()["sleeper:2"])
    await rig.settle(container("it", reference))
    assert clean_dockerd.inspect("it")["Image"] == standard()["sleeper:1"].id
    await rig.close()
    forget(clean_dockerd, reference)


@pytest.mark.parametrize("tag", ["", "1"])
async def test_a_digest_pins(clean_dockerd: Dockerd, registry: Registry, tmp_path: Path, tag: str) -> None:
    digest = registry.push("pinned", "1", standard()["sleeper:1"])
    registry.push("pinned", "1", standard()["sleeper:2"])
    reference = f"{registry.reference('pinned', tag)}@{digest}"
    rig = Rig(clean_dockerd.address, tmp_path, str(registry.docker_config))
    await rig.settle(container("it", reference, pull_policy="Always"))
    assert clean_dockerd.inspect("it")["Image"] == standard()["sleeper:1"].id
    await rig.close()
    forget(clean_dockerd, reference)


@pytest.mark.parametrize("known", [False, True])
async def test_a_registry_that_is_gone_changes_nothing(
    clean_dockerd: Dockerd, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """`known`: with credentials evenkeel asks the registry itself before the engine does."""
    monkeypatch.setattr(registries, "_TIMEOUT_S", 1.0)
    monkeypatch.setattr(visit, "_CONNECTING_S", 1.0)
    reference = registry.reference("gone", "1")
    wanted: Container = container("it", reference, pull_policy="Always")
    registry.push("gone", "1", standard()["sleeper:1"])
    first = Rig(clean_dockerd.address, tmp_path, str(registry.docker_config))
    await first.settle(wanted)
    seen = await first.engine.observe(ContainersLook(images=(reference,)))
    assert seen.remote == {reference: RemoteImage(standard()["sleeper:1"].digest)}
    await first.close()
    registry.freeze()
    try:
        with Proxy(tmp_path / "proxy.sock", clean_dockerd.socket) as proxy:
            second = Rig(proxy.address, tmp_path, str(registry.docker_config) if known else "")
            await second.settle(wanted)
            await second.close()
    finally:
        registry.thaw()
    assert proxy.asked.count(f"GET /distribution/{reference}/json") == (not known), "not at every look"
    forget(clean_dockerd, reference)


async def test_an_image_that_cannot_be_fetched_disturbs_nothing(clean_dockerd: Dockerd, rig: Rig) -> None:
    good = container("it")
    await rig.settle(good)
    before = clean_dockerd.inspect("it")["Id"]
    ending = await rig.converge(container("it", "localhost:1/x:1", pull_policy="Never"))
    assert isinstance(ending, Stalled)
    assert clean_dockerd.inspect("it")["Id"] == before
    assert clean_dockerd.containers() == {"it": "running"}
