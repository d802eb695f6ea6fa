"""Cycles: the journal, the memory engine and the reconciler together, on virtual time.

What is asserted is the state of the world, of the journal and of the conditions; what was said only where saying it is the
point.
"""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.controller.device import Device, OnDevice, asking, container
from tests.memories import adopt, memory
from tests.until import soon
from tests.virtual import now

from evenkeel.controller.cycle.cycle import Cycles
from evenkeel.controller.cycle.endings import Progressed, Retrying, Settled, Stalled, Waiting
from evenkeel.controller.drivers.containers.memory import Image, WorldContainer, foreign_id
from evenkeel.controller.journal.file import FILE
from evenkeel.controller.journal.intent import put_in_force
from evenkeel.controller.journal.journal import open_journal
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.actions import Create, Pull, Remove, Start, Update, Verify
from evenkeel.specs.containers.container import Container, Health, HttpProbe, Port, Resources, Restart, RestartPolicy
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.desired import DesiredState, Document, SystemContainers, desired_state
from evenkeel.specs.feedback import Condition
from evenkeel.specs.kanto.activity import Activity, ActivityAction
from evenkeel.specs.plan import Action, Failed, Outcome, Phase, Plan, Retry

# ── settling ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nobody_has_asked_for_anything(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.engine.put_foreign(container("stranger"))
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "NothingDesired")
        assert list(device.running()) == ["stranger"]

    on_device(work)


def test_what_is_asked_for_comes_about_and_is_last_good(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        state = await device.reach(container("web"), container("db"))
        assert device.running() == {"web": "web:1", "db": "db:1"}
        assert device.settled() == (True, "Converged")
        assert device.journal.revision("last-good") == state
        assert device.said("revision-good", "settled") == [
            ("revision-good", "everything asked for is there and proven"),
            ("settled", "everything asked for is there and proven"),
        ]

    on_device(work)


def test_a_settled_cycle_writes_nothing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db", pull_policy="Always"))
        device.engine.put_foreign(container("stranger"))
        assert isinstance(await device.cycle(), Settled)
        before = device.written()
        for _ in range(5):
            await asyncio.sleep(60)
            assert isinstance(await device.cycle(), Settled)
        assert device.written() == before
        device.start()
        assert isinstance(await device.cycle(), Settled)
        assert device.written() == before, "a start is no reason to write either"
        assert FILE in before

    on_device(work)


def test_a_stalled_cycle_writes_nothing(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        before = device.written()
        for _ in range(5):
            assert isinstance(await device.cycle(), Stalled)
        assert device.written() == before

    on_device(work, bad=Image(exits_with=1))


def test_drift_is_repaired_and_called_drift(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        device.engine.kill("web")
        device.engine.remove("db")
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1", "db": "db:1"}
        assert device.said("drift") == [
            ("drift", "create: it is asked for and not there"),
            ("drift", "start: it is not running (exit code 137)"),
        ]
        assert device.conditions()["Settled"].since > device.journal.entries()[0].at

    on_device(work)


def test_what_is_blocked_is_stalled_and_not_good(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.engine.put_foreign(container("web"))
        device.ask(container("web"), container("db"))
        ending = await device.follow()
        assert isinstance(ending, Stalled)
        assert "did not create" in ending.why
        assert device.running() == {"web": "web:1", "db": "db:1"}, "others go on"
        assert device.settled() == (False, "Blocked")
        assert device.journal.digest("last-good") == ""
        device.engine.remove("web")
        assert isinstance(await device.follow(), Settled)

    on_device(work)


def test_who_ends_and_is_started_again_and_again_is_not_well(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("hello", "ends0:1"))
        await asyncio.sleep(5)
        await device.follow()
        (healthy,) = (each for each in device.journal.conditions() if each.name == "Healthy")
        assert not healthy.holds
        assert "hello was restarted" in healthy.message

    on_device(work, ends0=Image(exits_with=0))


def test_on_the_way_back_a_strangers_container_is_not_called_in_force(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        device.ask(container("web", "crasher:1"))
        while not device.said("rolling-back"):
            assert not isinstance(await device.cycle(), Stalled)
        device.engine.remove("db")
        device.engine.put_foreign(container("db", "other:1"))
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "Blocked")
        assert device.said("rolled-back") == []

    on_device(work, crasher=Image(exits_with=1))


def test_what_could_not_be_fetched_does_not_count_against_what_is_tried_later(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        away = Image(pull="unreachable")
        device.engine.catalogue["docker.io/library/web:1"] = away
        device.ask(container("web"))
        for _ in range(5):
            assert isinstance(await device.cycle(), Retrying)
        device.engine.catalogue["docker.io/library/web:1"] = Image()
        device.fail(Retry("busy"), Start, times=2)
        endings = [await device.cycle() for _ in range(6)]
        assert any(isinstance(ending, Retrying) for ending in endings)
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1"}

    on_device(work)


def test_what_a_failed_first_revision_has_started_is_nothing_to_go_back_to(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.ask(container("base"), container("app", "crasher:1", depends_on=("base",)))
        assert isinstance(await device.follow(), Stalled)
        assert device.journal.digest("last-good") == ""
        assert device.settled() == (False, "RevisionFailed")
        device.ask(container("base"), container("other", "crasher:1", depends_on=("base",)))
        assert isinstance(await device.follow(), Stalled)
        assert device.running()["base"] == "base:1"

    on_device(work, crasher=Image(exits_with=1))


def test_an_edit_that_asks_for_what_was_is_no_drift(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        first = device.ask(container("web"))
        await device.follow()
        device.ask(container("web"), container("more"))
        assert isinstance(await device.cycle(), Progressed)
        while "more" not in device.running():
            await device.cycle()
        device.journal.put("desired", first, "files")
        device.journal.set_condition(Condition("Settled", False, "Converging", "a new revision was accepted"))
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1"}
        assert device.said("drift") == []

    on_device(work)


def test_a_look_at_what_was_asked_for_before_says_nothing_of_what_is_asked_for_now(on_device: OnDevice) -> None:
    """Something new is asked for while a settled device is looked at."""

    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.engine.script.observe_s = 1
        cycle = asyncio.create_task(device.cycle())
        await asyncio.sleep(0.5)
        device.ask(container("web", "web:2"))
        device.journal.set_condition(Condition("Settled", False, "Converging", "a new revision was accepted"))
        assert isinstance(await cycle, Progressed)
        assert device.settled() == (False, "Converging")
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2"}
        assert [kind for kind, _ in device.said("settled")] == ["settled", "settled"]

    on_device(work)


class Meanwhile(Containers):
    """Decisions during which another process asks for something else, once."""

    state: Path | None = None

    def plan(self, differences: Any, seen: ContainersSeen, memory: ContainersMemory, former: Any = None) -> Plan:
        if self.state is not None:
            with closing(open_journal(self.state)) as operator:  # `evenkeel release`
                put_in_force(operator, asking(container("web", "web:2")), "files")
            self.state = None
        return super().plan(differences, seen, memory, former)


def test_a_cycle_does_not_call_settled_what_another_process_asks_for_at_this_moment(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        decisions = Meanwhile()
        decisions.state = device.state
        cycles = Cycles(decisions, device.engine, device.journal, device._say, now=now)
        assert isinstance(await cycles.run(device.stopping), Progressed)
        assert device.settled() == (False, "Converging")
        while isinstance(await cycles.run(device.stopping), Progressed):
            pass
        assert device.settled() == (True, "Converged")
        assert device.running() == {"web": "web:2"}

    on_device(work)


@pytest.mark.parametrize("stages", range(4))
def test_nothing_is_done_for_what_was_replaced_during_the_look(on_device: OnDevice, stages: int) -> None:
    """After so many stages of it the operator puts in force again what was there before."""

    async def work(device: Device) -> None:
        first = await device.reach(container("web"))
        device.ask(container("web", "web:2"))
        for _ in range(stages):
            assert isinstance(await device.cycle(), Progressed)
        before = dict(device.engine.world.containers), dict(device.engine.world.images)
        device.engine.script.observe_s = 1
        cycle = asyncio.create_task(device.cycle())
        await asyncio.sleep(0.5)
        with closing(open_journal(device.state)) as operator:  # `evenkeel release`
            put_in_force(operator, first, "files")
        assert isinstance(await cycle, Progressed)
        assert (device.engine.world.containers, device.engine.world.images) == before
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1"}

    on_device(work)


def test_what_was_never_tried_is_not_good_because_what_it_replaced_was(on_device: OnDevice) -> None:
    """Something new is asked for during the last look at a revision, the one that would have called it good."""

    async def work(device: Device) -> None:
        device.ask(container("web"))
        while not memory(device.journal).proven:
            assert isinstance(await device.cycle(), Progressed)
        device.engine.script.observe_s = 1
        cycle = asyncio.create_task(device.cycle())
        await asyncio.sleep(0.5)
        new = device.ask(container("web", "bad:1"))
        assert isinstance(await cycle, Progressed)
        assert device.journal.digest("last-good") != new.digest
        assert isinstance(await device.follow(), Stalled)
        assert device.journal.digest("last-good") != new.digest
        assert device.said("revision-good") == []

    on_device(work, bad=Image(exits_with=1))


def test_what_an_activity_is_about_is_left_to_it(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        action = ActivityAction("web", "1", "recreate", "IDENTIFIED", "")
        nothing = DesiredState()
        device.journal.mailbox("containers").record(
            Activity("a", "t", "containers", nothing, nothing, (action,), (), 0.0, 0.0)
        )
        device.engine.kill("web")
        device.engine.kill("db")
        assert await device.follow() == Waiting("an open activity is about web")
        assert device.settled() == (False, "Waiting"), "not all is as asked for"
        assert device.running() == {"db": "db:1"}
        device.journal.mailbox("containers").record(None)
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1", "db": "db:1"}

    on_device(work)


def test_a_stop_ends_after_the_step_at_work(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.engine.script.perform_s = 4
        device.ask(container("web"))
        for _ in range(2):
            assert isinstance(await device.cycle(), Progressed)  # pulled, created
        asyncio.get_running_loop().call_later(2, device.stopping.set)
        begun = now()
        assert isinstance(await device.cycle(), Progressed)
        assert now() - begun == 4, "starting is finished"
        assert device.running() == {"web": "web:1"}
        device.stopping.clear()
        asyncio.get_running_loop().call_later(5, device.stopping.set)
        begun = now()
        assert isinstance(await device.cycle(), Progressed)
        assert now() - begun == 5, "watching is cut short"
        assert memory(device.journal).proven == {}
        assert device.journal.attempts.of(device.journal.digest("desired")) is None, "a stop is no failure"

    on_device(work)


# ── the engine goes and comes ──────────────────────────────────────────────────────────────────────────────────────


def test_an_engine_that_is_away_is_tried_again_and_costs_no_tries(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.engine.script.unreachable = True
        for _ in range(10):
            assert isinstance(await device.cycle(), Retrying)
        assert not device.conditions()["EngineReachable"].holds
        device.engine.script.unreachable = False
        assert isinstance(await device.follow(), Settled)
        assert device.conditions()["EngineReachable"].holds
        assert [kind for kind, _ in device.said("engine-lost", "engine-found")] == [
            "engine-found",
            "engine-lost",
            "engine-found",
        ]
        assert device.journal.attempts.of(device.journal.digest("desired")) is None

    on_device(work)


def test_nothing_is_called_well_while_nobody_can_look(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        said = len(device.said())
        device.engine.script.unreachable = True
        await device.cycle()
        conditions = device.conditions()
        for name in ("Settled", "Healthy"):
            assert (conditions[name].holds, conditions[name].reason) == (False, "Unknown")
        device.engine.script.unreachable = False
        device.engine.kill("web")
        assert isinstance(await device.follow(), Settled)
        assert device.conditions()["Healthy"].holds
        assert device.settled() == (True, "Converged")
        kinds = [kind for kind, _ in device.said()[said:]]
        assert "drift" in kinds, "what ended meanwhile is not what was asked for anew"

    on_device(work)


def test_last_good_is_not_said_to_be_in_force_while_nobody_can_look(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "RolledBack")
        device.engine.script.unreachable = True
        await device.cycle()
        assert device.settled() == (False, "Unknown")
        device.engine.script.unreachable = False
        await device.follow()
        assert device.settled() == (False, "RolledBack")

    on_device(work, bad=Image(exits_with=1))


def test_what_comes_back_as_it_was_is_no_recovery(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        said = len(device.said())
        device.engine.script.unreachable = True
        await device.cycle()
        device.engine.script.unreachable = False
        assert isinstance(await device.follow(), Settled)
        assert [kind for kind, _ in device.said()[said:]] == ["engine-lost", "engine-found", "settled"]

    on_device(work)


# ── failures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_disturbing_phase_has_a_number_of_tries(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("web"))
        failed = device.fail(Retry("the engine is busy", 7), Create)
        bad = device.ask(container("web", "web:2"))
        for number in (1, 2):
            ending = await device.follow()
            assert ending == Retrying("web: the engine is busy", 7, Phase.UPDATE, {"web": "the engine is busy"})
            attempt = device.journal.attempts.of(bad.digest)
            assert attempt is not None
            assert (attempt.failures, attempt.failed) == (number, False)
            assert device.settled() == (False, "Retrying")
        assert await device.follow() == Stalled("web: the engine is busy (tried 3 times)")
        assert len(failed) == 3
        assert device.settled() == (False, "RolledBack")
        assert device.journal.digest("last-good") == good.digest

    on_device(work)


@pytest.mark.parametrize("policy", ["unless-stopped", "on-failure", "no"])
@pytest.mark.parametrize("exit_code", [0, 137])
def test_who_is_stopped_from_outside_while_he_is_watched_is_watched_again(
    on_device: OnDevice, exit_code: int, policy: RestartPolicy
) -> None:
    """Somebody's hand, or an engine that is killed with its containers: no fault of the revision, and no proof of it."""

    async def work(device: Device) -> None:
        async def hand() -> None:
            await soon(lambda: "web" in device.running())
            device.engine.kill("web", exit_code)

        device.ask(container("web", restart=Restart(policy)))
        stopping = asyncio.ensure_future(hand())
        assert isinstance(await device.follow(), Retrying)
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1"}
        assert device.said("revision-failed") == []
        await stopping

    on_device(work)


ONCE = Restart("no")


@pytest.mark.parametrize("stops_with", [143, 0])
@pytest.mark.parametrize("away_s", [0.0, 5.0])
def test_who_is_ended_with_his_engine_while_he_is_watched_is_watched_again(
    on_device: OnDevice, away_s: float, stops_with: int
) -> None:
    """His restart policy lets him end, so that nothing of him tells who ended him. An engine may be back before anybody
    notices."""

    async def work(device: Device) -> None:
        async def restart() -> None:
            await soon(lambda: device.running() == {"web": "web:2"})
            await asyncio.sleep(1)
            device.engine.script.unreachable = away_s > 0
            device.engine.restart(in_order=True)
            await asyncio.sleep(away_s)
            device.engine.script.unreachable = False

        device.engine.catalogue["web:2"] = Image(stops_with=stops_with)
        await device.reach(container("web", "web:1", restart=ONCE))
        device.ask(container("web", "web:2", restart=ONCE))
        restarting = asyncio.ensure_future(restart())
        assert isinstance(await device.follow(), Retrying)
        await restarting
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2"}
        assert device.said("revision-failed") == []

    on_device(work)


@pytest.mark.parametrize("exit_code", [255, 0])
def test_who_is_ended_with_his_device_while_he_is_watched_is_watched_again(on_device: OnDevice, exit_code: int) -> None:
    async def work(device: Device) -> None:
        device.ask(container("web", restart=ONCE))
        cycles = asyncio.ensure_future(device.follow())
        await soon(lambda: "web" in device.running())
        await asyncio.sleep(1)
        cycles.cancel()
        await asyncio.wait([cycles])
        device.engine.kill("web", exit_code)
        device.start()
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:1"}

    on_device(work)


def test_who_may_end_and_ends_badly_by_himself_fails(on_device: OnDevice) -> None:
    """Also when he does it again after a watch that was cut short."""

    async def work(device: Device) -> None:
        good = await device.reach(container("web", restart=ONCE))
        device.ask(container("web", "bad:1", restart=ONCE))
        while device.running() != {"web": "bad:1"}:
            assert isinstance(await device.cycle(), Progressed)
        device.engine.restart()
        failed = device.fail(Retry("the engine is away"), Verify, times=1)
        assert isinstance(await device.follow(), Retrying)
        assert isinstance(await device.follow(), Stalled)
        assert len(failed) == 1
        assert "web: it ended with exit code 1" in device.said("revision-failed")[0][1]
        assert device.journal.digest("last-good") == good.digest
        assert device.running() == {"web": "web:1"}

    on_device(work, bad=Image(exits_with=1, exits_after_s=0.5))


def test_fetching_is_tried_for_ever_and_costs_no_tries(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.fail(Retry("offline"), Pull, times=20)
        device.ask(container("web", "web:2"))
        for _ in range(20):
            assert isinstance(await device.follow(), Retrying)
            assert device.running() == {"web": "web:1"}
        device.fail(Retry("busy"), Create, times=2)
        assert isinstance(await device.follow(), Retrying), "the first try of a disturbing phase"
        assert isinstance(await device.follow(), Retrying)
        assert isinstance(await device.follow(), Settled)
        assert device.running() == {"web": "web:2"}
        assert device.journal.attempts.of(device.journal.digest("desired")) is None

    on_device(work)


def test_while_fetching_fails_last_good_is_kept_up(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        device.ask(container("web", "far:1"), container("db"))
        assert isinstance(await device.follow(), Retrying)
        device.engine.kill("db")
        device.engine.kill("web")
        device.engine.change("db", resources=Resources(64 << 20))
        assert isinstance(await device.follow(), Retrying)
        assert device.running() == {"web": "web:1", "db": "db:1"}
        (db,) = [kept for kept in device.engine.world.containers.values() if kept.engine_name == "db"]
        assert db.container is not None
        assert db.container.resources == Resources()

    on_device(work, far=Image(pull="unreachable"))


def test_an_image_that_cannot_be_fetched_keeps_no_other_container_down(on_device: OnDevice) -> None:
    """Nothing new is asked for: an image went missing, and another container died."""

    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"), container("app", depends_on=("web",)))
        device.engine.remove("web")
        del device.engine.world.images["docker.io/library/web:1"]
        device.engine.kill("db")
        device.engine.kill("app")
        pulls = device.fail(Retry("offline"), Pull)
        for _ in range(3):
            assert isinstance(await device.follow(), Retrying)
            assert device.running() == {"db": "db:1"}, "app depends on what cannot be fetched"
        assert len(pulls) == 3
        device.engine.script.failures.clear()
        assert isinstance(await device.follow(), Settled)
        assert len(device.running()) == 3

    on_device(work)


@pytest.mark.parametrize("outcome", [Failed("no such device"), Retry("busy")])
def test_what_cannot_be_repaired_keeps_no_other_container_down(on_device: OnDevice, outcome: Outcome) -> None:
    """A device was unplugged, and its container removed: phases are barriers within a revision, not around a repair."""

    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"), container("app", depends_on=("web",)))
        device.engine.remove("web")
        device.engine.kill("db")
        device.engine.kill("app")
        creations = device.fail(outcome, Create)
        for tries in (1, 2, 3):
            ending = await device.follow()
            assert isinstance(ending, Retrying)
            assert ending.why == f"web: {outcome.message}"
            assert device.settled() == (False, "Retrying")
            assert device.running() == {"db": "db:1"}, "app depends on what is not there"
            assert len(creations) == tries
        assert [message for kind, message in device.said("drift", "plan") if message.startswith("start")] == [
            "start: it is not running (exit code 137)"
        ] * 3, "each is told once: app and db as drift, db when it was repaired"
        device.engine.script.failures.clear()
        assert isinstance(await device.follow(), Settled)
        assert len(device.running()) == 3

    on_device(work)


def test_a_way_back_that_is_refused_for_one_is_gone_by_the_others(on_device: OnDevice) -> None:
    """The engine does not lower a limit below what is in use. Who depends on that one comes back all the same."""

    async def work(device: Device) -> None:
        less = container("db", resources=Resources(64 << 20))
        await device.reach(less, container("web", depends_on=("db",)))

        def lowers(performed: Action) -> Outcome | None:
            lower = isinstance(performed, Update) and performed.resources.memory == 64 << 20
            return Failed("current usage is above the limit") if lower else None

        device.engine.script.failures.append(lowers)
        more = container("db", resources=Resources(128 << 20))
        device.ask(more, container("web", "bad:1", depends_on=("db",)))
        for _ in range(2):
            ending = await device.follow()
            assert isinstance(ending, Retrying)
            assert ending.why == "db: current usage is above the limit"
            assert device.running() == {"db": "db:1", "web": "web:1"}
        device.engine.script.failures.clear()
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "RolledBack")

    on_device(work, bad=Image(exits_with=3))


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (Image(pull="missing"), "web: manifest for docker.io/library/bad:1 not found"),
        (Image(exits_with=3), "web: it ended with exit code 3"),
        (Image(healthy=False), "web: it failed its health check 3 times in a row"),
    ],
)
def test_a_revision_that_fails_is_rolled_back_and_quarantined(on_device: OnDevice, bad: Image, why: str) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("web"), container("db"))
        wish = device.ask(container("web", "bad:1", health=Health(HttpProbe(80))), container("db", "db:2"))
        assert await device.follow() == Stalled(why)
        assert device.running() == {"web": "web:1", "db": "db:1"}
        assert device.journal.digest("last-good") == good.digest
        assert device.settled() == (False, "RolledBack")
        assert [kind for kind, _ in device.said("revision-failed", "rolling-back", "rolled-back")] == [
            "revision-failed",
            "rolling-back",
            "rolled-back",
        ]

        pulled = device.fail(Failed("never"), Pull)
        device.start()
        assert await device.follow() == Stalled(why), "quarantine outlives the process"
        device.engine.kill("web")
        assert await device.follow() == Stalled(why)
        assert device.running() == {"web": "web:1", "db": "db:1"}, "last-good is kept up"
        assert pulled == []

        assert device.journal.attempts.forgive_all(wish.digest)
        device.engine.script.failures.clear()
        device.engine.catalogue.clear()
        assert isinstance(await device.follow(), Settled), "an operator's word lets it try again"
        assert device.running() == {"web": "bad:1", "db": "db:2"}

    on_device(work, bad=bad)


def test_quarantine_ends_with_other_content_and_comes_back_with_the_same(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        good = await device.reach(container("web"))
        bad = device.ask(container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        better = device.ask(container("web", "web:2"))
        assert isinstance(await device.follow(), Settled)
        assert device.journal.digest("last-good") == better.digest
        device.ask(container("web", "bad:1"))
        begun = device.journal.last_seq()
        assert isinstance(await device.follow(), Stalled)
        assert "step-started" not in {entry.kind for entry in device.journal.entries(after=begun)}
        assert device.running() == {"web": "web:2"}
        assert {good.digest, better.digest}.isdisjoint({bad.digest})

    on_device(work, bad=Image(exits_with=1))


def test_going_back_to_what_was_asked_for_before_settles(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        device.ask(container("web"))
        assert isinstance(await device.follow(), Settled)
        assert device.settled() == (True, "Converged")

    on_device(work, bad=Image(exits_with=1))


def test_a_first_revision_that_fails_has_nothing_to_go_back_to(on_device: OnDevice) -> None:
    """It must not become its own last-good because it was seen at work before it was watched."""

    async def work(device: Device) -> None:
        device.ask(container("web", "bad:1"))
        assert await device.follow() == Stalled("web: it ended with exit code 1")
        assert device.journal.digest("last-good") == ""
        assert device.settled() == (False, "RevisionFailed")
        assert await device.follow() == Stalled("web: it ended with exit code 1")

    on_device(work, bad=Image(exits_with=1, exits_after_s=2))


def test_what_is_found_without_a_journal_is_gone_back_to(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"), container("db"))
        device.lose_journal()
        device.ask(container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        assert device.running() == {"web": "web:1", "db": "db:1"}
        assert device.journal.revision("last-good") == asking(container("web"), container("db"))

    on_device(work, bad=Image(exits_with=1))


def test_who_took_the_port_of_what_was_replaced_is_not_gone_back_to(on_device: OnDevice) -> None:
    """Without a journal it looks as if it had always been there, and what is gone back to could never start."""

    async def work(device: Device) -> None:
        port = (Port(8080, 80),)
        await device.reach(container("web", ports=port))
        device.ask(container("web", "bad:1"), container("proxy", ports=port))
        while "proxy" not in device.running():
            await device.cycle()
        device.lose_journal()
        device.ask(container("web", "bad:1"), container("proxy", ports=port))
        assert isinstance(await device.follow(), Stalled)
        assert device.running() == {"web": "web:1"}

    on_device(work, bad=Image(exits_with=1))


def test_what_is_adopted_is_gone_back_to(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.engine.put_foreign(container("web"))
        adopt(device.journal, foreign_id("web"), "web")
        device.ask(container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        assert device.running() == {"web": "web:1"}

    on_device(work, bad=Image(exits_with=1))


@pytest.mark.parametrize("interrupted", [False, True])
def test_what_is_adopted_beside_a_last_good_is_gone_back_to(on_device: OnDevice, interrupted: bool) -> None:
    """It is part of what was good from the moment in which it is replaced; going back removed it, and its successor later began
    with empty volumes."""

    async def work(device: Device) -> None:
        await device.reach(container("db"))
        device.engine.put_foreign(container("web"))
        adopt(device.journal, foreign_id("web"), "web")
        device.ask(container("db"), container("web", "bad:1"))
        while interrupted and device.engine.world.containers[foreign_id("web")].state == "running":
            await device.cycle()
            device.start()
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "RolledBack")
        assert device.running() == {"db": "db:1", "web": "web:1"}
        assert foreign_id("web") in device.engine.world.containers, "it is the very one"
        await device.reach(container("db"), container("web", "web:2"))
        assert device.running() == {"db": "db:1", "web": "web:2"}
        device.ask(container("db"), container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        assert device.running() == {"db": "db:1", "web": "web:2"}, "what was replaced is good no more"

    on_device(work, bad=Image(exits_with=1))


def test_what_is_adopted_in_the_place_of_what_was_good_is_gone_back_to(on_device: OnDevice) -> None:
    """Nothing new is asked for: somebody put another container where one of last-good was, and it was adopted."""

    async def work(device: Device) -> None:
        await device.reach(container("db"), container("web"))
        device.engine.remove("web")
        device.engine.put_foreign(container("web", "other:1"))
        device.engine.catalogue["docker.io/library/web:1"] = Image(exits_with=1)
        assert isinstance(await device.follow(), Stalled), "it is a stranger"
        adopt(device.journal, foreign_id("web"), "web")
        assert isinstance(await device.follow(), Stalled)
        assert device.settled() == (False, "RolledBack")
        assert device.running() == {"db": "db:1", "web": "other:1"}

    on_device(work)


@pytest.mark.parametrize("trouble", ["quarantine", "no image"])
def test_what_is_adopted_is_kept_while_last_good_is_kept_up(on_device: OnDevice, trouble: str) -> None:
    """Last-good does not ask for it, but what is desired does, which has failed or cannot be fetched."""

    async def work(device: Device) -> None:
        image = "bad:1" if trouble == "quarantine" else "lost:1"
        await device.reach(container("db"))
        device.ask(container("db"), container("web", image))
        await device.follow()
        device.engine.put_foreign(container("web"))
        adopt(device.journal, foreign_id("web"), "web")
        for _ in range(3):
            device.engine.kill("db")
            await device.follow()
            assert device.running() == {"db": "db:1", "web": "web:1"}
        await device.reach(container("db"))
        assert device.running() == {"db": "db:1"}, "nobody asks for it any more"

    on_device(work, bad=Image(exits_with=1), lost=Image(pull="unreachable"))


def test_what_is_adopted_takes_the_place_of_no_document_of_another_kind(on_device: OnDevice) -> None:
    """System containers that were declared under the same name counted as replaced, and were protected no more."""

    async def work(device: Device) -> None:
        declared = Document("SystemContainers", "web", SystemContainers(("core",)))

        def ask(*containers: Container) -> None:
            documents = [declared, *(Document("Container", each.name, each) for each in containers)]
            device.journal.put("desired", desired_state(documents), "files")

        ask(container("db"))
        assert isinstance(await device.follow(), Settled)
        device.engine.put_foreign(container("web"))
        adopt(device.journal, foreign_id("web"), "web")
        ask(container("db"), container("web", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        good = device.journal.revision("last-good")
        assert good is not None
        kinds = [(document.kind, document.name) for document in good.documents]
        assert kinds == [("Container", "db"), ("Container", "web"), ("SystemContainers", "web")]

    on_device(work, bad=Image(exits_with=1))


def test_what_was_adopted_and_had_ended_is_not_removed_on_the_way_back(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("db"))
        device.engine.put_foreign(container("web", restart=Restart("no")), "exited")
        adopt(device.journal, foreign_id("web"), "web")
        device.ask(container("db"), container("web", "bad:1"))
        await device.follow()
        assert [each.id for each in device.engine.world.containers.values() if each.engine_name == "web"] == [
            foreign_id("web")
        ]

    on_device(work, bad=Image(exits_with=1))


def test_a_rollback_is_never_given_up(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "bad:1"))
        while not device.said("rolling-back"):
            await device.cycle()
        failed = device.fail(Failed("no"), Start, times=50)
        for _ in range(50):
            assert isinstance(await device.follow(), Retrying)
        assert len(failed) == 50
        assert isinstance(await device.follow(), Stalled)
        assert device.running() == {"web": "web:1"}

    on_device(work, bad=Image(exits_with=1))


def test_an_update_in_place_is_rolled_back_in_place(on_device: OnDevice) -> None:
    """Kanto writes the changed object back (B3)."""

    async def work(device: Device) -> None:
        limited = container("web", resources=Resources(32 << 20))
        await device.reach(limited, container("db"))
        (id_,) = [kept.id for kept in device.engine.world.containers.values() if kept.engine_name == "web"]
        device.ask(container("web", resources=Resources(64 << 20)), container("db", "bad:1"))
        assert isinstance(await device.follow(), Stalled)
        web: WorldContainer = device.engine.world.containers[id_]
        assert web.container == limited
        assert device.said("step-done").count(("step-done", "updated in place")) == 2

    on_device(work, bad=Image(exits_with=1))


def test_a_tag_that_is_pushed_again_and_fails_is_gone_back_from(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        state = await device.reach(container("web", pull_policy="Always", restart=Restart("always")))
        device.engine.catalogue["docker.io/library/web:1"] = Image(version=2, exits_with=1)
        assert isinstance(await device.follow(), Settled)
        (web,) = device.engine.world.containers.values()
        assert web.state == "running"
        assert len(device.said("rolling-back")) == 1
        before = device.written()
        for _ in range(3):
            assert isinstance(await device.cycle(), Settled)
        assert device.written() == before, "what failed is not tried again"
        assert device.journal.digest("last-good") == state.digest
        assert device.journal.attempts.forgive_all(state.digest)
        assert isinstance(await device.follow(), Settled)
        assert len(device.said("rolling-back")) == 2, "an operator's word lets it try again"

    on_device(work)


# ── what is said and remembered ────────────────────────────────────────────────────────────────────────────────────


def test_every_step_is_said_with_what_it_belongs_to(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        state = await device.reach(container("web"))
        steps = [entry for entry in device.journal.entries() if entry.kind in ("step-started", "step-done")]
        assert [(entry.kind, entry.phase) for entry in steps] == [
            (kind, phase)
            for phase in (Phase.DOWNLOAD, Phase.UPDATE, Phase.ACTIVATE, Phase.VERIFY)
            for kind in ("step-started", "step-done")
        ]
        assert {(entry.subject, entry.revision, entry.domain) for entry in steps} == {
            ("web", state.digest, "containers")
        }
        assert {entry.cycle for entry in steps} == {f"containers-{n}" for n in (1, 2, 3, 4)}
        assert steps[-1].seconds == 3.0
        assert [entry.seq for entry in device.journal.entries()] == list(range(1, device.journal.last_seq() + 1))

    on_device(work)


def test_a_plan_is_announced_once_with_its_places(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.ask(container("web"), container("db"))
        device.fail(Retry("busy"), Create, times=1)
        assert isinstance(await device.follow(), Retrying)
        assert isinstance(await device.follow(), Settled)
        assert device.said("plan") == [("plan", "create: it is asked for and not there")] * 2

    on_device(work)


def test_switches_are_timed(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.engine.script.perform_s = 0.5
        await device.reach(container("web"))
        assert memory(device.journal).switch_s == {}
        await device.reach(container("web", "web:2"))
        assert memory(device.journal).switch_s == {"web": 1.0}
        await device.reach()
        await asyncio.sleep(3600)
        await device.reach(container("web"))
        assert memory(device.journal).switch_s == {"web": 1.0}, "coming back after an hour is no switch"

    on_device(work)


def test_health_is_a_condition_and_said_when_it_changes(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web", restart=Restart("no"), health=Health(HttpProbe(80), timedelta(seconds=1))))
        assert device.said("health") == []
        device.engine.catalogue["docker.io/library/web:1"] = Image(healthy=False)
        await device.cycle()
        await device.cycle()
        assert device.said("health") == [("health", "web fails its health check")]
        assert device.conditions()["Healthy"].message == "web fails its health check"
        device.engine.catalogue.clear()
        await device.cycle()
        assert device.said("health")[1:] == [("health", "all containers are well again")]
        device.engine.kill("web", 2)
        assert isinstance(await device.cycle(), Settled), "its policy lets it end"
        assert device.conditions()["Healthy"].message == "web ended with exit code 2"

    on_device(work)


def test_a_container_that_should_run_and_does_not_is_not_well(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.engine.kill("web")
        failed = device.fail(Retry("not now"), Start, times=3)
        await device.cycle()
        assert device.conditions()["Healthy"].message == "web is not running (exit code 137)"
        while len(failed) < 3:
            await device.cycle()
        assert isinstance(await device.follow(), Settled)
        assert device.said("health") == [
            ("health", "web is not running (exit code 137)"),
            ("health", "all containers are well again"),
        ]

    on_device(work)


def test_a_container_that_cannot_start_is_not_well(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        device.engine.put_foreign(container("squatter", ports=(Port(80, 80),)))
        device.ask(container("web", ports=(Port(80, 80),)))
        assert isinstance(await device.follow(), Retrying)
        await device.cycle()
        why = "port 80 is already allocated, by squatter"
        assert device.conditions()["Healthy"].message == f"web does not start: {why}"

    on_device(work)


def test_one_that_has_ended_as_it_may_is_not_down_for_its_predecessor(on_device: OnDevice) -> None:
    """What was stopped for it cannot be removed; it is at its end, and well."""

    async def work(device: Device) -> None:
        once = Restart("no")
        await device.reach(container("job", "job:1", restart=once))
        device.fail(Failed("input/output error"), Remove)
        device.ask(container("job", "done:1", restart=once))
        for _ in range(5):
            await device.follow()
            await asyncio.sleep(30)
        assert device.running() == {}
        assert device.conditions()["CleanedUp"].reason == "LeftOver"
        assert device.conditions()["Healthy"].holds
        assert device.said("health") == []

    on_device(work, done=Image(exits_with=0, exits_after_s=8.0))


def test_one_that_ended_badly_is_not_well_before_its_successor_is_up(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        once = Restart("no")
        await device.reach(container("job", "job:1", restart=once))
        await asyncio.sleep(20)
        await device.follow()
        assert not device.conditions()["Healthy"].holds
        device.ask(container("job", "other:1", restart=once))
        while isinstance(await device.cycle(), Progressed):
            assert device.conditions()["Healthy"].holds <= bool(device.running())
        assert device.conditions()["Healthy"].holds

    on_device(work, job=Image(exits_with=3, exits_after_s=8.0))


def test_one_whose_switch_has_failed_is_not_well_from_that_moment_on(on_device: OnDevice) -> None:
    """The next look may be long in coming: the engine is away, or evenkeel."""

    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.ask(container("web", "web:2"))
        failed = device.fail(Retry("not now"), Start, times=1)
        while not failed:
            assert device.conditions()["Healthy"].holds
            await device.cycle()
        assert device.running() == {}
        why = "web was stopped to be changed, and is not started again"
        assert device.conditions()["Healthy"].message == why

    on_device(work)


@pytest.mark.parametrize("policy", ["no", "on-failure", "unless-stopped", "always"])
def test_a_planned_switch_makes_nobody_ill(on_device: OnDevice, policy: RestartPolicy) -> None:
    """Not at any of its steps, and neither does a removal, nor a power loss in between."""

    async def work(device: Device) -> None:
        await device.reach(container("web", restart=Restart(policy)), container("db", restart=Restart(policy)))
        device.ask(container("web", "web:2", restart=Restart(policy)))
        while isinstance(await device.cycle(), Progressed):
            device.start()
        assert device.running() == {"web": "web:2"}
        assert device.said("health") == []

    on_device(work)


def test_what_is_gone_is_forgotten(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        await device.reach(container("web", "web:2"))
        await device.cycle()
        assert len(memory(device.journal).proven) == 1
        assert len(tuple(memory(device.journal).made)) == 1

    on_device(work)


def test_a_proof_ends_with_the_run_that_was_proven(on_device: OnDevice) -> None:
    async def work(device: Device) -> None:
        await device.reach(container("web"))
        device.engine.kill("web")
        failed = device.fail(Retry("busy"), Verify, times=1)
        assert isinstance(await device.follow(), Retrying)
        assert memory(device.journal).proven == {}
        assert len(failed) == 1
        assert isinstance(await device.follow(), Settled)

    on_device(work)
