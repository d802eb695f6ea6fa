"""A flood of messages is answered in order, within bounds, and whoever asks next does not wait behind all of it."""

from __future__ import annotations

import gc
import tracemalloc

from tests.controller.agents.harness import COMMANDS, DESIRED, Device, asked, desired_state
from tests.sampling import THOROUGH
from tests.virtual import run

from evenkeel.controller.agents.precedence import FLOOD
from evenkeel.controller.journal import mailbox, outbox

_ENDS = ("SUPERSEDED", "IDENTIFICATION_FAILED")
_COUNT = 5000 if THOROUGH else 300


def flood(count: int) -> list[bytes]:
    """Desired states of other ids and contents."""
    return [desired_state(f"a{number}", asked("lamp", str(number % 7)), asked("horn")) for number in range(count)]


def test_of_a_flood_the_newest_is_carried_out_and_all_are_answered() -> None:
    async def story() -> None:
        device = Device()
        await device.bring("before", asked("lamp"), asked("horn"))
        looks, said, most = 0, [], 0
        observe = device.engine.observe

        async def counted(look):  # type: ignore[no-untyped-def]
            nonlocal looks
            looks += 1
            return await observe(look)

        device.engine.observe = counted  # type: ignore[method-assign]
        waiting = flood(_COUNT)
        while waiting:
            while waiting and not device.journal.mailbox("containers").is_full():
                device.agent.arrived(DESIRED, waiting.pop(0))
            most = max(most, device.journal.outbox.waiting())
            await device.agent.work()
            most = max(most, device.journal.outbox.waiting())
            said += device.said()
        ends = [each for each in said if each.status == "SUPERSEDED"]
        assert [each.activity for each in ends] == [f"a{number}" for number in range(_COUNT - 1)], "each once, in order"
        assert (said[-1].activity, said[-1].status) == (f"a{_COUNT - 1}", "IDENTIFIED")
        batches = -(-_COUNT // mailbox.MOST_WAITING)
        assert looks <= batches * 4 * (FLOOD + 1), "what nobody wants any more is not looked at"
        assert most <= outbox.MOST_UNSENT + mailbox.MOST_WAITING + 3 * FLOOD
        said = await device.commands(f"a{_COUNT - 1}", *COMMANDS)
        assert said[-1].status == "COMPLETED"

    run(story())


def test_the_few_that_come_together_are_each_identified() -> None:
    async def story() -> None:
        device = Device()
        for payload in flood(FLOOD):
            device.agent.arrived(DESIRED, payload)
        await device.agent.work()
        identified = [each.activity for each in device.said() if each.status == "IDENTIFIED"]
        assert identified == [f"a{number}" for number in range(FLOOD)]

    run(story())


def test_one_that_is_refused_within_a_flood_is_told_why() -> None:
    async def story() -> None:
        device = Device()
        await device.desired("open", asked("lamp"))
        waiting = flood(3 * FLOOD)
        waiting[3] = desired_state("bad", asked("lamp", "1", ("image", "two")), asked("lamp"))
        waiting[5] = desired_state("again", asked("lamp"))
        waiting[7] = desired_state("again", asked("lamp", "2"))
        for payload in waiting:
            device.agent.arrived(DESIRED, payload)
        await device.agent.work()
        ends = [
            (each.activity, each.status)
            for each in device.said()
            if "IDENTIFI" not in each.status or each.activity == "bad"
        ]
        assert ("bad", "IDENTIFICATION_FAILED") in ends
        assert ends.count(("again", "SUPERSEDED")) == 1, "an id has one end"
        assert ends.index(("a4", "SUPERSEDED")) < ends.index(("again", "SUPERSEDED")) < ends.index(("a8", "SUPERSEDED"))
        assert ends[0] == ("open", "SUPERSEDED"), "it is older than all of them"

    run(story())


def test_nothing_is_taken_in_while_too_much_waits_to_be_published() -> None:
    async def story() -> None:
        device = Device()
        mail = device.journal.mailbox("containers")
        for number in range(outbox.MOST_UNSENT):
            assert not mail.is_full()
            mail.send(outbox.Outgoing("t", b"%d" % number))
        assert mail.is_full()
        mail.outbox.sent(mail.outbox.first(1)[0][0])
        assert not mail.is_full()
        mail.send(outbox.Outgoing("t", b"x" * outbox.MOST_UNSENT_BYTES))
        mail.outbox.sent(*[number for number, _ in mail.outbox.first(10)])
        assert mail.is_full(), "of its size"

    run(story())


def test_of_messages_that_were_dealt_with_nothing_is_kept_in_memory() -> None:
    """Ids, which have up to a thousand characters, were kept of the last two thousand."""

    async def story() -> None:
        device, long, count = Device(), "x" * 900, 50

        async def arrive(number: int) -> None:
            await device.desired(f"{number} {long}", asked("lamp", str(number % 3)))
            for read in (device.raw, device.states, device.pulses):
                read.clear()

        for number in range(30):  # what is loaded once is loaded
            await arrive(number)
        tracemalloc.start()
        try:
            for number in range(count):
                await arrive(number)
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert kept < count * len(long)

    run(story())
