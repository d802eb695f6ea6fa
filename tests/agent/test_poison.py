"""A message on which the agent breaks is answered after three tries, also over restarts; others are served."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.agent.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Device,
    PowerLoss,
    asked,
    command_message,
    desired_state,
    statuses,
)
from tests.virtual import run

from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.observed import ContainersSeen
from evenkeel.specs.plan import Difference, History, Plan


class Faulty(Containers):
    """Decisions that break for one image; `planning`: only when steps are planned."""

    poison = "reg.example/poison:1"
    planning = False
    raised: BaseException = KeyError("hunter")

    def diff(self, want: Any, seen: ContainersSeen, history: History) -> tuple[Difference, ...]:
        if not self.planning and any(container.image == self.poison for container, _ in want.documents):
            raise self.raised
        return super().diff(want, seen, history)

    def plan(self, differences: Any, seen: ContainersSeen, history: History) -> Plan:
        if self.planning:
            raise self.raised
        return super().plan(differences, seen, history)


class FaultyDevice(Device):
    """A device whose decisions have a defect, in every process."""

    planning = False
    raised: BaseException = KeyError("hunter")

    def decisions(self) -> Faulty:
        faulty = Faulty(self.settings.protected, self.settings.system_containers)
        faulty.planning, faulty.raised = self.planning, self.raised
        return faulty

    async def tried(self, *, restarts: bool = False) -> int:
        """Work until nothing breaks any more, as the controller's loop does; how often it broke."""
        broken = 0
        while True:
            try:
                await self.agent.work()
                return broken
            except (KeyError, PowerLoss):
                broken += 1
                assert broken < 20
            if restarts:
                self.reboot()


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("death", [False, True])
def test_a_poison_message_is_answered_and_the_next_is_served(restarts: bool, death: bool) -> None:
    async def work() -> None:
        device = FaultyDevice()
        if death:
            device.raised = PowerLoss("the process dies of it")
            device.reboot()
        await device.agent.arrived(DESIRED, desired_state("bad", asked("poison")))
        await device.agent.arrived(DESIRED, desired_state("good", asked("web")))
        assert await device.tried(restarts=restarts or death) == 3
        said = device.said()
        assert [(each.activity, each.status) for each in said] == [
            ("bad", "IDENTIFYING"),
            ("bad", "IDENTIFICATION_FAILED"),
            ("good", "IDENTIFYING"),
            ("good", "IDENTIFIED"),
        ]
        assert "broke on this message 3 times" in said[1].message
        assert "hunter" not in said[1].message
        assert statuses(await device.commands("good", *COMMANDS))[-1] == "COMPLETED"
        assert device.running() == {"web": "reg.example/web:1"}
        kept = device.journal._database.all("SELECT topic, beginning, size FROM set_aside")
        payload = desired_state("bad", asked("poison"))
        assert kept == [(DESIRED, payload, len(payload))]

    run(work())


@pytest.mark.parametrize("breaks_again", [False, True])
def test_a_poison_message_under_the_id_of_the_open_activity_is_its_end(breaks_again: bool) -> None:
    """What was begun is taken back before the end is said; and when that breaks, too, cycles do it later."""

    async def work() -> None:
        device = FaultyDevice()
        await device.desired("a", asked("web"))
        await device.command("a", "DOWNLOAD")
        await device.agent.arrived(DESIRED, desired_state("a", asked("poison")))
        if breaks_again:
            device.containers.poison = "reg.example/web:1"  # type: ignore[attr-defined]
            device.containers.planning = True  # type: ignore[attr-defined]
        await device.tried()
        said = [each for each in device.said() if each.status != "IDENTIFYING"]
        assert [(each.activity, each.status) for each in said] == [("a", "IDENTIFICATION_FAILED")]
        assert device.journal.mail.activity() is None
        device.reboot()
        await device.settle()
        assert device.instances() == []

    run(work())


def test_a_power_loss_is_no_fault_of_the_message() -> None:
    """The machine boots anew each time: the message is tried for ever, and is served when the power stays."""

    async def work() -> None:
        device = FaultyDevice()
        await device.agent.arrived(DESIRED, desired_state("a", asked("poison")))
        for boot in range(5):
            device.journal.mail._boot = f"boot-{boot}"
            with pytest.raises(KeyError):
                await device.agent.work()
            device.reboot()
        device.journal.mail._boot = "boot-5"
        device.containers.poison = ""  # type: ignore[attr-defined]
        await device.agent.work()
        assert statuses(device.said())[-1] == "IDENTIFIED"

    run(work())


def test_tries_that_were_cut_short_in_good_order_do_not_count() -> None:
    async def work() -> None:
        device = Device()
        await device.agent.arrived(DESIRED, desired_state("a", asked("web")))
        device.engine.script.unreachable = True
        for _ in range(5):
            asyncio.get_running_loop().call_later(1, device.stopping.set)
            asyncio.get_running_loop().call_later(1, device.phases.interrupt)
            await device.agent.work()
            device.reboot()
        device.engine.script.unreachable = False
        await device.agent.work()
        found = statuses(device.said())
        assert (found[-1], set(found[:-1])) == ("IDENTIFIED", {"IDENTIFYING"})

    run(work())


def test_a_command_that_breaks_again_and_again_fails() -> None:
    async def work() -> None:
        device = FaultyDevice()
        assert statuses(await device.desired("a", asked("web")))[-1] == "IDENTIFIED"
        device.containers.planning = True  # type: ignore[attr-defined]
        await device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        assert await device.tried() == 2
        said = device.said()
        assert said[-1].status == "DOWNLOAD_FAILURE"
        assert said[-1].of("web")[0] == "DOWNLOAD_FAILURE"
        assert "internal error" in said[-1].of("web")[1]
        device.containers.planning = False  # type: ignore[attr-defined]
        said = await device.commands("a", "ROLLBACK", "CLEANUP")
        assert said[-1].status == "INCOMPLETE"

    run(work())


def test_what_is_set_aside_is_bounded() -> None:
    async def work() -> None:
        device = Device()
        for number in range(30):
            device.journal.mail.set_aside("topic", b"%d " % number * 100_000, "why")
        rows = device.journal._database.all("SELECT beginning, size FROM set_aside ORDER BY id")
        assert len(rows) == 8
        assert rows[-1][0].startswith(b"29 29")
        assert all(len(beginning) == 64 * 1024 < size for beginning, size in rows)

    run(work())
