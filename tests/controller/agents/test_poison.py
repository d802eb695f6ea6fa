"""A message on which the agent breaks is answered after three tries, also over restarts; others are served."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.controller.agents.harness import (
    COMMAND,
    COMMANDS,
    DESIRED,
    Device,
    Hasty,
    PowerLoss,
    asked,
    command_message,
    desired_state,
    statuses,
)
from tests.virtual import run

from evenkeel.reconcilers.agents import wires
from evenkeel.reconcilers.agents.activity import is_over
from evenkeel.reconcilers.containers import Containers
from evenkeel.specs.containers.difference import ContainerDifference
from evenkeel.specs.containers.memory import ContainersMemory
from evenkeel.specs.containers.observed import ContainersSeen
from evenkeel.specs.errors import Unavailable
from evenkeel.specs.kanto import updateagent
from evenkeel.specs.look import Look
from evenkeel.specs.plan import Plan


class Faulty(Containers):
    """Decisions that break for one image; `planning`: only when steps are planned."""

    poison = "reg.example/poison:1"
    planning = False
    raised: BaseException = KeyError("hunter")

    def diff(self, want: Any, seen: ContainersSeen, memory: ContainersMemory) -> tuple[ContainerDifference, ...]:
        if not self.planning and any(container.image == self.poison for container, _ in want.documents):
            raise self.raised
        return super().diff(want, seen, memory)

    def plan(self, differences: Any, seen: ContainersSeen, memory: ContainersMemory, former: Any = None) -> Plan:
        if self.planning:
            raise self.raised
        return super().plan(differences, seen, memory, former)


class FaultyDevice(Device):
    """A device whose decisions have a defect, in every process."""

    planning = False
    raised: BaseException = KeyError("hunter")

    def decisions(self) -> Faulty:
        faulty = Faulty(self.conduct.protected, self.conduct.system_containers)
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
        device.agent.arrived(DESIRED, desired_state("bad", asked("poison")))
        device.agent.arrived(DESIRED, desired_state("good", asked("web")))
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
        device.agent.arrived(DESIRED, desired_state("a", asked("poison")))
        if breaks_again:
            device.containers.poison = "reg.example/web:1"  # type: ignore[attr-defined]
            device.containers.planning = True  # type: ignore[attr-defined]
        await device.tried()
        said = [each for each in device.said() if each.status != "IDENTIFYING"]
        assert [(each.activity, each.status) for each in said] == [("a", "IDENTIFICATION_FAILED")]
        assert device.journal.mailbox("containers").activity() is None
        device.reboot()
        await device.settle()
        assert device.instances() == []

    run(work())


def test_a_power_loss_is_no_fault_of_the_message() -> None:
    """The machine boots anew each time: the message is tried for ever, and is served when the power stays."""

    async def work() -> None:
        device = FaultyDevice()
        device.agent.arrived(DESIRED, desired_state("a", asked("poison")))
        for boot in range(5):
            device.journal.mailbox("containers")._boot = f"boot-{boot}"
            with pytest.raises(KeyError):
                await device.agent.work()
            device.reboot()
        device.journal.mailbox("containers")._boot = "boot-5"
        device.containers.poison = ""  # type: ignore[attr-defined]
        await device.agent.work()
        assert statuses(device.said())[-1] == "IDENTIFIED"

    run(work())


def test_tries_that_were_cut_short_in_good_order_do_not_count() -> None:
    async def work() -> None:
        device = Device()
        device.agent.arrived(DESIRED, desired_state("a", asked("web")))
        device.engine.script.unreachable = True
        for _ in range(5):
            asyncio.get_running_loop().call_later(1, device.stopping.set)
            asyncio.get_running_loop().call_later(1, device.agent.interrupt)
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
        device.agent.arrived(COMMAND, command_message("a", "DOWNLOAD"))
        assert await device.tried() == 2
        said = device.said()
        assert said[-1].status == "DOWNLOAD_FAILURE"
        assert said[-1].of("web")[0] == "DOWNLOAD_FAILURE"
        assert "internal error" in said[-1].of("web")[1]
        device.containers.planning = False  # type: ignore[attr-defined]
        said = await device.commands("a", "ROLLBACK", "CLEANUP")
        assert said[-1].status == "INCOMPLETE"

    run(work())


class BreaksAtLast(Hasty):
    """An engine of which a look at everything cannot be read while `raised` is set and no command is left to carry out, but
    for that of a desired state."""

    raised: BaseException | None = None
    device: Device

    async def observe(self, look: Look = Look()) -> ContainersSeen:
        if self.raised is not None and not look.subject and not look.fresh and self._is_last():
            raise self.raised
        return await super().observe(look)

    def _is_last(self) -> bool:
        activity = self.device.journal.mailbox("containers").activity()
        return activity is None or is_over(activity)


async def before_its_end() -> tuple[FaultyDevice, BreaksAtLast]:
    """A device of which the activity `b` is activated, and waits for nothing but its clean-up."""
    device = FaultyDevice()
    device._driver = driver = BreaksAtLast(device.engine)
    driver.device = device
    device.reboot()
    await device.bring("a", asked("web", "1"))
    await device.desired("b", asked("web", "2"))
    await device.commands("b", "DOWNLOAD", "UPDATE", "ACTIVATE")
    return device, driver


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("death", [False, True])
def test_a_last_look_that_breaks_again_and_again_does_not_keep_an_activity_open(restarts: bool, death: bool) -> None:
    """It is not called complete, what it activated stays, and the next one is served."""

    async def work() -> None:
        device, driver = await before_its_end()
        driver.raised = PowerLoss("the process dies of it") if death else KeyError("hunter")
        device.agent.arrived(COMMAND, command_message("b", "CLEANUP"), packet=76)
        device.agent.arrived(DESIRED, desired_state("c", asked("web", "3")), packet=77)
        assert await device.tried(restarts=restarts or death) == 4, "and once for the report after the end"
        said = device.said()
        assert [(each.activity, each.status) for each in said] == [
            ("b", "CLEANUP_SUCCESS"),
            ("b", "INCOMPLETE"),
            ("c", "IDENTIFYING"),
            ("c", "IDENTIFIED"),
        ]
        assert "broke on the look before the end 3 times" in said[1].of("web")[1]
        assert device.running() == {"web": "reg.example/web:2"}
        driver.raised = None
        assert statuses(await device.commands("c", *COMMANDS))[-1] == "COMPLETED"

    run(work())


def test_a_last_look_that_broke_for_a_while_says_complete() -> None:
    """Another boot of the machine counts anew, and being told to stop is no try."""

    async def work() -> None:
        device, driver = await before_its_end()
        device.agent.arrived(COMMAND, command_message("b", "CLEANUP"), packet=76)
        driver.raised = KeyError("hunter")
        for boot in range(5):
            device.journal.mailbox("containers")._boot = f"boot-{boot}"
            with pytest.raises(KeyError):
                await device.agent.work()
            device.reboot()
        driver.raised = Unavailable("engine", "is away")
        for _ in range(5):
            asyncio.get_running_loop().call_later(1, device.stopping.set)
            asyncio.get_running_loop().call_later(1, device.agent.interrupt)
            await device.agent.work()
            device.reboot()
        driver.raised = None
        await device.agent.work()
        assert device.said()[-1].status == "COMPLETED"

    run(work())


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that break on every message with the word `poison`."""

    def breaking(read: Any) -> Any:
        def reading(*given: Any) -> Any:
            if any(isinstance(each, bytes) and b"poison" in each for each in given):
                raise KeyError("hunter")
            return read(*given)

        return reading

    monkeypatch.setattr(wires, "read_request", breaking(wires.read_request))
    for name in ("read_command", "read_envelope"):
        monkeypatch.setattr(updateagent, name, breaking(getattr(updateagent, name)))


POISON = [(DESIRED, desired_state("bad", asked("poison"))), (COMMAND, command_message("poison", "CLEANUP"))]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(("topic", "payload"), POISON)
@pytest.mark.parametrize("at_work", ["ACTIVATE", "CLEANUP"])
@pytest.mark.usefixtures("unreadable")
def test_a_message_that_cannot_be_read_does_not_block_the_command_at_work(
    at_work: str, topic: str, payload: bytes, restarts: bool
) -> None:
    """The process ends while a command is at work, and the message arrives after the restart. The command comes to its end
    before any try of the message counts."""

    async def work() -> None:
        device = FaultyDevice()
        before = {"ACTIVATE": ["DOWNLOAD", "UPDATE"], "CLEANUP": ["DOWNLOAD", "UPDATE", "ACTIVATE"]}[at_work]
        await device.bring("a", asked("web", "1"))
        await device.desired("b", asked("web", "2"))
        await device.commands("b", *before)
        device.engine.script.unreachable = at_work == "CLEANUP"
        device.agent.arrived(COMMAND, command_message("b", at_work), packet=76)
        working = asyncio.ensure_future(device.agent.work())
        await asyncio.sleep(1)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        device.reboot()
        device.agent.arrived(topic, payload, packet=77)
        device.engine.script.unreachable = False
        assert await device.tried(restarts=restarts) == 3
        said = [(each.activity, each.status) for each in device.said()]
        assert (("bad", "IDENTIFICATION_FAILED") in said) == (topic == DESIRED)
        if at_work == "ACTIVATE":
            assert ("b", "ACTIVATION_SUCCESS") in said
            await device.command("b", "CLEANUP")
        assert device.running() == {"web": "reg.example/web:2"}
        assert device.journal.mailbox("containers").activity() is None
        assert device.journal.mailbox("containers").incoming() is None
        assert device.journal._database.all("SELECT topic, beginning FROM set_aside") == [(topic, payload)]

    run(work())


@pytest.mark.usefixtures("unreadable")
def test_a_message_that_cannot_be_read_does_not_keep_others_from_arriving() -> None:
    async def work() -> None:
        device = FaultyDevice()
        device.agent.arrived(DESIRED, desired_state("bad", asked("poison")))
        device.agent.arrived(DESIRED, b"no desired state")
        device.agent.arrived(DESIRED, desired_state("good", asked("web")))
        assert await device.tried() == 3
        assert [each.activity for each in device.said() if each.status == "IDENTIFIED"] == ["good"]

    run(work())


def test_a_refusal_that_cannot_be_read_is_set_aside() -> None:
    async def work() -> None:
        device = FaultyDevice()
        device.journal.mailbox("containers").take_in(device.agent.topics.refused, b"{")
        device.agent.arrived(DESIRED, desired_state("good", asked("web")))
        broken = 0
        while device.journal.mailbox("containers").incoming() is not None:
            try:
                await device.agent.work()
            except ValueError:
                broken += 1
                assert broken < 20
        assert broken == 3
        assert [each.activity for each in device.said() if each.status == "IDENTIFIED"] == ["good"]

    run(work())


def test_what_is_set_aside_is_bounded() -> None:
    async def work() -> None:
        device = Device()
        for number in range(30):
            device.journal.mailbox("containers").set_aside("topic", b"%d " % number * 100_000, "why")
        rows = device.journal._database.all("SELECT beginning, size FROM set_aside ORDER BY id")
        assert len(rows) == 8
        assert rows[-1][0].startswith(b"29 29")
        assert all(len(beginning) == 64 * 1024 < size for beginning, size in rows)

    run(work())
